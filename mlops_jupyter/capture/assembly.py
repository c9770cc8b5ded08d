"""From a finished call, as one of the mechanisms saw it, to an ObservedCall: names from the text, objects from the frame.

Values are held only between the evaluation of an argument, or of a call inside another, and the end of the call they are for.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Protocol

from mlops_jupyter.capture.autolog.links import Links
from mlops_jupyter.capture.observer import Expression, ObservedCall
from mlops_jupyter.capture.sites import MISSING, UNPACKED, Scope, Site, expression, plain, resolve, site_of
from mlops_jupyter.entities.sessions import CallSite
from mlops_jupyter.fingerprint.types.instances import module_dict

MOST_OF_ONE_SITE = 2_000
"""Calls of one site in one cell; more are a hot loop, not results."""

Emit = Callable[[ObservedCall], None]
UserCode = Callable[[str], bool]


class Shell(Protocol):
    """What is needed of IPython's shell."""

    ast_transformers: list[object]
    user_ns: dict[str, object]


@dataclass(frozen=True, slots=True)
class Called:
    """What was called, as far as known: the function, the object it was called on, and arguments by parameter name.

    `left`: parameters and variables as the function's frame held them at its end.
    """

    function: Callable[..., object]
    receiver: object | None = None
    arguments: Mapping[str, object] | None = None
    left: Mapping[str, object] = field(default_factory=dict)


Armed = CodeType | FunctionType
"""A code object to watch; or a function, to be unwrapped down to the code that does its work."""


@dataclass(frozen=True, slots=True)
class Library:
    """What an autolog file tells: which functions to watch, and how to read a returning frame of them.

    `codes()` are known at once and asked for again before each cell (new classes); `codes_of(receiver)` those of an object's
    class; `read` the call that a frame is; `function_of` the function a receiver's class has under a name.
    """

    root: str
    codes: Callable[[], Iterable[Armed]]
    codes_of: Callable[[object], Iterable[Armed]]
    read: Callable[[CodeType, Mapping[str, object]], Called | None]
    function_of: Callable[[object, str], Callable[..., object] | None]
    encloses: bool = True
    """Whether calls of user code that its frames led to are part of its own call: a fold, a callback; not so for a decorator."""
    passes: Callable[[FrameType, FrameType], bool] | None = None
    """True for a frame, given with the one that it called, that may stand between the user's call and a watched function, beside
    the frames of decorators."""
    through: Callable[[FrameType], bool] | None = None
    """As `passes`, for the frames between the user's call and a function of this library."""
    scouts: frozenset[str] = frozenset()
    """Names of watched functions that are no calls to tell of: their return only says that an object of a class is there."""
    counted: Callable[[object], bool] | None = None
    """True for an object whose calls need no more than counting by now; it has counted this one. Must cost next to nothing."""
    settle: Callable[[], None] | None = None
    """Called before each event of any library: what ended without a call of its own is told first."""
    ended: Callable[[], None] | None = None
    """Called when a cell has ended: tell what is known only now, and let go of everything."""


def innermost(function: FunctionType) -> FunctionType:
    """The function under its decorators."""
    for _ in range(8):
        inner = function.__dict__.get("__wrapped__")
        if type(inner) is not FunctionType:
            break
        function = inner
    return function


class Mechanism(Protocol):
    """How returns are seen."""

    assembler: Assembler

    def watch(self, library: Library) -> None: ...
    def before_cell(self, source: str) -> None: ...
    def remove(self) -> None: ...


class Assembler:
    """From a site, a frame and a result to an ObservedCall. Shared by both mechanisms."""

    def __init__(self, user_code: UserCode, emit: Emit, names: frozenset[str], only_with: Mapping[str, str]) -> None:
        self.user_code = user_code
        self.names = names
        self.only_with = only_with
        self.libraries: dict[str, Library] = {}
        self.links = Links()
        self._problem: Exception | None = None
        self._emit = emit
        self._results: dict[int, object] = {}
        self._counts: dict[int, int] = {}

    def failed(self, error: Exception) -> None:
        """A failure of ours inside the user's call: kept, because raising it there would change what the cell does."""
        self._problem = self._problem or error

    def begin(self) -> None:
        """A cell is about to run. Raises what failed in the one before, where our caller's fence counts it."""
        self._clear()
        problem, self._problem = self._problem, None
        if problem is not None:
            raise problem

    def end(self) -> None:
        """A cell has ended: what the libraries know only now is told, and every value is let go."""
        for library in self.libraries.values():
            if library.ended is not None:
                try:
                    library.ended()
                except Exception as error:  # noqa: BLE001 (the record of the cell comes first; `begin` raises it)
                    self.failed(error)
        self._clear()

    def _clear(self) -> None:
        self._results.clear()
        self._counts.clear()

    def called(self, site: Site, receiver: object, scope: Scope) -> Called | None:
        """The call that a site's text names, by looking names up; None if the function is not a watched library's."""
        is_module = issubclass(type(receiver), ModuleType)  # also one that loads itself when it is first asked
        if receiver is not MISSING and not is_module:
            functions = (library.function_of(receiver, site.name) for library in self.libraries.values())
            function = next((found for found in functions if found is not None), None)
            if function is not None:
                return Called(function, receiver)
        func = resolve(site.node.func, scope, self._results)
        if is_module:
            func = module_dict(receiver).get(site.name)
        # the exact type: `isinstance` would ask the object for its `__class__`
        return Called(func) if type(func) is FunctionType and self._is_watched(func) else None

    def receiver(self, site: Site, scope: Scope) -> object:
        """The object that a method is called on; MISSING for a plain function, or where finding it would run code."""
        func = site.node.func
        return resolve(func.value, scope, self._results) if isinstance(func, ast.Attribute) else MISSING

    def keep(self, node: ast.expr, value: object) -> None:
        """An argument of a call that is about to be made."""
        self._results[id(node)] = value

    def forget(self, site: Site) -> None:
        """The values held for a call that has ended."""
        for number in site.inner:
            self._results.pop(number, None)
        for argument in site.arguments:
            self._results.pop(id(argument.node), None)
        if isinstance(site.node.func, ast.Attribute):
            self._results.pop(id(plain(site.node.func.value)), None)

    def _is_watched(self, function: FunctionType) -> bool:
        return function.__module__.partition(".")[0] in self.libraries

    def seen(self, site: Site | None, frame: FrameType, called: Called, result: object) -> None:
        """Emit the event of one finished call whose caller is `frame`."""
        try:
            if site is not None:
                count = self._counts[id(site)] = self._counts.get(id(site), 0) + 1
                if count > MOST_OF_ONE_SITE:
                    return
            for library in self.libraries.values():
                if library.settle is not None:
                    library.settle()
            self._emit(self._event(site, frame, called, result))
        finally:
            if site is not None:
                self.forget(site)
                if site.enclosed:
                    self._results[id(site.node)] = result

    def _event(self, site: Site | None, frame: FrameType, called: Called, result: object) -> ObservedCall:
        function, scope = called.function, Scope(frame)
        arguments: dict[str, object] = dict(called.arguments or {})
        if called.receiver is not None:
            arguments.setdefault("self", called.receiver)
        expressions: dict[str, Expression] = {}
        if site is not None:
            names = parameters(function, called.receiver is not None)
            for argument in site.arguments:
                place = argument.position
                name = argument.keyword if place is None else names[place] if place < len(names) else f"#{place}"
                value = resolve(argument.node, scope, self._results)
                if name == UNPACKED:
                    given = value.items() if isinstance(value, dict) and type(value) is dict else ()
                    arguments.update((key, item) for key, item in given if key not in arguments)
                    continue
                expressions[name] = expression(argument, scope, self._results)
                if name not in arguments and value is not MISSING:
                    arguments[name] = value
        qualname = _name_of(function, called.receiver)
        target, key, around = self._naming(site, frame, scope)
        path = frame.f_code.co_filename
        is_cell = frame.f_globals.get("__name__") == "__main__"
        place_name = "" if is_cell else PurePath(path).name
        line, column = (site.line, site.column) if site else (frame.f_lineno, 0)
        return ObservedCall(
            function=qualname, callable=function, arguments=arguments, result=result, expressions=expressions, around=around,
            site=CallSite(qualname, place_name, line, column, target), loop_key=key, source="cell" if is_cell else "module",
            left=called.left, names=scope, loop=site.loop if site is not None else None,
        )

    def _naming(self, site: Site | None, frame: FrameType, scope: Scope) -> tuple[str, str, tuple[object, ...]]:
        """Target, loop key, objects around; a value that a user's function returns is named where that function is called."""
        if site is None:
            return "", "", ()
        target, key = site.target, site.key(scope)
        around = [scope.lookup(name) for name in site.around]
        depth = 0
        while site is not None and site.returned and not target and frame.f_back is not None and depth < 4:
            frame, depth = frame.f_back, depth + 1
            if not self.user_code(frame.f_code.co_filename):
                break
            site, scope = site_of(frame, self.names), Scope(frame)
            if site is not None:
                target, key = site.target, key or site.key(scope)
                around += [scope.lookup(name) for name in site.around]
        return target, key, tuple(value for value in around if value is not MISSING)


def parameters(function: Callable[..., object], is_method: bool) -> list[str]:
    """Names of the parameters that can be given by position, without `self`."""
    try:
        names = [
            parameter.name for parameter in inspect.signature(function).parameters.values()
            if parameter.kind in {parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD}
        ]  # fmt: skip
    except (TypeError, ValueError):
        return []
    return names[1:] if is_method else names


def _name_of(function: Callable[..., object], receiver: object | None) -> str:
    name = getattr(function, "__name__", "")
    if receiver is None:
        return f"{function.__module__}.{name}"
    cls = type(receiver)
    return f"{cls.__module__}.{cls.__qualname__}.{name}"
