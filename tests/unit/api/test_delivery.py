"""What an experiment delivers is counted from the ledger: each run, job, second and verdict once, in the week in which it was."""

from __future__ import annotations

import time

from mlops_jupyter.api.bundles import JobEntry
from mlops_jupyter.api.delivery import WEEK, delivery, week_of
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.entities import JobManifest, Origin, Session, Submission
from mlops_jupyter.store import Store
from tests.unit.store.story import append, cell, run, session, verdict

NOW = time.mktime((2026, 11, 25, 12, 0, 0, 0, 0, 0))
DAY = 86_400.0


def job_session(id: str, at: float, submission: str = "", *, verified: bool = True) -> Session:
    origin = Origin(job="sha256:j", submission=submission, verified=verified)
    return Session(id, f"w-{id}", "job", "a", "exp-a", at, state="ended", origin=origin)


def told() -> Store:
    store = open_ledger()
    assert isinstance(store, Store)
    began = NOW - 20 * DAY
    append(store, session(), cell(1, started=1.0, ended=3.0), cell(2, "error", started=3.0, ended=3.5), cell(3, started=4.0))
    store.save_runs("s1", [run("r1", started=began, slice_digest="d"), run("r2", started=NOW - DAY, state="failed"),
                           run("r3", started=NOW - DAY, slice_digest="d"), run("r4", started=NOW, slice_digest="now")], 1)
    said = (verdict("v1", "r1", NOW), verdict("v3", "r3", NOW, "different"), verdict("v4", "r4", NOW))
    for one, digest in zip(said, ("d", "d", "before an edit"), strict=True):
        one.slice_digest = digest
        store.put(one)
    return store


def test_runs_and_what_verifies() -> None:
    told()
    (one,) = delivery(now=NOW)
    assert (one.whole.runs, one.whole.failed_runs, one.whole.verified, one.whole.reproduced) == (4, 1, 2, 1)
    assert one.whole.notebook_seconds == 2.5
    assert (one.first_run, one.first_verified, one.to_job) == (NOW - 20 * DAY, None, None)
    assert [week.runs for week in one.weeks] == [0] * 8 + [1, 0, 0, 3]
    assert all(week_of(week.start) == week.start for week in one.weeks)
    assert one.weeks[-1].start <= NOW < one.weeks[-1].start + WEEK
    assert time.gmtime(one.weeks[0].start).tm_wday == 0


def test_a_job_is_verified_when_its_bundle_says_so_or_when_a_verified_one_first_ran() -> None:
    store = told()
    manifest = JobManifest("a", 1.0, [], [], [], 1, 1, experiment_id="exp-a", verified=True, verified_at=NOW - 2 * DAY)
    assert delivery([JobEntry("job", manifest)], NOW)[0].to_job == 18 * DAY
    append(store, job_session("j0", NOW - 4 * DAY, verified=False), writer="w-j0")
    append(store, job_session("j1", NOW - 3 * DAY), cell(1, session="j1", started=1.0, ended=11.0), writer="w-j1")
    one = delivery([JobEntry("job", manifest)], NOW)[0]
    assert one.first_verified == NOW - 3 * DAY
    assert one.whole.job_seconds == 10.0


def test_an_attempt_of_a_submission_is_counted_once_and_one_that_was_cancelled_not_at_all() -> None:
    store = told()
    append(store, job_session("j1", NOW, "u1"), cell(1, "error", "j1", started=1.0, ended=2.0), writer="w-j1")
    append(store, job_session("j2", NOW), cell(1, session="j2", started=1.0, ended=2.0), writer="w-j2")
    for one, state in (("u1", "failed"), ("u2", "succeeded"), ("u3", "cancelled"), ("u4", "running"), ("u5", "died")):
        store.put(Submission(one, "sha256:j", "local", NOW, state))  # type: ignore[arg-type]
    store.put(Submission("u6", "sha256:unknown", "local", NOW, "failed"))
    whole = delivery(now=NOW)[0].whole
    assert (whole.jobs, whole.failed_jobs) == (4, 2)


def test_without_a_run_there_is_nothing_to_show() -> None:
    assert delivery(now=NOW) == []
