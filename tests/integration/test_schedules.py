"""A schedule with real jobs: asked by several processes at once it starts one; the next waits for it, or ends it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from mlops_jupyter.api.firing import fire
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.api.submissions import find, logs, submission, submissions
from mlops_jupyter.entities import Schedule, Submission
from mlops_jupyter.entities.submissions import NO_END, Overlap
from mlops_jupyter.jobs.bundle import load
from tests.fakes import write_crontab
from tests.integration.sweep_jobs import write_job
from tests.team import serving


def until(met: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 60
    while not met():
        assert time.monotonic() < end, what
        time.sleep(0.1)


def scheduled(folder: Path, overlap: Overlap = "skip") -> Submission:
    """A schedule whose minute has just come, of a job that runs until there is a file `go`."""
    wait = f"import os, time\nwhile not os.path.exists({str(folder / 'go')!r}): time.sleep(0.05)\nprint('it went')"
    write_job(folder / "job", [], wait)
    minute = time.time() // 60 * 60
    at = datetime.fromtimestamp(minute, UTC)
    one = Submission("s1", load(folder / "job").manifest.digest, "cron", minute - 30, "scheduled", place="cron:there",
                     host="somebody@elsewhere", schedule=Schedule(f"{at.minute} {at.hour} * * *", overlap=overlap),
                     bundle=str(folder / "job"))
    open_ledger().put(one)
    return one


def children() -> list[Submission]:
    """Oldest first, as they stand."""
    return [one for one in reversed(submissions()) if one.parent == "s1"]


def again() -> None:
    """Its minute has come once more."""
    open_ledger().put(replace(find(open_ledger(), "s1"), firings=[]))
    fire("s1")


def test_several_processes_at_the_same_moment_start_one_job(tmp_path: Path) -> None:
    scheduled(tmp_path)
    (tmp_path / "go").touch()
    program = [sys.executable, "-m", "mlops_jupyter.cli", "submissions", "fire", "s1"]
    asked = [subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(4)]
    said = [one.communicate()[0] for one in asked]
    assert [one.returncode for one in asked] == [0] * 4, said
    assert len([text for text in said if ": run " in text]) == 1
    until(lambda: all(one.state not in NO_END for one in children()), "it did not end")
    (child,) = children()
    assert (child.state, child.due) == ("succeeded", find(open_ledger(), "s1").firings[-1].at)
    assert "it went" in logs("s1")


def test_the_next_one_waits_for_the_one_before(tmp_path: Path) -> None:
    scheduled(tmp_path, "queue")
    fire("s1")
    until(lambda: children()[0].state == "running", "the first did not start")
    again()
    assert [one.state for one in children()] == ["running", "queued"]
    (tmp_path / "go").touch()
    until(lambda: all(one.state not in NO_END for one in children()), "they did not end")
    first, second = children()
    assert (first.state, second.state) == ("succeeded", "succeeded")
    assert (second.started or 0.0) >= (first.ended or 0.0) - 0.05


def test_the_next_one_ends_the_one_before(tmp_path: Path) -> None:
    scheduled(tmp_path, "cancel-old")
    fire("s1")
    until(lambda: children()[0].state == "running" and "import os" in logs("s1"), "the first did not start")
    again()
    (old, new) = children()
    until(lambda: submission(old.id).state == "cancelled", "the old one was not cancelled")
    (tmp_path / "go").touch()
    until(lambda: submission(new.id).state == "succeeded", "the new one did not succeed")


def test_a_command_that_died_before_it_handed_the_job_over_leaves_a_failure_and_no_job_that_nobody_knows_of(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scheduled(tmp_path)
    code = ("import os, mlops_jupyter.api.firing as firing\n"
            "firing.handed = lambda *given: os.kill(os.getpid(), 9)\nfiring.fire('s1')")
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == -9
    (child,) = children()
    assert (child.state, child.place) == ("queued", "")
    assert fire("s1") == []
    monkeypatch.setattr("time.time", lambda now=time.time: now() + 700)
    (child,) = children()
    assert (child.state, child.outcome and child.outcome.error) == ("failed", "it was never handed over")


def test_a_schedule_whose_store_is_a_teams_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "go").touch()
    scheduled(tmp_path)
    crontab = write_crontab(tmp_path / "bin")
    secret = open_ledger().create_token("me", "write").secret
    with serving() as address:
        path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
        away = {**os.environ, "MLOPS_STORE": address, "MLOPS_TOKEN": secret, "MLOPS_STATE": str(tmp_path / "away"), "PATH": path}

        def mlops(*words: str) -> str:
            program = [sys.executable, "-m", "mlops_jupyter.cli", *words]
            done = subprocess.run(program, env=away, cwd=tmp_path, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            return done.stdout

        mlops("submit", "job", "--to", "cron", "--unverified", "--schedule", "* * * * *")
        assert secret not in crontab.read_text()
        parent = next(one for one in open_ledger().submissions() if one.id != "s1")
        open_ledger().put(replace(parent, at=parent.at - 60))
        line = next(line for line in crontab.read_text().splitlines() if line.startswith("* "))
        subprocess.run(["/bin/sh", "-c", line.split(" ", 5)[5]], env={}, cwd="/", check=True)
        until(lambda: "succeeded" in mlops("submissions", "list"), "it did not succeed")
        mlops("submissions", "cancel", parent.id)
    (child,) = [one for one in open_ledger().submissions() if one.parent == parent.id]
    assert child.state == "succeeded"
    assert [run.id for run in open_ledger().runs()] == [child.run]
