"""Python ≥ 3.12: returns of watched code objects by `sys.monitoring`, with local events, so that nothing else is slowed.

When a watched function returns, its frame is still there: it holds the receiver and the arguments, and its caller tells
whether this is user code, and where. Frames of a watched library further up mean that the library called back into user code
(a fold of a cross-validation): such calls are part of the outer one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from types import CodeType, FrameType, SimpleNamespace

from mlops_jupyter.capture.assembly import Assembler, Library
from mlops_jupyter.capture.sites import site_of

_TOOL_IDS = (4, 3)  # 0, 1, 2 and 5 are set aside for debuggers, coverage, profilers and optimisers


class Returns:
    """The mechanism; one per process."""

    def __init__(self, assembler: Assembler, monitoring: SimpleNamespace, tool: int) -> None:
        self._assembler = assembler
        self._monitoring = monitoring
        self._tool = tool
        self._codes: dict[int, tuple[CodeType, Library]] = {}  # by identity: code objects compare by content
        self._user_files: dict[str, bool] = {}
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
        self._assembler.libraries[library.root] = library
        self._arm(library, library.codes())

    def before_cell(self) -> None:
        """Arm classes that are new."""
        self._assembler.before_cell()
        for library in self._assembler.libraries.values():
            self._arm(library, library.codes())

    def after_cell(self) -> None:
        """Let go of what a call that raised left."""
        self._assembler.before_cell()

    def remove(self) -> None:
        """Disarm all and give the tool id back."""
        for code, _ in self._codes.values():
            self._monitoring.set_local_events(self._tool, code, 0)
        self._codes.clear()
        self._monitoring.register_callback(self._tool, self._monitoring.events.PY_RETURN, None)
        self._monitoring.free_tool_id(self._tool)

    def _arm(self, library: Library, codes: Iterable[CodeType]) -> None:
        for code in codes:
            if id(code) not in self._codes:
                self._codes[id(code)] = (code, library)
                self._monitoring.set_local_events(self._tool, code, self._monitoring.events.PY_RETURN)

    def _returned(self, code: CodeType, offset: int, value: object) -> None:
        try:
            frame = sys._getframe(1)  # the frame that is returning
            caller = frame.f_back
            if frame.f_code is not code or caller is None or not self._is_user(caller) or self._inside_library(caller):
                return
            if id(code) not in self._codes:
                return
            library = self._codes[id(code)][1]
            called = library.read(code, frame.f_locals)
            if called is None:
                return
            if called.receiver is not None:
                self._arm(library, library.codes_of(called.receiver))
            site = site_of(caller, self._assembler.names)
            self._assembler.seen(site, caller, called, value)
        except Exception:  # noqa: BLE001 (a callback that raised would raise into the user's call)
            self._assembler.failures += 1

    def _is_user(self, frame: FrameType) -> bool:
        path = frame.f_code.co_filename
        known = self._user_files.get(path)
        if known is None:
            known = self._user_files[path] = self._assembler.user_code(path)
        return known

    def _inside_library(self, frame: FrameType | None) -> bool:
        roots = self._assembler.libraries
        while frame is not None and frame.f_code.co_name != "<module>":
            name = frame.f_globals.get("__name__")
            if id(frame.f_code) in self._codes or (isinstance(name, str) and name.partition(".")[0] in roots):
                return True
            frame = frame.f_back
        return False
