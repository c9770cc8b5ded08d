"""A library as a table: which of its functions and methods are watched, and who reads each.

An autolog file writes `ROWS = {"xgboost.training:train": "trained", "xgboost.core:Booster.predict": "predicted"}` and a class
with those methods, each of which gets the finished call. The table finds the functions once their module is there, follows
methods through subclasses (also the user's), and sees through decorators.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterator, Mapping
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import TypedDict, Unpack

from mlops_jupyter.capture import calls
from mlops_jupyter.capture.assembly import Called, Library, innermost
from mlops_jupyter.capture.observer import ObservedCall, Observer

Reader = Callable[[ObservedCall], None]
Behind = Callable[[object], object]


class Options(TypedDict, total=False):
    """What else a `Library` can be told."""

    encloses: bool
    passes: Callable[[FrameType, FrameType], bool] | None
    through: Callable[[FrameType], bool] | None
    scouts: frozenset[str]
    counted: Callable[[object], bool] | None
    settle: Callable[[], None] | None
    ended: Callable[[], None] | None


def names_in(rows: Mapping[str, str]) -> frozenset[str]:
    """Terminal names of a table's rows, for an autolog file's `NAMES`."""
    return frozenset(row.rpartition(":")[2].rpartition(".")[2] for row in rows)


def watch(observer: Observer, root: str, rows: Mapping[str, str], readers: object, *, behind: Behind | None = None,
          **options: Unpack[Options]) -> None:  # fmt: skip
    """Begin to watch the rows; `readers` has a method for each name on their right sides.

    `behind` gives the object whose class has the methods, where a wrapper hands on what it is asked.
    """
    table = Table(rows, readers, behind)
    observer.listen(table.heard)
    calls.watch(Library(root, table.codes, table.codes_of, table.read, table.function_of, **options))


class Table:
    """The functions of one library, as far as their modules are loaded."""

    def __init__(self, rows: Mapping[str, str], readers: object, behind: Behind | None = None) -> None:
        self._behind = behind
        self._functions: dict[tuple[str, str], Reader | None] = {}
        self._methods: dict[tuple[str, str], dict[str, Reader | None]] = {}
        for row, reader in rows.items():
            module, _, path = row.partition(":")
            owner, _, name = path.rpartition(".")
            found = getattr(readers, reader) if reader else None
            if owner:
                self._methods.setdefault((module, owner), {})[name] = found
            else:
                self._functions[module, name] = found
        self._known: dict[int, tuple[FunctionType, Reader | None, bool]] = {}
        """Code by identity → function, who reads it, whether it is a method."""
        self._seen: dict[int, weakref.ref[type]] = {}

    def heard(self, call: ObservedCall) -> None:
        """Hand the call to its reader, if it is one of this library's."""
        function = call.callable
        if not isinstance(function, FunctionType):
            return
        known = self._known.get(id(innermost(function).__code__))
        if known is not None:
            reader = known[1]
        elif "self" in call.arguments:  # seen by another library's table too: an estimator
            reader = self._methods_of(type(call.arguments["self"])).get(function.__name__)
        else:
            reader = self._functions.get((function.__module__, function.__name__))
        if reader is not None:
            reader(call)

    def codes(self) -> Iterator[FunctionType]:
        """Functions and methods that were not given before."""
        for (module, name), reader in self._functions.items():
            function = _of_module(module, name)
            if type(function) is FunctionType and self._know(function, reader, is_method=False):
                yield function
        for (module, owner), methods in self._methods.items():
            waiting = [_of_module(module, owner)]
            while waiting:
                cls = waiting.pop()
                if not isinstance(cls, type):
                    continue
                waiting.extend(type.__subclasses__(cls))
                known = self._seen.get(id(cls))
                if known is None or known() is not cls:
                    self._seen[id(cls)] = weakref.ref(cls)
                    yield from self._own(cls, methods)

    def codes_of(self, receiver: object) -> Iterator[FunctionType]:
        """The methods of an object's class and its bases; for a module that was loaded only now, what is new."""
        if issubclass(type(receiver), ModuleType):
            yield from self.codes()
        methods = self._methods_of(type(receiver))
        for cls in type(receiver).__mro__ if methods else ():
            yield from self._own(cls, methods)

    def read(self, code: CodeType, local: Mapping[str, object]) -> Called | None:
        """The call that a returning frame is."""
        known = self._known.get(id(code))
        if known is None:
            return None
        function, _, is_method = known
        left = {name: local[name] for name in code.co_varnames if name in local}
        return Called(function, local.get(code.co_varnames[0]) if is_method else None, None, left)

    def function_of(self, receiver: object, name: str) -> FunctionType | None:
        """The function that an object's class has under a name, if a row says so."""
        if self._behind is not None:
            receiver = self._behind(receiver)
        methods = self._methods_of(type(receiver))
        if name not in methods:
            return None
        for cls in type(receiver).__mro__:
            function = cls.__dict__.get(name)
            if type(function) is FunctionType:
                self._know(function, methods[name], is_method=True)
                return function
        return None

    def _own(self, cls: type, methods: Mapping[str, Reader | None]) -> Iterator[FunctionType]:
        for name, reader in methods.items():
            function = cls.__dict__.get(name)
            if type(function) is FunctionType and self._know(function, reader, is_method=True):
                yield function

    def _know(self, function: FunctionType, reader: Reader | None, *, is_method: bool) -> bool:
        inner = innermost(function)
        new = id(inner.__code__) not in self._known
        self._known[id(inner.__code__)] = (inner, reader, is_method)
        return new

    def _methods_of(self, cls: type) -> dict[str, Reader | None]:
        """Rows for a class: those of its bases in the table. The nearest base decides."""
        found: dict[str, Reader | None] = {}
        for base in reversed(cls.__mro__):
            found |= self._methods.get((base.__module__, base.__qualname__), {})
        return found


def _of_module(module: str, name: str) -> object:
    loaded = sys.modules.get(module)
    return vars(loaded).get(name) if isinstance(loaded, ModuleType) else None
