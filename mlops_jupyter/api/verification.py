"""Verbs on verification: how long it will take, run it, keep the verdict."""

from __future__ import annotations

import re
from collections.abc import Callable
from threading import Event
from typing import TYPE_CHECKING

import msgspec

from mlops_jupyter.api.here import find_session, own_session, with_source
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.api.runs import find_run
from mlops_jupyter.api.words import run_label
from mlops_jupyter.entities import (
    CellExecution,
    JobFailedError,
    Ledger,
    NotFoundError,
    Observation,
    Run,
    Session,
    Verification,
)
from mlops_jupyter.lineage.slice import Result, Slice, find_results, metric_result, slice_of

if TYPE_CHECKING:
    from mlops_jupyter.jobs.progress import Progress

_NUMBER = re.compile(r"#?\d{1,5}")
_ID = re.compile(r"[0-9a-f]{6,}")
WHOLE = "session"
"""What a verification of a whole session is of."""
HOLDS = ("identical", "within tolerance")


class Plan(msgspec.Struct):
    """What a verification would run: the cells needed and the seconds that they took when they were recorded."""

    label: str
    cells: int
    seconds: float
    incomplete: bool = False


class _Subject(msgspec.Struct):
    """What is verified: a run, or a result by name (then `run` is None), with everything recorded around it."""

    run: Run | None
    results: list[Result]
    slice: Slice
    session: Session
    executions: list[CellExecution]
    observations: list[Observation]
    label: str


def plan(what: str, session: str | None = None) -> Plan:
    """What verifying `what` would run. Runs nothing."""
    subject = _subject(open_ledger(), what, session)
    needed = with_source(subject.executions, subject.slice.cells)
    return Plan(subject.label, len(needed), sum(cell.seconds or 0.0 for cell in needed), subject.slice.incomplete)


def newest() -> str:
    """Id of the newest run of this kernel's session, else of all."""
    own = own_session()
    found = open_ledger().runs(session=own or None, limit=1)
    if not found:
        raise NotFoundError("there is no run to verify yet", "%mlops verify NAME, with the name of a variable")
    return found[0].id


def _subject(ledger: Ledger, what: str, session: str | None) -> _Subject:
    run = None if session else _run(ledger, what)
    found = ledger.session(run.session) if run is not None else find_session(ledger, session)
    executions, observations = ledger.executions(found.id), ledger.observations(found.id)
    results = _of_run(run, observations) if run is not None else find_results(what, executions, observations)[:1]
    needed = slice_of(results, executions, observations)
    if run is None:  # a result whose cells are a run's cells speaks for that run
        run = next((one for one in ledger.runs(session=found.id) if one.slice_digest == needed.digest), None)
        return _Subject(run, results, needed, found, executions, observations, label=what)
    # What is verified is the run's own slice; should its results need more, then more than that.
    needed = msgspec.structs.replace(needed, cells=sorted({*needed.cells, *run.cells}), digest=run.slice_digest)
    return _Subject(run, results, needed, found, executions, observations, label=f"{run.experiment} {run_label(run)}")


def _run(ledger: Ledger, what: str) -> Run | None:
    """The run called `what`, by `#number` or by at least six characters of its id; None if it is the name of a result."""
    if _NUMBER.fullmatch(what):
        return find_run(ledger, what)
    if not _ID.fullmatch(what):
        return None
    try:
        return ledger.run(what)
    except NotFoundError:
        return None


def _of_run(run: Run, observations: list[Observation]) -> list[Result]:
    """The run's metrics, or where it has none its models."""
    by_id = {one.id: one for one in observations}
    metrics = [metric_result(by_id[metric.observation]) for metric in run.metrics if metric.observation in by_id]
    models = [Result(model.name, "model", model.n, [model.name], model.observation) for model in run.models]
    if not metrics and not models:
        raise NotFoundError(f"run {run_label(run)} has neither metric nor model to compare", "%mlops verify NAME of a variable")
    return metrics or models


def verify(what: str, session: str | None = None, *, allow_effects: bool = False,
           progress: Callable[[Progress], None] | None = None, cancel: Event | None = None) -> Verification:
    """Re-run the cells needed in a clean kernel and compare. The verdict is kept, whatever it is, and returned.

    One that was cancelled is no verdict: nothing is kept, ConflictError.
    """
    from mlops_jupyter.jobs.verify import VerifyOptions, verify_slice

    ledger = open_ledger()
    subject = _subject(ledger, what, session)
    options = VerifyOptions(run=subject.run.id if subject.run is not None else "", results=subject.results,
                            allow_effects=allow_effects, progress=progress, cancel=cancel)
    found = verify_slice(subject.session, subject.slice, subject.executions, subject.observations, ledger.get_blob, options)
    open_ledger().put(found)
    return found


def must_hold(found: Verification) -> None:
    """Raise JobFailedError unless every result came out again."""
    if found.verdict in HOLDS:
        return
    worst = next((one for one in found.results if one.verdict == found.verdict), None)
    what = f": {worst.name} was {worst.expected}, is {worst.found}" if worst and found.verdict == "different" else ""
    detail = (worst.detail if worst else "") or found.detail
    remedy = f"mlops why {found.result}" + (f", or mlops runs show {found.run}" if found.run else "")
    if found.result == WHOLE:
        remedy = f"mlops sessions show {found.session[:8]}"
    raise JobFailedError(f"{found.result} {found.verdict}{what}{f' ({detail})' if detail else ''}", remedy)
