"""A job that fails is tried again as often as was said, and one that takes too long is stopped and says so."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import pytest

from mlops_jupyter.entities import Outcome
from mlops_jupyter.jobs.attempts import Limits, attempts


class Job:
    """Ends as it is told, one state after the other; `waiting` lasts until it is cancelled."""

    def __init__(self, *states: str) -> None:
        self.states = list(states)
        self.began: list[float] = []

    def __call__(self, cancel: threading.Event, again: bool) -> SimpleNamespace:
        self.began.append(time.monotonic())
        state = self.states.pop(0)
        if state == "waiting":
            assert cancel.wait(30)
            state = "cancelled"
        return SimpleNamespace(outcome=Outcome(state, error=f"{state} for a reason"))  # type: ignore[arg-type]


@pytest.mark.parametrize(("states", "retries", "ends", "tried"), [
    (["succeeded"], 3, "succeeded", 1), (["failed", "died", "succeeded"], 3, "succeeded", 3),
    (["failed", "failed"], 1, "failed", 2), (["failed"], 0, "failed", 1), (["cancelled", "succeeded"], 3, "cancelled", 1),
])
def test_what_failed_is_tried_again(states: list[str], retries: int, ends: str, tried: int) -> None:
    job, said = Job(*states), list[str]()
    done = attempts(job, Limits(retries=retries, wait=0.01), say=said.append)
    assert (done.outcome.state, len(job.began), len(said)) == (ends, tried, tried - 1)
    assert all("for a reason" in line and "left" in line for line in said)


def test_the_wait_is_doubled() -> None:
    job, said = Job("failed", "failed", "failed"), list[str]()
    attempts(job, Limits(retries=2, wait=0.1), say=said.append)
    assert ["again in 0.1 s" in said[0], "again in 0.2 s" in said[1]] == [True, True]
    first, second, third = job.began
    assert second - first >= 0.1
    assert third - second >= 0.2


def test_a_run_that_takes_too_long_is_stopped_and_tried_again() -> None:
    done = attempts(Job("waiting", "succeeded"), Limits(whole=0.2, retries=1, wait=0.01))
    assert done.outcome.state == "succeeded"
    done = attempts(Job("waiting"), Limits(whole=0.2))
    assert (done.outcome.state, done.outcome.error) == ("timed-out", "not done after 0.2 s")


def test_who_cancels_ends_all_attempts() -> None:
    cancel = threading.Event()
    threading.Timer(0.1, cancel.set).start()
    done = attempts(Job("waiting", "succeeded"), Limits(whole=30, retries=3), cancel)
    assert done.outcome.state == "cancelled"
    cancel = threading.Event()
    threading.Timer(0.1, cancel.set).start()
    job = Job("failed", "succeeded")
    assert attempts(job, Limits(retries=3, wait=30), cancel).outcome.state == "failed"
    assert len(job.began) == 1
