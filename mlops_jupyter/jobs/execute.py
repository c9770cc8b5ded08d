"""`run_notebook`: the one way in which a notebook is executed here, for `mlops track`, for a job, for a verification.

Load and check, hand to papermill under our engine, judge, report. It never raises for what the user's code did: that is in
the outcome. It raises InputError for what could be known before a kernel started.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mlops_jupyter.capture.options import TrackOptions
from mlops_jupyter.capture.secrets.known import TOLD
from mlops_jupyter.config import Settings
from mlops_jupyter.entities import InputError, MlopsError, Outcome, Scalar
from mlops_jupyter.jobs.cleaning import Cleaner
from mlops_jupyter.jobs.later import without_clouds
from mlops_jupyter.jobs.notebook import check_runs_unattended, code_cells, read_notebook
from mlops_jupyter.jobs.outcome import judge
from mlops_jupyter.jobs.progress import EngineOptions, Kept, Progress
from mlops_jupyter.jobs.resume import CellReport, CheckpointOptions
from mlops_jupyter.jobs.stopping import Terminated

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from mlops_jupyter.jobs.warm import WarmKernels


KILL_AFTER = 5.0  # seconds between asking a cancelled kernel to stop and killing it


class Executed(msgspec.Struct):
    """One execution: the session that recorded it ("" if tracking never started), how it ended, the notebook as it is now."""

    session_id: str
    outcome: Outcome
    notebook: NotebookNode
    output: Path
    lost: dict[str, str] = {}
    """Results that could not be kept, and why."""
    cells: list[CellReport] = []
    """What became of costly cells."""


class ExecuteOptions(msgspec.Struct, kw_only=True):
    """How to execute. `cwd` is the kernel's folder; `kernel` overrides the notebook's; `env` adds to the kernel's environment."""

    track: TrackOptions = msgspec.field(default_factory=lambda: TrackOptions(kind="headless"))
    cwd: Path | None = None
    kernel: str = ""
    parameters: Mapping[str, Scalar | list[Scalar]] = {}
    keep: Kept = Kept()
    restore: Mapping[str, Mapping[str, bytes]] = {}
    env: Mapping[str, str] = {}
    secrets: Mapping[str, str] = {}
    """As `env`; and no value stands in the notebook that is written, or in what is said of a failure."""
    executable: str = ""
    """Interpreter to run in, where it is not that of the named kernel: the one that a session recorded."""
    cell_timeout: int | None = None
    progress: Callable[[Progress], None] | None = None
    cancel: threading.Event | None = None
    after: Callable[[], str] | None = None
    """Gives an expression that the kernel evaluates after the last cell, beside the user's code."""
    warm: WarmKernels | None = None
    log: Path | None = None
    printed: Callable[[str], None] | None = None
    """Hears the lines that cells print, as they come."""
    checkpoints: CheckpointOptions | None = None


def run_notebook(notebook: NotebookNode | str | Path, output: str | Path, options: ExecuteOptions | None = None) -> Executed:
    """Execute `notebook` and write it, with its outputs, to `output`. Raises InputError before, never for, the user's code."""
    options = options or ExecuteOptions()
    label = str(notebook) if isinstance(notebook, str | Path) else options.track.notebook_path or "the notebook"
    node = read_notebook(notebook) if isinstance(notebook, str | Path) else notebook
    check_runs_unattended(node, label)
    output = Path(output).absolute()
    _check_output(output)
    cwd = (options.cwd or (Path(notebook).parent if isinstance(notebook, str | Path) else Path.cwd())).absolute()
    if not cwd.is_dir():
        raise InputError(f"there is no folder {cwd} to run in", f"mkdir -p {cwd}")

    engine = EngineOptions(
        _where_to_record(options.track), options.progress, options.restore, _environment(options), options.executable,
        after=options.after, secrets=list(options.secrets.values()), keep=options.keep,
        warm=options.warm, log=options.log, checkpoints=options.checkpoints, printed=options.printed)
    started = time.monotonic()
    error = _papermill(node, output, cwd, options, engine)
    seconds = time.monotonic() - started
    if isinstance(error, MlopsError) and not engine.cancelled:  # a kernel that was stopped at its start says so in our words
        raise error
    outcome = judge(error, seconds=seconds, cell=engine.failed or engine.current, source=_source(node, engine))
    if options.secrets:
        clean = Cleaner(options.secrets.values())
        outcome = msgspec.structs.replace(outcome, error=clean.text(outcome.error), source=clean.text(outcome.source))
    if engine.cancelled:
        outcome = Outcome("cancelled", "stopped by the user", engine.current, outcome.source, seconds)
    return Executed(engine.session, outcome, _reread(output, node), output, engine.lost, engine.cells)


def _environment(options: ExecuteOptions) -> dict[str, str]:
    told = {TOLD: ",".join(options.secrets)} if options.secrets else {}
    return {**options.env, **options.secrets, **told}


def _papermill(node: NotebookNode, output: Path, cwd: Path, options: ExecuteOptions,
               engine: EngineOptions) -> BaseException | None:
    """Run it; what was raised. A failure that papermill sees only in a cell marked `raises-exception` is none."""
    import nbformat
    from nbclient.exceptions import CellControlSignal, DeadKernelError

    with without_clouds():
        from papermill.exceptions import PapermillException, PapermillExecutionError
        from papermill.execute import execute_notebook

    done = threading.Event()
    if options.cancel is not None:
        threading.Thread(target=_watch, args=(options.cancel, done, engine), daemon=True).start()
    nbformat.write(node, output)
    path = str(output).replace("{", "{{").replace("}", "}}")  # papermill formats its paths with the parameters
    try:
        execute_notebook(
            path, path, parameters=dict(options.parameters), engine_name="mlops", language="python", progress_bar=False,
            kernel_name=options.kernel or str(node.metadata.get("kernelspec", {}).get("name") or "python3"),
            mlops=engine, execution_timeout=options.cell_timeout, resources={"metadata": {"path": str(cwd)}},
        )
    except PapermillExecutionError as error:
        return None if engine.failed is None else error
    except (MlopsError, PapermillException, CellControlSignal, DeadKernelError, KeyboardInterrupt, Terminated) as error:
        return error
    except (OSError, RuntimeError, KeyError) as error:
        return _start_error(error) or error
    finally:
        done.set()
    return None


def _start_error(error: BaseException) -> InputError | None:
    """The refusal for a kernel that does not exist; None for any other error."""
    if type(error).__name__ != "NoSuchKernel":
        return None
    name = getattr(error, "name", "")
    return InputError(f"there is no Jupyter kernel {name!r} here", "jupyter kernelspec list shows those there are; "
                      f"{sys.executable} -m ipykernel install --user --name {name} adds one")


def _watch(cancel: threading.Event, done: threading.Event, engine: EngineOptions) -> None:
    """Wait for a cancellation; interrupt the kernel, and kill it if it does not stop."""
    while not cancel.wait(0.2):
        if done.is_set():
            return
    engine.cancelled = True
    while engine.pid is None and not done.wait(0.05):
        pass  # the kernel is still being started
    for number in (signal.SIGINT, signal.SIGKILL):
        if done.is_set() or engine.pid is None:
            return
        try:
            os.kill(engine.pid, number)
        except ProcessLookupError:
            return
        done.wait(KILL_AFTER)


def _where_to_record(track: TrackOptions) -> TrackOptions:
    """The kernel records where this process would: a store that was configured here, and not by environment, is handed on."""
    settings = Settings.current()
    return msgspec.structs.replace(track, store=track.store or settings.store_url(), state=track.state or settings.state)


def _check_output(output: Path) -> None:
    if output.is_dir():
        raise InputError(f"the output {output} is a folder", f"give a file: {output / 'output.ipynb'}")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"the output {output} cannot be written: {error.strerror}", "give a path that you may write") from None
    if not os.access(output.parent, os.W_OK):
        raise InputError(f"the output {output} cannot be written: its folder is read-only", "give a path that you may write")


def _source(node: NotebookNode, engine: EngineOptions) -> str:
    place = engine.failed or engine.current
    cells = list(code_cells(node))
    return str(cells[place - 1].source) if place is not None and place <= len(cells) else ""


def _reread(output: Path, node: NotebookNode) -> NotebookNode:
    import nbformat

    return nbformat.read(output, as_version=4) if output.exists() else node
