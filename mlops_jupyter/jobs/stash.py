"""Modules that were imported before they are wanted, kept out of sight until somebody imports them.

A warm kernel has its job's libraries in memory from the start. A cold one gets them cell by cell, and that is seen: by code that
looks into `sys.modules`, by the order of warning filters, by tracking, which notes what each cell imports. So a stash takes the
modules out of `sys.modules` and, when one is imported, puts back all that were loaded up to it in the first place. Where a
kernel imports in the order of its cells, which is the order in which the stash was filled, nothing tells it from a cold one.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import random
import sys
import warnings
from collections.abc import Callable, Sequence
from types import ModuleType

import msgspec

_Filter = tuple[object, ...]
_MOST_DRAWS = 1_000


class _Layer(msgspec.Struct):
    """What one import brought: modules in the order of loading, warning filters, variables of the environment, random draws."""

    modules: dict[str, ModuleType] = {}
    filters: list[_Filter] = []
    environment: dict[str, str] = {}
    draws: int = 0
    """Words that it took from Python's generator."""


class Stash(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """`fill` imports, `hide` takes out of sight, and from then on each import is met from the stash."""

    def __init__(self) -> None:
        self._layers: list[_Layer] = []
        self._place: dict[str, int] = {}
        self._hidden: dict[str, importlib.machinery.ModuleSpec | None] = {}
        self._shown = 0

    def fill(self, step: Callable[[], object]) -> None:
        """Take the import that `step` does into the stash. What it raises passes through; ValueError for uncountable draws.

        Python's own modules, and those of packages that are loaded already, stay in sight: the kernel may need them for itself.
        """
        modules, filters, environment = set(sys.modules), list(warnings.filters), dict(os.environ)
        state = random.getstate()
        of_kernel = {name.partition(".")[0] for name in modules - self.names} | sys.stdlib_module_names
        step()
        layer = _Layer(
            {name: module for name, module in sys.modules.items()
             if name not in modules and name.partition(".")[0] not in of_kernel},
            [one for one in warnings.filters if one not in filters],
            {name: value for name, value in os.environ.items() if environment.get(name) != value},
            _draws(state),
        )
        self._place.update(dict.fromkeys(layer.modules, len(self._layers)))
        self._layers.append(layer)

    @property
    def names(self) -> set[str]:
        """Modules in the stash."""
        return set(self._place)

    def hide(self) -> None:
        """Out of sight, modules and filters. The environment is the caller's."""
        kept = [one for one in warnings.filters if not any(one in layer.filters for layer in self._layers)]
        _set_filters(kept)
        for layer in self._layers:
            for name, module in layer.modules.items():
                self._hidden[name] = getattr(module, "__spec__", None)
                sys.modules.pop(name, None)
        sys.meta_path.insert(0, self)

    def find_spec(self, fullname: str, path: Sequence[str] | None,
                  target: ModuleType | None = None) -> importlib.machinery.ModuleSpec | None:
        """A spec that leads back here, for a module that is still out of sight."""
        return importlib.machinery.ModuleSpec(fullname, self) if fullname in self._hidden else None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """The module as it was loaded."""
        return self._layers[self._place[spec.name]].modules[spec.name]

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is executed again: what was loaded up to this module comes back into sight."""
        name = module.__spec__.name if module.__spec__ is not None else module.__name__
        module.__spec__ = self._hidden.pop(name)
        if module.__spec__ is not None:
            module.__loader__ = module.__spec__.loader
        while self._shown <= self._place[name]:
            layer, self._shown = self._layers[self._shown], self._shown + 1
            self._show(layer)
        if not self._hidden and self in sys.meta_path:
            sys.meta_path.remove(self)

    def _show(self, layer: _Layer) -> None:
        """Into sight. A finder that came before us may watch for a module (tracking does): that one is imported for it to see."""
        os.environ.update(layer.environment)
        for _ in range(layer.draws):
            random.getrandbits(32)
        _set_filters([*layer.filters, *warnings.filters])
        watching = sys.meta_path[:sys.meta_path.index(self)]
        watched = []
        for name in [name for name in layer.modules if name in self._hidden]:
            if any(finder.find_spec(name, None) is not None for finder in watching):
                watched.append(name)
            elif name in self._hidden:
                sys.modules[name] = layer.modules[name]
                del self._hidden[name]
        for name in watched:
            importlib.import_module(name)


def _draws(state: tuple[object, ...]) -> int:
    """How many words were drawn since Python's generator was in this state."""
    now, again = random.getstate(), random.Random()  # noqa: S311 (a copy of the generator, to compare)
    again.setstate(state)
    for words in range(_MOST_DRAWS):
        if again.getstate() == now:
            return words
        again.getrandbits(32)
    raise ValueError("it sets the state of the random numbers")


def _set_filters(filters: Sequence[_Filter]) -> None:
    warnings.filters[:] = filters  # type: ignore[index] # typeshed: a sequence; it is a list
    warnings._filters_mutated()  # type: ignore[attr-defined] # what `warnings.filterwarnings` does last
