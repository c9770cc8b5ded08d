"""A schedule that comes to a moment is decided on once, on record, by one of all who ask; and what it starts is a submission."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from mlops_jupyter.api.firing import KEPT, fire
from mlops_jupyter.api.handing import Handing, submit
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.api.submissions import cancel, find, look, submission, submission_sheet
from mlops_jupyter.entities import ConflictError, Firing, InputError, MlopsError, NotFoundError, Schedule, Submission
from mlops_jupyter.entities.submissions import Missed, Overlap
from mlops_jupyter.jobs.bundle import load
from tests.fakes import write_crontab
from tests.integration.sweep_jobs import write_job

MINUTE, ELSEWHERE = "* * * * *", "somebody@elsewhere"


@pytest.fixture
def crontab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = write_crontab(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return file


def scheduled(tmp_path: Path, cron: str = MINUTE, ago: float = 70.0, overlap: Overlap = "skip", missed: Missed = "run",
              ) -> Submission:
    """Of a job that does not exist, made so many seconds ago: what is decided is what counts."""
    schedule = Schedule(cron, "UTC", overlap, missed)
    one = Submission("s1", "job1", "cron", time.time() - ago, "scheduled", name="flights", schedule=schedule, place="cron:there",
                     bundle=str(tmp_path / "none"), host=ELSEWHERE)
    open_ledger().put(one)
    return one


def decide(id: str = "s1") -> list[Firing]:
    """As its timer would ask; that the job is not there is on record, and no matter here."""
    before = find(open_ledger(), id)
    try:
        return fire(id)
    except NotFoundError:
        after = find(open_ledger(), id)
        return after.firings[len(before.firings):]


def past(minutes: float) -> str:
    """A line of cron for the minute so long ago."""
    at = datetime.fromtimestamp(time.time() - 60 * minutes, UTC)
    return f"{at.minute} {at.hour} * * *"


def children() -> list[Submission]:
    return [one for one in open_ledger().submissions() if one.parent == "s1"]


def test_asked_by_many_at_the_same_moment_it_starts_one(tmp_path: Path) -> None:
    scheduled(tmp_path, past(1), ago=120)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: decide(), range(16)))
    assert len(children()) == 1
    assert [firing.what for firing in find(open_ledger(), "s1").firings] == ["run"]
    assert decide() == []


def test_a_job_that_is_gone_or_another_is_a_failure_on_record(tmp_path: Path) -> None:
    scheduled(tmp_path)
    with pytest.raises(NotFoundError, match="none"):
        fire("s1")
    (child,) = children()
    assert (child.state, child.due is not None) == ("failed", True)
    assert "never handed over" in child.outcome.error if child.outcome else False
    write_job(tmp_path / "none", [], "1")
    parent = find(open_ledger(), "s1")
    open_ledger().put(replace(parent, at=parent.at - 60, firings=[]))
    with pytest.raises(ConflictError, match="holds another job"):
        fire("s1")


@pytest.mark.parametrize(("cron", "ago", "missed", "expected"), [
    pytest.param(past(30), 7200, "run", [("run", True, 1)], id="made up for, late"),
    pytest.param(past(30), 7200, "skip", [("missed", False, 1)], id="left out"),
    pytest.param(past(-30), 60, "run", [], id="not yet"),
])
def test_what_was_missed_is_on_record(tmp_path: Path, cron: str, ago: float, missed: Missed,
                                      expected: list[tuple[str, bool, int]]) -> None:
    scheduled(tmp_path, cron, ago, missed=missed)
    assert [(one.what, one.made_up, one.count) for one in decide()] == expected
    assert decide() == []
    sheet = repr(submission_sheet(find(open_ledger(), "s1")))
    assert all(word in sheet for word in ("schedule", "next", *(["missed"] if expected else [])))


def test_a_minute_missed_for_an_hour_is_one_entry_and_one_start(tmp_path: Path) -> None:
    scheduled(tmp_path, ago=3600)
    made = decide()
    assert [one.what for one in made] == ["missed", "run"]
    assert made[0].count in {58, 59}
    assert not made[1].made_up
    assert len(children()) == 1


@pytest.mark.parametrize(("overlap", "what", "options"), [
    ("skip", "skipped", None), ("queue", "run", {"at-once": "1", "turn": "s1"}),
    ("cancel-old", "run", {"at-once": "1", "turn": "s1"}),
])
def test_while_the_one_before_runs(tmp_path: Path, overlap: Overlap, what: str, options: dict[str, str] | None) -> None:
    scheduled(tmp_path, past(1), 120, overlap)
    open_ledger().put(Submission("old", "job1", "local", 1.0, "running", parent="s1", place="/there", host=ELSEWHERE))
    (made,) = decide()
    assert made.what == what
    new = [one for one in children() if one.id != "old"]
    assert [one.options for one in new] == ([] if options is None else [options])
    assert made.child == ("old" if what == "skipped" else new[0].id)


def test_decisions_are_kept_up_to_a_number(tmp_path: Path) -> None:
    parent = scheduled(tmp_path)
    many = [Firing(parent.at - KEPT + number, 1.0, "skipped", "old") for number in range(KEPT)]
    open_ledger().put(replace(parent, firings=many))
    decide()
    kept = find(open_ledger(), "s1").firings
    assert (len(kept), kept[0] in many[1:], kept[-1].what) == (KEPT, True, "run")


def test_what_a_place_of_another_machine_says_is_not_asked_here() -> None:
    elsewhere = Submission("u1", "job1", "local", 1.0, "running", place="/nowhere", host=ELSEWHERE)
    open_ledger().put(elsewhere)
    assert look(open_ledger(), [elsewhere]) == [elsewhere]
    here = replace(elsewhere, id="u2", host="")
    open_ledger().put(here)
    assert look(open_ledger(), [here])[0].state == "died"


def test_a_schedule_is_submitted_shown_cancelled_and_gone(tmp_path: Path, crontab: Path) -> None:
    write_job(tmp_path / "job", [], "1")
    how = Handing(unverified=True, schedule=Schedule("0 6 * * 1-5", "Europe/Berlin"), deliver="out", timeout=9.0, retries=2)
    one = submit(tmp_path / "job", "cron", how=how)
    assert (one.state, one.job, one.bundle) == ("scheduled", load(tmp_path / "job").manifest.digest, str(tmp_path / "job"))
    assert Path(one.deliver).is_absolute()
    assert "Europe/Berlin" in repr(submission_sheet(submission(one.id)))
    crontab.write_bytes(crontab.read_bytes().replace(b" * * * * ", b" * * * 1 "))
    edited = submission(one.id)
    assert (edited.state, edited.outcome and "edited by hand" in edited.outcome.error) == ("scheduled", True)
    assert find(open_ledger(), one.id) == edited
    crontab.write_bytes(crontab.read_bytes().replace(b" * * * 1 ", b" * * * * "))
    assert cancel(one.id).state == "cancelled"
    assert not crontab.exists()
    with pytest.raises(ConflictError, match="no schedule that goes on"):
        fire(one.id)
    other = submit(tmp_path / "job", "cron", how=how)
    crontab.unlink()
    gone = submission(other.id)
    assert (gone.state, gone.outcome and "no longer in the crontab" in gone.outcome.error) == ("died", True)


@pytest.mark.parametrize(("runner", "schedule", "says"), [
    ("cron", None, "none is given"), ("systemd", None, "none is given"), ("local", Schedule(MINUTE), "takes no schedule"),
    ("cron", Schedule("* * * *"), "4 of five fields"), ("cron", Schedule(MINUTE, "Mars/Olympus"), "no time zone"),
])
def test_a_schedule_where_it_does_not_belong_is_refused_before_anything_is_on_record(
        tmp_path: Path, runner: str, schedule: Schedule | None, says: str) -> None:
    write_job(tmp_path / "job", [], "1")
    with pytest.raises(InputError, match=says) as caught:
        submit(tmp_path / "job", runner, how=Handing(unverified=True, schedule=schedule))
    assert caught.value.remedy
    assert open_ledger().submissions() == []


def test_a_clock_put_back_starts_nothing_twice(tmp_path: Path) -> None:
    parent = scheduled(tmp_path)
    ahead = time.time() + 3600
    open_ledger().put(replace(parent, firings=[Firing(ahead, ahead, "run", "u1")]))
    assert decide() == []


def test_what_is_no_schedule_does_not_fire() -> None:
    open_ledger().put(Submission("u1", "job1", "local", 1.0, "running", place="/there", host=ELSEWHERE))
    with pytest.raises(MlopsError, match="no schedule"):
        fire("u1")
