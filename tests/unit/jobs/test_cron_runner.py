"""The cron runner changes its own lines of a crontab and nothing else, whatever is in there, however many change it at once."""

from __future__ import annotations

import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mlops_jupyter.entities import ConflictError, InputError, NotFoundError, Schedule
from mlops_jupyter.jobs.runners import Order
from mlops_jupyter.jobs.runners.cron import CronOptions, CronRunner
from mlops_jupyter.jobs.runners.timers import ENVIRONMENT
from tests.fakes import write_crontab
from tests.integration.sweep_jobs import write_job

SCHEDULE = Schedule("0 6 * * 1-5", "Asia/Kathmandu")


@pytest.fixture
def crontab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = write_crontab(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return file


@pytest.fixture
def job(tmp_path: Path) -> Path:
    return write_job(tmp_path / "job", [], "1")


def order(job: Path, name: str = "one", **more: object) -> Order:
    return Order(submission=name, bundle=job, **{"schedule": SCHEDULE, **more})  # type: ignore[arg-type]


BEFORE = [
    pytest.param(None, id="no crontab"), pytest.param(b"", id="an empty one"), pytest.param(b"5 4 * * * true\n", id="one line"),
    pytest.param(b"# a\r\n5 4 * * * true\r\n", id="CRLF"), pytest.param(b"# \\r\n# a\r\n", id="what looks like one"),
    pytest.param(b"5 4 * * * true", id="no last newline"),
    pytest.param(b"A=\xff\xfe\n\n\n  # \xc3\xa9 %\n", id="no UTF-8, blank lines"),
    pytest.param(b"# >>> mlops two\n* * * * * true\n# <<< mlops two\n# >>> mlops one, it says\n", id="lines like ours"),
]


@pytest.mark.parametrize("before", BEFORE)
def test_other_lines_stay_byte_for_byte(tmp_path: Path, crontab: Path, job: Path, before: bytes | None) -> None:
    if before is not None:
        crontab.write_bytes(before)
    runner = CronRunner(base=tmp_path / "base")
    (place,) = runner.submit([order(job)])
    ended = (before or b"") + (b"\n" if before and not before.endswith(b"\n") else b"")
    assert crontab.read_bytes() == ended + runner.preview([order(job)]).encode()
    assert [sight.word for sight in runner.status([place])] == ["installed"]
    runner.cancel([place])
    left = crontab.read_bytes() if crontab.exists() else b""
    assert left == ended
    assert runner.status([place])[0].word == "gone"
    runner.cancel([place])


def test_the_line_comes_each_hour_at_the_minute_and_its_command_is_one_that_cron_reads(
        tmp_path: Path, crontab: Path, job: Path) -> None:
    CronRunner(base=tmp_path / "100% mine").submit([order(job)])
    (line,) = [line for line in crontab.read_text().splitlines() if line and not line.startswith("#")]
    assert line.startswith("15 * * * * ")
    assert "'" in line
    assert "100\\% mine/one/timer.json" in line


def test_many_at_once_are_all_there_and_then_all_gone(tmp_path: Path, crontab: Path, job: Path) -> None:
    crontab.write_bytes(b"5 4 * * * true\n")
    runner = CronRunner(base=tmp_path / "base")
    with ThreadPoolExecutor(6) as threads:
        places = list(threads.map(lambda name: runner.submit([order(job, name)])[0], "abcdef"))
        assert [sight.word for sight in runner.status(places)] == ["installed"] * 6
        list(threads.map(lambda place: runner.cancel([place]), places))
    assert crontab.read_bytes() == b"5 4 * * * true\n"


@pytest.mark.parametrize(("old", "new"), [(b"15 * * * *", b"*/5 * * * *"), (b"\n15 *", b"\n#15 *"), (b"# Content ", b"# ")])
def test_an_edit_by_hand_is_seen_and_kept(tmp_path: Path, crontab: Path, job: Path, old: bytes, new: bytes) -> None:
    runner = CronRunner(base=tmp_path / "base")
    places = runner.submit([order(job), order(job, "two")])
    edited = crontab.read_bytes().replace(old, new, 1)
    crontab.write_bytes(edited)
    assert [sight.word for sight in runner.status(places)] == ["edited", "installed"]
    with pytest.raises(ConflictError, match="one in the crontab was edited"):
        runner.cancel(list(reversed(places)))
    assert crontab.read_bytes() == edited


def test_what_the_command_needs_lies_where_nobody_else_reads_it(
        tmp_path: Path, crontab: Path, job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGION", "north")
    given = order(job, env={"MLOPS_STORE": "a"}, secrets={"MLOPS_TOKEN": "s3cret"})
    runner = CronRunner(CronOptions(env="REGION"), tmp_path / "base")
    runner.submit([given])
    file = tmp_path / "base" / "one" / ENVIRONMENT
    found = json.loads(file.read_text())
    assert (found["MLOPS_STORE"], found["MLOPS_TOKEN"], found["REGION"]) == ("a", "s3cret", "north")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert "s3cret" not in crontab.read_text() + runner.preview([given])


@pytest.mark.parametrize(("wrong", "says"), [
    pytest.param({"schedule": None}, "needs a schedule", id="no schedule"),
    pytest.param({"parameters": {"text": "a\x1b[31m* * * * * evil"}}, "cron cannot hold", id="a control character"),
    pytest.param({"submission": "x" * 900}, "cron takes 998", id="a command that is too long"),
])
def test_what_a_crontab_cannot_hold_is_refused_and_nothing_is_written(
        tmp_path: Path, crontab: Path, job: Path, wrong: dict[str, object], says: str) -> None:
    runner = CronRunner(base=tmp_path / "base")
    given = Order(**{"submission": "one", "bundle": job, "schedule": SCHEDULE, **wrong})  # type: ignore[arg-type]
    for refused in (runner.preview, runner.submit):
        with pytest.raises(InputError) as caught:
            refused([order(job, "fine"), given])
        assert says in caught.value.what
    assert not crontab.exists()


def test_no_cron_one_that_refuses_and_places_that_are_none(tmp_path: Path, crontab: Path, job: Path,
                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    runner = CronRunner(base=tmp_path / "base")
    for place in ("no-such-place", f"cron:{tmp_path}", f"systemd:{tmp_path}", ""):
        with pytest.raises(NotFoundError):
            runner.status([place])
    program = tmp_path / "bin" / "crontab"
    program.write_text("#!/bin/sh\necho 'You (me) are not allowed to use this program (crontab)' >&2; exit 1\n")
    with pytest.raises(InputError, match="are not allowed"):
        runner.submit([order(job)])
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError) as caught:
        runner.submit([order(job)])
    assert "there is no crontab" in caught.value.what
    assert "--to systemd" in caught.value.remedy
