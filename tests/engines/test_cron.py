"""Debian's own cron starts a job at its minute, once, and no more after it was cancelled."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mlops_jupyter.api.conformance import TIMER_CHECKS, Check, Kit, checks_of
from mlops_jupyter.entities import JobParameter
from tests.integration.sweep_jobs import write_job

DAEMON = shutil.which("cron", path="/usr/sbin:/usr/bin:/sbin:/bin")
OTHERS = b"# kept\r\n# \\r\n0 0 1 1 * true %  x\n"
SPOOL = Path("/var/spool/cron/crontabs/root")


@pytest.fixture(scope="module")
def crontab() -> Iterator[Callable[[], bytes]]:
    """A crontab with lines of somebody else; afterwards it is what it was."""
    if DAEMON is None or shutil.which("crontab") is None:
        pytest.skip("cron (Debian package cron) is not installed")
    if os.getuid() != 0:
        pytest.skip("cron can only be started by root")
    before = subprocess.run(["crontab", "-l"], capture_output=True, check=False)
    subprocess.run(["crontab", "-"], input=OTHERS, check=True)

    def read() -> bytes:
        """As cron has it: its own command shows a carriage return as two letters."""
        return b"".join(SPOOL.read_bytes().splitlines(keepends=True)[3:])  # three lines of cron's own

    yield read
    if before.returncode:
        subprocess.run(["crontab", "-r"], check=True)
    else:
        subprocess.run(["crontab", "-"], input=before.stdout, check=True)


@contextmanager
def daemon() -> Iterator[None]:
    """Cron, while this lasts; the machine's own where it has one."""
    assert DAEMON is not None
    if any(line.read_text().strip() == "cron" for line in Path("/proc").glob("[0-9]*/comm")):
        yield
        return
    running = subprocess.Popen([DAEMON, "-f"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        running.terminate()
        running.wait(10)


def mlops(*words: str) -> str:
    program = [sys.executable, "-m", "mlops_jupyter.cli", *words]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def until(met: Callable[[], bool], patience: float, what: str) -> None:
    end = time.monotonic() + patience
    while not met():
        assert time.monotonic() < end, what
        time.sleep(0.5)


@pytest.mark.slow
def test_cron_itself_starts_a_job_once_a_minute_until_it_is_cancelled(tmp_path: Path, crontab: Callable[[], bytes]) -> None:
    write_job(tmp_path / "job", [JobParameter("who", "string", "")], "print('hello', who)")
    made = json.loads(mlops("submit", str(tmp_path / "job"), "--to", "cron", "--unverified", "-p", "who=100% me",
                            "--schedule", "* * * * *", "--zone", "Australia/Lord_Howe", "--json"))
    assert crontab().startswith(OTHERS)

    def children() -> list[dict[str, str]]:
        return [one for one in json.loads(mlops("submissions", "list", "--json")) if one["parent"] == made["id"]]

    with daemon():
        until(lambda: bool(children()), 75, "cron started nothing")
    cancelled = json.loads(mlops("submissions", "cancel", made["id"], "--json"))
    assert cancelled["state"] == "cancelled"
    assert crontab() == OTHERS
    until(lambda: all(one["state"] == "succeeded" for one in children()), 60, f"it did not succeed: {children()}")
    assert "hello 100% me" in mlops("submissions", "logs", made["id"])
    shown = json.loads(mlops("submissions", "show", made["id"], "--json"))
    assert [(one["what"], one["child"]) for one in shown["firings"]] == [("run", one["id"]) for one in reversed(children())]
    moments = [one["due"] for one in children()]
    assert len(moments) == len(set(moments))
    assert all(float(moment) % 60 == 0 for moment in moments)


def test_its_command_needs_nothing_of_the_users_environment(tmp_path: Path, crontab: Callable[[], bytes]) -> None:
    write_job(tmp_path / "job", [], "1")
    mlops("submit", str(tmp_path / "job"), "--to", "cron", "--unverified", "--schedule", "0 0 29 2 *")
    line = next(line for line in crontab().decode().splitlines() if " submissions fire " in line)
    command = line.split(" ", 5)[5].replace("\\%", "%")
    assert not command.startswith("*")
    done = subprocess.run(["/bin/sh", "-c", command], cwd="/", env={"HOME": "/", "PATH": "/usr/bin:/bin"}, check=False)
    (log,) = Path(os.environ["MLOPS_STATE"]).glob("*/submissions/*/timer.log")
    assert (done.returncode, log.read_text()) == (0, "")
    (one,) = json.loads(mlops("submissions", "list", "--json"))
    mlops("submissions", "cancel", one["id"])
    assert crontab() == OTHERS


@pytest.mark.parametrize("check", TIMER_CHECKS, ids=lambda check: check.__name__)
def test_it_keeps_what_every_timer_promises(tmp_path: Path, crontab: Callable[[], bytes], check: Check) -> None:
    kit = Kit("cron", {}, tmp_path)
    assert check in checks_of(kit)
    check(kit)
    assert crontab() == OTHERS
