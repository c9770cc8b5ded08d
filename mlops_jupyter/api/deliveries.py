"""What the attempts of a submission left for it: results, and archives that are taken into the store, each once.

An attempt puts its result last, so a folder without one is still being written, or its machine is gone. What lies there is
believed no more than any upload: an archive is only taken if every session in it says that it is of this submission.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import msgspec

from mlops_jupyter.api.attempts import ARCHIVE, RESULT
from mlops_jupyter.api.ledger import derive_runs
from mlops_jupyter.entities import (
    AnyStore,
    CellExecution,
    Delivered,
    Entity,
    InputError,
    MlopsError,
    NotFoundError,
    Observation,
    Outcome,
    Session,
    StoreError,
    Submission,
)
from mlops_jupyter.entities.jobs import OutcomeState
from mlops_jupyter.jobs.storage import fetch, listed
from mlops_jupyter.store import Store, archive

_WHAT, _OTHERWISE = "what the job delivered", "look at the place, or cancel the submission"


class Collected(msgspec.Struct):
    """Results in the order in which they were written; attempts whose archive is in the store now; what was wrong, in words."""

    results: list[Delivered] = []
    attempts: list[str] = []
    wrong: list[str] = []

    def told(self, state: OutcomeState | None) -> Outcome | None:
        """What the last attempt said of itself, for a place that says `state`.

        Where that is success, the last one that says so too: which was the last is read from clocks of several machines.
        """
        said = [told.outcome for told in self.results]
        good = [outcome for outcome in said if outcome.state == state == "succeeded"]
        return next(iter([*good[-1:], *said[-1:]]), None)


def collect(store: AnyStore, one: Submission) -> Collected:
    """Read the results, and take the archives that are not in the store yet. What is damaged or forged is named, and left."""
    found = Collected(attempts=list(one.collected))
    if not one.deliver:
        return found
    with tempfile.TemporaryDirectory(prefix="mlops-collect-") as scratch:
        for address in listed(f"{one.deliver.rstrip('/')}/{one.id}", RESULT):
            try:
                told = _result(address, Path(scratch), one)
                found.results.append(told)
                if told.attempt not in found.attempts and told.session:
                    _take(address.removesuffix(RESULT) + ARCHIVE, Path(scratch), one, store)
                    found.attempts.append(told.attempt)
            except StoreError:
                raise
            except MlopsError as error:
                found.wrong.append(error.what)
    found.results.sort(key=lambda told: told.at)
    return found


def _result(address: str, scratch: Path, one: Submission) -> Delivered:
    fetch(address, scratch / RESULT, _WHAT, _OTHERWISE)
    try:
        told = msgspec.json.decode((scratch / RESULT).read_bytes(), type=Delivered)
    except msgspec.DecodeError as error:
        raise InputError(f"{address} is no result of an attempt: {error}", _OTHERWISE) from None
    if told.submission != one.id:
        raise InputError(f"{address} says that it is of submission {told.submission!r}", _OTHERWISE)
    return told


def _take(address: str, scratch: Path, one: Submission, store: AnyStore) -> None:
    file = scratch / ARCHIVE
    fetch(address, file, _WHAT, _OTHERWISE)
    archive.merge(file, store, allow=lambda entity: _is_ours(entity, one, store, address))
    if isinstance(store, Store):
        derive_runs(store)


def _is_ours(entity: Entity, one: Submission, store: AnyStore, address: str) -> bool:
    """Sessions of the submission, with what happened in them; nothing that a person says. InputError for another's session."""
    if not isinstance(entity, Session):
        return isinstance(entity, CellExecution | Observation)
    origin = entity.origin
    says = origin is not None and origin.submission == one.id and origin.job == one.job
    if not says or not entity.writer.startswith(f"{one.id}.") or _writer(store, entity.id) not in {"", entity.writer}:
        raise InputError(f"{address} carries a session that is not of submission {one.id}: {entity.id}",
                         "nothing of it was taken")
    return True


def _writer(store: AnyStore, session: str) -> str:
    """Who wrote the session that the store has under this id; "" if it has none."""
    try:
        found = store.session(session)
    except NotFoundError:
        return ""
    return found.writer if found.id == session else ""
