"""The jobs on their way, as a panel lists them: compact, newest first, and how far each is; handed over once more.

A list never waits for an engine: places on this machine are asked, which costs nothing, and of the others it says what was seen
last; the server's follower looks at those. What a row says of progress comes from the cells that the attempts have recorded.
"""

from __future__ import annotations

import time
from functools import lru_cache
from pathlib import Path

import msgspec

from mlops_jupyter.api.bundles import manifest_in
from mlops_jupyter.api.handing import Handing, kind_of, submit, user_here
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.api.submissions import find, logs, look, submission, unasked
from mlops_jupyter.entities import AnyStore, ConflictError, InputError, JobManifest, NotFoundError, Submission
from mlops_jupyter.entities.jobs import OutcomeState
from mlops_jupyter.entities.submissions import NO_END
from mlops_jupyter.jobs.convert import NOTEBOOK
from mlops_jupyter.jobs.notebook import code_cells, read_notebook
from mlops_jupyter.jobs.parameters import as_text
from mlops_jupyter.jobs.schedule import after

MOST_LOG = 200_000
"""Characters of a log that one answer brings."""


class Handover(msgspec.Struct, omit_defaults=True):
    """One submission as a line of a list. `done` of `total` cells, where they are known; times are Unix seconds."""

    id: str
    job: str
    name: str
    runner: str
    state: OutcomeState
    at: float
    run: str = ""
    given: dict[str, str] = {}
    """The parameters that were given, as text."""
    error: str = ""
    cell: int | None = None
    """The failing cell of the job's notebook, from 1."""
    started: float | None = None
    ended: float | None = None
    attempts: int = 0
    parent: str = ""
    schedule: str = ""
    next: float | None = None
    """The next moment of its schedule."""
    done: int = 0
    total: int = 0
    bundle: str = ""
    """Where its job lies; "" if that is not on this machine any more."""
    notebook: str = ""
    """What the job was made from, as its path was recorded."""
    output: str = ""
    """The executed notebook of its last attempt, where it is a file here."""
    here: bool = False
    """Whether it runs on this machine: it is looked at by whoever asks for the list, the others by the server now and then."""
    unasked: str = ""
    """Why it stands as it was last seen: its runner could not be asked, or only by somebody else."""
    again: bool = False
    """Whether it can be handed over again: its job is still where it was, and still the same."""


class LogPart(msgspec.Struct, frozen=True):
    """What a job has printed from `offset` on, up to `size`; both count characters. An offset beyond the end begins again."""

    text: str
    offset: int
    size: int
    state: OutcomeState


def handovers(job: str = "", parent: str = "", limit: int = 100) -> list[Handover]:
    """Submissions, newest first; of one job, or of one schedule or sweep. What schedules have started is only in the latter."""
    store = open_ledger()
    found = [one for one in store.submissions(job=job or None) if (one.parent == parent if parent else one.due is None)][:limit]
    here = {one.id: one for one in look(store, [one for one in found if one.state in NO_END and _is_here(one)])}
    return [row(store, here.get(one.id, one)) for one in found]


def handover(id: str) -> tuple[Handover, Submission]:
    """One of them, asked for at its place: the line, and everything."""
    found = submission(id)
    return row(open_ledger(), found), found


def _is_here(one: Submission) -> bool:
    try:
        return kind_of(one.runner).about.here and one.host in {"", user_here()}
    except InputError:  # a plugin that is not installed any more
        return False


def row(store: AnyStore, one: Submission) -> Handover:
    """The line of one."""
    manifest = _job_of(one)
    outcome, why = one.outcome, unasked(one)
    done, total = _progress(store, one, manifest)
    coming = next(after(one.schedule, time.time()), None) if one.schedule and one.state == "scheduled" else None
    return Handover(
        one.id, one.job, one.name, one.runner, one.state, one.at, one.run,
        {name: as_text(value) for name, value in one.parameters.items()}, "" if why or outcome is None else outcome.error,
        outcome.cell if outcome else None, one.started, one.ended, one.attempts, one.parent,
        f"{one.schedule.cron} {one.schedule.zone}" if one.schedule else "", coming, done, total,
        one.bundle if manifest else "", manifest.notebook if manifest else "", _output(one), _is_here(one), why,
        _same(manifest, one))


def _same(manifest: JobManifest | None, one: Submission) -> bool:
    return manifest is not None and manifest.digest == one.job


def _job_of(one: Submission) -> JobManifest | None:
    return manifest_in(Path(one.bundle)) if one.bundle else None


def _progress(store: AnyStore, one: Submission, manifest: JobManifest | None) -> tuple[int, int]:
    """Cells that have ended in its newest attempt, and how many there are. (0, 0) where that is not known."""
    if one.state != "running" or manifest is None:
        return 0, 0
    try:
        cells = _cells_of(one.bundle, one.job)
    except InputError:  # somebody moved or broke its notebook since
        return 0, 0
    attempts = store.sessions(submission=one.id, limit=1)
    ended = {cell.cell for cell in store.executions(attempts[0].id) if cell.ended is not None} if attempts else set()
    return len(cells & ended), len(cells)


@lru_cache(maxsize=64)
def _cells_of(bundle: str, job: str) -> frozenset[str]:
    """Ids of the code cells of a job's notebook, `job` its digest. Papermill's own, with what was given, is not among them."""
    return frozenset(str(cell.id) for cell in code_cells(read_notebook(Path(bundle) / NOTEBOOK)))


def _output(one: Submission) -> str:
    """The newest executed notebook that lies where the submission worked or delivered, on this machine."""
    if one.state in NO_END or "://" in one.place:
        return ""
    places = [Path(place) for place in (one.place, one.deliver) if place and "://" not in place and Path(place).is_absolute()]
    found = [file for place in places for depth in ("", "*/", "*/*/") for file in place.glob(f"{depth}output.ipynb")
             if one.id in file.parts]
    return str(max(found, key=lambda file: file.stat().st_mtime)) if found else ""


def tail(id: str, offset: int = 0) -> LogPart:
    """What it has printed since `offset`; the end of it, if that is more than one answer brings."""
    state = find(open_ledger(), id).state
    text = logs(id)
    start = offset if offset <= len(text) else 0
    start = max(start, len(text) - MOST_LOG)
    return LogPart(text[start:], start, len(text), state)


def retry(id: str) -> Submission:
    """The same order once more. NotFoundError where its job is not any more, ConflictError where it is another job now."""
    one = find(open_ledger(), id)
    if one.state in NO_END:
        raise ConflictError(f"submission {one.id} has not ended: it is {one.state}", f"mlops submissions cancel {one.id[:14]}")
    manifest = _job_of(one)
    if manifest is None:
        raise NotFoundError(f"the job of submission {one.id} is not in {one.bundle or 'a folder of this machine'} any more",
                            f"mlops submit BUNDLE --to {one.runner}")
    if not _same(manifest, one):
        raise ConflictError(f"{one.bundle} holds another job now than the one that was handed over",
                            f"mlops submit {one.bundle} --to {one.runner}")
    how = Handing(options=one.options, unverified=True, deliver=one.deliver, retries=one.retries, timeout=one.timeout,
                  schedule=one.schedule, tell=one.tell, parent="" if one.due is not None else one.parent)
    return submit(one.bundle, one.runner, one.parameters, one.inputs, how)
