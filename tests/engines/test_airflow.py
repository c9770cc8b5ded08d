"""Jobs on a real Airflow 3: a scheduler with the LocalExecutor, runs begun by REST, tries, refusals, schedules, backfill."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import requests

from mlops_jupyter.api import submissions as verbs
from mlops_jupyter.api.conformance import CHECKS, Check, Kit, write_job
from mlops_jupyter.api.handing import Handing, preview, runner_of, submit
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.entities import ConflictError, InputError, JobParameter, NotFoundError, Schedule, StoreError, Submission
from mlops_jupyter.entities.submissions import NO_END
from mlops_jupyter.jobs import bundle
from mlops_jupyter.jobs.convert import NOTEBOOK, Draft
from tests.engines.airflow import Airflow
from tests.integration.sweep_jobs import write_job as small_job
from tests.ports import free_port

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "how-to" / "run-on-airflow.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def airflow() -> Iterator[Airflow]:
    running = Airflow()
    yield running
    running.end()


@pytest.fixture
def options(airflow: Airflow) -> dict[str, str]:
    return {"url": airflow.url, "dags": str(airflow.dags)}


@pytest.fixture
def job(tmp_path: Path) -> Path:
    return write_job(tmp_path / "job")


def until(one: Submission, met: Callable[[Submission], bool]) -> Submission:
    end = time.monotonic() + 180
    while not met(now := verbs.submission(one.id)):
        assert time.monotonic() < end, now
        time.sleep(0.3)
    return now


def ended(one: Submission) -> Submission:
    return until(one, lambda now: now.state not in NO_END)


def named(folder: Path, name: str, *cells: str) -> Path:
    """A job of that name: each test its own DAG."""
    small_job(folder / "plain", [JobParameter("x", "integer", 1, {"type": "integer", "minimum": 0, "maximum": 9})], *cells)
    found = bundle.load(folder / "plain")
    found.manifest.name = name
    bundle.write(Draft(found.manifest, {}, {NOTEBOOK: (folder / "plain" / NOTEBOOK).read_bytes()}, [], []), folder / name)
    return folder / name


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_airflow_does_what_every_runner_must(check: Check, options: dict[str, str], tmp_path: Path) -> None:
    check(Kit("airflow", options, tmp_path))


def test_a_failing_first_try_is_tried_again_by_airflow(options: dict[str, str], tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    job = named(tmp_path, "twice", f"import pathlib\nmark = pathlib.Path({str(mark)!r})\nassert mark.exists() or mark.touch()")
    how = Handing(options={**options, "retries": "1", "retry-seconds": "1"}, unverified=True)
    done = ended(submit(job, "airflow", {"x": 2}, {}, how))
    assert (done.state, done.attempts, len(done.collected)) == ("succeeded", 2, 2)
    states = {session.state for session in open_ledger().sessions(submission=done.id)}
    assert states == {"ended"}
    assert "AssertionError" in verbs.logs(done.id)


def test_bad_input_is_not_tried_again_and_airflow_refuses_what_the_schema_does(airflow: Airflow, options: dict[str, str],
                                                                               tmp_path: Path) -> None:
    job = named(tmp_path, "bounded", "print(x)")
    ended(submit(job, "airflow", {"x": 3}, {}, Handing(options=options, unverified=True)))
    token = requests.get(f"{airflow.url}/auth/token", timeout=20).json()["access_token"]
    answer = requests.post(f"{airflow.url}/api/v2/dags/mlops_bounded/dagRuns", json={"logical_date": None, "conf": {"x": 99}},
                           headers={"Authorization": f"Bearer {token}"}, timeout=20)
    assert answer.status_code == 400
    assert "99" in answer.text
    assert "maximum" in answer.text


def test_airflows_own_dag_test_runs_it(airflow: Airflow, options: dict[str, str], tmp_path: Path) -> None:
    job = named(tmp_path, "tested", "print('x is', x)")
    ended(submit(job, "airflow", {}, {}, Handing(options=options, unverified=True)))
    airflow.run("dags", "pause", "mlops_tested")  # else its scheduler takes up the same run, and one of them is refused
    assert "x is 7" in airflow.run("dags", "test", "mlops_tested", "--conf", json.dumps({"x": 7}))


def test_a_schedule_is_a_dags_own_and_is_filled_back(airflow: Airflow, options: dict[str, str], tmp_path: Path) -> None:
    job = named(tmp_path, "daily", "import mlops_jupyter as mlops\nmlops.log_metric('x', x)")
    schedule = Schedule("30 5 * * *", "Europe/Berlin", "queue", "skip")
    one = submit(job, "airflow", {"x": 4}, {}, Handing(options=options, unverified=True, schedule=schedule))
    assert verbs.submission(one.id).state == "scheduled"
    airflow.run("backfill", "create", "--dag-id", "mlops_daily", "--from-date", "2026-03-28", "--to-date", "2026-03-30")
    filled = until(one, lambda now: len(now.collected) >= 2)
    assert filled.state == "scheduled"
    values = [run.metrics[0].value for session in open_ledger().sessions(submission=one.id)
              for run in open_ledger().runs(session=session.id)]
    assert set(values) == {4.0}
    verbs.cancel(one.id)
    assert ended(one).state == "cancelled"


@pytest.mark.parametrize("killed", ["the job", "its task"])
def test_what_is_killed_in_mid_run_is_a_failure_and_leaves_no_kernel(killed: str, options: dict[str, str], job: Path) -> None:
    one = submit(job, "airflow", {"what": "wait"}, {}, Handing(options=options, unverified=True))
    until(one, lambda now: now.state == "running" and "it waits" in verbs.logs(now.id))
    [engine] = [process for process in psutil.process_iter(["cmdline"])
                if one.id in (process.info["cmdline"] or []) and "run" in process.info["cmdline"]]
    task, family = engine.parent(), [engine, *engine.children(recursive=True)]
    assert task is not None
    (engine if killed == "the job" else task).kill()
    done = ended(one)
    assert done.state == "failed"
    psutil.wait_procs(family, timeout=30)
    assert not [each for each in family if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]


def test_what_is_written_is_the_same_twice_and_an_edit_is_kept(airflow: Airflow, options: dict[str, str], tmp_path: Path) -> None:
    job = named(tmp_path, "edited", "print(x)")
    how = Handing(options=options, unverified=True)
    assert preview(job, "airflow", [{}], {}, how) == preview(job, "airflow", [{}], {}, how)
    ended(submit(job, "airflow", {}, {}, how))
    file = airflow.dags / "mlops_jobs" / "edited" / "dag.yaml"
    written = file.read_text()
    assert written.startswith("# Made by mlops_jupyter from the job edited")
    file.write_text(written.replace('"retries": 0', '"retries": 3'))
    with pytest.raises(ConflictError, match="edited since"):
        submit(job, "airflow", {}, {}, Handing(options={**options, "retries": "2"}, unverified=True))
    assert '"retries": 3' in file.read_text()
    assert open_ledger().submissions()[0].state == "failed"


def test_places_that_are_wrong_are_told_apart(airflow: Airflow, options: dict[str, str], job: Path,
                                              monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = {**options, "url": f"http://127.0.0.1:{free_port()}"}
    with pytest.raises(StoreError, match="cannot be reached"):
        submit(job, "airflow", {}, {}, Handing(options=nobody, unverified=True))
    with pytest.raises(InputError, match="no DAG folder"):
        submit(job, "airflow", {}, {}, Handing(options={**options, "dags": "/nowhere/dags"}, unverified=True))
    with pytest.raises(InputError, match="needs its DAG folder"):
        submit(job, "airflow", {}, {}, Handing(options={"url": airflow.url}, unverified=True))
    with pytest.raises(NotFoundError):
        runner_of("airflow", options).status(["mlops_nothing/run"])
    with pytest.raises(InputError, match="overlap=skip"):
        submit(job, "airflow", {}, {}, Handing(options=options, unverified=True, schedule=Schedule("0 6 * * *")))
    monkeypatch.setenv("AIRFLOW_CLI_TOKEN", "not.a.token")
    with pytest.raises(InputError, match="refuses"):
        submit(job, "airflow", {}, {}, Handing(options=options, unverified=True))
    assert os.environ["AIRFLOW_CLI_TOKEN"] not in "".join(one.outcome.error for one in open_ledger().submissions() if one.outcome)


def test_the_page_does_what_it_says(airflow: Airflow, tmp_path: Path) -> None:
    """Each command of the how-to, on a job of three cells; the schedule by the last."""
    job = named(tmp_path, "job", "test_month = x\nimport mlops_jupyter as mlops\nprint('month', x)\nmlops.log_metric('month', x)")
    blocks = re.findall(r"^```bash\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    environment = {**os.environ, "AIRFLOW_HOME": str(airflow.home), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    said: list[str] = []
    for line in (line for block in blocks for line in block.strip().splitlines()):
        name, _, value = line.removeprefix("export ").partition("=")
        if line.startswith("export "):
            environment[name] = airflow.url if name.endswith("URL") else value.replace("$AIRFLOW_HOME", str(airflow.home))
            continue
        told = line.replace("-p test_month=7", "-p x=7 --unverified").replace("ID", open_ids(environment))
        words = [*shlex.split(told), *(["--json"] if line.startswith("mlops submit ") and "--dry-run" not in line else [])]
        done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        said.append(done.stdout)
        if line == "mlops submissions list":
            ended(open_ledger().submissions()[0])
    dry, made, _, shown, log, scheduled = said
    assert '"dag_id": "mlops_job"' in dry
    assert json.loads(made)["runner"] == "airflow"
    assert "succeeded" in shown
    assert "month 7" in log
    assert json.loads(scheduled)["schedule"]["zone"] == "Europe/Berlin"
    assert job.exists()


def open_ids(environment: dict[str, str]) -> str:
    """The newest submission's id; the ledger is that of the environment."""
    assert environment["MLOPS_STORE"] == os.environ["MLOPS_STORE"]
    found = open_ledger().submissions()
    return found[0].id if found else "ID"
