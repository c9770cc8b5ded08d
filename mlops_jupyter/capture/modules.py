"""State that modules hold: a counter in the user's own `helper.py` is as much a variable of the notebook as one in a cell.

No name of the namespace holds it, so it is recorded under `$module helper`: written when a cell that could reach the module left
its data other than before, read once it was ever written. Only modules of the user's are looked at, and only from cells that
reach one, and names that somebody put into `builtins`. The digest stays here: a module may hold secrets.
"""

from __future__ import annotations

import builtins
import os
import sys
import types
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mlops_jupyter.capture.kinds import exactly, identity, is_a, is_exactly
from mlops_jupyter.capture.memory import addresses
from mlops_jupyter.entities.data import Fingerprint
from mlops_jupyter.entities.sessions import Read, VariableVersion
from mlops_jupyter.fingerprint import fingerprint, footprint
from mlops_jupyter.fingerprint.types.instances import is_local_module, module_dict
from mlops_jupyter.fingerprint.walk import module_of

PREFIX = "$module "
_BUILTINS = "builtins"
_SHELLS = frozenset({"_", "input", "exit", "quit", "get_ipython", "display", "copyright", "credits", "license", "help"})
"""Names in `builtins` that shells and front ends set themselves."""
_CONTAINERS = exactly(list, dict, set, type(os.environ))
_LONGEST = 1_000
"""Most items of a container that is followed from a module: `sys.modules` is not."""
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
        self._met: dict[str, list[weakref.ref[types.ModuleType]]] = {}
        """All that were imported under a name: one that left `sys.modules` is still used where a name holds it."""
        self._held: dict[str, _State] = {}
        self._written: set[str] = set()
        self._builtins = _Builtins()
        self._count = 0
        self._stamps: dict[str, int] = {}
        self._held[_BUILTINS] = _State(fingerprint({}), frozenset())

    def reached(self, names: Iterable[str], *, everything: bool = False) -> set[str]:
        """Of these modules the user's own; one of them may call any other, so one reached is all reached."""
        found = {name for name in names if self._is_local(name)}
        found = {*found, *self._held} - {_BUILTINS} if found or everything else set()
        return {*found, _BUILTINS} if self._builtins.added() or _BUILTINS in self._written else found

    def of_files(self, paths: Iterable[str]) -> set[str]:
        """Which modules these files are."""
        wanted = set(paths)
        return {name for name, local in list(self._local.items()) if wanted and local
                and getattr(sys.modules.get(name), "__file__", None) in wanted}

    def reloaded(self, *, asked: bool) -> bool:
        """True if IPython's autoreload runs and a module's file is other than when last looked at, or a cell asked for it."""
        if "IPython.extensions.autoreload" not in sys.modules:
            return False
        if len(sys.modules) != self._count:
            self._count = len(sys.modules)
            for name in list(sys.modules):
                self._is_local(name)
        stamps = {name: _stamp(name) for name, local in list(self._local.items()) if local}
        known, self._stamps = self._stamps, stamps
        written = [name for name, stamp in stamps.items() if asked or known.get(name, stamp) != stamp]
        for name in written:
            self._held.setdefault(name, _State(Fingerprint("module"), frozenset()))  # nobody looked while it was what it was
        return bool(written)

    def _is_local(self, name: str) -> bool:
        if name not in self._local and name in sys.modules:
            self._local[name] = name != "__main__" and is_local_module(name)
        local = self._local.get(name, False)
        if local:
            self._meet(name)
        return local

    def _meet(self, name: str) -> None:
        module, met = sys.modules.get(name), self._met.setdefault(name, [])
        if is_a(module, types.ModuleType) and not any(one() is module for one in met):
            met[:] = [one for one in met if one() is not None]
            met.append(weakref.ref(module))

    def sharing(self, ids: frozenset[int] | set[int]) -> set[str]:
        """Modules that hold one of these mutable objects."""
        return {name for name, state in self._held.items() if not state.ids.isdisjoint(ids)}

    def data(self, modules: Iterable[str]) -> list[object]:
        """What the modules hold, to find the names that hold it too."""
        return [self._data(name) for name in modules]

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

    def held_as(self, written: Iterable[VariableVersion]) -> set[int]:
        """Ids of the modules that were written, as objects that a list or a class may hold."""
        names = [one.name.removeprefix(PREFIX) for one in written]
        return {id(module) for name in names for met in self._met.get(name, ()) if (module := met()) is not None}

    def reads(self, modules: Iterable[str], used: Iterable[str]) -> list[Read]:
        """Reads of the modules that some cell before this one changed. `used`: names that the cell looks up."""
        found = [name for name in sorted(modules) if name in self._written]
        if _BUILTINS in found and self._builtins.names().isdisjoint(used):
            found.remove(_BUILTINS)
        return [Read(PREFIX + name) for name in found]

    def _data(self, name: str) -> dict[str, object]:
        if name == _BUILTINS:
            return self._builtins.added()
        self._meet(name)
        held = [_data(module) for met in self._met[name] if (module := met()) is not None]
        return held[0] if len(held) == 1 else {str(number): each for number, each in enumerate(held)}

    def _remember(self, name: str) -> Fingerprint:
        data = self._data(name)
        found = fingerprint(data, self._budget)
        self._held[name] = _State(found, footprint(data).ids)
        return found


def kept_in_modules(chains: Iterable[tuple[str, ...]], namespace: Mapping[str, object]) -> list[object]:
    """What plain attributes of modules hold that the text names, as `copy.hook` does: it may be a variable of the notebook."""
    found = []
    for chain in filter(None, chains):
        value = namespace.get(chain[0])
        for name in chain[1:]:
            if not is_a(value, types.ModuleType):
                break
            value = module_dict(value).get(name)
            if is_exactly(value, _CONTAINERS) and len(value) <= _LONGEST:  # type: ignore[arg-type]
                found.append(value)
    return found


class _Builtins:
    """What was put into `builtins` since the session began, names that Python looks up last."""

    def __init__(self) -> None:
        self._first = {name: identity(value) for name, value in vars(builtins).items()}
        self._places = b""
        self._added: tuple[str, ...] = ()
        self._ever: set[str] = set()

    def added(self) -> dict[str, object]:
        """Names that are new or hold something else."""
        now = vars(builtins)
        places = addresses(now.values())
        if places != self._places:
            self._places = places
            self._added = tuple(name for name, value in now.items() if self._first.get(name) != identity(value)
                                and name not in _SHELLS and not name.startswith("__"))
            self._ever.update(self._added)
        return {name: now[name] for name in self._added if name in now}

    def names(self) -> set[str]:
        """All that were there at any time."""
        return self._ever


def _stamp(name: str) -> int:
    """When the module's file was last written, in nanoseconds."""
    path = getattr(sys.modules.get(name), "__file__", None)
    try:
        return os.stat(path).st_mtime_ns if type(path) is str else 0  # noqa: PTH116 (asked at every cell)
    except OSError:
        return 0


def _data(module: types.ModuleType) -> dict[str, object]:
    """The globals of a module without other modules and what Python keeps there."""
    return {key: value for key, value in list(module_dict(module).items())
            if not (key.startswith("__") and key.endswith("__")) and not isinstance(value, types.ModuleType)
            and module_of(type(value)) not in _FIXED}
