"""Verbs on runs: list, look at one, compare two, delete and bring back, forget for good."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from mlops_jupyter.api.changes import with_changes
from mlops_jupyter.api.here import own_session, sessions_of
from mlops_jupyter.api.ledger import open_ledger, scrub_outboxes
from mlops_jupyter.api.words import run_label
from mlops_jupyter.entities import Environment, Goal, InputError, Ledger, NotFoundError, Run
from mlops_jupyter.lineage.compare import Comparison, compare
from mlops_jupyter.lineage.runs import judge_goal
from mlops_jupyter.store.query import parse_filter


class RunFilter(msgspec.Struct, frozen=True):
    """Which runs: of an experiment (id or name), a session, a notebook; the newest `limit`; deleted ones instead.

    Or those that meet `filter`, in the order of `order_by`, `limit` of them after the first `offset`.
    """

    experiment: str | None = None
    session: str | None = None
    notebook: str | Path | None = None
    limit: int | None = None
    deleted: bool = False
    filter: str = ""
    order_by: str = ""
    offset: int = 0
    starred: bool = False


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
    return chosen(RunFilter(experiment, session, notebook, limit))


def chosen(which: RunFilter) -> list[Run]:
    """The runs that are asked for, each judged against the goal of its experiment."""
    ledger = open_ledger()
    return judged(ledger, _select(ledger, which))


def rows(which: RunFilter | None = None) -> list[RunRow]:
    """Runs, newest first, with their environments' Python and package count."""
    ledger = open_ledger()
    found = judged(ledger, _select(ledger, which or RunFilter()))
    sessions = {session.id: session.environment for session in ledger.sessions()}
    return [_row(run, sessions.get(run.session)) for run in found]


def _row(run: Run, environment: Environment | None) -> RunRow:
    if environment is None:
        return RunRow(run)
    return RunRow(run, python=environment.python, packages=len(environment.distributions))


def search(filter: str = "", *, order_by: str = "", limit: int = 50, offset: int = 0) -> list[Run]:
    """Runs that meet a filter, such as `metrics.auc > 0.9 and params.max_iter = 200`; see docs/reference/search.md."""
    ledger = open_ledger()
    return judged(ledger, ledger.search(filter, order_by=order_by, limit=limit, offset=offset))


def _select(ledger: Ledger, which: RunFilter) -> list[Run]:
    if which.filter or which.order_by or which.offset or which.starred:
        return ledger.search(_with_place(which), order_by=which.order_by, limit=which.limit or 50, offset=which.offset,
                             deleted=which.deleted)
    experiment = _experiment(ledger, which.experiment) if which.experiment else None
    if which.notebook is None:
        session = ledger.session(which.session).id if which.session else None
        return ledger.runs(experiment=experiment, session=session, limit=which.limit, deleted=which.deleted)
    ids = {session.id for session in sessions_of(ledger, which.notebook, kinds=("notebook", "ipython", "headless", "job"))}
    found = [run for run in ledger.runs(experiment=experiment, deleted=which.deleted) if run.session in ids]
    return found[: which.limit]


def _with_place(which: RunFilter) -> str:
    """The filter with what the other options ask for."""
    if which.notebook is not None:
        raise InputError("--notebook and --filter do not go together", "--filter \"notebook = '…' and …\"")
    parse_filter(which.filter)  # so that the place of a mistake is the one in what was given
    asked = {"experiment": which.experiment, "session": which.session}
    parts = [f"{name} = '{quoted(value)}'" for name, value in asked.items() if value]
    parts += ["starred = true"] if which.starred else []
    return " and ".join([*([f"({which.filter})"] if which.filter.strip() else []), *parts])


def quoted(text: str) -> str:
    """A text as a filter takes it, between single quotes."""
    return text.replace("\\", "\\\\").replace("'", "''")


def _experiment(ledger: Ledger, name: str) -> str:
    experiments = ledger.experiments()
    for experiment in experiments:
        if name in {experiment.id, experiment.name}:
            return experiment.id
    known = ", ".join(sorted({experiment.name for experiment in experiments})) or "none"
    raise NotFoundError(f"no experiment {name!r} in the store", f"experiments: {known}")


def judged(ledger: Ledger, found: Sequence[Run]) -> list[Run]:
    """The runs, each with what it changed, and whether it met the goal of its experiment."""
    goals = {experiment: newest_goal(ledger.goals(experiment)) for experiment in {run.experiment_id for run in found}}
    told = []
    for run in with_changes(ledger, found):
        goal = goals.get(run.experiment_id)
        told.append(run if goal is None else msgspec.structs.replace(run, goal=_word(judge_goal(run, goal))))
    return told


def _word(judged: str) -> Literal["", "met", "missed"]:
    return "met" if judged == "met" else "missed" if judged == "missed" else ""


def newest_goal(goals: Sequence[Goal]) -> Goal | None:
    """The one that counts."""
    return max(goals, key=lambda goal: goal.at) if goals else None


def run(id: str) -> Run:
    """One run by id, prefix or `#number`."""
    ledger = open_ledger()
    return judged(ledger, [find_run(ledger, id)])[0]


def row(id: str) -> RunRow:
    """One run with its environment's Python and package count."""
    ledger = open_ledger()
    found = judged(ledger, [find_run(ledger, id)])[0]
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


def forgettable(what: str) -> str:
    """What `forget` would purge, in words. NotFoundError if there is neither a run nor a dataset of that name."""
    store = open_ledger()
    run = _known_run(store, what)
    if run is not None:
        return f"{run.experiment} {run_label(run)}"
    if what not in _datasets(store):
        raise NotFoundError(f"there is neither a run nor a dataset {what!r}", "mlops runs list, mlops runs show RUN")
    return f"the dataset {what}"


def forget(what: str) -> None:
    """Purge a run (id, prefix, `#number`) or a dataset (a file or variable) for good: records, outputs, blobs, outboxes."""
    store = open_ledger()
    forgettable(what)
    run = _known_run(store, what)
    if run is not None:
        store.forget_run(run.id)
    else:
        store.forget_dataset(what)
    scrub_outboxes(store)


def _known_run(ledger: Ledger, what: str) -> Run | None:
    try:
        return find_run(ledger, what)
    except NotFoundError:
        return None


def _datasets(ledger: Ledger) -> set[str]:
    """Names of all variables and files that cells made or read."""
    found: set[str] = set()
    for session in ledger.sessions():
        for cell in ledger.executions(session.id):
            found |= {version.name for version in cell.writes}
            found |= {text for file in cell.files for text in (file.path, file.relative, Path(file.path).name)}
    return found - {""}


def forget_session(id: str) -> str:
    """Purge a session for good, with its executions, observations, runs and blobs. Returns its id."""
    store = open_ledger()
    found = store.session(id).id
    store.forget_session(found)
    scrub_outboxes(store)
    return found
