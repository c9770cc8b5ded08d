"""Execute a notebook without a person, under tracking: `mlops track NOTEBOOK`, and the first step of converting one.

The notebook's file is left as it is; with `output`, the executed notebook is written beside it. It runs in its own folder,
as it would in JupyterLab, so it finds its data and its modules.
"""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.capture.options import TrackOptions
from mlops_jupyter.entities import InputError, JobCancelledError, JobFailedError, Outcome, Run
from mlops_jupyter.entities.sessions import OutputPolicy
from mlops_jupyter.jobs.storage import place_of_output

if TYPE_CHECKING:
    from mlops_jupyter.jobs.progress import Progress


class Tracked(msgspec.Struct):
    """A headless execution: its session, how it ended, the runs it gave, where the executed notebook is (None: not kept)."""

    session: str
    outcome: Outcome
    runs: list[Run]
    output: Path | None = None


class Headless(msgspec.Struct, frozen=True):
    """How to record it; `output` keeps the executed notebook, `keep_data` that many bytes of the files that its cells read."""

    experiment: str = ""
    tags: Mapping[str, str] = {}
    outputs: OutputPolicy = "all"
    output: Path | None = None
    keep_data: int = 0


def track_notebook(path: str | Path, how: Headless | None = None, progress: Callable[[Progress], None] | None = None) -> Tracked:
    """Execute the notebook at `path` under tracking. What the notebook's own code raises is in the outcome, not raised."""
    from mlops_jupyter.jobs.execute import ExecuteOptions, run_notebook

    how = how or Headless()
    file = Path(path)
    open_ledger()  # a store that cannot take the record is said before the notebook runs, not after an hour of it
    options = TrackOptions(experiment=how.experiment, tags=dict(how.tags), outputs=how.outputs, kind="headless",
                           notebook_path=str(file.absolute()), keep_data=how.keep_data)
    with tempfile.TemporaryDirectory(prefix="mlops-track-") as scratch:
        output = how.output or Path(scratch) / file.name
        done = run_notebook(file, output, ExecuteOptions(track=options, progress=progress))
    runs = open_ledger().runs(session=done.session_id) if done.session_id else []
    return Tracked(done.session_id, done.outcome, runs, how.output)


def output_file(told: str | None, notebook: Path) -> Path | None:
    """The file of `-o`. InputError for an address, where papermill would write."""
    file, address = place_of_output(told)
    if address:
        raise InputError(f"mlops track writes a file, and {address} is an address",
                         shlex.join(["papermill", "--engine", "mlops", str(notebook), address]))
    return file


def must_succeed(outcome: Outcome, what: str, remedy: str = "") -> None:
    """Raise JobFailedError that names the failing cell and its error, unless it went well; JobCancelledError if it was ended."""
    if outcome.state == "succeeded":
        return
    where = f" in cell {outcome.cell}" if outcome.cell is not None else ""
    source = "".join(f"\n    {line}" for line in outcome.source.strip().splitlines()[:5])
    kind = JobCancelledError if outcome.state == "cancelled" else JobFailedError
    raise kind(f"{what} {outcome.state}{where}: {outcome.error}{source}", remedy)
