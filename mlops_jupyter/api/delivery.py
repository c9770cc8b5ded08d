"""How an experiment delivers: from its first run to a verified job, what fails, what it costs, what comes out again.

Every figure is counted from the ledger when it is asked for. A job that was verified and never run is known by its bundle alone,
so whoever asks says which bundles lie in sight.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from mlops_jupyter.api.bundles import JobEntry
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.entities import Run, Spent, Submission
from mlops_jupyter.entities.codec import uncollected
from mlops_jupyter.entities.submissions import NO_END

WEEK = 7 * 86_400.0
_MONDAY = 4 * 86_400.0
"""Seconds from 1970, a Thursday, to the first Monday."""
WEEKS = 12
HOLDS = frozenset({"identical", "within tolerance"})


class DeliveryWeek(msgspec.Struct):
    """What began in the week from `start`, a Monday at midnight UTC. `jobs`: attempts that have ended, without the cancelled."""

    start: float
    runs: int
    failed_runs: int
    jobs: int
    failed_jobs: int
    verified: int
    """Runs of this week that were verified, whenever that was."""
    reproduced: int
    """Of those, the ones that came out identical or within tolerance."""
    notebook_seconds: float
    job_seconds: float


class Delivery(msgspec.Struct):
    """One experiment: all of its time in `whole`, its last weeks in `weeks`. `to_job`: seconds from first run to verified job."""

    experiment_id: str
    experiment: str
    last: float
    first_run: float
    whole: DeliveryWeek
    weeks: list[DeliveryWeek]
    first_verified: float | None = None
    to_job: float | None = None


@uncollected()
def delivery(entries: Sequence[JobEntry] = (), now: float = 0.0) -> list[Delivery]:
    """Every experiment that has a run of its user's own, the one worked on last first. `now`: the end of the weeks shown."""
    ledger = open_ledger()
    runs, spent, submissions = ledger.runs(), ledger.spent(), ledger.submissions()
    own = [run for run in runs if run.origin is None or not run.origin.job]
    found = {run.experiment_id: Delivery(run.experiment_id, run.experiment, 0.0, run.started, _empty(0.0), [])
             for run in own}
    for one in found.values():
        one.weeks = _weeks(now)
    _count_runs(found, own)
    _count_time(found, spent)
    _count_jobs(found, spent, submissions, _experiments(runs, spent, entries))
    for experiment, at in _verified(spent, entries):
        if experiment in found:
            found[experiment].first_verified = min(at, found[experiment].first_verified or at)
    for one in found.values():
        if one.first_verified is not None:
            one.to_job = max(0.0, one.first_verified - one.first_run)
    return sorted(found.values(), key=lambda one: -one.last)


def week_of(moment: float) -> float:
    """The Monday, at midnight UTC, of the week that a moment lies in."""
    return moment - (moment - _MONDAY) % WEEK


def _empty(start: float) -> DeliveryWeek:
    return DeliveryWeek(start, 0, 0, 0, 0, 0, 0, 0.0, 0.0)


def _weeks(now: float) -> list[DeliveryWeek]:
    return [_empty(week_of(now) - back * WEEK) for back in range(WEEKS - 1, -1, -1)] if now else []


def _places(one: Delivery, at: float) -> list[DeliveryWeek]:
    """Where something of that moment counts: in all, and in its week if that is shown."""
    start = week_of(at)
    return [one.whole, *(week for week in one.weeks if week.start == start)]


def _count_runs(found: dict[str, Delivery], own: Iterable[Run]) -> None:
    for run in own:
        one = found[run.experiment_id]
        one.first_run, one.last = min(one.first_run, run.started), max(one.last, run.started)
        known = run.verification if run.verification and run.verification.slice_digest == run.slice_digest else None
        for place in _places(one, run.started):
            place.runs += 1
            place.failed_runs += run.state == "failed"
            place.verified += known is not None
            place.reproduced += known is not None and known.verdict in HOLDS


def _count_time(found: dict[str, Delivery], spent: Iterable[Spent]) -> None:
    for session in spent:
        one = found.get(session.experiment_id)
        if one is None:
            continue
        one.last = max(one.last, session.started)
        for place in _places(one, session.started):
            if session.kind == "job":
                place.job_seconds += session.seconds
            else:
                place.notebook_seconds += session.seconds


def _count_jobs(found: dict[str, Delivery], spent: Iterable[Spent], submissions: Iterable[Submission],
                experiments: dict[str, str]) -> None:
    ended = [(experiments.get(one.job, ""), one.at, one.state != "succeeded") for one in submissions
             if one.state not in NO_END and one.state != "cancelled"]
    here = [(session.experiment_id, session.started, session.failed > 0) for session in spent
            if session.kind == "job" and not session.submission and session.executions]
    for experiment, at, failed in ended + here:
        if experiment in found:
            for place in _places(found[experiment], at):
                place.jobs += 1
                place.failed_jobs += failed


def _experiments(runs: Iterable[Run], spent: Iterable[Spent], entries: Iterable[JobEntry]) -> dict[str, str]:
    """Digest of a job → the experiment that it was made in."""
    found = {entry.manifest.digest: entry.manifest.experiment_id for entry in entries}
    found |= {session.job: session.experiment_id for session in spent if session.job}
    return found | {run.origin.job: run.experiment_id for run in runs if run.origin is not None and run.origin.job}


def _verified(spent: Iterable[Spent], entries: Iterable[JobEntry]) -> list[tuple[str, float]]:
    """(experiment, when it had a verified job): the verdict in a bundle, the first run of a job that was verified by then."""
    said = [(entry.manifest.experiment_id, entry.manifest.verified_at) for entry in entries if entry.manifest.verified]
    ran = [(session.experiment_id, session.started) for session in spent if session.kind == "job" and session.verified]
    return [(experiment, at) for experiment, at in said if at is not None] + ran
