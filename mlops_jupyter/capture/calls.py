"""Finished calls of library functions from user code, seen without patching the library.

For the tracker:  `install(shell, user_code, emit)` · `before_cell(executed)` · `remove()`.
For an autolog file (`capture/autolog/<library>.py`): a module-level `NAMES: frozenset[str]`, the terminal names worth looking
at (read before the library is imported, so it must not import it), and in `attach` a call of `watch(Library(...))`; perhaps
`ONLY_WITH`, a name of these → an attribute without which the calls of that name in a cell are somebody else's (3.11).

Two mechanisms, one event. Python ≥ 3.12: `sys.monitoring` PY_RETURN on the code objects that the library's autolog file
names (`returns.py`). Python 3.11: the cell's own tree hands results of module-level calls to a hook (`rewriting.py`); calls
inside functions are not seen there, and `sees_functions()` says so. Only outermost calls count: a call that another
watched library's frame leads to is that library's business.
"""

from __future__ import annotations

from dataclasses import dataclass

from mlops_jupyter import plugins
from mlops_jupyter.capture.assembly import Assembler, Called, Emit, Library, Mechanism, Shell, UserCode
from mlops_jupyter.capture.autolog.links import Links
from mlops_jupyter.capture.returns import Returns
from mlops_jupyter.capture.rewriting import Rewriting

__all__ = ["Called", "Library", "before_cell", "install", "links", "remove", "sees_functions", "watch", "watched_names"]


UNSEEN = "before Python 3.12 models and metrics inside functions are not seen: fit and score at the top of a cell, or log_metric"
"""What a session says where `sees_functions()` is False."""


@dataclass(slots=True)
class _Installed:
    """The one mechanism of this process, None while nothing is tracked."""

    mechanism: Mechanism | None = None


_installed = _Installed()


def watched_names() -> frozenset[str]:
    """Terminal names that some autolog file wants to see."""
    found: set[str] = set()
    for name in plugins.available(plugins.AUTOLOG):
        found |= getattr(plugins.load(plugins.AUTOLOG, name), "NAMES", frozenset())
    return frozenset(found)


def only_with() -> dict[str, str]:
    """Watched names that count only in a cell that uses another attribute too."""
    found: dict[str, str] = {}
    for name in plugins.available(plugins.AUTOLOG):
        found |= getattr(plugins.load(plugins.AUTOLOG, name), "ONLY_WITH", {})
    return found


def sees_functions() -> bool:
    """True where calls inside the user's own functions are seen too (Python ≥ 3.12, and a free monitoring tool id)."""
    return isinstance(_installed.mechanism, Returns)


def install(shell: Shell, user_code: UserCode, emit: Emit) -> None:
    """Begin: `user_code(filename)` tells cells and local modules; `emit` gets each call. Installed already: starts anew."""
    remove()
    assembler = Assembler(user_code, emit, watched_names(), only_with())
    _installed.mechanism = Returns.if_possible(assembler) or Rewriting(assembler, shell)


def watch(library: Library) -> None:
    """Watch a library that was just imported. Called by its autolog file's `attach`."""
    if _installed.mechanism is not None:
        _installed.mechanism.watch(library)


def links() -> Links:
    """Models and predictions of this session: what the autolog files of different libraries know each other's models by."""
    return Links() if _installed.mechanism is None else _installed.mechanism.assembler.links


def before_cell(executed: str = "") -> None:
    """A cell is about to run: values held for unfinished calls are dropped, new classes watched."""
    if _installed.mechanism is not None:
        _installed.mechanism.before_cell(executed)


def after_cell() -> None:
    """A cell has ended: what is known only now is told, and no value is held any more. Never raises."""
    if _installed.mechanism is not None:
        _installed.mechanism.assembler.end()


def remove() -> None:
    """Stop and leave no trace."""
    if _installed.mechanism is not None:
        _installed.mechanism.remove()
        _installed.mechanism = None
