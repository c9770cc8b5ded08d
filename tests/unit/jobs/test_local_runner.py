"""The local runner starts, watches, cancels and fetches logs, and tells the truth about how it ended."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from mlops_jupyter.entities import NotFoundError, Outcome
from mlops_jupyter.jobs.runners import Order, command
from mlops_jupyter.jobs.runners.local import PROCESS, LocalRunner
from mlops_jupyter.plugins import RUNNER, load


def runner(folder: Path, code: str) -> LocalRunner:
    return LocalRunner(folder, [sys.executable, "-c", code])


def ended(runner: LocalRunner, place: str) -> Outcome:
    until = time.monotonic() + 30
    while (outcome := runner.watch(place)).state == "running" and time.monotonic() < until:
        time.sleep(0.05)
    return outcome


@pytest.mark.parametrize(("code", "state", "says"), [
    ("print('done')", "succeeded", ""), ("import sys; sys.exit('cell 3 failed')", "failed", "cell 3 failed"),
    ("import os; os.kill(os.getpid(), 9)", "died", "signal 9"),
])
def test_how_it_ended_comes_from_the_exit_code(tmp_path: Path, code: str, state: str, says: str) -> None:
    local = runner(tmp_path, code)
    outcome = ended(local, local.submit(Order(tmp_path / "job")))
    assert outcome.state == state
    assert says in outcome.error


@pytest.mark.parametrize("inherited", [signal.default_int_handler, signal.SIG_IGN], ids=["as usual", "started with &"])
def test_logs_and_cancel(tmp_path: Path, inherited: signal._HANDLER) -> None:
    before = signal.signal(signal.SIGINT, inherited)
    try:
        _logs_and_cancel(tmp_path)
    finally:
        signal.signal(signal.SIGINT, before)


def _logs_and_cancel(tmp_path: Path) -> None:
    local = runner(tmp_path, "import time; print('started', flush=True); time.sleep(60)")
    place = local.submit(Order(tmp_path / "job"))
    until = time.monotonic() + 20
    while "started" not in local.logs(place) and time.monotonic() < until:
        time.sleep(0.05)
    assert local.watch(place).state == "running"
    local.cancel(place)
    assert ended(local, place).state in {"cancelled", "failed"}
    assert LocalRunner().watch(place).state != "running"
    local.cancel(place)


def test_a_job_whose_waiting_process_is_gone_died(tmp_path: Path) -> None:
    local = runner(tmp_path, "import time; time.sleep(60)")
    place = local.submit(Order(tmp_path / "job"))
    waiting = psutil.Process(int((Path(place) / PROCESS).read_text().split()[0]))
    children = waiting.children(recursive=True)
    os.kill(waiting.pid, signal.SIGKILL)
    waiting.wait(10)
    for child in children:
        child.kill()
    assert ended(local, place).state == "died"


def test_an_unknown_submission_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        LocalRunner().watch(str(tmp_path))


def test_everywhere_the_same_command() -> None:
    order = Order(Path("job"), {"month": 7, "carriers": ["UA", "B6"], "name": "a b; rm -rf", "fast": True},
                  {"flights": "x.parquet"})
    assert command(order, "python")[1:] == [
        "-m", "mlops_jupyter.cli", "run", "job", "-p", "month=7", "-p", 'carriers=["UA","B6"]', "-p", "name=a b; rm -rf",
        "-p", "fast=true", "-i", "flights=x.parquet"]


def test_it_comes_in_through_the_plugin_door() -> None:
    assert load(RUNNER, "local") is LocalRunner
