"""State that the user's own modules hold: a counter in `helper.py` is as much a variable of the notebook as one in a cell.

No name of the namespace holds it, so it is recorded under `$module helper`: written when a cell that could reach the module left
its data other than before, read once it was ever written. Only modules of the user's are looked at, and only from cells that
reach one. The digest stays here: a module may hold secrets.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterable
from dataclasses import dataclass

from mlops_jupyter.entities.data import Fingerprint
from mlops_jupyter.entities.sessions import Read, VariableVersion
from mlops_jupyter.fingerprint import fingerprint, footprint
from mlops_jupyter.fingerprint.types.instances import is_local_module, module_dict
from mlops_jupyter.fingerprint.walk import module_of

PREFIX = "$module "
_FIXED = frozenset({"__future__", "logging", "re", "typing"})
"""Homes of types whose values modules keep and nobody changes: `annotations`, a logger, a pattern, a type alias."""


@dataclass(slots=True)
class _State:
    """What is remembered of a module: never the values."""

    fingerprint: Fingerprint
    ids: frozenset[int]


class ModuleStates:
    """Follows the data of local modules across the cells of one session."""

    def __init__(self, budget: int | None = None) -> None:
        self._budget = budget
        self._local: dict[str, bool] = {}
        self._held: dict[str, _State] = {}
        self._written: set[str] = set()

    def reached(self, names: Iterable[str], *, everything: bool = False) -> set[str]:
        """Of these modules the user's own; one of them may call any other, so one reached is all reached."""
        found = {name for name in names if self._is_local(name)}
        return {*found, *self._held} if found or everything else set()

    def _is_local(self, name: str) -> bool:
        if name not in self._local and name in sys.modules:
            self._local[name] = name != "__main__" and is_local_module(name)
        return self._local.get(name, False)

    def sharing(self, ids: frozenset[int] | set[int]) -> set[str]:
        """Modules that hold one of these mutable objects."""
        return {name for name, state in self._held.items() if not state.ids.isdisjoint(ids)}

    def data(self, modules: Iterable[str]) -> list[object]:
        """What the modules hold, to find the names that hold it too."""
        return [_data(name) for name in modules]

    def before(self, modules: Iterable[str]) -> None:
        """Make sure that the state of these modules is known."""
        for name in modules:
            if name not in self._held:
                self._remember(name)

    def after(self, modules: Iterable[str]) -> list[VariableVersion]:
        """What of these modules the cell changed. One that was not known before was imported by the cell."""
        changed = []
        for name in sorted(modules):
            known = self._held.get(name)
            now = self._remember(name)
            if known is not None and not known.fingerprint.same_as(now):
                self._written.add(name)
                comparable = now.digest is not None and now.coverage == 1
                changed.append(VariableVersion(PREFIX + name, "mutated" if comparable else "maybe", Fingerprint("module")))
        return changed

    def reads(self, modules: Iterable[str]) -> list[Read]:
        """Reads of the modules that some cell before this one changed."""
        return [Read(PREFIX + name) for name in sorted(modules) if name in self._written]

    def _remember(self, name: str) -> Fingerprint:
        data = _data(name)
        found = fingerprint(data, self._budget)
        self._held[name] = _State(found, footprint(data).ids)
        return found


def _data(name: str) -> dict[str, object]:
    """The globals of a module without other modules and what Python keeps there."""
    module = sys.modules.get(name)
    own = module_dict(module) if isinstance(module, types.ModuleType) else {}
    return {key: value for key, value in list(own.items())
            if not (key.startswith("__") and key.endswith("__")) and not isinstance(value, types.ModuleType)
            and module_of(type(value)) not in _FIXED}
