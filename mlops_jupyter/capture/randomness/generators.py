"""Follows the sources across the cells of one session."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from typing import cast

import msgspec

from mlops_jupyter.capture.memory import state_of
from mlops_jupyter.capture.randomness.numpy import NumpySource
from mlops_jupyter.capture.randomness.python import PythonSource
from mlops_jupyter.capture.randomness.source import Source
from mlops_jupyter.capture.randomness.torch import TorchSource
from mlops_jupyter.entities.errors import InputError
from mlops_jupyter.entities.sessions import RandomState

_DRAW_AT_IMPORT = {"rich.style": 24}
"""Libraries that draw bits from `random` when they are imported, and how many. scikit-learn ≥ 1.9 imports rich."""


def _sources() -> tuple[Source, ...]:
    return PythonSource(), NumpySource(), TorchSource()


class Generators:
    """`keep` stores the bytes of a state and returns the blob's name; it is asked only for a state other than the last."""

    def __init__(self, keep: Callable[[bytes], str]) -> None:
        self._keep = keep
        self._sources = _sources()
        self._kept: dict[str, tuple[object, str]] = {}
        self._last: dict[str, object] = {}
        self._now: dict[str, object] | None = None
        self._python: tuple[object, frozenset[str]] | None = None

    def adopt(self) -> None:
        """We put states back: nobody drew."""
        self._last, self._now = self.marks(between=True), None

    def marks(self, *, between: bool = False) -> dict[str, object]:
        """A comparable mark of each source's state now."""
        return {source.name: source.mark(between=between) for source in self._sources if source.loaded()}

    def between(self) -> RandomState | None:
        """Who drew since the last cell; None if nobody did. Called right before `before`, which then need not look again."""
        self._now = now = self.marks(between=True)
        drew = tuple(source for source, mark in now.items() if self._last.get(source, mark) != mark)
        return RandomState({source: self._kept[source][1] for source in drew if source in self._kept}, drew) if drew else None

    def before(self) -> tuple[dict[str, object], dict[str, str]]:
        """(marks, source → blob name of the state). Called before a cell runs."""
        marks, self._now = self.marks(between=True) if self._now is None else self._now, None
        names: dict[str, str] = {}
        for source in self._sources:
            if source.name not in marks:
                continue
            mark, kept = marks[source.name], self._kept.get(source.name)
            if kept is None or kept[0] != mark:
                kept = self._kept[source.name] = (mark, self._keep(source.serialize()))
            names[source.name] = kept[1]
        missing = _not_imported()
        self._python = (marks["python"], missing) if missing else None
        return marks, names

    def after(self, before: tuple[dict[str, object], dict[str, str]], seeded: tuple[str, ...]) -> RandomState:
        """What the cell did to the sources. One that it loaded (NumPy's is loaded by its first use) is asked if it is new."""
        marks, names = before
        now = self._last = self.marks()
        new = {source.name for source in self._sources if source.name in now and source.name not in marks
               and not source.untouched(now[source.name])}
        drew = tuple(source for source, mark in now.items() if source in new or marks.get(source, mark) != mark)
        by_import = ("python",) if "python" in drew and self._drawn_by_import() else ()
        return RandomState(before=names, drew=drew, seeded=seeded, by_import=by_import)

    def _drawn_by_import(self) -> bool:
        """True if libraries imported since `before` account for every draw: theirs are done again and compared."""
        if self._python is None:
            return False
        mark, missing = self._python
        again = random.Random()  # noqa: S311 (a copy of the user's generator, to compare)
        again.setstate(state_of(cast("tuple[object, ...]", mark)))
        imported = missing - _not_imported()
        for name in sorted(imported):
            again.getrandbits(_DRAW_AT_IMPORT[name])
        return bool(imported) and again.getstate() == random.getstate()


def _not_imported() -> frozenset[str]:
    return frozenset(name for name in _DRAW_AT_IMPORT if name not in sys.modules)


def serialize(source: str) -> bytes:
    """The state of `source` now, as JSON. Raises InputError if there is no such source here."""
    found = next((one for one in _sources() if one.name == source and one.loaded()), None)
    if found is None:
        raise InputError(f"no random source {source!r} here", f"known: {_known()} (the last two when imported)")
    return found.serialize()


def restore(source: str, data: bytes) -> None:
    """Put the state of `source` back to what `serialize` wrote. Raises InputError for an unknown source or malformed bytes."""
    found = next((one for one in _sources() if one.name == source), None)
    if found is None:
        raise InputError(f"no random source {source!r}", f"known: {_known()}")
    try:
        found.restore(data)
    except (msgspec.DecodeError, ImportError, ValueError, TypeError) as error:
        raise InputError(f"not a state of the random source {source!r}: {error}", "record the session again") from error


def _known() -> str:
    return ", ".join(source.name for source in _sources())
