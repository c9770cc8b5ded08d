"""From a finished call, as one of the mechanisms saw it, to an ObservedCall: names from the text, objects from the frame.

Values are held only between the evaluation of an argument, or of a call inside another, and the end of the call they are for.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Protocol

from mlops_jupyter.capture.observer import Expression, ObservedCall
from mlops_jupyter.capture.sites import MISSING, Scope, Site, expression, resolve, site_of
from mlops_jupyter.entities.sessions import CallSite

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
    """What was called, as far as known: the function, the object it was called on, and arguments by parameter name."""

    function: Callable[..., object]
    receiver: object | None = None
    arguments: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Library:
    """What an autolog file tells: which code objects to watch, and how to read a returning frame of them.

    `codes()` are known at once and asked for again before each cell (new classes); `codes_of(receiver)` those of an object's
    class; `read` the call that a frame is; `function_of` the function a receiver's class has under a name.
    """

    root: str
    codes: Callable[[], Iterable[CodeType]]
    codes_of: Callable[[object], Iterable[CodeType]]
    read: Callable[[CodeType, Mapping[str, object]], Called | None]
    function_of: Callable[[object, str], Callable[..., object] | None]


class Mechanism(Protocol):
    """How returns are seen."""

    def watch(self, library: Library) -> None: ...
    def before_cell(self) -> None: ...
    def after_cell(self) -> None: ...
    def remove(self) -> None: ...


class Assembler:
    """From a site, a frame and a result to an ObservedCall. Shared by both mechanisms."""

    def __init__(self, user_code: UserCode, emit: Emit, names: frozenset[str]) -> None:
        self.user_code = user_code
        self.names = names
        self.libraries: dict[str, Library] = {}
        self.failures = 0
        self._emit = emit
        self._results: dict[int, object] = {}
        self._counts: dict[int, int] = {}

    def before_cell(self) -> None:
        """Forget values that an unfinished call left, and counts."""
        self._results.clear()
        self._counts.clear()

    def called(self, site: Site, scope: Scope, result: object) -> Called | None:
        """The call that a site's text names, by looking names up; None if the function is not a watched library's."""
        func = resolve(site.node.func, scope, self._results)
        if type(func) is FunctionType:  # the exact type: `isinstance` would ask the object for its `__class__`
            return Called(func) if self._is_watched(func) else None
        receiver = MISSING
        if hasattr(site.node.func, "value"):
            receiver = resolve(site.node.func.value, scope, self._results)
        if receiver is MISSING and site.name == "fit":
            receiver = result  # `Model(…).fit(…)` gives the model
        if receiver is MISSING:
            return None
        if type(receiver) is ModuleType:
            found = vars(receiver).get(site.name)
            return Called(found) if type(found) is FunctionType and self._is_watched(found) else None
        functions = (library.function_of(receiver, site.name) for library in self.libraries.values())
        function = next((found for found in functions if found is not None), None)
        return None if function is None else Called(function, receiver)

    def keep(self, node: ast.expr, value: object) -> None:
        """An argument of a call that is about to be made."""
        self._results[id(node)] = value

    def forget(self, site: Site) -> None:
        """The values held for a call that has ended."""
        for number in site.inner:
            self._results.pop(number, None)
        for argument in site.arguments:
            self._results.pop(id(argument.node), None)

    def _is_watched(self, function: FunctionType) -> bool:
        return function.__module__.partition(".")[0] in self.libraries

    def seen(self, site: Site | None, frame: FrameType, called: Called, result: object) -> None:
        """Emit the event of one finished call whose caller is `frame`."""
        try:
            if site is not None:
                count = self._counts[id(site)] = self._counts.get(id(site), 0) + 1
                if count > MOST_OF_ONE_SITE:
                    return
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
            names = _parameters(function, called.receiver is not None)
            for argument in site.arguments:
                place = argument.position
                name = argument.keyword if place is None else names[place] if place < len(names) else f"#{place}"
                expressions[name] = expression(argument, scope, self._results)
                if name not in arguments:
                    value = resolve(argument.node, scope, self._results)
                    if value is not MISSING:
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


def _parameters(function: Callable[..., object], is_method: bool) -> list[str]:
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
