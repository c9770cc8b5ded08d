"""`run_bundle`: check everything, make a work folder, execute under our engine, say how it ended. The bundle is only read.

The same steps run a job everywhere: on a laptop, in a container, under a scheduler. What the job leaves is its output
notebook in the work folder and, in the ledger, a session of kind `job` that says what it was made from.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mlops_jupyter.capture.options import TrackOptions
from mlops_jupyter.config import Settings
from mlops_jupyter.entities import InputCheck, JobManifest, Origin, Outcome, content_hash
from mlops_jupyter.jobs.bundle import Bundle, load, marks
from mlops_jupyter.jobs.checks import check_inputs
from mlops_jupyter.jobs.environments import Where, place_of
from mlops_jupyter.jobs.execute import ExecuteOptions, run_notebook
from mlops_jupyter.jobs.notebook import code_cells
from mlops_jupyter.jobs.parameters import Value, validate
from mlops_jupyter.jobs.progress import Kept, Progress
from mlops_jupyter.jobs.resume import CellReport, CheckpointOptions
from mlops_jupyter.jobs.secrets import secret_values
from mlops_jupyter.jobs.work import new_work_folder, place_inputs, place_modules, resolve_inputs

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from mlops_jupyter.jobs.warm import WarmKernels

OUTPUT = "output.ipynb"


class JobRun(msgspec.Struct):
    """One run of a job: the session that recorded it, how it ended, where its output notebook and its files are."""

    session_id: str
    outcome: Outcome
    output: Path
    work: Path
    manifest: JobManifest
    parameters: dict[str, Value] = {}
    inputs: dict[str, str] = {}
    checks: list[InputCheck] = []
    lost: dict[str, str] = {}
    """Results that could not be kept, and why."""
    differs: list[str] = []
    """How the environment differed from the job's lock, in words."""
    cells: list[CellReport] = []
    """Which cells were taken from an earlier run, and which were kept for a later one."""
    total: int = 0
    """Code cells that there were to run, the parameters' among them."""


class RunOptions(msgspec.Struct, kw_only=True):
    """Where and how. `output`: the output notebook, else in the work folder; `work`: the work folder itself, else a new one."""

    output: Path | None = None
    work: Path | None = None
    progress: Callable[[Progress], None] | None = None
    told: Mapping[str, str] = {}
    """What is recorded of an input, where that is not the path it is read from: `run:RUN/NAME`."""
    ready: Callable[[Path], None] | None = None
    """Is told where the executed notebook will be, once all is checked and before a kernel starts. It may raise."""
    say: Callable[[str], None] | None = None
    """Is told, before the kernel starts, what the user should know of inputs."""
    cancel: threading.Event | None = None
    cell_timeout: int | None = None
    track: TrackOptions | None = None
    """What to record the run as; None: a run of kind `job` in the experiment that the job was made in."""
    where: Where = Where()
    after: Callable[[], str] | None = None
    """Gives an expression that the kernel evaluates after the last cell, beside the user's code."""
    env: Mapping[str, str] = {}
    """Added to the kernel's environment."""
    warm: WarmKernels | None = None
    checkpoints: bool = False
    """Keep what costly cells leave, for a later run."""
    resume: bool = False
    """Take from earlier runs what they kept, where nothing that it rests on has changed."""
    submission: str = ""
    """The hand-over to a runner that this is an attempt of."""
    printed: Callable[[str], None] | None = None
    """Hears the lines that cells print, as they come."""
    log: str = ""
    """Name in the work folder of what the kernel itself prints; "": it goes to our error stream."""


def run_bundle(folder: str | Path, parameters: Mapping[str, object] | None = None, inputs: Mapping[str, str] | None = None,
               options: RunOptions | None = None) -> JobRun:
    """Run the job in `folder`. Raises InputError or NotFoundError before it starts; how it ended is in the outcome."""
    bundle = load(folder)
    options = options or RunOptions()
    typed = validate(bundle.manifest.parameters, parameters or {})
    found = resolve_inputs(bundle, inputs or {})
    place = place_of(bundle, options.where)
    work = _work_folder(bundle, options)
    output = options.output or work / OUTPUT
    try:
        place_modules(bundle, work)
        checks = check_inputs(bundle.manifest.inputs, place_inputs(work, bundle.manifest.inputs, found), options.say)
        if options.ready is not None:
            options.ready(output)
    except BaseException:
        if options.work is None:  # it was made for a run that does not begin
            shutil.rmtree(work, ignore_errors=True)
        raise
    given = {name: options.told.get(name, found[name]) for name in inputs or {}}
    secrets = secret_values(bundle.manifest.parameters, typed)
    values: dict[str, Value] = {each.name: each.default for each in bundle.manifest.parameters}
    values.update(typed)
    written = {name: value for name, value in typed.items() if name not in _secrets_of(bundle)}
    track = options.track or _as_job(bundle, values, given, checks, options.submission)
    before = marks(bundle)
    executed = run_notebook(bundle.notebook, output, ExecuteOptions(
        track=track, cwd=work, parameters=written, env={**options.env, "PYTHONPATH": _path(bundle), **place.env},
        executable=place.executable, secrets=secrets, keep=_kept(bundle, options), progress=options.progress,
        cancel=options.cancel, cell_timeout=options.cell_timeout, after=options.after, warm=options.warm,
        log=work / options.log if options.log else None, checkpoints=_checkpoints(bundle, options),
        printed=options.printed,
    ))
    outcome = _judged(executed.outcome, before, marks(bundle))
    return JobRun(executed.session_id, outcome, executed.output, work, bundle.manifest, values, given, checks, executed.lost,
                  place.differs, executed.cells, len(_own_cells(executed.notebook)))


def _judged(outcome: Outcome, before: Mapping[str, tuple[int, int]], after: Mapping[str, tuple[int, int]]) -> Outcome:
    """A run that wrote into its own bundle has failed: whoever runs the job next would run another one."""
    changed = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    if not changed or outcome.state != "succeeded":
        return outcome
    return msgspec.structs.replace(outcome, state="failed", error=f"its cells wrote {changed[0]} into the bundle, which is only "
                                   "read: write to the folder that the job works in, by a relative path")


def _own_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """The code cells, without that in which papermill puts the given values."""
    return [cell for cell in code_cells(notebook) if "injected-parameters" not in cell.metadata.get("tags", [])]


def _checkpoints(bundle: Bundle, options: RunOptions) -> CheckpointOptions | None:
    """None where nothing is kept or taken."""
    if not (options.checkpoints or options.resume):
        return None
    modules = {name: digest for name, digest in bundle.manifest.files.items() if name.endswith(".py")}
    base = content_hash(msgspec.json.encode(sorted(modules.items())))
    results = [name for each in bundle.manifest.results for name in (each.variable, each.name) if name]
    return CheckpointOptions(base=base, results=results, most=Settings.current().checkpoint_bytes, keep=options.checkpoints,
                             resume=options.resume)


def _kept(bundle: Bundle, options: RunOptions) -> Kept:
    """What the run keeps: its results. A run that is only compared keeps nothing."""
    if options.track is not None:
        return Kept()
    results = bundle.manifest.results
    names = [each.variable or each.name for each in results if each.kind in {"variable", "model"}]
    metrics = {each.variable: (each.metric, each.key) for each in results if each.metric}
    return Kept(list(dict.fromkeys(names)), [each.name for each in results if each.kind == "file"], metrics)


def _secrets_of(bundle: Bundle) -> set[str]:
    return {each.name for each in bundle.manifest.parameters if each.type == "secret"}


def _work_folder(bundle: Bundle, options: RunOptions) -> Path:
    if options.work is None:
        return new_work_folder(bundle.manifest.name)
    options.work.mkdir(parents=True, exist_ok=True)
    return options.work.absolute()


def _as_job(bundle: Bundle, parameters: dict[str, Value], inputs: dict[str, str], checks: list[InputCheck],
            submission: str) -> TrackOptions:
    manifest = bundle.manifest
    origin = Origin(job=manifest.digest, run=manifest.made_from_run, session=manifest.made_from_session,
                    result=manifest.results[0].name if manifest.results else "", parameters=parameters, inputs=inputs,
                    verified=manifest.verified, checks=checks, submission=submission)
    return TrackOptions(kind="job", experiment=manifest.experiment, experiment_id=manifest.experiment_id,
                        notebook_path=manifest.notebook, origin=origin)


def _path(bundle: Bundle) -> str:
    """The bundle last on the kernel's path: the copies in the work folder come first."""
    before = os.environ.get("PYTHONPATH", "")
    return os.pathsep.join(part for part in [before, str(bundle.folder)] if part)
