"""The user story of a sweep: one job many times, live, stopped, gone on with; warm kernels that are as cold ones.

Real kernels, real forks. Most sweeps are warm, because that is fast; what warm promises is that nobody can tell.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import psutil
import pytest

from mlops_jupyter.api import sweeps
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.cli import execute
from mlops_jupyter.entities import CellExecution, ConflictError, InputError, JobParameter, JobResult, Observation
from mlops_jupyter.jobs.fleet import FleetOptions
from mlops_jupyter.jobs.sweep import Axes, Child
from mlops_jupyter.jobs.warm import ForkedProcess, WarmKernels
from mlops_jupyter.jobs.zygote import Request
from tests.integration.sweep_jobs import write_job

P = JobParameter("p", "integer", 1)
SLEEPS = "import os, pathlib, time\npathlib.Path('pid').write_text(str(os.getpid()))\ntime.sleep(0 if p < 3 else 600)"
DRAWS = "import random\nimport numpy as np\nprint(random.random(), np.random.random())"
STUDY = """
import sys, os
print(sorted({'numpy', 'pandas', 'sklearn', 'rich', 'matplotlib'} & {*sys.modules}))
---
import warnings
import numpy as np
import pandas as pd
print('pandas' in sys.modules, 'sklearn' in sys.modules)
---
import matplotlib.pyplot as plt
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
---
from sklearn.metrics import accuracy_score
np.random.seed(p)
noise = np.random.normal(size=3)
frame = pd.DataFrame({'a': noise})
---
X, y = load_iris(return_X_y=True)
model = LogisticRegression(max_iter=200).fit(X, y)
score = accuracy_score(y, model.predict(X))
---
plt.plot(noise)
plt.show()
print(sys.argv[0], __name__, sys.path, os.environ['MPLBACKEND'])
---
warnings.warn('told', DeprecationWarning)
warnings.warn('also', UserWarning)
filters = len(warnings.filters)
""".strip().split("\n---\n")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def swept(job: Path, axes: Axes, **options: object) -> list[Child]:
    place = sweeps.plan(job, axes)
    sweeps.run(place, FleetOptions(**options))  # type: ignore[arg-type]
    return place.sweep.children


def until(condition: Callable[[], bool], process: subprocess.Popen[str] | None = None) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it did not come about within a minute"
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.05)


def test_a_grid_is_run_told_drawn_and_gone_on_with_where_it_failed(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    flag = here / "mended"
    job = write_job(here / "job", [P, JobParameter("q", "number", 0.5)],
                    f"import pathlib\nassert p != 2 or pathlib.Path({str(flag)!r}).exists(), 'not mended'",
                    "%load_ext mlops_jupyter\nimport mlops_jupyter as mlops\nmlops.log_metric('score', p * q)")
    words = ["sweep", str(job), "--grid", "p=1,2,3", "-p", "q=0.25", "--warm", "-o", "out", "--json"]
    assert execute(words) == 1
    out, err = capfd.readouterr()
    assert "child 2 failed: AssertionError: not mended" in err
    assert f"mlops sweep --resume {here / 'out'}" in err
    assert "start cold" not in err
    told = json.loads(out)
    assert [(child["parameters"]["p"], child["state"], child["metrics"]) for child in told["children"]] == [
        (3, "succeeded", {"score": 0.75}), (1, "succeeded", {"score": 0.25}), (2, "failed", {})]
    assert told["metric"] == "score"
    assert (here / "out" / "sweep.svg").read_text().count("<circle") == 2
    assert all((here / "out" / name / "output.ipynb").is_file() for name in "123")
    sessions = [open_ledger().session(child["session"]) for child in told["children"]]
    assert {session.kind for session in sessions} == {"job"}
    assert [session.origin.parameters for session in sessions if session.origin] == [
        {"p": p, "q": 0.25} for p in (3, 1, 2)]

    flag.touch()
    assert execute(["sweep", "--resume", "out", "--json"]) == 0  # cold, this one
    again = {child["number"]: child for child in json.loads(capfd.readouterr().out)["children"]}
    assert [again[number]["attempt"] for number in (1, 2, 3)] == [1, 2, 1]
    assert again[2]["metrics"] == {"score": 0.5}
    assert (again[2]["folder"], again[1]["session"]) == ("2-2", told["children"][1]["session"])


def test_a_result_that_log_metric_told_is_a_column_of_the_sweep(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    told = JobResult("held", "variable", variable="held", metric="loss", key="UA")  # the call itself is cut from a job
    job = write_job(here / "job", [P], "held = 10 - p", result=told)
    assert execute(["sweep", str(job), "--grid", "p=1,2", "--metric", "loss[UA]", "--minimize", "-o", "out", "--json"]) == 0
    children = json.loads(capfd.readouterr().out)["children"]
    assert [(child["number"], child["metrics"]) for child in children] == [(2, {"loss[UA]": 8.0}), (1, {"loss[UA]": 9.0})]
    assert execute(["sweep", str(job), "--grid", "p=1,2", "--metric", "held", "-o", "more"]) == 2
    assert "its metrics: loss[UA]" in capfd.readouterr().err


def test_what_cannot_be_swept_is_said_before_a_folder_is_made(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    job = write_job(here / "job", [P], "1 / 0")
    assert execute(["sweep", str(job), "--grid", "p=1,2", "--metric", "auc", "-o", "out"]) == 2
    assert "this job gives no metric 'auc'\n  → its metrics: score" in capfd.readouterr().err
    assert execute(["sweep", str(job)]) == execute(["sweep"]) == execute(["sweep", str(job), "--resume", "out"]) == 2
    assert [path.name for path in here.iterdir()] == ["job"]


def test_a_bad_row_or_column_is_named_and_nothing_starts(here: Path) -> None:
    job = write_job(here / "job", [P], "1 / 0")
    for text, says in [("p\n1\nx\n", "line 3: parameter p: 'x' is not an integer"), ("p,segment\n1,a\n", "column 'segment'")]:
        (here / "segments.csv").write_text(text)
        with pytest.raises(InputError, match=says):
            swept(job, Axes(rows=here / "segments.csv"))
    assert sorted(path.name for path in here.iterdir()) == ["job", "segments.csv"]


def test_rows_of_a_file_are_children_and_failures_end_the_sweep(here: Path) -> None:
    (here / "segments.csv").write_text("p\n1\n7\n8\n9\n")
    place = sweeps.plan(write_job(here / "job", [P], "assert p < 5"), Axes(rows=here / "segments.csv"))
    sweeps.run(place, FleetOptions(warm=True, at_once=1, max_failures=2))
    assert [child.state for child in place.sweep.children] == ["succeeded", "failed", "failed", "waiting"]
    assert place.sweep.stopped == "2 failed"
    assert [child.parameters for child in place.sweep.children] == [{"p": 1}, {"p": 7}, {"p": 8}, {"p": 9}]


def test_when_the_time_is_up_what_runs_is_cancelled_and_the_rest_waits(here: Path) -> None:
    place = sweeps.plan(write_job(here / "job", [P], SLEEPS), Axes(grid={"p": "1,3,4"}))
    sweeps.run(place, FleetOptions(warm=True, at_once=1, budget=7.0))
    assert place.sweep.stopped == "the time was up"
    states = [child.state for child in place.sweep.children]
    assert states[2] == "waiting"
    assert "cancelled" in states
    assert {child.error for child in place.sweep.children if child.state == "cancelled"} == {"the time was up"}
    assert not any(psutil.pid_exists(int(file.read_text())) for file in place.folder.glob("*/pid"))


@pytest.mark.parametrize("words", [["--warm"], []], ids=["warm", "cold"])
def test_ctrl_c_cancels_all_leaves_no_kernel_and_says_how_to_go_on(here: Path, words: list[str]) -> None:
    job = write_job(here / "job", [P], SLEEPS)
    command = [sys.executable, "-m", "mlops_jupyter.cli", "sweep", str(job), "--grid", "p=3,4,5", "-j", "2", "-o", "out", *words]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    files = [here / "out" / name / "pid" for name in "12"]
    until(lambda: all(file.exists() and file.read_text() for file in files), process)
    family = psutil.Process(process.pid).children(recursive=True)
    assert {int(file.read_text()) for file in files} <= {one.pid for one in family}
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(60) == 130
    assert process.stderr is not None
    assert f"mlops sweep --resume {here / 'out'}" in process.stderr.read()
    assert not psutil.wait_procs(family, 5)[1]
    told = json.loads((here / "out" / "sweep.json").read_text())
    assert [child.get("state", "waiting") for child in told["children"]] == ["cancelled", "cancelled", "waiting"]


def test_a_sweep_that_is_killed_takes_its_warm_kernels_along(here: Path) -> None:
    job = write_job(here / "job", [P], SLEEPS)
    command = [sys.executable, "-m", "mlops_jupyter.cli", "sweep", str(job), "--grid", "p=3", "--warm", "-o", "out"]
    process = subprocess.Popen(command)
    file = here / "out" / "1" / "pid"
    until(lambda: file.exists() and bool(file.read_text()), process)
    family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    assert not psutil.wait_procs(family, 10)[1]


def plain(executions: list[CellExecution]) -> list[dict[str, object]]:
    """What was recorded, without times and places (papermill gives its injected cell a new id each time)."""
    kept = ("source", "state", "executed", "prompt", "error", "outputs_dropped", "reads", "writes", "deletes", "stores",
            "queries", "modules", "imports", "opaque", "unverified", "effects")
    found = []
    for one in executions:
        facts = {name: msgspec.to_builtins(getattr(one, name)) for name in kept}
        facts["outputs"] = [re.sub(r"ipykernel_\d+", "ipykernel_PID", str(output)) for output in one.outputs]
        facts["random"] = [one.random.drew, one.random.seeded, one.random.by_import] if one.random else None
        found.append(facts)
    return found


def seen(observations: list[Observation]) -> list[dict[str, object]]:
    kept = ("n", "kind", "name", "value", "variable", "class_name", "params", "shown", "datasets", "fingerprint", "details")
    return [{name: msgspec.to_builtins(getattr(one, name)) for name in kept} for one in observations]


def test_nobody_can_tell_a_warm_run_from_a_cold_one(here: Path) -> None:
    job = write_job(here / "job", [P], *STUDY)
    said: list[str] = []
    records = []
    for warm in (False, True):
        [child] = swept(job, Axes(grid={"p": "4"}), warm=warm, say=said.append, at_once=2)
        assert child.state == "succeeded", child
        ledger = open_ledger()
        records.append((plain(ledger.executions(child.session)), seen(ledger.observations(child.session)), child.metrics))
    assert said == []
    cold, hot = records
    for before, after in zip(cold[0], hot[0], strict=True):
        assert before == after
    assert cold[1] == hot[1]
    assert cold[2] == hot[2]
    assert hot[2]["score"] > 0.9
    assert "[]" in str(cold[0][2]["outputs"])  # nothing was loaded before its cell, in either
    assert any("image/png" in str(facts["outputs"]) for facts in hot[0])


def test_a_kernel_that_is_given_up_is_killed_and_its_parent_forks_on(here: Path) -> None:
    said: list[str] = []
    with WarmKernels([], said.append) as kernels:
        def fork() -> ForkedProcess:
            words = [sys.executable, "-m", "ipykernel_launcher", "-f", str(here / "connection.json")]
            process = kernels.fork(words, Request([], str(here), dict(os.environ)))
            assert process is not None, said
            return process

        first, second = fork(), fork()
        parent = psutil.Process(first.pid).parent()
        assert parent is not None
        with socket.socket(socket.AF_UNIX) as silent:
            silent.connect(str(next(kernels._folder.iterdir())))  # keeps the parent waiting, so that it hears of both at once
            first.kill()
            until(lambda: psutil.Process(first.pid).status() == psutil.STATUS_ZOMBIE)
            first.close()
        third = fork()
        gone = psutil.Process(second.pid)
        second.close()
        assert not psutil.wait_procs([gone], 10)[1]
        assert third.poll() is None
        third.kill()
        assert third.wait(10) == -signal.SIGKILL
    assert not parent.is_running()


def test_warm_kernels_draw_each_their_own_numbers(here: Path) -> None:
    first, second = swept(write_job(here / "job", [P], DRAWS), Axes(grid={"p": "1,2"}), warm=True)
    ledger = open_ledger()
    drawn = [ledger.executions(child.session)[-1].outputs[0].text.split() for child in (first, second)]
    assert len({*drawn[0], *drawn[1]}) == 4


def test_what_does_not_survive_a_fork_starts_cold_and_that_is_said_once(here: Path) -> None:
    said: list[str] = []
    children = swept(write_job(here / "job", [P], "import polars as pl\nprint(pl.Series([p]).sum())"), Axes(grid={"p": "1,2"}),
                     warm=True, say=said.append)
    assert [child.state for child in children] == ["succeeded"] * 2
    assert len(said) == 1
    assert "kernels start cold: the job's imports started threads: polars" in said[0]


def test_one_process_at_a_time_works_on_a_sweep_and_only_on_the_job_it_began_with(here: Path) -> None:
    place = sweeps.plan(write_job(here / "job", [P], "x = 1"), Axes(grid={"p": "1,2"}))
    with place.held(), pytest.raises(ConflictError, match="running in another process"):
        sweeps.run(sweeps.reopen(place.folder))
    (here / "job").rename(here / "before")
    write_job(here / "job", [P], "x = 2")
    with pytest.raises(ConflictError, match="another job"):
        sweeps.run(sweeps.reopen(place.folder))
    assert [child.state for child in place.sweep.children] == ["waiting"] * 2
