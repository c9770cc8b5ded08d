"""Who is to hear of an end hears of it once, whoever sees it; and neither a crash nor a service that fails hurts a job."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from msgspec.structs import replace

from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.api.schedules import shown
from mlops_jupyter.api.submissions import submission, submission_sheet, submissions
from mlops_jupyter.api.telling import LEASE, masked, must_be_tellable, tell
from mlops_jupyter.entities import Firing, InputError, Outcome, Schedule, Submission
from mlops_jupyter.entities.jobs import OutcomeState
from tests.fakes import Listener

pytest.importorskip("apprise", reason="apprise (the extra `tell`) is not installed")


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener() as found:
        yield found


def put(listener: Listener | None, id: str, state: OutcomeState = "failed", **more: object) -> Submission:
    error = "" if state == "succeeded" else "ValueError: the table is empty"
    given = {"job": "job1", "runner": "local", "outcome": Outcome(state, error, 3), "name": "flights", "owner": "ada",
             "tell": [listener.address] if listener else [], "ended": time.time(), "run": "r1", **more}
    one = Submission(id, at=time.time(), state=state, **given)  # type: ignore[arg-type]
    open_ledger().put(one)
    return one


def test_a_failure_is_told_once_however_many_look(listener: Listener) -> None:
    put(listener, "u1")
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(lambda _: submissions(), range(12)))
    (said,) = listener.heard
    assert said["title"] == "mlops: flights failed"
    assert said["message"].splitlines() == [
        "cell 3: ValueError: the table is empty", "run r1, submission u1, to local, of ada", "More: mlops submissions show u1"]
    assert submission("u1").told == "failed"


def test_it_is_told_when_it_is_well_again_and_not_when_it_stays_well(listener: Listener) -> None:
    for number, state in enumerate(["succeeded", "failed", "died", "cancelled", "succeeded", "succeeded", "timed-out"]):
        put(listener, f"u{number}", state, ended=1000.0 + number)  # type: ignore[arg-type]
        submissions()
    assert listener.titles == [f"mlops: flights {word}" for word in ("failed", "died", "is well again", "took too long")]


def test_well_again_is_said_of_the_same_schedule_or_of_the_same_owners_job(listener: Listener) -> None:
    put(listener, "u1", parent="s1", ended=1.0)
    put(listener, "u2", "succeeded", parent="s2", ended=2.0)
    put(listener, "u3", "succeeded", ended=3.0)
    put(listener, "u4", owner="bob", ended=4.0)
    put(listener, "u5", "succeeded", ended=5.0)
    put(listener, "u6", "succeeded", owner="bob", job="another digest", ended=6.0)
    put(listener, "u7", "succeeded", parent="s1", ended=7.0)
    submissions()
    assert sorted(listener.titles) == ["mlops: flights failed"] * 2 + ["mlops: flights is well again"] * 2
    assert [one.id for one in submissions() if one.told == "succeeded"] == ["u7", "u6", "u5", "u3", "u2"]


@pytest.mark.parametrize(("ago", "told"), [(LEASE + 1, 1), (LEASE / 2, 0)], ids=["long ago: told now", "just now: left to it"])
def test_one_who_died_between_claiming_and_telling_loses_nothing(listener: Listener, ago: float, told: int) -> None:
    put(listener, "u1", telling=time.time() - ago)
    submissions()
    assert len(listener.heard) == told


def test_a_service_that_fails_hurts_nothing_and_is_shown() -> None:
    with Listener(status=500) as broken, Listener() as fine:
        put(fine, "u1", tell=[broken.address, "env:NOWHERE", "json://127.0.0.1:1/x", fine.address])
        found = submission("u1")
    assert found.state == "failed"
    assert len(fine.heard) == 1
    parts = found.untold.split("; ")
    assert parts[0].startswith("json://… could not be told: Failed to send JSON POST notification: Internal server error")
    assert "the environment variable NOWHERE is not set" in parts[1]
    assert len(parts) == 3
    shown_ = repr(submission_sheet(found))
    assert "could not be told" in shown_
    assert "s3cret-hook" not in shown_ + found.untold


def test_secrets_and_what_steers_a_terminal_stay_out(listener: Listener) -> None:
    secret = "ghp_0123456789abcdefghijABCDEFGHIJ012345"
    put(listener, "u1", outcome=Outcome("failed", f"HTTPError: token={secret} \x1b[31m\a", 2))
    submissions()
    assert secret not in str(listener.heard)
    assert "\x1b" not in listener.heard[0]["message"]
    assert "HTTPError" in listener.heard[0]["message"]
    assert shown(submission("u1")).tell == ["json://…"]
    assert masked("env:HOOK") == "env:HOOK"


MINUTE = Schedule("* * * * *", missed="skip")


def test_a_missed_schedule_is_told_once_until_all_is_well(listener: Listener) -> None:
    store, past = open_ledger(), time.time() - 3600
    parent = Submission("s1", "job1", "cron", past, "scheduled", name="flights", schedule=MINUTE, tell=[listener.address],
                        place="cron:there", host="somebody@elsewhere")
    store.put(parent)
    for _ in range(3):
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda _: submissions(), range(4)))
    assert listener.titles == ["mlops: flights was not started at its time"]
    assert "does its timer run?" in listener.heard[0]["message"]
    now = time.time()
    missed = Firing(now, now, "missed", count=59, first=past)
    for firings, told in [([missed], "missed"), ([missed, Firing(now, now + 1, "run", "u2")], ""),
                          ([Firing(now, now + 2, "run", "u3", made_up=True)], "")]:
        store.put(replace(parent, firings=firings, told=told))
        submissions()
    assert listener.titles == ["mlops: flights was not started at its time"] * 2
    assert "made up for now" in listener.heard[1]["message"]


def test_an_engine_that_keeps_its_own_schedule_is_not_called_late(listener: Listener) -> None:
    open_ledger().put(Submission("s1", "job1", "airflow", time.time() - 3600, "scheduled", schedule=MINUTE, place="airflow://there",
                                 tell=[listener.address]))
    assert tell(open_ledger(), open_ledger().submissions())[0].told == ""
    assert listener.heard == []


def test_a_schedule_that_is_gone_is_told_as_a_failure(listener: Listener) -> None:
    put(listener, "s1", "died", schedule=MINUTE, runner="cron", outcome=Outcome("died", "its lines are gone"))
    submissions()
    assert listener.titles == ["mlops: the schedule of flights died"]


def test_nobody_is_told_where_nobody_was_named() -> None:
    one = put(None, "u1")
    assert tell(open_ledger(), [one]) == [one]


@pytest.mark.parametrize(("address", "says"), [
    ("nothing://x/s3cret", "nothing://… is no address"), ("s3cret words", "no address"),
    ("env:NOT_SET", "nothing at env:NOT_SET"),
])
def test_an_address_that_is_none_is_refused_and_not_repeated(address: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        must_be_tellable([address])
    assert says in caught.value.what
    assert "://x/s3cret" not in str(caught.value)


def test_without_apprise_an_address_is_refused_and_what_is_owed_stays_owed(listener: Listener,
                                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    put(listener, "u1")
    with monkeypatch.context() as without:
        without.setattr("mlops_jupyter.api.telling._installed", lambda: False)
        with pytest.raises(InputError) as caught:
            must_be_tellable([listener.address])
        assert "mlops_jupyter[tell]" in caught.value.remedy
        assert submission("u1").told == ""
    submissions()
    assert len(listener.heard) == 1


def test_an_address_may_be_a_reference(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK", listener.address)
    must_be_tellable(["env:HOOK"])
    put(listener, "u1", tell=["env:HOOK"])
    submissions()
    assert len(listener.heard) == 1
