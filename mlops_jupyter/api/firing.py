"""A schedule comes to a moment: what is decided, on record before anything starts, and by one of all who are asked.

A timer only knocks: `mlops submissions fire ID`. Which moments have come since the last decision follows from the ledger, and
what is done for them is stored together with the new submission, if nobody has decided meanwhile. So a timer may knock twice,
late, too often or in another time zone, and a clock may jump.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec

from mlops_jupyter.api.display import Sheet
from mlops_jupyter.api.handing import Handing, handed, never_handed_over, runner_of, user_here
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.api.submissions import find, look
from mlops_jupyter.api.telling import decided, tell
from mlops_jupyter.api.words import when
from mlops_jupyter.entities import (
    AnyStore,
    ConflictError,
    Firing,
    InputError,
    Schedule,
    StoreError,
    Submission,
    new_id,
)
from mlops_jupyter.entities.submissions import NO_END
from mlops_jupyter.jobs.bundle import Bundle, load
from mlops_jupyter.jobs.schedule import decide, due

KEPT = 200
"""Decisions of a schedule that are kept with it; each that started something is a submission besides."""
RUNNER = "local"
_TRIES = 20  # times that others may decide before us, all of them on other moments


def fire(id: str) -> list[Firing]:
    """Do what a schedule says for the moments since it was last asked. Nothing is due: nothing happens.

    ConflictError for what is no schedule any more, and where the job's folder holds another job than the one that was submitted.
    """
    store = open_ledger()
    for _ in range(_TRIES):
        parent, now = find(store, id), time.time()
        if parent.schedule is None or parent.state != "scheduled":
            raise ConflictError(f"submission {parent.id} is no schedule that goes on: it {parent.state}",
                                "take it out of its timer by hand: crontab -e, or systemctl --user disable --now")
        found = due(parent.schedule, decided(parent), now)
        if found.start is None and found.missed is None:
            return []
        running = _running(store, parent) if found.start is not None else []
        child = _child(parent, parent.schedule, found.start, now)
        made = decide(parent.schedule, found, now, running[-1].id if running else "", child.id)
        starts = any(firing.what == "run" for firing in made)
        changed = _noted(parent, made)
        if store.swap(parent, [changed, child] if starts else [changed]):
            tell(store, [changed])
            if starts:
                _start(store, parent, parent.schedule, child, running)
            return made
    raise StoreError(f"the schedule {parent.id} was decided on by others {_TRIES} times in a row", "mlops submissions list")


def take_environment(file: Path) -> None:
    """Set the variables that a timer was given. InputError for a file that is none of it."""
    try:
        found = msgspec.json.decode(file.read_bytes(), type=dict[str, str])
    except (OSError, msgspec.DecodeError) as error:
        raise InputError(f"{file} holds no environment of a timer: {error}", "submit the job again") from None
    os.environ.update(found)


def firings_sheet(made: list[Firing]) -> Sheet:
    """A line for each decision, for the log of a timer."""
    lines = [f"{when(one.decided)} for {when(one.at)}: {one.what}{', late' if one.made_up else ''}"
             f"{f' ({one.count} moments)' if one.count > 1 else ''} {one.child}".rstrip() for one in made]
    return Sheet("", notes=lines)


def _noted(parent: Submission, made: list[Firing]) -> Submission:
    """With these decisions. What was said of a missed moment is over once all goes as it should."""
    well = all(firing.what != "missed" and not firing.made_up for firing in made)
    return msgspec.structs.replace(parent, firings=[*parent.firings, *made][-KEPT:], told="" if well else parent.told)


def _running(store: AnyStore, parent: Submission) -> list[Submission]:
    """Those of it that have not ended, oldest first."""
    open_ = [one for one in store.submissions(unfinished=True) if one.parent == parent.id]
    return [one for one in reversed(look(store, open_)) if one.state in NO_END]


def _child(parent: Submission, schedule: Schedule, moment: float | None, now: float) -> Submission:
    """The submission for one moment. Where it is to wait for the one before it, they take turns."""
    options = {} if schedule.overlap == "skip" else {"at-once": "1", "turn": parent.id}
    return Submission(
        new_id(), parent.job, RUNNER, now, "queued", parameters=parent.parameters, name=parent.name, owner=parent.owner,
        inputs=parent.inputs, options=options, deliver=parent.deliver, parent=parent.id, tell=parent.tell, queued=now,
        host=user_here(), bundle=parent.bundle, retries=parent.retries, timeout=parent.timeout, due=moment)


def _start(store: AnyStore, parent: Submission, schedule: Schedule, child: Submission, running: list[Submission]) -> None:
    """Hand it over. What goes wrong is on record as its end, and is told."""
    if schedule.overlap == "cancel-old":
        for one in running:
            if one.place:
                runner_of(one.runner, one.options).cancel([one.place])
    how = Handing(options=child.options, deliver=child.deliver, retries=child.retries, timeout=child.timeout, parent=parent.id)
    try:
        bundle = _same(parent)
    except Exception as error:
        never_handed_over(store, [child], error)
        tell(store, [find(store, child.id)])
        raise
    try:
        handed(store, bundle, [child], how, runner_of(child.runner, child.options))
    except BaseException:
        tell(store, [find(store, child.id)])
        raise


def _same(parent: Submission) -> Bundle:
    bundle = load(parent.bundle)
    if bundle.manifest.digest != parent.job:
        raise ConflictError(f"{parent.bundle} holds another job than the one that was scheduled",
                            f"mlops submissions cancel {parent.id[:14]}, and submit the new one")
    return bundle
