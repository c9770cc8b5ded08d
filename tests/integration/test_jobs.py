"""The user story of a job: track a notebook without a person, find the cells needed, convert, run, see it fail honestly.

Real kernels, real papermill. The notebook is tracked and converted once for the whole file.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import nbformat
import numpy as np
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from mlops_jupyter.capture.options import TrackOptions
from mlops_jupyter.entities import ConflictError, InputError, NotFoundError
from mlops_jupyter.jobs import bundle as bundles
from mlops_jupyter.jobs.convert import ConvertOptions, Draft, draft
from mlops_jupyter.jobs.execute import Executed, ExecuteOptions, run_notebook
from mlops_jupyter.jobs.progress import Progress
from mlops_jupyter.jobs.recording import Recorded, read_recorded
from mlops_jupyter.jobs.run import RunOptions, run_bundle
from mlops_jupyter.jobs.runners import Order
from mlops_jupyter.jobs.runners.local import LocalRunner
from mlops_jupyter.jobs.verify import VerifyOptions, verify_slice
from mlops_jupyter.jobs.verify_bundle import verify_bundle
from mlops_jupyter.lineage.slice import Slice, find_results, slice_of

CELLS = {
    "imports": "%load_ext mlops_jupyter\nimport mlops_jupyter as mlops\nimport numpy as np\nimport pandas as pd\n"
               "from sklearn.linear_model import LogisticRegression\nfrom sklearn.metrics import roc_auc_score\n"
               "from flight_parts import features",
    "settings": "test_month = 6  # month held out\nstrength = 1.0\nfigsize = (8, 4)",
    "load": "flights = pd.read_csv('data/flights.csv')",
    "look": "flights.describe()",
    "fit": "train, test = flights[flights.month != test_month], flights[flights.month == test_month]\n"
           "model = LogisticRegression(C=strength).fit(features(train), train.late)",
    "score": "auc = roc_auc_score(test.late, model.predict_proba(features(test))[:, 1])\n"
             "mlops.log_metric('told', auc)\nprint(auc)",
    "draw": "noise = np.random.normal(size=5)",
    "after": "flights.head()",
}


class Study:
    """A tracked notebook with everything that was recorded."""

    def __init__(self, folder: Path, executed: Executed, recorded: Recorded) -> None:
        assert recorded.session is not None
        self.folder, self.executed, self.session = folder, executed, recorded.session
        self.executions, self.observations = recorded.executions, recorded.observations

    def blob(self, digest: str) -> bytes:
        return next(path.read_bytes() for path in (self.folder / "state").rglob(digest.rpartition(":")[2]))

    def slice(self, name: str) -> Slice:
        return slice_of(find_results(name, self.executions, self.observations)[0], self.executions, self.observations)

    def draft(self, name: str = "auc", **options: object) -> Draft:
        chosen = msgspec.structs.replace(ConvertOptions(kernel="python3"), **options)
        return draft(self.session, self.slice(name), self.executions, self.observations, [], self.blob, chosen)


def track(folder: Path, cells: dict[str, str], progress: Callable[[Progress], None] | None = None) -> Study:
    notebook = new_notebook(cells=[new_markdown_cell("# Flights", id="title"),
                                   *(new_code_cell(source, id=name) for name, source in cells.items())])
    nbformat.write(notebook, folder / "work.ipynb")
    options = TrackOptions(kind="headless", notebook_path=str(folder / "work.ipynb"), store=str(folder / "store"),
                           state=str(folder / "state"))
    executed = run_notebook(folder / "work.ipynb", folder / "out.ipynb", ExecuteOptions(track=options, progress=progress))
    return Study(folder, executed, read_recorded(folder))


def flights(path: Path, seed: int = 0) -> None:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"hour": rng.integers(0, 24, 600), "distance": rng.normal(size=600), "month": rng.integers(1, 13, 600)})
    frame["late"] = (frame.hour + rng.normal(0, 8, 600) > 14).astype(int)
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.to_csv(path, index=False)


@pytest.fixture(scope="module")
def steps() -> list[Progress]:
    return []


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, steps: list[Progress]) -> Study:
    folder = tmp_path_factory.mktemp("study")
    flights(folder / "data" / "flights.csv")
    (folder / "flight_parts.py").write_text("def features(frame):\n    return frame[['hour', 'distance']]\n")
    return track(folder, CELLS, steps.append)


@pytest.fixture(scope="module")
def job(study: Study) -> Path:
    bundles.write(study.draft(), study.folder / "job")
    return study.folder / "job"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def metric(folder: Path) -> float:
    [found] = [each for each in read_recorded(folder).observations if each.kind == "metric" and each.name == "auc"]
    assert isinstance(found.value, float)
    return found.value


def private(folder: Path) -> TrackOptions:
    return TrackOptions(kind="job", store=str(folder / "store"), state=str(folder / "state"))


def test_a_headless_run_is_recorded_cell_by_cell_and_reported(study: Study, steps: list[Progress]) -> None:
    assert study.executed.outcome.state == "succeeded", study.executed.outcome
    assert study.executed.session_id == study.session.id
    assert [execution.cell for execution in study.executions] == list(CELLS)
    assert [execution.state for execution in study.executions] == ["ok"] * len(CELLS)
    assert (study.session.kind, study.session.state) == ("headless", "ended")
    assert [step.cell for step in steps] == [*range(1, len(CELLS) + 1), 0]
    assert (steps[-1].done, steps[-1].total) == (len(CELLS), len(CELLS))
    printed = study.executed.notebook.cells[-3].outputs[0].text
    assert float(printed) == metric(study.folder)


def test_the_slice_comes_out_identical_in_a_clean_kernel(study: Study) -> None:
    found = verify_slice(study.session, study.slice("auc"), study.executions, study.observations, study.blob)
    assert found.verdict == "identical", found
    assert {each.name: each.expected for each in found.results}["auc"] == metric(study.folder)
    assert found.slice_digest == study.slice("auc").digest


def test_a_cancelled_verification_is_no_verdict(study: Study) -> None:
    cancel = threading.Event()
    options = VerifyOptions(cancel=cancel, progress=lambda step: cancel.set())
    with pytest.raises(ConflictError, match="auc was cancelled"):
        verify_slice(study.session, study.slice("auc"), study.executions, study.observations, study.blob, options)


def test_an_unseeded_draw_starts_from_the_recorded_state(study: Study) -> None:
    found = verify_slice(study.session, study.slice("noise"), study.executions, study.observations, study.blob)
    assert found.verdict == "identical", found


def test_a_changed_input_is_a_gone_input_and_nothing_runs(study: Study, tmp_path: Path) -> None:
    moved = msgspec.structs.replace(study.session, cwd=str(tmp_path))
    found = verify_slice(moved, study.slice("auc"), study.executions, study.observations, study.blob)
    assert (found.verdict, found.results[0].detail) == ("input gone", "the file is not there")
    flights(tmp_path / "data" / "flights.csv", seed=1)
    found = verify_slice(moved, study.slice("auc"), study.executions, study.observations, study.blob)
    assert (found.verdict, found.results[0].detail) == ("input gone", "the file has changed since")


def test_effects_outside_the_folder_are_refused_by_name(study: Study) -> None:
    reaching = {"load": ["network: example.org"]}
    cells = [msgspec.structs.replace(each, effects=reaching.get(each.cell, [])) for each in study.executions]
    with pytest.raises(ConflictError, match=r"cell \[3\]: network: example\.org"):
        verify_slice(study.session, study.slice("auc"), cells, study.observations, study.blob)


def test_a_job_keeps_the_needed_cells_and_nothing_of_ours(study: Study, job: Path) -> None:
    manifest = bundles.load(job).manifest
    assert (manifest.cells, manifest.cells_total) == (5, len(CELLS))
    assert [each.name for each in manifest.parameters] == ["test_month", "strength"]
    assert [(each.name, each.path, each.carried) for each in manifest.inputs] == [("flights", "data/flights.csv", True)]
    assert [each.name for each in manifest.results if each.kind == "metric"] == ["auc"]
    assert manifest.modules == ["flight_parts"]
    text = (job / "notebook.ipynb").read_text()
    assert "mlops" not in text
    assert "describe" not in text
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    assert notebook.cells[0].source == "test_month: int = 6  # month held out\nstrength: float = 1.0"
    locked = (job / "requirements.txt").read_text()
    assert "scikit-learn" in locked.replace("_", "-")
    assert "jupyterlab" not in locked


def test_the_clean_run_of_the_bundle_reproduces_the_recorded_metrics(job: Path) -> None:
    digest = bundles.load(job).manifest.digest
    found = verify_bundle(job)
    assert found.verdict == "identical", found
    assert found.results[0].expected == found.results[0].found
    manifest = bundles.load(job).manifest
    assert (manifest.verified, manifest.verdict, manifest.digest) == (True, "identical", digest)


def test_where_nobody_seeded_the_first_clean_run_becomes_the_reference(study: Study, here: Path) -> None:
    bundles.write(study.draft("noise"), here / "noise")
    before = bundles.load(here / "noise").manifest
    assert [each.name for each in before.parameters] == ["seed"]
    found = verify_bundle(here / "noise")
    assert found.verdict == "identical", found
    after = bundles.load(here / "noise").manifest
    assert after.results[0].digest not in {"", before.results[0].digest}
    assert after.digest != before.digest
    assert any("its reference is its own first clean run" in warning for warning in after.warnings)


def test_a_run_with_another_parameter_has_another_metric_and_its_origin(study: Study, job: Path, here: Path) -> None:
    before = {path: path.read_bytes() for path in job.rglob("*") if path.is_file()}
    done = run_bundle(job, {"test_month": "7"})
    assert done.outcome.state == "succeeded", done.outcome
    assert done.output == done.work / "output.ipynb"
    assert done.output.is_file()
    assert done.work.parent == here / "mlops-runs"
    recorded = read_recorded(Path(os.environ["MLOPS_STATE"]).parent)
    assert recorded.session is not None
    assert recorded.session.id == done.session_id
    assert (recorded.session.kind, recorded.session.experiment_id) == ("job", study.session.experiment_id)
    origin = recorded.session.origin
    assert origin is not None
    assert (origin.job, origin.parameters) == (done.manifest.digest, {"test_month": 7, "strength": 1.0})
    assert metric(Path(os.environ["MLOPS_STATE"]).parent) != metric(study.folder)
    assert {path: path.read_bytes() for path in job.rglob("*") if path.is_file()} == before


def test_a_run_with_another_input_file_reads_that_file(study: Study, job: Path, here: Path) -> None:
    flights(here / "elsewhere" / "other.csv", seed=5)
    done = run_bundle(job, {}, {"flights": "elsewhere/other.csv"}, RunOptions(track=private(here)))
    assert done.outcome.state == "succeeded", done.outcome
    assert metric(here) != metric(study.folder)
    assert done.inputs == {"flights": str(here / "elsewhere" / "other.csv")}


def test_the_local_runner_runs_the_same_command(job: Path, here: Path) -> None:
    local = LocalRunner(base=here / "submissions")
    work = {"MLOPS_WORK": str(here / "work")}
    place = local.submit([Order(submission="s", bundle=job, parameters={"test_month": 7}, env=work)])[0]
    until = time.monotonic() + 60
    while local.status([place])[0].word in {"waiting", "running"} and time.monotonic() < until:
        time.sleep(0.1)
    assert local.status([place])[0].word == "done", local.logs(place)
    assert [path.name for path in (here / "work").glob("*/output.ipynb")] == ["output.ipynb"]


def test_plain_papermill_runs_the_bundle_without_us(job: Path, here: Path) -> None:
    bundle = here / "bundle"
    shutil.copytree(job, bundle)
    words = [sys.executable, "-m", "papermill", str(bundle / "notebook.ipynb"), str(here / "out.ipynb"), "--cwd", str(bundle),
             "-p", "test_month", "7", "--no-progress-bar"]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "unknown parameter" not in ran.stderr
    assert nbformat.read(here / "out.ipynb", as_version=4).cells[-1].outputs[0].text.strip()


def test_papermill_with_our_engine_needs_no_option(here: Path) -> None:
    facts = {"kernelspec": {"name": "python3", "display_name": ""}, "language_info": {"name": "python"}}
    nbformat.write(new_notebook(cells=[new_code_cell("x = 1", id="only")], metadata=facts), here / "in.ipynb")
    words = [sys.executable, "-m", "papermill", "--engine", "mlops", "in.ipynb", "out.ipynb", "--no-progress-bar"]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    recorded = read_recorded(Path(os.environ["MLOPS_STATE"]).parent)
    assert recorded.session is not None
    assert recorded.session.kind == "headless"
    assert recorded.session.notebook is not None
    assert recorded.session.notebook.path.endswith("in.ipynb")
    assert [execution.cell for execution in recorded.executions] == ["only"]


def run_cells(here: Path, *sources: str, **options: object) -> Executed:
    notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
    return run_notebook(notebook, here / "out.ipynb", ExecuteOptions(cwd=here, track=private(here), **options))


def test_a_failing_cell_is_named_and_the_session_ends_cleanly(here: Path) -> None:
    done = run_cells(here, "x = 1", "print(x)\n1 / 0", "y = 2")
    assert (done.outcome.state, done.outcome.cell, done.outcome.error) == ("failed", 2, "ZeroDivisionError: division by zero")
    assert done.outcome.source == "print(x)\n1 / 0"
    recorded = read_recorded(here)
    assert [execution.state for execution in recorded.executions] == ["ok", "error"]
    assert recorded.session is not None
    assert recorded.session.state == "ended"


def test_a_killed_kernel_died_whatever_its_notebook_says(here: Path) -> None:
    done = run_cells(here, "x = 1", "import os\nos.kill(os.getpid(), 9)")
    assert (done.outcome.state, done.outcome.cell) == ("died", 2)
    assert [execution.state for execution in read_recorded(here).executions] == ["ok", "running"]


def test_a_cell_that_takes_too_long_timed_out(here: Path) -> None:
    done = run_cells(here, "import time\ntime.sleep(30)", cell_timeout=1)
    assert (done.outcome.state, done.outcome.cell) == ("timed-out", 1)


def test_a_cancelled_run_is_cancelled(here: Path) -> None:
    cancel = threading.Event()

    def on_start(step: Progress) -> None:
        if step.cell == 2:
            cancel.set()

    done = run_cells(here, "x = 1", "import time\ntime.sleep(30)", cancel=cancel, progress=on_start)
    assert (done.outcome.state, done.outcome.cell) == ("cancelled", 2)


def test_an_error_that_the_notebook_expects_is_no_failure(here: Path) -> None:
    notebook = new_notebook(cells=[new_code_cell("1 / 0", metadata={"tags": ["raises-exception"]}), new_code_cell("x = 1")])
    done = run_notebook(notebook, here / "out.ipynb", ExecuteOptions(cwd=here, track=private(here)))
    assert done.outcome.state == "succeeded"
    assert len(read_recorded(here).executions) == 2


def test_a_kernel_without_us_gets_the_exact_install_command(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = "import sys; sys.modules['mlops_jupyter'] = None; from ipykernel.kernelapp import launch_new_instance as go; go()"
    folder = here / "share" / "kernels" / "bare"
    folder.mkdir(parents=True)
    spec = {"argv": [sys.executable, "-c", blocked, "-f", "{connection_file}"], "display_name": "bare", "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(here / "share"))
    with pytest.raises(InputError, match="mlops_jupyter is not installed in the kernel 'bare'") as caught:
        run_cells(here, "x = 1", kernel="bare")
    assert caught.value.remedy == f"{sys.executable} -m pip install mlops_jupyter"


def test_a_kernel_that_does_not_exist_is_named(here: Path) -> None:
    with pytest.raises(InputError, match="no Jupyter kernel 'nothing'"):
        run_cells(here, "x = 1", kernel="nothing")


def test_everything_bad_is_said_before_anything_starts(job: Path, here: Path) -> None:
    for parameters, inputs, says in [
        ({"test_month": "7x"}, {}, "'7x' is not an integer"), ({"month": "7"}, {}, "no parameter 'month'"),
        ({"1x": "7"}, {}, "identifier"), ({}, {"flights": "gone.csv"}, "there is no file"),
        ({}, {"flight": "x"}, "no input 'flight'"),
        ({}, {"flights": "nowhere://bucket/x"}, "nowhere://"), ({"test_month": "__import__('os')"}, {}, "is not an integer"),
    ]:
        with pytest.raises(InputError) as caught:
            run_bundle(job, parameters, inputs)
        assert says in caught.value.what
    assert list(here.iterdir()) == []


def test_a_damaged_bundle_is_refused_by_file(job: Path, here: Path) -> None:
    with pytest.raises(NotFoundError, match=r"job\.yaml"):
        run_bundle(here)
    for name, says in [("notebook.ipynb", "notebook.ipynb does not have"), ("job.yaml", "does not match its own digest")]:
        bundle = here / f"bundle-{name}"
        shutil.copytree(job, bundle)
        file = bundle / name
        file.write_text(file.read_text().replace("test_month", "best_month"))
        with pytest.raises(InputError, match=says):
            run_bundle(bundle)
    shutil.copytree(job, here / "b")
    (here / "b" / "requirements.txt").unlink()
    with pytest.raises(InputError, match=r"requirements\.txt is missing"):
        bundles.load(here / "b")
