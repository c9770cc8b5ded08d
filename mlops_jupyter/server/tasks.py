"""Background tasks: verify, convert and run take minutes, so a POST answers at once and the task is watched.

A task is a thread and a record. The record outlives the page that started it, so a reload finds it; its result is in the store.
Cancelling sets an event that the verb may watch, and makes the next report of progress raise `TaskCancelled` inside it, which
unwinds through the verb's own clean-up: the kernel is shut down, nothing is left half-written.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from typing import Literal, TypeAlias

import msgspec

from mlops_jupyter.entities import ConflictError, MlopsError, NotFoundError, new_id

MOST_AT_ONCE = 2
MOST_KEPT = 100
TaskKind = Literal["verify", "convert", "run", "sweep"]


class TaskCancelled(Exception):  # noqa: N818 (a request, not an error)
    """Raised inside a verb at its next report of progress after the user cancelled."""


class TaskError(msgspec.Struct, frozen=True):
    """Why a task failed, as `MlopsError` says it."""

    what: str
    remedy: str = ""


class Task(msgspec.Struct):
    """One background task. `done` of `total` steps; `subject` is the run or bundle it is about, `result` what it returned."""

    id: str
    kind: TaskKind
    subject: str
    started: float
    state: Literal["running", "succeeded", "failed", "cancelled"] = "running"
    message: str = ""
    done: int = 0
    total: int = 0
    ended: float | None = None
    result: object = None
    error: TaskError | None = None


class Report:
    """What a verb calls as it goes on. Safe from any thread; raises TaskCancelled when the user has cancelled."""

    def __init__(self, task: Task, changed: Callable[[Task], None]) -> None:
        self._task = task
        self._changed = changed
        self.cancelled = threading.Event()

    def found(self, result: object) -> None:
        """What is known before the end, and is the task's result even if it fails."""
        self._task.result = result
        self._changed(self._task)

    def __call__(self, message: str, done: int = 0, total: int = 0) -> None:
        """Say what is being done, and how far."""
        if self.cancelled.is_set():
            raise TaskCancelled
        self._task.message, self._task.done, self._task.total = message, done, total
        self._changed(self._task)


Work: TypeAlias = Callable[[Report], object]


class Tasks:
    """The tasks of this server, newest last; at most two run at once, the others wait their turn."""

    def __init__(self, emit: Callable[[dict[str, object]], None], log: logging.Logger) -> None:
        self._emit = emit
        self._log = log
        self._tasks: dict[str, Task] = {}
        self._reports: dict[str, Report] = {}
        self._turns = threading.Semaphore(MOST_AT_ONCE)

    def start(self, kind: TaskKind, subject: str, work: Work) -> Task:
        """Begin `work` in a thread of its own and return its task. Called on the event loop."""
        self._forget_old()
        loop = asyncio.get_running_loop()
        task = Task(new_id(), kind, subject, time.time(), message="waiting for its turn")

        def changed(task: Task) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._tell, task.id, task.state)

        report = Report(task, changed)
        self._tasks[task.id], self._reports[task.id] = task, report
        # A daemon: a server that is told to stop does not wait for a verification.
        threading.Thread(target=self._run, args=(task, report, work, changed), name=f"mlops-{kind}", daemon=True).start()
        self._tell(task.id, task.state)
        return task

    def all(self) -> list[Task]:
        """Every task that is remembered, oldest first."""
        return list(self._tasks.values())

    def get(self, id: str) -> Task:
        """One task."""
        if id not in self._tasks:
            raise NotFoundError(f"no task {id!r}: it may be from before the server's last start", "GET tasks lists those known")
        return self._tasks[id]

    def cancel(self, id: str) -> Task:
        """Ask a running task to stop. ConflictError if it has ended."""
        task = self.get(id)
        if task.state != "running":
            raise ConflictError(f"task {id} has {task.state} already", "start it again if you want another")
        self._reports[id].cancelled.set()
        task.message = "cancelling"
        self._tell(id, task.state)
        return task

    def cancel_all(self) -> None:
        """Ask every running task to stop."""
        for report in self._reports.values():
            report.cancelled.set()

    def running(self) -> bool:
        """Whether any task has not ended."""
        return any(task.state == "running" for task in self._tasks.values())

    def _run(self, task: Task, report: Report, work: Work, changed: Callable[[Task], None]) -> None:
        try:
            with self._turns:
                report("starting")
                task.result = work(report)
            task.state = "cancelled" if report.cancelled.is_set() else "succeeded"
        except TaskCancelled:
            task.state, task.error = "cancelled", TaskError("cancelled by the user")
        except MlopsError as error:
            task.state = "cancelled" if report.cancelled.is_set() else "failed"
            task.error = TaskError(error.what, error.remedy)
        except Exception as error:  # noqa: BLE001 (the fence around user code that a task runs: shown, and logged in full)
            self._log.exception("mlops_jupyter: task %s (%s) failed", task.id, task.kind)
            task.state, task.error = "failed", TaskError(f"{type(error).__name__}: {error}", "the server's log holds the details")
        finally:
            task.ended = time.time()
            self._reports.pop(task.id, None)
            changed(task)

    def _tell(self, id: str, state: str) -> None:
        self._emit({"noun": "task", "id": id, "session": "", "kernel": "", "state": state})

    def _forget_old(self) -> None:
        ended = [task.id for task in self._tasks.values() if task.state != "running"]
        for old in ended[: max(0, len(ended) - MOST_KEPT)]:
            del self._tasks[old]
