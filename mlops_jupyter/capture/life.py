"""The life of a cell under tracking: opened by IPython's `pre_run_cell`, closed by `post_run_cell`, recorded at both ends.

Each thread has its own stack of open cells, because a kernel with subshells runs several at once. Every step is inside the
fence. An interrupt that hits our work before a cell is handed on to the cell (`interrupts.py`); one that hits it afterwards
only cuts our work short. What was too long to read on the cell's path is read afterwards, and the record is written again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from mlops_jupyter.capture import calls
from mlops_jupyter.capture.cells import CellWatch, Open, is_interrupt
from mlops_jupyter.capture.deferred import Deferred
from mlops_jupyter.capture.fence import Fence
from mlops_jupyter.capture.interrupts import Interrupt
from mlops_jupyter.capture.notes import Notes
from mlops_jupyter.capture.secrets import Redactor
from mlops_jupyter.capture.shell import CellInfo, CellResult, silent_cell
from mlops_jupyter.capture.tracker import CellExecuted, CellStarted, Tracker, Unseen
from mlops_jupyter.capture.unwrap import Transform, is_ours, is_skip
from mlops_jupyter.entities.data import Fingerprint
from mlops_jupyter.entities.protocols import Recorder
from mlops_jupyter.entities.sessions import CellExecution, ExecutionState, Observation, VariableVersion


@dataclass(frozen=True)
class Parts:
    """What a life is made of. `prompt()`: the number of the cell that runs; `ended(event)`: told of each cell's end."""

    tracker: Tracker
    watch: CellWatch
    notes: Notes
    recorder: Recorder
    fence: Fence
    deferred: Deferred
    redact: Redactor
    transform: Transform
    prompt: Callable[[], int]
    user_code: Callable[[str], bool]
    ended: Callable[[CellExecuted], None]


@dataclass
class _Unread:
    """An execution of which values are still being read, and the models seen in it."""

    execution: CellExecution
    known: Mapping[str, Fingerprint | None]
    """What the names held before."""
    observations: list[Observation]


class CellLife:
    """All cells of one session. `cost`: seconds that tracking took on their paths; `seconds`: that they took themselves."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._stacks: dict[int, list[Open]] = {}
        self._silent: dict[int, Open] = {}
        self._unread: dict[int, _Unread] = {}
        parts.deferred.finished = self._finished
        self._over = False
        self._interrupts: list[Interrupt] = []
        self.cost = 0.0
        self.seconds = 0.0

    def spend(self, seconds: float) -> None:
        """Tracking took this long inside the cell that runs in this thread."""
        self.cost += seconds
        stack = self._stacks.get(threading.get_ident())
        if stack:
            stack[-1].cost += seconds

    # before

    def before(self, info: CellInfo) -> None:
        """`pre_run_cell`. From its first line inside the `try`: IPython swallows what a callback raises, an interrupt too."""
        try:
            clock = time.perf_counter()
            opened = None
            with self._parts.fence.guard("the start of a cell"):
                opened = self._open(info)
            spent = time.perf_counter() - clock
            self.cost += spent
            if opened is not None:
                opened.cost += spent
        except KeyboardInterrupt:
            self._hand_on()

    def _open(self, info: CellInfo) -> Open | None:
        parts, source = self._parts, info.raw_cell
        skip = is_skip(source)
        transformed = getattr(info, "transformed_cell", None)
        executed = transformed if isinstance(transformed, str) else parts.transform(source)
        event = CellStarted(
            at=time.time(), source=parts.redact(source), ours=is_ours(source), skip=skip,
            cell=getattr(info, "cell_id", None) or "", thread=threading.get_ident(),
            prompt=parts.prompt() if info.store_history else None,
        )
        event.executed = event.source if executed.rstrip("\n") == source.rstrip("\n") else parts.redact(executed)
        if not parts.tracker.busy():
            self._take_unseen(parts.watch.between)
        execution = parts.tracker.start(event)
        if execution is None:
            return None
        parts.recorder.record(execution)
        with parts.fence.guard("calls"):
            calls.before_cell(executed)
        if self._over:  # the fence has just ended the session
            return None
        opened = parts.watch.open(executed, parts.transform, quiet=event.ours and not skip, outputs=not skip)
        self._stacks.setdefault(event.thread, []).append(opened)
        return opened

    def _hand_on(self) -> None:
        """An interrupt hit our work before a cell: what was begun is given up, and the cell gets it."""
        thread = threading.get_ident()
        others = any(stack for other, stack in self._stacks.items() if other != thread)
        self._parts.watch.abandon(alone=not others)
        self._interrupts.append(self._parts.watch.interrupt())

    def _take_unseen(self, look: Callable[[], Unseen | None]) -> None:
        """Record what `look` finds that no cell did."""
        with self._parts.fence.guard("what changed between cells"):
            found = look()
            if found is not None:
                self._parts.recorder.record(self._parts.tracker.unseen(found, time.time()))

    # silent executions

    def before_silent(self) -> None:
        """`pre_execute`: code that a front end or a program runs without history is about to run."""
        try:
            parts, thread = self._parts, threading.get_ident()
            with parts.fence.guard("the start of a silent execution"):
                info = silent_cell()
                if info is None or parts.tracker.busy() or thread in self._silent:
                    return
                self._take_unseen(parts.watch.between)
                executed = parts.transform(info.raw_cell)
                self._silent[thread] = parts.watch.open(executed, parts.transform, quiet=False, outputs=False)
        except KeyboardInterrupt:
            self._hand_on()

    def after_silent(self) -> None:
        """`post_execute`: what it changed is an execution without source; where it changed nothing there is no record."""
        with suppress(KeyboardInterrupt):  # it came after what it was meant for
            opened = self._silent.pop(threading.get_ident(), None)
            if opened is not None:
                self._take_unseen(lambda: self._parts.watch.close_unseen(opened))

    # after

    def after(self, result: CellResult | None) -> None:
        """`post_run_cell`. An interrupt now has nothing of the user's to stop; it only cuts our work short."""
        try:
            clock = time.perf_counter()
            while self._interrupts:
                self._interrupts.pop().withdraw()
            with self._parts.fence.guard("the end of a cell"):
                self._close(result, threading.get_ident(), clock)
        except KeyboardInterrupt:
            with self._parts.fence.guard("a cell cut short"):
                self._cut_short(result, threading.get_ident(), "interrupted while its results were looked at")

    def _close(self, result: CellResult | None, thread: int, clock: float) -> None:
        parts = self._parts
        running = parts.tracker.running(thread)
        if running is None:
            parts.tracker.drop(thread)
            return
        stack = self._stacks.get(thread)
        if not stack:
            self._cut_short(result, thread, "tracking failed at the start of this cell")
            return
        opened = stack[-1]
        event = CellExecuted(at=time.time(), state=_state(_error(result)))
        if (error := _error(result)) is not None:
            with parts.fence.guard("the error"):
                event.error = parts.watch.error(error, parts.user_code)
        event, later = parts.watch.close(opened, event, running.prompt, parts.fence)
        stack.pop()
        calls.after_cell()
        observations: list[Observation] = []
        with parts.fence.guard("observations"):
            observations = parts.notes.flush(event.writes)
        parts.ended(event)
        event.unverified = sorted(later)
        spent = time.perf_counter() - clock
        event.cost = opened.cost + spent
        self.cost += spent
        if (execution := parts.tracker.finish(event, thread)) is not None:
            self.seconds += execution.seconds or 0.0
            parts.recorder.record(execution)
            if later and execution.state != "skipped":
                known = {name: one.known for name, one in later.items()}
                self._unread[execution.n] = _Unread(execution, known, [one for one in observations if one.variable in later])
                parts.deferred.start(execution.n, {name: one.value for name, one in later.items()})

    def _cut_short(self, result: CellResult | None, thread: int, why: str) -> None:
        """The cell has ended and little is known of it: its record says so, and counts as touching everything."""
        parts = self._parts
        for opened in self._stacks.pop(thread, []):
            parts.watch.quit(opened)
        parts.watch.forget()
        event = CellExecuted(at=time.time(), state=_state(_error(result)), opaque=[why])
        if (execution := parts.tracker.finish(event, thread)) is not None:
            parts.recorder.record(execution)

    # the end of the session

    def end(self, wait: float | None) -> None:
        """Close what is open, and wait that long (None: until it is done) for what is being read."""
        self._over = True
        parts = self._parts
        for thread, stack in list(self._stacks.items()):
            while stack:
                with parts.fence.guard("the last cell"):
                    parts.watch.quit(stack.pop())
                    execution = parts.tracker.finish(CellExecuted(at=time.time(), state="ok"), thread)
                    if execution is not None:
                        parts.recorder.record(execution)
        parts.deferred.close(wait)

    # what was read afterwards

    def _finished(self, n: int, found: Mapping[str, Fingerprint | None]) -> None:
        """In the reading thread: the execution's values are read, or given up. Its record is written again."""
        unread = self._unread.pop(n, None)
        if unread is None or not any(found.values()):
            return
        execution = unread.execution
        writes = [_settled(write, found.get(write.name), unread.known.get(write.name)) for write in execution.writes]
        self._parts.recorder.record(msgspec.structs.replace(
            execution, writes=[write for write in writes if write is not None],
            unverified=[name for name in execution.unverified if found.get(name) is None],
        ))
        for observation in unread.observations:
            read = found.get(observation.variable)
            if read is not None:
                self._parts.recorder.record(msgspec.structs.replace(observation, fingerprint=read))


def _settled(write: VariableVersion, found: Fingerprint | None, known: Fingerprint | None) -> VariableVersion | None:
    """A write whose value is known now; None if the value is what it was."""
    if found is None:
        return write
    if write.how in {"created", "rebound"}:
        return VariableVersion(write.name, write.how, found)
    if known is None or found.digest is None or found.coverage < 1:
        return VariableVersion(write.name, "maybe", found)
    return None if known.same_as(found) else VariableVersion(write.name, "mutated", found)


def _error(result: CellResult | None) -> BaseException | None:
    return None if result is None else result.error_before_exec or result.error_in_exec


def _state(error: BaseException | None) -> ExecutionState:
    return "ok" if error is None else "interrupted" if is_interrupt(error) else "error"
