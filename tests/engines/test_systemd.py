"""systemd reads the units as they are meant: no complaint, the same moments as ours, and the command that they start."""

from __future__ import annotations

import itertools
import re
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mlops_jupyter.api.conformance import TIMER_CHECKS, Check, Kit, checks_of
from mlops_jupyter.api.firing import take_environment
from mlops_jupyter.api.handing import Handing, submit
from mlops_jupyter.api.submissions import cancel, submission
from mlops_jupyter.entities import Schedule, Submission
from mlops_jupyter.jobs.schedule import after, calendar_lines
from tests.integration.sweep_jobs import write_job

ANALYZE = shutil.which("systemd-analyze") or ""
pytestmark = pytest.mark.skipif(not ANALYZE, reason="systemd-analyze (Debian package systemd) is not installed")


def moments(line: str, base: float, count: int) -> list[float]:
    """When systemd says that a line of `OnCalendar=` comes, after a moment."""
    asked = [ANALYZE, "calendar", f"--iterations={count}", f"--base-time=@{base:.0f}", line]
    done = subprocess.run(asked, capture_output=True, text=True, check=False, env={"TZ": "UTC", "LC_ALL": "C"})
    assert done.returncode == 0, f"{line}: {done.stderr}"
    found = re.findall(r"(?:Next elapse|Iter\. #\d+|\(in UTC\)): \w+ (\d+-\d+-\d+ \d+:\d+:\d+) UTC", done.stdout)
    return [datetime.fromisoformat(each).replace(tzinfo=UTC).timestamp() for each in found]


@pytest.mark.parametrize(("cron", "zone", "since"), [
    ("0 6 * * 1-5", "Europe/Berlin", "2026-03-20"), ("0 6 * * 1-5", "Europe/Berlin", "2026-10-20"),
    ("30 2 * * *", "Europe/Berlin", "2026-03-26"), ("30 2 * * *", "Europe/Berlin", "2026-10-23"),
    ("*/15 * * * *", "Europe/Berlin", "2026-03-28 23:00"), ("*/15 * * * *", "Europe/Berlin", "2026-10-24 23:00"),
    ("*/15 1-3 * * *", "America/New_York", "2026-03-07"), ("*/15 1-3 * * *", "America/New_York", "2026-10-31"),
    ("*/20 1-2 * * *", "Australia/Lord_Howe", "2026-10-02"), ("*/20 1-2 * * *", "Australia/Lord_Howe", "2026-04-03"),
    ("0 12 29 2 *", "UTC", "2026-01-01"), ("0 0 13 * 5", "UTC", "2026-11-01"), ("0 0 */2 * 1", "UTC", "2026-11-01"),
    ("5-59/10 8,12,16-18 1-7 JAN-MAR,DEC *", "Asia/Kathmandu", "2026-11-01"), ("0 0 * * 7", "UTC", "2026-11-01"),
])
def test_systemd_says_the_same_moments(cron: str, zone: str, since: str) -> None:
    schedule, base = Schedule(cron, zone), datetime.fromisoformat(since).replace(tzinfo=UTC).timestamp()
    ours = list(itertools.islice(after(schedule, base), 20))
    theirs = {moment for line in calendar_lines(schedule) for moment in moments(line, base, 40)}
    assert set(ours) <= theirs
    extra = {moment for moment in theirs if base < moment <= ours[-1]} - set(ours)
    gaps = calendar_lines(schedule)[1 if cron.split()[2] == "*" or cron.split()[4] == "*" or "/" in cron else 2:]
    assert extra <= {moment for line in gaps for moment in moments(line, base, 40)}, "more than the ends of gaps"


@pytest.fixture
def made(tmp_path: Path) -> Submission:
    write_job(tmp_path / "a job", [], "print('hello')")
    how = Handing(options={"folder": str(tmp_path / "units")}, unverified=True, schedule=Schedule("30 2 29 2 *", "Europe/Berlin"))
    return submit(tmp_path / "a job", "systemd", how=how)


def test_systemd_has_nothing_to_say_against_the_units(tmp_path: Path, made: Submission) -> None:
    units = sorted(str(path) for path in (tmp_path / "units").iterdir())
    assert len(units) == 2
    done = subprocess.run([ANALYZE, "verify", "--man=no", *units], capture_output=True, text=True, check=False)
    assert (done.returncode, [line for line in done.stderr.splitlines() if made.id in line]) == (0, [])
    shown = submission(made.id)
    assert shown.outcome is not None
    assert (shown.state, "systemctl --user enable --now" in shown.outcome.error) == ("scheduled", True)
    cancel(made.id)
    assert not list((tmp_path / "units").iterdir())


def test_the_command_of_the_service_starts_and_finds_nothing_due(tmp_path: Path, made: Submission) -> None:
    (service,) = (tmp_path / "units").glob("*.service")
    command = next(line.removeprefix("ExecStart=") for line in service.read_text().splitlines() if line.startswith("ExecStart="))
    words = [word.replace("%%", "%").replace("$$", "$") for word in shlex.split(command)]
    assert words[:3] == [sys.executable, "-m", "mlops_jupyter.cli"]
    done = subprocess.run(words, cwd="/", env={}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    take_environment(Path(words[-1]))
    assert submission(made.id).firings == []


@pytest.mark.parametrize("check", TIMER_CHECKS, ids=lambda check: check.__name__)
def test_it_keeps_what_every_timer_promises(tmp_path: Path, check: Check) -> None:
    kit = Kit("systemd", {"folder": str(tmp_path / "units")}, tmp_path)
    assert check in checks_of(kit)
    check(kit)
