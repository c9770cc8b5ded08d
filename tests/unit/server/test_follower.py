"""A server tells of a failure, and of a schedule that was missed, though nobody asks it anything."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.config import Settings
from mlops_jupyter.entities import Outcome, Schedule, Submission
from tests.fakes import Listener
from tests.team import serving

pytest.importorskip("apprise", reason="apprise (the extra `tell`) is not installed")


@pytest.fixture(autouse=True)
def often() -> None:
    Settings.current().follow_seconds = 0.1


def until_heard(listener: Listener, count: int) -> None:
    end = time.monotonic() + 30
    while len(listener.heard) < count:
        assert time.monotonic() < end, listener.titles
        time.sleep(0.02)


def test_what_ends_is_noted_and_told_and_so_is_a_missed_schedule_and_an_end_that_somebody_left_untold() -> None:
    store = open_ledger()
    store.create_token("team", "read")
    with Listener() as listener:
        tell = [listener.address]
        store.put(Submission("u1", "job1", "local", 1.0, "failed", name="left", outcome=Outcome("failed"), tell=tell, ended=1.0))
        store.put(Submission("u2", "job1", "local", 1.0, "running", name="killed", place="/nowhere", tell=tell))
        store.put(Submission("s1", "job1", "cron", time.time() - 7200, "scheduled", name="hourly", place="cron:there", tell=tell,
                             host="somebody@elsewhere", schedule=Schedule("0 * * * *")))
        with serving():
            until_heard(listener, 3)
        assert sorted(listener.titles) == [
            "mlops: hourly was not started at its time", "mlops: killed died", "mlops: left failed"]
    assert {one.id: one.state for one in store.submissions()}["u2"] == "died"


def test_a_server_that_nobody_asked_makes_no_store(own_home: Path, caplog: pytest.LogCaptureFixture) -> None:
    import asyncio
    import logging

    from mlops_jupyter.server.follower import Follower

    async def follow() -> None:
        follower = Follower(Settings.current(), logging.getLogger("followed"), print)
        follower.start()
        await asyncio.sleep(0.5)
        await follower.stop()

    asyncio.run(follow())
    assert not (own_home / "store").exists()
    assert not caplog.records
