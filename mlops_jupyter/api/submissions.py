"""Handing a job to a runner, and what became of it. What can be wrong with the job is said before it is handed over."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import msgspec

from mlops_jupyter import plugins
from mlops_jupyter.api.display import Block, Sheet
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.api.words import duration, plural, when
from mlops_jupyter.config import Settings
from mlops_jupyter.entities import AnyStore, ConflictError, InputError, NotFoundError, Submission, new_id
from mlops_jupyter.jobs.bundle import load
from mlops_jupyter.jobs.parameters import as_text, validate
from mlops_jupyter.jobs.runners import Order, Runner
from mlops_jupyter.jobs.work import resolve_inputs


def submit(folder: str | Path, runner: str, parameters: Mapping[str, object] | None = None,
           inputs: Mapping[str, str] | None = None, *, allow_unverified: bool = False) -> Submission:
    """Hand the job in `folder` to the runner of that name. ConflictError for a job that was never verified, unless allowed."""
    bundle = load(folder)
    if not bundle.manifest.verified and not allow_unverified:
        raise ConflictError(f"the job {folder} is {bundle.manifest.verdict}: no clean run of it gave the recorded results",
                            f"mlops submit {folder} --to {runner} --unverified, or convert it again with verification")
    typed = validate(bundle.manifest.parameters, parameters or {})
    found = {name: where for name, where in resolve_inputs(bundle, inputs or {}).items() if name in (inputs or {})}
    store = open_ledger()
    place = _runner(runner).submit(Order(bundle.folder, typed, found, {"MLOPS_STORE": Settings.current().store_url()}))
    made = Submission(new_id(), bundle.manifest.digest, runner, time.time(), "running", parameters=typed, place=place)
    store.put(made)
    return made


def submissions(job: str | None = None, limit: int | None = None) -> list[Submission]:
    """Hand-overs, newest first, each as it stands now; of one job if the digest of its bundle is given."""
    store = open_ledger()
    return [_watched(store, one) for one in store.submissions(job=job)[:limit]]


def submission(id: str) -> Submission:
    """One hand-over, by id or unique prefix, as it stands now."""
    store = open_ledger()
    return _watched(store, _find(store, id))


def logs(id: str) -> str:
    """What the job printed so far, from its runner."""
    found = _find(open_ledger(), id)
    return _runner(found.runner).logs(found.place)


def cancel(id: str) -> Submission:
    """Ask the runner to stop it. ConflictError if it has ended."""
    store = open_ledger()
    found = _watched(store, _find(store, id))
    if found.state != "running":
        raise ConflictError(f"submission {found.id} is not running: it {found.state}", f"mlops submissions show {found.id[:10]}")
    _runner(found.runner).cancel(found.place)
    return found


def _find(store: AnyStore, id: str) -> Submission:
    found = [one for one in store.submissions() if id and one.id.startswith(id)]
    if not found:
        raise NotFoundError(f"there is no submission {id!r}", "mlops submissions list")
    if len(found) > 1:
        raise InputError(f"{id!r} begins the ids of {len(found)} submissions", "give more characters of the one you mean")
    return found[0]


def _watched(store: AnyStore, one: Submission) -> Submission:
    """With the runner's word on how it stands; kept once it has ended. Where its runner cannot say, as it was last known."""
    if one.state != "running":
        return one
    try:
        outcome = _runner(one.runner).watch(one.place)
    except NotFoundError:  # its place was tidied away
        return one
    if outcome.state == "running":
        return one
    ended = msgspec.structs.replace(one, state=outcome.state, outcome=outcome)
    store.put(ended)
    return ended


def submissions_sheet(found: list[Submission]) -> Sheet:
    """One line a hand-over."""
    if not found:
        return Sheet("No submissions yet", notes=["mlops submit BUNDLE --to local"])
    rows = [[one.id[:14], one.runner, one.state, _given(one), when(one.at)] for one in found]
    return Sheet(plural(len(found), "submission"), [Block(columns=["submission", "to", "state", "~given", "when"], rows=rows)])


def submission_sheet(one: Submission) -> Sheet:
    """Everything about one."""
    outcome = one.outcome
    facts = [("job", one.job), ("to", one.runner), ("state", one.state), ("given", _given(one)), ("submitted", when(one.at)),
             ("place", one.place), ("took", duration(outcome.seconds) if outcome and outcome.seconds else ""),
             ("error", outcome.error if outcome else "")]
    block = Block(columns=["", ""], rows=[[name, text] for name, text in facts if text])
    return Sheet(f"Submission {one.id}", [block], [f"What it printed: mlops submissions logs {one.id[:14]}"])


def _given(one: Submission) -> str:
    return ", ".join(f"{name}={as_text(value)}" for name, value in one.parameters.items())


def _runner(name: str) -> Runner:
    known = plugins.available(plugins.RUNNER)
    if name not in known:
        raise InputError(f"there is no runner {name!r}", f"runners here: {', '.join(sorted(known)) or 'none'}")
    kind = plugins.load(plugins.RUNNER, name)
    if not callable(kind):
        raise InputError(f"the plugin of runner {name!r} is no runner", "mlops doctor")
    return cast("Runner", kind())
