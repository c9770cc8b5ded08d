"""Events in, entities out: the order of executions and observations of one session. Pure: no clock, no I/O, no IPython.

A cell execution is written when it starts (state `running`, so that a kernel killed inside a cell is seen) and written again
under the same key when it ends. A cell that runs inside another cell of the same thread (`get_ipython().run_cell`) is part of the
outer execution, since re-running the outer one runs it again; only our own magics (`%mlops rerun`) run cells that
count for themselves.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from mlops_jupyter.capture.observer import Draft
from mlops_jupyter.entities.data import Fingerprint
from mlops_jupyter.entities.sessions import (
    CellError,
    CellExecution,
    ExecutionState,
    FileAccess,
    LocalModule,
    Observation,
    Output,
    Query,
    RandomState,
    Read,
    VariableVersion,
)


class CellStarted(msgspec.Struct, kw_only=True):
    """A cell is about to run. `ours`: nothing in it but our own magics. `skip`: the user asked never to record it."""

    at: float
    source: str
    executed: str = ""
    cell: str = ""
    prompt: int | None = None
    ours: bool = False
    skip: bool = False
    thread: int = 0


class CellExecuted(msgspec.Struct, kw_only=True):
    """A cell has ended, with what is known about it."""

    at: float
    state: ExecutionState
    error: CellError | None = None
    outputs: list[Output] = []
    outputs_dropped: int = 0
    reads: list[Read] = []
    writes: list[VariableVersion] = []
    deletes: list[str] = []
    stores: list[str] = []
    files: list[FileAccess] = []
    queries: list[Query] = []
    environment: str = ""
    modules: list[LocalModule] = []
    imports: list[str] = []
    random: RandomState | None = None
    opaque: list[str] = []
    unverified: list[str] = []
    effects: list[str] = []
    cost: float = 0.0
    memory: int | None = None


class Unseen(msgspec.Struct):
    """What changed though no cell ran, or one without history: by a thread, a callback, a silent execution."""

    writes: list[VariableVersion] = []
    deletes: list[str] = []
    random: RandomState | None = None


class Tracker:
    """Numbers executions and observations. One per session; `first` is the number that the next execution gets."""

    def __init__(self, session: str, first: int = 1) -> None:
        self._session = session
        self._next = first
        self._stacks: dict[int, list[tuple[CellStarted, CellExecution | None]]] = {}
        self._last = first - 1
        self._observed: dict[int, int] = {}

    @property
    def executions(self) -> int:
        """How many executions were numbered so far."""
        return self._next - 1

    def current(self, thread: int) -> int:
        """The execution that runs in `thread`, else the newest running anywhere, else the last one; 0 before the first."""
        for stack in (self._stacks.get(thread, []), *self._stacks.values()):
            for _, execution in reversed(stack):
                if execution is not None:
                    return execution.n
        return self._last

    def untracked(self, source: str, executed: str, prompt: int | None, stores: list[str]) -> CellExecution:
        """A cell that ran before tracking, from history: its source only."""
        n = self._take()
        return CellExecution(session=self._session, n=n, source=source, state="untracked", prompt=prompt, stores=stores,
                             executed="" if executed == source else executed)

    def unseen(self, found: Unseen, at: float) -> CellExecution:
        """A change that no cell made: an execution without source, in its place in the order."""
        return CellExecution(session=self._session, n=self._take(), source="", state="skipped", started=at, ended=at,
                             writes=_contentless(found.writes), deletes=found.deletes, random=found.random)

    def start(self, event: CellStarted) -> CellExecution | None:
        """The execution that begins, None where the cell is part of one that is running in this thread."""
        stack = self._stacks.setdefault(event.thread, [])
        if stack and not (stack[-1][0].ours and not stack[-1][0].skip):
            stack.append((event, None))
            return None
        execution = CellExecution(
            session=self._session, n=self._take(), source="" if event.skip else event.source, state="running", cell=event.cell,
            executed="" if event.skip or event.executed == event.source else event.executed, prompt=event.prompt,
            started=event.at,
        )
        stack.append((event, execution))
        return execution

    def running(self, thread: int) -> CellExecution | None:
        """The execution whose cell ended is about to be told, None for a nested one or outside any cell."""
        stack = self._stacks.get(thread)
        return stack[-1][1] if stack else None

    def cell(self, thread: int) -> str:
        """The id of the cell that runs, "" outside one."""
        for stack in (self._stacks.get(thread, []), *self._stacks.values()):
            for _, execution in reversed(stack):
                if execution is not None:
                    return execution.cell
        return ""

    def busy(self) -> bool:
        """True while a numbered cell runs in any thread."""
        return any(execution is not None for stack in self._stacks.values() for _, execution in stack)

    def drop(self, thread: int) -> None:
        """The innermost cell of the thread has ended and nothing is to be said about it."""
        stack = self._stacks.get(thread)
        if stack:
            stack.pop()

    def finish(self, event: CellExecuted, thread: int) -> CellExecution | None:
        """The whole record of the execution that ended; None for a nested cell."""
        stack = self._stacks.get(thread)
        if not stack:
            return None
        started, execution = stack.pop()
        if execution is None:
            return None
        facts = {name: getattr(event, name) for name in event.__struct_fields__ if name != "at"}
        if started.skip:
            return msgspec.structs.replace(
                execution, state="skipped", ended=event.at, writes=_contentless(event.writes), deletes=event.deletes,
                random=event.random, opaque=event.opaque, cost=event.cost)
        if started.ours:  # what the cells did that it ran is in their own records
            facts |= {"reads": [], "writes": [], "deletes": [], "stores": []}
        return msgspec.structs.replace(execution, ended=event.at, **facts)

    def observation(self, draft: Draft, at: float, thread: int) -> Observation:
        """The observation of a draft, numbered within its execution. `variable` and fingerprints may be filled later."""
        n = self.current(thread)
        seq = self._observed.get(n, 0) + 1
        self._observed[n] = seq
        return Observation(
            session=self._session, n=n, seq=seq, at=at, kind=draft.kind, name=draft.name, value=draft.value, key=draft.key,
            step=draft.step, series=draft.series, site=draft.site,
            class_name=draft.class_name, params=draft.params, shown=draft.shown,
            models=draft.models, datasets=draft.datasets, fingerprint=draft.fingerprint, blob=draft.blob, logged=draft.logged,
            details=draft.details,
        )

    def replay(self, execution: CellExecution, observations: Sequence[Observation], at: float,
               prompt: int) -> tuple[CellExecution, list[Observation]]:
        """What happened in another session, as if it had happened here now. A model's key `:seq` is one of this execution."""
        n = self._take()
        self._observed[n] = max((one.seq for one in observations), default=0)
        own = f"{self._session}:{n}"
        whole = msgspec.structs.replace(execution, session=self._session, n=n, started=at, ended=at, prompt=prompt, cost=0.0)
        return whole, [
            msgspec.structs.replace(one, session=self._session, n=n, at=at,
                                    models=[own + key if key.startswith(":") else key for key in one.models])
            for one in observations]

    def _take(self) -> int:
        n = self._next
        self._next = n + 1
        self._last = n
        return n


def _contentless(writes: list[VariableVersion]) -> list[VariableVersion]:
    """What was written, without what it is."""
    return [msgspec.structs.replace(write, fingerprint=Fingerprint(kind="opaque")) for write in writes]
