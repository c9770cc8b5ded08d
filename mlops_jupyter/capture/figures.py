"""pyplot's figures: what `plt.title` in one cell does to the figure that `plt.plot` in another began.

No name holds them, so they are recorded under `$pyplot`, and only where figures outlive a cell: the inline backend of notebooks
closes them at its end. A figure is never compared as a whole. Its parts are counted and its titles read; where that tells
nothing and the cell used matplotlib, the figures may have changed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass

from mlops_jupyter.capture.kinds import identity
from mlops_jupyter.entities.data import Fingerprint
from mlops_jupyter.entities.sessions import Read, VariableVersion, WriteKind
from mlops_jupyter.fingerprint.walk import module_of

NAME = "$pyplot"
_DRAWING = frozenset({"matplotlib", "mpl_toolkits", "seaborn", "plotnine", "pylab"})


@dataclass(frozen=True)
class Drawn:
    """The open figures: a mark of their structure, and the ids of all their parts, by which names hold them."""

    mark: tuple[object, ...] = ()
    ids: frozenset[int] = frozenset()


def look() -> Drawn:
    """The figures that pyplot holds now."""
    helpers = sys.modules.get("matplotlib._pylab_helpers")
    managers = getattr(getattr(helpers, "Gcf", None), "figs", None)
    if not managers:
        return Drawn()
    marks: list[object] = []
    ids: set[int] = set()
    try:
        for number, manager in list(managers.items()):
            figure = manager.canvas.figure
            if not _is_known(figure):
                ids.add(id(figure))
                marks.append((number, identity(figure)))
                continue
            parts = [*figure.axes, *figure.texts, *figure.images, *figure.legends]
            ids.update(map(id, [figure, *parts]))
            marks.append((number, identity(figure), getattr(figure, "_suptitle", None) and figure._suptitle.get_text()))
            for axes in filter(_is_known, figure.axes):
                children = axes.get_children()
                ids.update(map(id, children))
                words = axes.get_title(), axes.get_xlabel(), axes.get_ylabel()
                marks.append((identity(axes), len(children), words, axes.get_xscale(), axes.get_yscale()))
    except (AttributeError, RuntimeError):  # a canvas without a figure, or another thread draws
        marks.append(object())
    return Drawn(tuple(marks), frozenset(ids))


def _is_known(value: object) -> bool:
    """False for an object of a class of the user's: its methods are not called."""
    return module_of(type(value)).partition(".")[0] in {"matplotlib", "mpl_toolkits"}


class Figures:
    """Follows `$pyplot` across the cells of one session."""

    def __init__(self) -> None:
        self._written = False

    def after(self, before: Drawn, now: Drawn, used: Iterable[str]) -> tuple[list[Read], list[VariableVersion]]:
        """What a cell that used these modules read and wrote of the figures."""
        drew = any(module.partition(".")[0] in _DRAWING for module in used)
        if before.mark == now.mark and not (drew and now.mark):
            return [], []
        reads = [Read(NAME)] if self._written and before.mark else []
        kind: WriteKind = "maybe" if before.mark == now.mark else "mutated"
        if not before.mark or not now.mark:
            kind = "rebound" if self._written else "created"
        self._written = True
        return reads, [VariableVersion(NAME, kind, Fingerprint("figure"))]

    @staticmethod
    def within_reach(before: Drawn, now: Drawn, used: Iterable[str]) -> frozenset[int]:
        """Ids of figures and of their parts that a cell which used these modules could change."""
        drew = before.mark != now.mark or any(module.partition(".")[0] in _DRAWING for module in used)
        return before.ids | now.ids if drew else frozenset()
