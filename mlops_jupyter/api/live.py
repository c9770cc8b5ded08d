"""What the panel shows of one notebook, composed from the ledger: session, executions as rows, runs, and what to log next.

Everything here is a pure composition of reads, so a reload shows the same; the rows leave out what a list does not show
(outputs, reads, tracebacks), so a session of a thousand cells stays a small answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from mlops_jupyter.api.here import OWN_WORK, sessions_of, with_source
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.api.runs import runs
from mlops_jupyter.api.slices import stale
from mlops_jupyter.entities import CellExecution, Environment, Goal, Ledger, Observation, Run, Session, content_hash
from mlops_jupyter.entities.codec import to_json, uncollected
from mlops_jupyter.entities.sessions import ExecutionState
from mlops_jupyter.lineage.slice import Result, metric_result, slice_of
from mlops_jupyter.lineage.stale import StaleCell

LINE_CHARACTERS = 200
RUNS_SHOWN = 200
NEWEST = 5
NAMES = 10
REMEMBERED = 50
"""Sessions that a watcher remembers what it told of, besides those that run."""
_FLOATS = ("float", "numpy.float64", "numpy.float32", "numpy.float16", "float64", "float32", "float16")


class ExecutionRow(msgspec.Struct, frozen=True):
    """One cell execution as a line of a list."""

    n: int
    cell: str
    state: ExecutionState
    prompt: int | None
    started: float | None
    ended: float | None
    seconds: float | None
    first_line: str
    error: str
    """`ValueError: message`, first line; "" if the cell did not fail."""
    opaque: list[str]
    outputs_count: int
    cost: float
    wrote: list[str]
    """Names whose content the cell made or changed, the first ten."""
    memory: int | None
    """The most bytes that the kernel has held by its end."""


class Live(msgspec.Struct, frozen=True):
    """The newest session of a kernel or notebook and what came of it; everything empty where nothing was tracked."""

    session: Session | None
    package_count: int
    executions: list[ExecutionRow]
    runs: list[Run]
    floats: list[str]
    """Names of variables that hold a finite float now: candidates for `log_metric`, newest last."""
    goal: Goal | None = None
    """The objective of the experiment, as it stands."""
    environment: str = ""
    """Id of the session's environment as it is now."""


class AgainCell(msgspec.Struct, frozen=True):
    """`position`: among the code cells, from 0; an id may stand twice."""

    id: str
    position: int
    forget: list[str]


class Again(msgspec.Struct, frozen=True):
    """What to run so that all results hold again: ids of cells in order, each with the names that must not be there before it.

    `forget`: names to delete when no cell is left; `remains`: what only a restarted kernel brings back, in words.
    """

    cells: list[AgainCell]
    forget: list[str]
    remains: list[str]


@uncollected()
def live(kernel: str = "", paths: Sequence[str] = ()) -> Live:
    """What the panel shows: of the kernel's newest session, else of the notebook's, under any of its `paths`."""
    ledger = open_ledger()
    session = newest_session(ledger, kernel, paths)
    if session is None:
        return Live(None, 0, [], [], [])
    executions = ledger.executions(session.id)
    return Live(
        session=light(session),
        package_count=package_count(session),
        executions=[row(execution) for execution in executions],
        runs=runs(experiment=session.experiment_id, limit=RUNS_SHOWN),
        floats=float_names(executions),
        environment=_environment(session, executions),
        goal=max(ledger.goals(session.experiment_id), key=lambda goal: goal.at, default=None),
    )


def _environment(session: Session, executions: Sequence[CellExecution]) -> str:
    """Of the last cell that changed it, else the one in which the session began."""
    changed = next((execution.environment for execution in reversed(executions) if execution.environment), "")
    return changed or (session.environment.id if session.environment else "")


def sessions(limit: int) -> list[Session]:
    """Sessions of every kind, newest first, without their packages."""
    return [light(session) for session in open_ledger().sessions(limit=limit)]


@uncollected()
def stale_in_kernel(kernel: str, paths: Sequence[str], cells: Sequence[tuple[str, str]]) -> list[StaleCell]:
    """Which of the open notebook's cells no longer hold; none where nothing was tracked."""
    session = newest_session(open_ledger(), kernel, paths)
    return stale(cells, session.id).cells if session is not None else []


@uncollected()
def again_in_kernel(kernel: str, paths: Sequence[str], cells: Sequence[tuple[str, str]]) -> Again:
    """Which of the open notebook's cells to run so that all of it holds; nothing where nothing was tracked."""
    session = newest_session(open_ledger(), kernel, paths)
    if session is None:
        return Again([], [], [])
    found = stale(cells, session.id)
    return Again([AgainCell(cell.id, cell.position, cell.forget) for cell in found.plan], found.forget, found.remains)


def newest_session(ledger: Ledger, kernel: str, paths: Iterable[str] = ()) -> Session | None:
    """The newest session that is the user's own work, of the kernel if it has one, else of the first path that has one."""
    if kernel:
        of_kernel = ledger.sessions(kernel=kernel, kinds=OWN_WORK, limit=1)
        if of_kernel:
            return of_kernel[0]
    for path in paths:
        found = sessions_of(ledger, path) if path else []
        if found:
            return found[0]
    return None


def light(session: Session) -> Session:
    """The session without the list of its packages, which is long and shown nowhere but on its own page."""
    if session.environment is None:
        return session
    return msgspec.structs.replace(session, environments=[], environment=without_distributions(session.environment))


def without_distributions(environment: Environment) -> Environment:
    """The environment's interpreter and platform."""
    return msgspec.structs.replace(environment, distributions=())


def package_count(session: Session) -> int:
    """How many distributions the session's environment held."""
    return len(session.environment.distributions) if session.environment else 0


def row(execution: CellExecution) -> ExecutionRow:
    """One line of the list of executions."""
    error = execution.error
    return ExecutionRow(
        n=execution.n,
        cell=execution.cell,
        state=execution.state,
        prompt=execution.prompt,
        started=execution.started,
        ended=execution.ended,
        seconds=execution.seconds,
        first_line=first_line(execution.source),
        error=first_line(f"{error.name}: {error.message}" if error.message else error.name) if error else "",
        opaque=execution.opaque,
        outputs_count=len(execution.outputs) + execution.outputs_dropped,
        cost=execution.cost,
        wrote=[write.name for write in execution.writes if not write.name.startswith("$")][:NAMES],
        memory=execution.memory,
    )


def first_line(source: str) -> str:
    """The first line that says something, else the first comment; cut at 200 characters."""
    lines = [line.strip() for line in source.splitlines() if line.strip()]
    code = [line for line in lines if not line.startswith("#")]
    return (code or lines or [""])[0][:LINE_CHARACTERS]


def float_names(executions: Sequence[CellExecution]) -> list[str]:
    """Variables whose newest version is a float, newest last; names that begin with `_` are the user's own business."""
    kinds: dict[str, bool] = {}
    for execution in executions:
        for gone in execution.deletes:
            kinds.pop(gone, None)
        for write in execution.writes:
            kinds.pop(write.name, None)
            kinds[write.name] = write.fingerprint.kind == "scalar" and write.fingerprint.type_name in _FLOATS
    return [name for name, is_float in kinds.items() if is_float and not name.startswith("_")]


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is different now, as the event bus says it."""

    noun: str
    id: str
    session: str = ""
    kernel: str = ""
    n: int = 0
    state: str = ""


class Seen:
    """What a watcher has told already: `changes` says what is new or different in a session since it was last asked.

    It remembers running sessions and the last few others: of one that it has forgotten everything is told once more.
    """

    def __init__(self) -> None:
        self._told: dict[str, dict[tuple[str, str], str]] = {}
        self._running: set[str] = set()

    def open(self, ledger: Ledger) -> set[str]:
        """Sessions in which something may have changed without our shipping it: those that ran when last told, and the newest."""
        newest = {session.id for session in ledger.sessions(limit=NEWEST)}
        return self._running | (newest - self._told.keys() if self._told else set())

    def changes(self, ledger: Ledger, id: str) -> list[Change]:
        """What is different in session `id`. A session that was never asked about tells everything once."""
        self._running.discard(id)
        if ledger.session(id).state == "running":
            self._running.add(id)
        now = {(change.noun, change.id): (change, mark) for change, mark in _facts(ledger, ledger.session(id))}
        told = self._told.pop(id, {})
        self._told[id] = {key: mark for key, (_, mark) in now.items()}
        self._forget()
        return [change for key, (change, mark) in now.items() if told.get(key) != mark]


    def _forget(self) -> None:
        """Those that were asked about longest ago, of what has ended."""
        ended = [session for session in self._told if session not in self._running]
        for session in ended[:max(0, len(self._told) - REMEMBERED)]:
            del self._told[session]


def _facts(ledger: Ledger, session: Session) -> Iterable[tuple[Change, str]]:
    """Everything of a session that can change, each with a mark that is another one when it did."""
    of = (session.id, session.kernel_id)
    yield Change("session", session.id, *of, state=session.state), session.state
    for execution in ledger.executions(session.id):
        key = f"{session.id}:{execution.n}"
        yield Change("execution", key, *of, n=execution.n, state=execution.state), execution.state
    for run in ledger.runs(session=session.id):
        yield Change("run", run.id, *of, n=run.number, state=run.state), content_hash(to_json(run))


class CellNeeded(msgspec.Struct, frozen=True):
    """One cell that a run needs, and the names for which it is needed."""

    n: int
    cell: str
    source: str
    because: list[str]


class RunCells(msgspec.Struct, frozen=True):
    """The cells needed for a run, in execution order; `total` cells ran in its session."""

    run: str
    cells: list[CellNeeded]
    incomplete: bool
    total: int
    session: str = ""


def run_cells(id: str) -> RunCells:
    """The cells that a run needs, each with the names for which it is needed."""
    ledger = open_ledger()
    run = ledger.run(id)
    executions, observations = ledger.executions(run.session), ledger.observations(run.session)
    because = reasons(run, executions, observations)
    needed = with_source(executions, run.cells)
    cells = [CellNeeded(entry.n, entry.cell, entry.source, because.get(entry.n, [])) for entry in needed]
    ran = sum(entry.state in ("ok", "error", "interrupted") for entry in executions)
    return RunCells(run.id, cells, run.incomplete, ran, run.session)


def reasons(run: Run, executions: Sequence[CellExecution], observations: Sequence[Observation]) -> dict[int, list[str]]:
    """For each cell of the run, in words, what it is needed for."""
    seen = {observation.id: observation for observation in observations}
    results = [metric_result(seen[metric.observation]) for metric in run.metrics if metric.observation in seen]
    results += [Result(model.name, "model", model.n, [seen[model.observation].variable or model.name], model.observation)
                for model in run.models if model.observation in seen]
    return slice_of(results, executions, observations).because if results else {}


def store_size() -> tuple[str, int]:
    """Where the store is, and its size in bytes."""
    store = open_ledger()
    return store.url, store.size_bytes()


def rename_notebook(old: str, new: str) -> None:
    """A notebook or a folder was renamed: what was recorded under the old path goes on under the new one."""
    store = open_ledger()
    paths = {session.notebook.path for session in store.sessions() if session.notebook is not None}
    for path in sorted(paths):
        if path == old or path.startswith(f"{old}/"):
            store.rename_notebook(path, new + path.removeprefix(old))
