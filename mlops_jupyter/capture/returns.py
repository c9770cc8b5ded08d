"""Python ≥ 3.12: returns of watched code objects by `sys.monitoring`, with local events, so that nothing else is slowed.

When a watched function returns, its frame is still there: it holds the receiver and the arguments, and its caller tells
whether this is user code, and where. Decorators of the library may stand between the two; they hold the arguments as they were
given. Frames of a watched library further up mean that the library called back into user code (a fold of a cross-validation):
such calls are part of the outer one.
"""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Iterable
from types import CodeType, FrameType, FunctionType, SimpleNamespace

from mlops_jupyter.capture.assembly import Armed, Assembler, Called, Library, parameters
from mlops_jupyter.capture.sites import site_of

_DEFINES = re.compile(r"\b(?:class|type|exec|eval|run\w*|import\w*)\b|^[%!]", re.MULTILINE)
_TOOL_IDS = (4, 3)  # 0, 1, 2 and 5 are set aside for debuggers, coverage, profilers and optimisers


class Returns:
    """The mechanism; one per process."""

    def __init__(self, assembler: Assembler, monitoring: SimpleNamespace, tool: int) -> None:
        self.assembler = assembler
        self._monitoring = monitoring
        self._tool = tool
        self._codes: dict[int, tuple[CodeType, Library, str]] = {}
        """By identity, since code objects compare by content: whose it is, and the name of its first parameter."""
        self._decorators: dict[int, CodeType] = {}
        self._user_files: dict[str, bool] = {}
        self._calls = re.compile(rf"\b(?:{'|'.join(assembler.names)})\b")
        self._modules = 0
        self._may_have_new = True
        monitoring.register_callback(tool, monitoring.events.PY_RETURN, self._returned)

    @classmethod
    def if_possible(cls, assembler: Assembler) -> Returns | None:
        """The mechanism, or None where the interpreter has no monitoring or no tool id is free."""
        monitoring = getattr(sys, "monitoring", None)
        if monitoring is None:
            return None
        for tool in _TOOL_IDS:
            if monitoring.get_tool(tool) is None:
                monitoring.use_tool_id(tool, "mlops_jupyter")
                return cls(assembler, monitoring, tool)
        return None

    def watch(self, library: Library) -> None:
        """Arm the library's code objects."""
        self.assembler.libraries[library.root] = library
        self._arm(library, library.codes())

    def before_cell(self, source: str) -> None:
        """Arm classes that are new, where there can be any and the cell could call them: looking through all costs time."""
        modules = len(sys.modules)
        if self._may_have_new or modules != self._modules or not source or self._calls.search(source):
            for library in self.assembler.libraries.values():
                self._arm(library, library.codes())
            self._modules = modules
        self._may_have_new = not source or _DEFINES.search(source) is not None
        self.assembler.begin()

    def remove(self) -> None:
        """Disarm all and give the tool id back."""
        for code, _, _ in self._codes.values():
            self._monitoring.set_local_events(self._tool, code, 0)
        self._codes.clear()
        self._decorators.clear()
        self._monitoring.register_callback(self._tool, self._monitoring.events.PY_RETURN, None)
        self._monitoring.free_tool_id(self._tool)

    def _arm(self, library: Library, armed: Iterable[Armed]) -> None:
        for one in armed:
            code = one if isinstance(one, CodeType) else self._under_decorators(one)
            if id(code) not in self._codes:
                self._codes[id(code)] = (code, library, code.co_varnames[0] if code.co_argcount else "")
                self._monitoring.set_local_events(self._tool, code, self._monitoring.events.PY_RETURN)

    def _under_decorators(self, function: FunctionType) -> CodeType:
        """The code that does a function's work: down to what is watched already, else to the innermost."""
        code = function.__code__
        while id(code) not in self._codes:
            inner = function.__dict__.get("__wrapped__")
            if type(inner) is not FunctionType:
                break
            self._decorators[id(code)] = code
            function, code = inner, inner.__code__
        return code

    def _returned(self, code: CodeType, offset: int, value: object) -> None:
        try:
            frame = sys._getframe(1)  # the frame that is returning
            known = self._codes.get(id(code))
            if known is None or frame.f_code is not code:
                return
            _, library, first = known
            if library.counted is not None and library.counted(frame.f_locals.get(first)):
                return
            if code.co_name in library.scouts:
                self._arm(library, library.codes_of(frame.f_locals.get(first)))
                return
            self._look(library, code, frame, value)
        except Exception as error:  # noqa: BLE001 (a callback that raised would raise into the user's call)
            self.assembler.failed(error)

    def _look(self, library: Library, code: CodeType, frame: FrameType, value: object) -> None:
        caller, between = frame.f_back, list[FrameType]()
        while caller is not None and not self._is_user(caller):
            if not self._may_stand_between(caller, between[-1] if between else frame, library):
                return
            between.append(caller)
            caller = caller.f_back
        if caller is None or self._inside_library(caller):
            return
        called = library.read(code, frame.f_locals)
        if called is None:
            return
        if called.receiver is not None:
            self._arm(library, library.codes_of(called.receiver))
        self.assembler.seen(site_of(caller, self.assembler.names), caller, _as_given(called, between), value)

    def _may_stand_between(self, frame: FrameType, below: FrameType, called: Library) -> bool:
        """A decorator, or what another library put around this one; a library's own functions, where it says so."""
        if id(frame.f_code) in self._decorators:
            return True
        if called.through is not None and called.through(frame):
            return not self._encloses(frame, called)
        others = (library for library in self.assembler.libraries.values() if library is not called)
        return any(library.passes(frame, below) for library in others if library.passes is not None)

    def _is_user(self, frame: FrameType) -> bool:
        path = frame.f_code.co_filename
        known = self._user_files.get(path)
        if known is None:
            known = self._user_files[path] = self.assembler.user_code(path)
        return known

    def _inside_library(self, frame: FrameType | None) -> bool:
        while frame is not None and frame.f_code.co_name != "<module>":
            if self._encloses(frame):
                return True
            frame = frame.f_back
        return False

    def _encloses(self, frame: FrameType, own: Library | None = None) -> bool:
        """True for a watched function, or a frame of a watched library other than `own`: what it leads to is part of its call."""
        if id(frame.f_code) in self._codes:
            return True
        name = frame.f_globals.get("__name__")
        library = self.assembler.libraries.get(name.partition(".")[0]) if isinstance(name, str) else None
        return library is not None and library is not own and library.encloses


def _as_given(called: Called, between: Iterable[FrameType]) -> Called:
    """The call with its arguments from a decorator's frame, if one got them as `*args, **kwargs` and nothing better is known."""
    if called.arguments is not None:
        return called
    for frame in between:
        local, code = frame.f_locals, frame.f_code
        args, keywords = local.get("args"), local.get("kwargs")
        if isinstance(args, tuple) and isinstance(keywords, dict):
            given = [*(local.get(name) for name in code.co_varnames[: code.co_argcount]), *args][called.receiver is not None :]
            names = parameters(called.function, called.receiver is not None)
            return dataclasses.replace(called, arguments={**dict(zip(names, given, strict=False)), **keywords})
    return called
