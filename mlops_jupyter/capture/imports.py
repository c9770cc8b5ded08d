"""A step right after a module was imported, for libraries that the user may import at any time.

A finder first in `sys.meta_path` lets the others find the module and adds the step to its loader. For every other module it is
one dictionary look-up.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

Step = Callable[[ModuleType], None]


class ImportHooks(importlib.abc.MetaPathFinder):
    """`after(name, step)`: `step(module)` now if it is loaded, else once it is. `fence` runs a step so that it cannot raise."""

    def __init__(self, fence: Callable[[Callable[[], None]], None]) -> None:
        self._steps: dict[str, list[Step]] = {}
        self._finding: set[str] = set()
        self._fence = fence

    def install(self) -> None:
        """Begin to see imports."""
        sys.meta_path.insert(0, self)

    def remove(self) -> None:
        """Stop seeing imports."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def after(self, name: str, step: Step) -> None:
        """Call `step` with the module of that name as soon as it is loaded."""
        self._steps.setdefault(name, []).append(step)
        module = sys.modules.get(name)
        if module is not None:
            self._fence(lambda: step(module))

    def ran(self, module: ModuleType) -> None:
        """The module was executed: take its steps."""
        for step in self._steps.get(module.__name__, []):
            self._fence(lambda step=step: step(module))  # type: ignore[misc]

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """For the listed modules only: what the other finders find, with our step added to its loader."""
        if fullname not in self._steps or fullname in self._finding:
            return None
        self._finding.add(fullname)
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            self._finding.discard(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _After(spec.loader, self)
        return spec


class _After(importlib.abc.Loader):
    """A loader that executes the module as `inner` does, then takes the steps. It leaves no trace on the module."""

    def __init__(self, inner: importlib.abc.Loader, hooks: ImportHooks) -> None:
        self._inner = inner
        self._hooks = hooks

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._inner.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = self._inner
        module.__loader__ = self._inner
        self._inner.exec_module(module)
        self._hooks.ran(module)

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)
