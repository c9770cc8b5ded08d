"""The local runner starts, watches, cancels and fetches logs, and hands on what is known of the end."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from mlops_jupyter.entities import NotFoundError, Outcome
from mlops_jupyter.entities.codec import to_json
from mlops_jupyter.jobs.outcome import judge_place
from mlops_jupyter.jobs.runners import Order, command
from mlops_jupyter.jobs.runners.local import OUTCOME, PROCESS, LocalOptions, LocalRunner
from mlops_jupyter.plugins import RUNNER, load


def runner(folder: Path, code: str, at_once: int = 0) -> LocalRunner:
    return LocalRunner(LocalOptions(at_once), folder, [sys.executable, "-c", code])


def order(name: str = "one") -> Order:
    return Order(submission=name, bundle=Path("job"))


def until(met: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not met():
        assert time.monotonic() < end
        time.sleep(0.05)


def now(local: LocalRunner, place: str) -> Outcome:
    return judge_place(local.status([place])[0], LocalRunner.states)


def ended(local: LocalRunner, place: str) -> Outcome:
    until(lambda: now(local, place).state not in {"queued", "running"})
    return now(local, place)


@pytest.mark.parametrize(("code", "state", "says"), [
    ("print('done')", "succeeded", ""), ("import sys; sys.exit('cell 3 failed')", "failed", "cell 3 failed"),
    ("import os; os.kill(os.getpid(), 9)", "died", "signal 9"),
])
def test_how_it_ended_comes_from_the_exit_code(tmp_path: Path, code: str, state: str, says: str) -> None:
    local = runner(tmp_path, code)
    outcome = ended(local, local.submit([order()])[0])
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
    place = local.submit([order()])[0]
    until(lambda: "started" in local.logs(place))
    assert now(local, place).state == "running"
    local.cancel([place])
    assert ended(local, place).state in {"cancelled", "failed"}
    assert now(LocalRunner(base=tmp_path), place).state != "running"
    local.cancel([place])


def test_one_that_is_cancelled_before_its_process_is_up_is_cancelled_and_has_not_died(tmp_path: Path) -> None:
    local = runner(tmp_path, "import time; time.sleep(60)")
    places = local.submit([order(name) for name in "abcd"])
    local.cancel(places)
    assert {ended(local, place).state for place in places} == {"cancelled"}


def test_so_many_at_once_run_and_the_others_wait_their_turn(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    local = runner(tmp_path, f"import os, time\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.02)", at_once=2)
    places = local.submit([order(name) for name in "abcd"])
    until(lambda: [now(local, place).state for place in places].count("running") == 2)
    assert [now(local, place).state for place in places].count("queued") == 2
    gate.touch()
    assert {ended(local, place).state for place in places} == {"succeeded"}
    sights = local.status(places)
    assert all(sight.queued and sight.started and sight.ended and sight.queued <= sight.started for sight in sights)


def test_what_waits_can_be_cancelled_and_a_killed_one_leaves_its_turn(tmp_path: Path) -> None:
    local = runner(tmp_path, "import time; time.sleep(60)", at_once=1)
    first, second, third = local.submit([order(name) for name in "abc"])
    until(lambda: "running" in {now(local, place).state for place in (first, second, third)})
    holder = next(place for place in (first, second, third) if now(local, place).state == "running")
    waiting = [place for place in (first, second, third) if place != holder]
    local.cancel([waiting[0]])
    assert ended(local, waiting[0]).state == "cancelled"
    shell = psutil.Process(int((Path(holder) / PROCESS).read_text().split()[0]))
    children = shell.children(recursive=True)
    shell.kill()
    for child in children:
        child.kill()
    until(lambda: now(local, waiting[1]).state == "running")
    assert ended(local, holder).state == "died"
    local.cancel([waiting[1]])
    assert ended(local, waiting[1]).state in {"cancelled", "failed"}


def test_a_job_whose_waiting_process_is_gone_died(tmp_path: Path) -> None:
    local = runner(tmp_path, "import time; time.sleep(60)")
    place = local.submit([order()])[0]
    waiting = psutil.Process(int((Path(place) / PROCESS).read_text().split()[0]))
    children = waiting.children(recursive=True)
    os.kill(waiting.pid, signal.SIGKILL)
    waiting.wait(10)
    for child in children:
        child.kill()
    assert ended(local, place).state == "died"


@pytest.mark.parametrize("place", ["", "nowhere"])
def test_an_unknown_submission_is_not_found(tmp_path: Path, place: str) -> None:
    with pytest.raises(NotFoundError):
        LocalRunner(base=tmp_path).status([place])


def test_everywhere_the_same_command() -> None:
    given = Order(submission="s1", bundle=Path("job"), parameters={"month": 7, "carriers": ["UA", "B6"], "name": "a b; rm -rf",
                  "fast": True}, inputs={"flights": "x.parquet"}, deliver="s3://b/out", retries=2, timeout=90.0)
    assert command(given, ["mlops"], "/job") == [
        "mlops", "run", "/job", "-p", "month=7", "-p", 'carriers=["UA","B6"]', "-p", "name=a b; rm -rf", "-p", "fast=true",
        "-i", "flights=x.parquet", "--submission", "s1", "--deliver", "s3://b/out", "--retries", "2", "--timeout", "90s"]


def test_it_comes_in_through_the_plugin_door() -> None:
    assert load(RUNNER, "local") is LocalRunner


@pytest.mark.parametrize(("code", "said", "state"), [
    (1, Outcome("died", "the kernel died"), "died"), (1, Outcome("timed-out", "after 3 seconds"), "timed-out"),
    (1, Outcome("failed", "ValueError"), "failed"), (130, Outcome("cancelled"), "cancelled"),
    (None, Outcome("succeeded"), "succeeded"), (None, Outcome("failed", "ValueError"), "failed"), (None, None, "died"),
])
def test_what_a_command_says_of_its_end_tells_what_its_exit_code_does_not(
        tmp_path: Path, code: int | None, said: Outcome | None, state: str) -> None:
    """None: what waited for it was killed, and saw no exit code."""
    words = f"import os, sys, time\nos.write(1, b'up')\ntime.sleep(60) if {code} is None else sys.exit({code})"
    local = runner(tmp_path, words)
    place = local.submit([order()])[0]
    if said is not None:
        (Path(place) / OUTCOME).write_bytes(to_json(said))
    if code is None:
        until(lambda: "up" in local.logs(place))
        waiting = psutil.Process(int((Path(place) / PROCESS).read_text().split()[0]))
        rest = waiting.children(recursive=True)
        for process in [waiting, *rest]:
            process.kill()
        psutil.wait_procs([waiting], 10)
    outcome = ended(local, place)
    assert outcome.state == state
    assert said is None or state in {"succeeded", "cancelled", "failed"} or outcome.error == said.error


@pytest.mark.parametrize("killed", ["the program", "what waits for it"])
def test_a_job_that_what_ran_it_has_left_behind_is_ended_and_died(tmp_path: Path, killed: str) -> None:
    job = tmp_path / "job.py"
    job.write_text("import time\nprint('up', flush=True)\ntime.sleep(60)")
    start = f"import subprocess, sys; subprocess.run([sys.executable, {str(job)!r}, 'run', 'bundle', "
    local, beside = (runner(tmp_path, f"{start}{name!r}])") for name in ("one", "other"))
    [place], [other] = local.submit([order("one")]), beside.submit([order("other")])
    until(lambda: "up" in local.logs(place))
    waiting = psutil.Process(int((Path(place) / PROCESS).read_text().split()[0]))
    [program, left] = waiting.children(recursive=True)
    (waiting if killed == "what waits for it" else program).kill()
    assert ended(local, place).state == "died"
    assert not psutil.wait_procs([left], 10)[1]
    with contextlib.suppress(psutil.NoSuchProcess):
        program.kill()
    assert now(beside, other).state == "running"
    beside.cancel([other])
    assert ended(beside, other).state in {"cancelled", "failed"}


def test_what_was_asked_to_stop_is_cancelled_whatever_code_it_leaves(tmp_path: Path) -> None:
    """Python exits with 1 where it is interrupted while it starts."""
    code = "import sys, time\nprint('up', flush=True)\ntry: time.sleep(60)\nexcept KeyboardInterrupt: sys.exit(1)"
    local = runner(tmp_path, code)
    place = local.submit([order()])[0]
    until(lambda: "up" in local.logs(place))
    local.cancel([place])
    assert ended(local, place).state == "cancelled"
