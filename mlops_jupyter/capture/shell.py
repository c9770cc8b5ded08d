"""What is known of the shell from outside: the shapes of what IPython hands over, and where a call came from.

No import of IPython: it is met only through these protocols and through the frames of the call stack.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import FrameType
from typing import Protocol, cast

from mlops_jupyter.capture.observer import Observer
from mlops_jupyter.entities.sessions import Session


class CellInfo(Protocol):
    """What IPython tells about a cell."""

    raw_cell: str
    store_history: bool
    silent: bool


class Autolog(Protocol):
    """A module `autolog/<library>.py`."""

    def attach(self, observer: Observer) -> None:
        """Begin to observe."""


class CellResult(Protocol):
    """What IPython tells about how a cell ended."""

    execution_count: int | None
    error_before_exec: BaseException | None
    error_in_exec: BaseException | None


@dataclass(frozen=True)
class Status:
    """What is stored, where, and what tracking cost so far."""

    session: Session
    executions: int
    observations: int
    outbox: str
    store: str
    cost_seconds: float
    cells_seconds: float
    after_seconds: float
    """CPU time of what was read after its cell, while nobody waited."""
    failures: int
    waiting: int
    """Records that the disk has refused so far."""
    notes: tuple[str, ...]
    active: bool

    @property
    def percent(self) -> float:
        """Cost in percent of the time that the cells themselves took."""
        return 100 * self.cost_seconds / self.cells_seconds if self.cells_seconds else 0.0


def connection_file() -> str:
    application = getattr(sys.modules.get("ipykernel.kernelapp"), "IPKernelApp", None)
    if application is None or not application.initialized():
        return ""
    return str(application.instance().connection_file)


_DEPTH = 12
"""Frames between a hook and IPython's `run_cell_async`, with room."""


def silent_cell() -> CellInfo | None:
    """What runs silently, if the hook that asks was called for a silent execution."""
    frame: FrameType | None = sys._getframe(1)
    for _ in range(_DEPTH):
        if frame is None or frame.f_code.co_name == "run_cell_async":
            break
        frame = frame.f_back
    info = None if frame is None or frame.f_code.co_name != "run_cell_async" else frame.f_locals.get("info")
    return cast(CellInfo, info) if getattr(info, "silent", False) else None


def running_cell() -> CellInfo | None:
    """The cell that called us, from the frame of IPython's own `run_cell_async`; None outside one or in a silent one."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == "run_cell_async" and "info" in frame.f_locals:
            info = frame.f_locals["info"]
            return None if info.silent else cast(CellInfo, info)
        frame = frame.f_back
    return None
