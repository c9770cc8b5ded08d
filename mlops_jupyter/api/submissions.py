"""What became of the jobs that were handed over: each as it stands now, from its runner and from what its attempts say.

Whoever asks looks: the runner is asked once for all of its own that have not ended, what attempts have delivered is taken in, the
one judge says how each stands, and an end is written down by whoever sees it first. A submission that has ended is never asked
about again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from itertools import groupby

import msgspec

from mlops_jupyter.api.deliveries import Collected, collect
from mlops_jupyter.api.display import Block, Sheet
from mlops_jupyter.api.handing import kind_of, runner_of, user_here
from mlops_jupyter.api.ledger import derive_runs, open_ledger, opened
from mlops_jupyter.api.schedules import decision_rows, schedule_facts, started
from mlops_jupyter.api.telling import masked, tell
from mlops_jupyter.api.tracing import trace
from mlops_jupyter.api.words import duration, plural, when
from mlops_jupyter.entities import (
    AnyStore,
    ConflictError,
    InputError,
    MlopsError,
    NotFoundError,
    Outcome,
    Sight,
    StoreError,
    Submission,
)
from mlops_jupyter.entities.submissions import NO_END
from mlops_jupyter.jobs.outcome import judge_place
from mlops_jupyter.jobs.parameters import as_text
from mlops_jupyter.jobs.runners.timers import is_timer
from mlops_jupyter.store import Store

_STEERS = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[@-_]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_HANDING = 600.0  # seconds after which a submission without a place was not handed over
_AS_LAST_KNOWN = "as last known, its runner cannot be asked: "
_LEAVE = 20.0  # seconds that a cancelled attempt has to leave what it made, once its place calls it cancelled
Seen = Sight | None | MlopsError  # what a place says of one; that it does not know it; why it could not be asked
_LOST = 60.0  # seconds that a place may not know a submission that it was just given


def submissions(job: str | None = None, limit: int | None = None) -> list[Submission]:
    """Hand-overs, newest first, each as it stands now; of one job if the digest of its bundle is given."""
    store = open_ledger()
    return look(store, store.submissions(job=job)[:limit])


def submission(id: str) -> Submission:
    """One hand-over, by id or unique prefix, as it stands now."""
    store = open_ledger()
    found = find(store, id)
    look(store, [one for one in store.submissions(unfinished=True) if one.parent == found.id])
    return look(store, [find(store, id)])[0]


def follow(*, ended: bool = False) -> list[Submission]:
    """Look at all that has not ended, so that ends are noted and told without anybody asking. Each as it stands now.

    `ended`: look at the others too, of which somebody may have died before it told of their end.
    """
    store = opened()
    left = store.submissions(unfinished=not ended)
    return look(open_ledger(), left) if left else []


def logs(id: str) -> str:
    """What the job printed so far, from its runner, without what would steer a terminal. Of a schedule: its last job."""
    store = open_ledger()
    found = find(store, id)
    if is_timer(found.runner):
        found = next((one for one in started(store, found) if one.place), None) or _nothing_yet(found)
    if not found.place:
        raise NotFoundError(f"submission {found.id} was never handed over, so it printed nothing", "mlops submissions list")
    return _STEERS.sub("", runner_of(found.runner, found.options).logs(found.place))


def _nothing_yet(found: Submission) -> Submission:
    raise NotFoundError(f"the schedule {found.id} has started nothing yet, so nothing was printed",
                        f"mlops submissions show {found.id[:14]} says when it comes next")


def cancel(id: str) -> Submission:
    """Ask the runner to stop it. ConflictError if it has ended."""
    store = open_ledger()
    found = look(store, [find(store, id)])[0]
    if found.state not in NO_END:
        raise ConflictError(f"submission {found.id} is not running: it {found.state}", f"mlops submissions show {found.id[:10]}")
    runner_of(found.runner, found.options).cancel([found.place])
    if is_timer(found.runner) and found.state == "scheduled":  # there is nothing of it left that could end
        return _cancelled(store, found)
    return found


def _cancelled(store: AnyStore, found: Submission) -> Submission:
    now = time.time()
    while found.state == "scheduled":
        outcome = Outcome("cancelled", "taken out of its timer")
        ended = msgspec.structs.replace(found, state="cancelled", ended=now, outcome=outcome)
        if store.swap(found, [ended]):
            return ended
        found = find(store, found.id)  # it has just come to a moment
    return found


def look(store: AnyStore, found: Sequence[Submission]) -> list[Submission]:
    """The same, each as it stands now, and what was to be told of it told.

    One whose runner cannot be asked stays as it was last known, and says why; so does one that only somebody else can ask.
    """
    asked = [one for one in found if one.state in NO_END and one.place and one.host in {"", user_here()}]
    sights: dict[str, Seen] = {}
    for name, options, group in by_runner(asked):
        sights.update(_sights(name, options, group))
    return [_unasked(one, sights.get(one.id)) for one in tell(store, [_now(store, one, sights) for one in found])]


def by_runner(found: Sequence[Submission]) -> Iterator[tuple[str, dict[str, str], list[Submission]]]:
    """A runner's name, its options, and those that are its own: so that each place is asked once."""
    for (name, options), group in groupby(sorted(found, key=_runner), key=_runner):
        yield name, dict(options), list(group)


def _runner(one: Submission) -> tuple[str, tuple[tuple[str, str], ...]]:
    return one.runner, tuple(sorted(one.options.items()))


def _sights(name: str, options: dict[str, str], asked: list[Submission]) -> dict[str, Seen]:
    """Submission → what its place says; None where the place does not know it; why it cannot be asked."""
    try:
        runner = runner_of(name, options)
        return dict(zip([one.id for one in asked], runner.status([one.place for one in asked]), strict=True))
    except NotFoundError:
        if len(asked) == 1:
            return {asked[0].id: None}
        each = [_sights(name, options, [one]) for one in asked]
        return {key: sight for part in each for key, sight in part.items()}
    except (StoreError, InputError) as error:  # out of reach, or its extra is not installed here
        return {one.id: error for one in asked}


def _now(store: AnyStore, one: Submission, sights: dict[str, Seen]) -> Submission:
    if one.state not in NO_END:
        return one
    if not one.place:
        late = time.time() - one.at > _HANDING
        return _settled(store, one, Outcome("failed", "it was never handed over"), Collected()) if late else one
    if one.id not in sights or isinstance(sight := sights[one.id], MlopsError):
        return one
    return _seen(store, one, sight)


def _unasked(one: Submission, seen: Seen) -> Submission:
    """As it was last known, with why that is all. Not written down: whoever asks next may be luckier."""
    if not isinstance(seen, MlopsError) or one.state not in NO_END:
        return one
    return msgspec.structs.replace(one, outcome=Outcome(one.state, f"{_AS_LAST_KNOWN}{seen.what}"))


def unasked(one: Submission) -> str:
    """Why all that is known of one that `look` has seen is how it stood before; "" if it could be asked, or has ended."""
    if one.state not in NO_END:
        return ""
    if one.place and one.host not in {"", user_here()}:
        return f"only {one.host}, who handed it over, can ask its runner"
    error = one.outcome.error if one.outcome is not None else ""
    return f"its runner cannot be asked: {error.removeprefix(_AS_LAST_KNOWN)}" if error.startswith(_AS_LAST_KNOWN) else ""


def _seen(store: AnyStore, one: Submission, sight: Sight | None) -> Submission:
    """As its place says; None: it does not know it."""
    states = kind_of(one.runner).states
    standing = judge_place(sight, states) if sight is not None else _unknown(one)
    if standing.state == one.state == "scheduled":
        return _still_scheduled(store, one, standing)
    if standing.state in NO_END:
        return _moved(store, one, standing, sight)
    found = _collected(store, one)
    began = one.state == "running" or (sight is not None and sight.started is not None)
    if standing.state == "cancelled" and began and not found.results and _may_still_leave(store, one):
        return one
    told = found.told(states.get(sight.word) if sight is not None else None) if one.schedule is None else None
    outcome = judge_place(sight, states, told) if sight is not None else told or standing
    return _settled(store, _timed(one, sight), outcome, found)


def _still_scheduled(store: AnyStore, one: Submission, standing: Outcome) -> Submission:
    """A schedule goes on; what its runs have delivered is taken in as it comes, and what its place remarks is noted."""
    found = _collected(store, one)
    now = msgspec.structs.replace(one, outcome=standing if standing.error else None)
    if found.attempts != one.collected:
        last = found.results[-1]
        now = msgspec.structs.replace(now, collected=found.attempts, run=last.run or one.run, attempts=len(found.results))
    if now == one:
        return one
    return now if store.swap(one, [now]) else find(store, one.id)  # its timer may just have noted something else


def _may_still_leave(store: AnyStore, one: Submission) -> bool:
    """Whether an attempt that was told to stop may still leave what it made: for `_LEAVE` seconds from when that was first seen.

    By this machine's clock, which is written down.
    """
    if not one.deliver or kind_of(one.runner).about.ends_last:
        return False
    now = time.time()
    if one.ended is None:
        one.ended = now  # also for whoever looks again with what it has
        store.settle(one, one.state)
        return True
    return now - one.ended < _LEAVE


def _unknown(one: Submission) -> Outcome:
    """How something stands that its place does not know: not yet, or not any more."""
    if time.time() - one.at < _LOST:
        return Outcome(one.state)
    return Outcome("died", "its place does not know it any more, and it left no result")


def _collected(store: AnyStore, one: Submission) -> Collected:
    """What its attempts delivered. What cannot be read now is named, and does not hide how it ended."""
    try:
        return collect(store, one)
    except MlopsError as error:
        return Collected(wrong=[error.what])


def _moved(store: AnyStore, one: Submission, standing: Outcome, sight: Sight | None) -> Submission:
    """Not at its end. Written down if its state is another than before."""
    moved = msgspec.structs.replace(_timed(one, sight), state=standing.state,
                                    outcome=standing if standing.error else None)
    if moved.state != one.state and not store.settle(moved, one.state):
        return find(store, one.id)
    return moved


def _timed(one: Submission, sight: Sight | None) -> Submission:
    """With the moments that the place knows."""
    if sight is None:
        return one
    return msgspec.structs.replace(
        one, queued=sight.queued or one.queued, started=sight.started or one.started, ended=sight.ended or one.ended,
        attempts=max(sight.attempt, one.attempts))


def _settled(store: AnyStore, one: Submission, outcome: Outcome, found: Collected) -> Submission:
    """At its end: written down by whoever is first, with what it left. Sessions that it left open have ended."""
    now = time.time()
    _close(store, one, now)
    if found.wrong:
        outcome = msgspec.structs.replace(outcome, error="; ".join(filter(None, [outcome.error, *found.wrong])))
    last = found.results[-1] if found.results else None
    ended = msgspec.structs.replace(
        one, state=outcome.state, outcome=outcome, ended=one.ended or (last.at if last else now),
        run=(last.run if last else "") or _run(store, one), collected=found.attempts,
        attempts=max(one.attempts, len(found.results), 1), memory=last.memory if last else None)
    if not store.settle(ended, one.state):
        return find(store, one.id)
    trace(store, ended)
    return ended


def _close(store: AnyStore, one: Submission, now: float) -> None:
    """An attempt that was killed cannot say that its session is over."""
    left = [session for session in store.sessions(submission=one.id) if session.state == "running"]
    for writer in {session.writer for session in left}:
        store.close_writer(writer, now)
    if left and isinstance(store, Store):
        derive_runs(store)


def _run(store: AnyStore, one: Submission) -> str:
    """The last run that it recorded in the store itself."""
    for session in store.sessions(submission=one.id):
        for run in store.runs(session=session.id):
            return run.id
    return ""


def find(store: AnyStore, id: str) -> Submission:
    """One hand-over as it is stored, by id or unique prefix."""
    found = [one for one in store.submissions() if id and one.id.startswith(id)]
    if not found:
        raise NotFoundError(f"there is no submission {id!r}", "mlops submissions list")
    if len(found) > 1 and found[0].id != id:
        raise InputError(f"{id!r} begins the ids of {len(found)} submissions", "give more characters of the one you mean")
    return found[0]


def submissions_sheet(found: list[Submission]) -> Sheet:
    """One line a hand-over."""
    if not found:
        return Sheet("No submissions yet", notes=["mlops submit BUNDLE --to local"])
    rows = [[one.id[:14], one.name, one.runner, one.state, _summary(one), when(one.at)] for one in found]
    narrow = Block(columns=["submission", "job", "to", "state", "when"], rows=[[*row[:4], row[5]] for row in rows])
    block = Block(columns=["submission", "job", "to", "state", "~given", "when"], rows=rows, narrow=narrow)
    return Sheet(plural(len(found), "submission"), [block])


def submission_sheet(one: Submission) -> Sheet:
    """Everything about one."""
    outcome = one.outcome
    waited = one.started - one.queued if one.started and one.queued else 0.0
    to = " ".join([one.runner, *(f"{name}={value}" for name, value in one.options.items())])
    facts = [("job", f"{one.name} {one.job}".strip()), ("to", to),
             ("state", one.state), ("given", _given(one)), ("submitted", when(one.at)), *schedule_facts(one),
             ("of schedule", one.parent[:14] if one.due else ""), ("place", one.place), ("on", one.host),
             ("delivers to", one.deliver), ("waited", duration(waited) if waited >= 1 else ""),
             ("took", duration(outcome.seconds) if outcome and outcome.seconds else ""),
             ("attempts", str(one.attempts) if one.attempts > 1 else ""), ("run", one.run),
             ("note" if one.state in NO_END else "error", outcome.error if outcome else ""),
             ("tells", ", ".join(map(masked, one.tell))), ("told", one.told if one.tell else ""), ("not told", one.untold)]
    blocks = [Block(columns=["", ""], rows=[[name, text] for name, text in facts if text])]
    if one.firings:
        blocks.append(Block("Decisions, newest first", columns=["moment", "done", "submission"], rows=decision_rows(one)))
    return Sheet(f"Submission {one.id}", blocks, [f"What it printed: mlops submissions logs {one.id[:14]}"])


def _given(one: Submission) -> str:
    return ", ".join(f"{name}={as_text(value)}" for name, value in one.parameters.items())


def _summary(one: Submission) -> str:
    schedule = f"{one.schedule.cron} {one.schedule.zone}" if one.schedule is not None else ""
    return ", ".join(filter(None, [schedule, _given(one)]))
