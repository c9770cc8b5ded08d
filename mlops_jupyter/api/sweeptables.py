"""Sweeps as a panel shows them: those of a job, and each as a table of its children.

They are kept beside the job's bundle, `JOB-sweeps/…`, so that whoever sees the bundle sees what was swept; the record in the
folder is all there is, so a sweep that was begun in a terminal with that folder is shown too.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.api.sweeps import Order, ranked
from mlops_jupyter.entities import MlopsError, NotFoundError, Scalar
from mlops_jupyter.jobs.sweep import Child, ChildState
from mlops_jupyter.jobs.sweep_folder import RECORD, SweepFolder, open_folder
from mlops_jupyter.jobs.work import new_work_folder

MOST_CHILDREN = 2000
"""Children of one table: the best of more."""


class SweepChild(msgspec.Struct, omit_defaults=True):
    """One run of a sweep, with the parameters that differ between them."""

    number: int
    state: ChildState
    parameters: dict[str, Scalar | list[Scalar]]
    metrics: dict[str, float] = {}
    seconds: float = 0.0
    error: str = ""
    cell: int | None = None
    run: str = ""
    submission: str = ""


class SweepTable(msgspec.Struct, omit_defaults=True):
    """A sweep as it stands. `best` is the number of the child that is best by `metric`, 0 while there is none."""

    id: str
    folder: str
    name: str
    created: float
    varied: list[str]
    total: int
    states: dict[str, int]
    """State → how many children are in it."""
    metric: str = ""
    metrics: list[str] = []
    best: int = 0
    ended: float | None = None
    stopped: str = ""
    runner: str = ""
    children: list[SweepChild] = []


def sweeps_of(bundle: Path, root: Path) -> list[SweepTable]:
    """The sweeps of the job in `bundle`, newest first, without their children."""
    found = [_table(place, root, Order(), []) for place in _places(bundle)]
    return sorted(found, key=lambda one: -one.created)


def sweep_table(bundle: Path, id: str, root: Path, order: Order) -> SweepTable:
    """One of them, best child first. NotFoundError if there is none of that id."""
    place = find_sweep(bundle, id)
    metric = order.metric or next((name for child in place.sweep.children for name in child.metrics), "")
    best_first = ranked(place.sweep.children, metric, minimize=order.minimize)
    return _table(place, root, Order(metric, order.minimize), best_first[:MOST_CHILDREN])


def find_sweep(bundle: Path, id: str) -> SweepFolder:
    """The sweep of that id, or whose folder is called so."""
    for place in _places(bundle):
        if id in {place.sweep.id, place.folder.name}:
            return place
    raise NotFoundError(f"the job {bundle.name} has no sweep {id!r}", f"mlops sweep {bundle} --grid NAME=1,2,4")


def new_sweep_folder(bundle: Path) -> Path:
    """Where the next sweep of the job is kept."""
    return new_work_folder("sweep", bundle.with_name(f"{bundle.name}-sweeps"))


def _places(bundle: Path) -> list[SweepFolder]:
    found = []
    for record in bundle.with_name(f"{bundle.name}-sweeps").glob(f"*/{RECORD}"):
        try:
            found.append(open_folder(record.parent))
        except MlopsError:  # a record that somebody edited: its folder is theirs
            continue
    return found


def _table(place: SweepFolder, root: Path, order: Order, children: list[Child]) -> SweepTable:
    sweep = place.sweep
    states: dict[str, int] = {}
    for child in sweep.children:
        states[child.state] = states.get(child.state, 0) + 1
    metrics = list(dict.fromkeys(name for child in sweep.children for name in child.metrics))
    first = children[0] if children else None
    best = first.number if first is not None and first.state == "succeeded" and order.metric in first.metrics else 0
    runs = _runs(children)
    rows = [SweepChild(child.number, child.state, {name: child.parameters[name] for name in sweep.varied}, child.metrics,
                       child.seconds, child.error, child.cell, runs.get(child.session, ""), child.submission)
            for child in children]
    folder = place.folder.resolve()
    where = folder.relative_to(root.resolve()).as_posix() if folder.is_relative_to(root.resolve()) else str(folder)
    return SweepTable(sweep.id or place.folder.name, where, sweep.name, sweep.created, sweep.varied, len(sweep.children), states,
                      order.metric, metrics, best, sweep.ended, sweep.stopped,
                      sweep.elsewhere.runner if sweep.elsewhere else "", rows)


def _runs(children: list[Child]) -> dict[str, str]:
    """Session → the run that it made."""
    ledger = open_ledger()
    sessions = {child.session for child in children if child.session}
    return {one.session: one.id for session in sessions for one in ledger.runs(session=session, limit=1)}
