"""Verbs on runs: list, look at one, compare two, delete and bring back, forget for good."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from mlops_jupyter.api.changes import with_changes
from mlops_jupyter.api.here import own_session, sessions_of
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.entities import Environment, Goal, Ledger, NotFoundError, Run
from mlops_jupyter.lineage.compare import Comparison, compare
from mlops_jupyter.lineage.runs import judge_goal


class RunFilter(msgspec.Struct, frozen=True):
    """Which runs: of an experiment (id or name), a session, a notebook; the newest `limit`; deleted ones instead."""

    experiment: str | None = None
    session: str | None = None
    notebook: str | Path | None = None
    limit: int | None = None
    deleted: bool = False


class RunRow(msgspec.Struct):
    """A run with the two facts of its environment that tables show."""

    run: Run
    python: str = ""
    packages: int = 0

    def answer(self) -> dict[str, object]:
        """All fields of the run, and `python` and `packages` of its environment."""
        fields: dict[str, object] = {name: getattr(self.run, name) for name in self.run.__struct_fields__}
        return {**fields, "python": self.python, "packages": self.packages}


def runs(*, experiment: str | None = None, session: str | None = None, notebook: str | Path | None = None,
         limit: int | None = None) -> list[Run]:
    """Runs, newest first, each judged against the goal of its experiment."""
    ledger = open_ledger()
    return _judged(ledger, _select(ledger, RunFilter(experiment, session, notebook, limit)))


def rows(which: RunFilter | None = None) -> list[RunRow]:
    """Runs, newest first, with their environments' Python and package count."""
    ledger = open_ledger()
    found = _judged(ledger, _select(ledger, which or RunFilter()))
    sessions = {session.id: session.environment for session in ledger.sessions()}
    return [_row(run, sessions.get(run.session)) for run in found]


def _row(run: Run, environment: Environment | None) -> RunRow:
    if environment is None:
        return RunRow(run)
    return RunRow(run, python=environment.python, packages=len(environment.distributions))


def _select(ledger: Ledger, which: RunFilter) -> list[Run]:
    experiment = _experiment(ledger, which.experiment) if which.experiment else None
    if which.notebook is None:
        session = ledger.session(which.session).id if which.session else None
        return ledger.runs(experiment=experiment, session=session, limit=which.limit, deleted=which.deleted)
    ids = {session.id for session in sessions_of(ledger, which.notebook, kinds=("notebook", "ipython", "headless", "job"))}
    found = [run for run in ledger.runs(experiment=experiment, deleted=which.deleted) if run.session in ids]
    return found[: which.limit]


def _experiment(ledger: Ledger, name: str) -> str:
    experiments = ledger.experiments()
    for experiment in experiments:
        if name in {experiment.id, experiment.name}:
            return experiment.id
    known = ", ".join(sorted({experiment.name for experiment in experiments})) or "none"
    raise NotFoundError(f"no experiment {name!r} in the store", f"experiments: {known}")


def _judged(ledger: Ledger, found: Sequence[Run]) -> list[Run]:
    goals = {experiment.id: _newest(ledger.goals(experiment.id)) for experiment in ledger.experiments()}
    judged = []
    for run in with_changes(ledger, found):
        goal = goals.get(run.experiment_id)
        judged.append(run if goal is None else msgspec.structs.replace(run, goal=_word(judge_goal(run, goal))))
    return judged


def _word(judged: str) -> Literal["", "met", "missed"]:
    return "met" if judged == "met" else "missed" if judged == "missed" else ""


def _newest(goals: Sequence[Goal]) -> Goal | None:
    return max(goals, key=lambda goal: goal.at) if goals else None


def run(id: str) -> Run:
    """One run by id, prefix or `#number`."""
    ledger = open_ledger()
    return _judged(ledger, [find_run(ledger, id)])[0]


def row(id: str) -> RunRow:
    """One run with its environment's Python and package count."""
    ledger = open_ledger()
    found = _judged(ledger, [find_run(ledger, id)])[0]
    return _row(found, ledger.session(found.session).environment)


def find_run(ledger: Ledger, id: str) -> Run:
    """The run called `id`. A number means this kernel's experiment where several experiments have it."""
    number = id.removeprefix("#")
    own = own_session()
    if own and number.isdigit():
        experiment = ledger.session(own).experiment_id
        mine = [run for run in ledger.runs(experiment=experiment) if run.number == int(number)]
        if mine:
            return mine[0]
    return ledger.run(id)


def diff(a: str | None = None, b: str | None = None) -> tuple[Run, Run, Comparison]:
    """What changed from run `a` to run `b`. Without `b`: from `a` to the newest; without both: between the newest two."""
    ledger = open_ledger()
    first, second = _pair(ledger, a, b)
    executions = {run.session: ledger.executions(run.session) for run in (first, second)}
    sources = [[entry.source for entry in executions[run.session] if entry.n in set(run.cells)] for run in (first, second)]
    environments = [ledger.session(run.session).environment for run in (first, second)]
    return first, second, compare(first, second, sources[0], sources[1], environments[0], environments[1])


def _pair(ledger: Ledger, a: str | None, b: str | None) -> tuple[Run, Run]:
    if a is not None and b is not None:
        return find_run(ledger, a), find_run(ledger, b)
    own = own_session()
    newest = ledger.runs(experiment=ledger.session(own).experiment_id if own else None)
    if a is not None:
        first = find_run(ledger, a)
        others = [run for run in newest if run.id != first.id and run.experiment_id == first.experiment_id]
        if not others:
            raise NotFoundError(f"run {a} is the only one of its experiment", "mlops runs list")
        return first, others[0]
    same = [run for run in newest if run.experiment_id == newest[0].experiment_id]
    if len(same) < 2:
        raise NotFoundError("there are no two runs to compare", "mlops runs list")
    return same[1], same[0]


def delete(id: str) -> Run:
    """Take a run out of lists. `restore` brings it back."""
    store = open_ledger()
    return store.delete_run(find_run(store, id).id)


def restore(id: str) -> Run:
    """Bring a deleted run back."""
    return open_ledger().restore_run(id)


def forget(id: str) -> Run:
    """Purge a run for good: its rows, outputs and blobs. Nothing brings it back. Returns what it was."""
    store = open_ledger()
    found = find_run(store, id)
    store.forget_run(found.id)
    return found


def forget_session(id: str) -> str:
    """Purge a session for good, with its executions, observations, runs and blobs. Returns its id."""
    store = open_ledger()
    found = store.session(id).id
    store.forget_session(found)
    return found
