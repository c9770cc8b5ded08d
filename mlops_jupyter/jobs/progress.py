"""What a caller asks of an execution and hears from it while it runs: free of papermill, so that everybody may import it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mlops_jupyter.capture.options import TrackOptions
from mlops_jupyter.jobs.resume import CellReport, CheckpointOptions

if TYPE_CHECKING:
    from mlops_jupyter.jobs.warm import WarmKernels


class Progress(msgspec.Struct, frozen=True):
    """Where an execution stands: `done` of `total` code cells; the cell that starts now (position from 1), its first line."""

    done: int
    total: int
    cell: int = 0
    source: str = ""


class Kept(msgspec.Struct, frozen=True):
    """What is kept with a run when its last cell has ended well: variables, files, and the metrics that variables hold."""

    variables: Sequence[str] = ()
    files: Sequence[str] = ()
    metrics: Mapping[str, tuple[str, str]] = {}
    """Variable → name and key of the metric that its value is recorded as."""


class EngineOptions(msgspec.Struct):
    """What our own verbs ask of the engine, and what it reports back (`session`, `failed`, `pid`)."""

    track: TrackOptions
    progress: Callable[[Progress], None] | None = None
    restore: Mapping[str, Mapping[str, bytes]] = {}
    """Cell id → random source → recorded state, restored just before that cell."""
    env: Mapping[str, str] = {}
    executable: str = ""
    keep: Kept = Kept()
    lost: dict[str, str] = {}
    """What of them was not kept, and why."""
    secrets: list[str] = []
    """Values that must not stand in the notebook, nor in anything that is told."""
    after: Callable[[], str] | None = None
    """Gives an expression to evaluate in the kernel after the last cell."""
    session: str = ""
    failed: int | None = None
    """Position from 1 of the cell whose error ended the execution."""
    current: int | None = None
    pid: int | None = None
    cancelled: bool = False
    warm: WarmKernels | None = None
    """Where to have the kernel forked, while that is safe; None: a new process."""
    checkpoints: CheckpointOptions | None = None
    """Keep what costly cells leave; None: do not."""
    cells: list[CellReport] = []
    """What became of them."""
    printed: Callable[[str], None] | None = None
    """Hears the lines that cells print, as they come."""
    log: Path | None = None
    """Where the kernel's own error stream goes; None: to ours."""
