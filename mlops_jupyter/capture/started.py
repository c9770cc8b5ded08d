"""Python ≥ 3.12: which functions of the user's really began to run, by `sys.monitoring` on their own code objects.

What a cell's text brings is followed before it runs (`closure.py`); a function that is reached another way (kept in a library's
registry, looked up by name, called back) is seen here, with the globals that it uses. Each code object tells once in each cell
and is then silent, so that a hot loop runs at full speed. Code is armed when it is first executed: the audit event of a cell,
or of a module of the user's, brings its code object, and the functions are constants within it. It is only ever used
to add to what the closure found, never to take away: a function whose code was sent to another process, or compiled by numba, is
used without ever starting here (decision 12).
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from types import CodeType, SimpleNamespace

_TOOL_IDS = (3, 4)  # 0, 1, 2 and 5 are set aside for debuggers, coverage, profilers and optimisers
_FUNCTION = inspect.CO_OPTIMIZED


class Started:
    """The mechanism; one per session. Without monitoring it finds nothing."""

    def __init__(self, user_code: Callable[[str], bool]) -> None:
        self._user_code = user_code
        self._began: dict[int, CodeType] = {}
        self._armed: dict[int, CodeType] = {}
        """By identity: code objects compare by content."""
        self._tool = -1
        self._monitoring: SimpleNamespace | None = getattr(sys, "monitoring", None)

    def install(self) -> None:
        """Take a tool id, if there is one."""
        monitoring = self._monitoring
        if monitoring is None:
            return
        free = [tool for tool in _TOOL_IDS if monitoring.get_tool(tool) is None]
        if not free:
            self._monitoring = None
            return
        self._tool = free[0]
        monitoring.use_tool_id(self._tool, "mlops_jupyter starts")
        for event in (monitoring.events.PY_START, monitoring.events.PY_RESUME):
            monitoring.register_callback(self._tool, event, self._begins)

    def executed(self, code: object) -> None:
        """An audit event: code runs at the level of a module. If it is the user's, its functions are armed."""
        if self._monitoring is not None and self._tool >= 0 and type(code) is CodeType and self._user_code(code.co_filename):
            self._arm(code)

    def _arm(self, code: CodeType) -> None:
        monitoring = self._monitoring
        for constant in code.co_consts:
            if type(constant) is CodeType and monitoring is not None:
                if constant.co_flags & _FUNCTION and id(constant) not in self._armed:
                    self._armed[id(constant)] = constant
                    events = monitoring.events.PY_START | monitoring.events.PY_RESUME
                    monitoring.set_local_events(self._tool, constant, events)
                self._arm(constant)

    def _begins(self, code: CodeType, offset: int) -> object:
        self._began[id(code)] = code
        monitoring = self._monitoring
        return None if monitoring is None else monitoring.DISABLE

    def take(self) -> list[CodeType]:
        """Functions that ran since this was last asked; each will tell again from now on."""
        if not self._armed or self._monitoring is None:
            return []
        began, self._began = list(self._began.values()), {}
        if began:
            self._monitoring.restart_events()
        return began

    def remove(self) -> None:
        """Disarm all and give the tool id back."""
        monitoring = self._monitoring
        if monitoring is None or self._tool < 0:
            return
        for code in self._armed.values():
            monitoring.set_local_events(self._tool, code, 0)
        self._armed.clear()
        for event in (monitoring.events.PY_START, monitoring.events.PY_RESUME):
            monitoring.register_callback(self._tool, event, None)
        monitoring.free_tool_id(self._tool)
        self._tool = -1
