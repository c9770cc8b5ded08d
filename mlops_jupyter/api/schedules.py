"""What became of a schedule: its last start and its next, what was left out and what was missed, and what it has started."""

from __future__ import annotations

import time

import msgspec

from mlops_jupyter.api.telling import masked, spoken
from mlops_jupyter.api.words import plural
from mlops_jupyter.entities import AnyStore, Submission
from mlops_jupyter.jobs.schedule import after


def started(store: AnyStore, one: Submission) -> list[Submission]:
    """What a schedule has handed over, newest first."""
    return [each for each in store.submissions() if each.parent == one.id]


def first_moment(one: Submission) -> str:
    """A sentence on when a schedule comes first; "" for what has none."""
    coming = next(after(one.schedule, time.time()), None) if one.schedule is not None else None
    return f"It starts first at {spoken(one, coming)}. " if coming is not None else ""


def schedule_facts(one: Submission) -> list[tuple[str, str]]:
    """In words, for its sheet; nothing for what has no schedule."""
    if one.schedule is None:
        return []
    schedule = one.schedule
    facts = [("schedule", f"{schedule.cron} {schedule.zone}, overlap {schedule.overlap}, missed {schedule.missed}")]
    ran = [firing for firing in one.firings if firing.what == "run"]
    if ran:
        late = ", late" if ran[-1].made_up else ""
        facts.append(("last", f"{spoken(one, ran[-1].at)}{late}: submission {ran[-1].child[:14]}"))
    if one.state == "scheduled":
        coming = next(after(schedule, time.time()), None)
        facts.append(("next", spoken(one, coming) if coming is not None else "never again"))
    skipped = [firing for firing in one.firings if firing.what == "skipped"]
    if skipped:
        facts.append(("skipped", f"{len(skipped)}, the last {spoken(one, skipped[-1].at)}: {skipped[-1].child[:14]} still ran"))
    missed = [firing for firing in one.firings if firing.what == "missed" or firing.made_up]
    if missed:
        count = sum(firing.count for firing in missed)
        made_up = sum(firing.made_up for firing in missed)
        more = f"; made up for: {made_up}" if made_up else ""
        facts.append(("missed", f"{count}, the last {spoken(one, missed[-1].at)}{more}"))
    return facts


def decision_rows(one: Submission, most: int = 10) -> list[list[str]]:
    """The newest decisions, newest first: the moment, what was done, the submission that it is about."""
    def words(count: int, what: str, made_up: bool) -> str:
        return plural(count, "moment") + " missed" if what == "missed" else "run late" if made_up else what

    return [[spoken(one, firing.at), words(firing.count, firing.what, firing.made_up), firing.child[:14]]
            for firing in list(reversed(one.firings))[:most]]


def shown(one: Submission) -> Submission:
    """As it may be printed: an address of whom to tell may hold a secret."""
    return msgspec.structs.replace(one, tell=[masked(address) for address in one.tell])
