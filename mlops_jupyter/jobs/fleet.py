"""Runs the children of a sweep, several at once, until all are done, a budget is used up, or somebody stops it.

Children run in threads of this process: papermill is imported once, and what costs time, the kernels, are processes anyway.
Each has a work folder of its own, and kernels talk over sockets in private folders, so nothing is shared but the bundle. How a
child ended comes from `outcome.py` alone. Kernels share the cores: the thread pools of each are bounded to its part, because
pools that together want more threads than there are cores spend the time waiting for each other.
"""

from __future__ import annotations

import importlib
import os
import queue
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

import msgspec

from mlops_jupyter.entities import ConflictError, InputError, MlopsError, Outcome, StoreError
from mlops_jupyter.jobs.bundle import Bundle, load
from mlops_jupyter.jobs.later import without_clouds
from mlops_jupyter.jobs.notebook import read_notebook
from mlops_jupyter.jobs.outcome import judge
from mlops_jupyter.jobs.progress import Progress
from mlops_jupyter.jobs.run import RunOptions, run_bundle
from mlops_jupyter.jobs.sweep import Child
from mlops_jupyter.jobs.sweep_folder import SweepFolder
from mlops_jupyter.jobs.warm import WarmKernels, wanted

POOLS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
         "NUMEXPR_NUM_THREADS", "NUMEXPR_MAX_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS", "RAYON_NUM_THREADS",
         "LOKY_MAX_CPU_COUNT")
BY_USER, BY_BUDGET = "stopped by the user", "the time was up"
LOG = "kernel.log"
_LOOK = 0.1  # seconds between looks at the clock


class Step(msgspec.Struct, frozen=True):
    """News of a child: its state is another, or (`progress`) it begins a cell."""

    child: Child
    progress: Progress | None = None


class FleetOptions(msgspec.Struct, kw_only=True):
    """How to run. `at_once`: children together, 0: one a core; `budget` in seconds; `max_failures` 0: no limit."""

    at_once: int = 0
    warm: bool = False
    budget: float | None = None
    max_failures: int = 0
    report: Callable[[Step], None] = lambda step: None
    say: Callable[[str], None] = lambda line: None
    cancel: threading.Event = msgspec.field(default_factory=threading.Event)


def run_fleet(place: SweepFolder, options: FleetOptions | None = None) -> None:
    """Run every child that has not succeeded. How each ended is in the record; `sweep.stopped` says why some never began.

    Raises ConflictError if the bundle is another job now; KeyboardInterrupt, after all children are cancelled and recorded; and
    InputError or StoreError where no child could run (no such kernel, no store).
    """
    options = options or FleetOptions()
    with place.held():
        _Fleet(place, job_of(place), options).run()


def job_of(place: SweepFolder) -> Bundle:
    """The bundle of a sweep. ConflictError if it is another job now."""
    bundle = load(place.sweep.bundle)
    if bundle.manifest.digest != place.sweep.job:
        raise ConflictError(f"{bundle.folder} is another job than the one this sweep began with",
                            f"start a new sweep: mlops sweep {bundle.folder}")
    return bundle


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def bounds(at_once: int, given: Mapping[str, str], *, warm: bool = False) -> dict[str, str]:
    """Threads for the pools of each child, but for those that somebody set. Warm: one, for the parent must have no second."""
    threads = 1 if warm else max(1, cores() // at_once)
    return {name: str(threads) for name in POOLS if name not in given}


class _Fleet:
    """One going through the children."""

    def __init__(self, place: SweepFolder, bundle: Bundle, options: FleetOptions) -> None:
        self._place = place
        self._bundle = bundle
        self._options = options
        self._waiting = [child for child in place.sweep.children if child.state != "succeeded"]
        self._at_once = min(options.at_once or cores(), max(1, len(self._waiting)))
        self._environment = bounds(self._at_once, os.environ, warm=options.warm)
        self._warm: WarmKernels | None = None
        self._lock = threading.Lock()
        self._ended: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._no_more = threading.Event()
        self._failures = 0
        self._fault: BaseException | None = None

    def run(self) -> None:
        """Start the threads, wait, write the end down."""
        sweep = self._place.sweep
        sweep.stopped, sweep.ended = "", None
        for child in self._waiting:
            child.state = "waiting"
        with without_clouds():
            importlib.import_module("papermill.execute")  # here, not in each thread at once
        with ExitStack() as stack:
            if self._options.warm:
                modules = wanted(read_notebook(self._bundle.notebook))
                self._warm = stack.enter_context(WarmKernels(modules, self._options.say))
            threads = [threading.Thread(target=self._work, name=f"mlops-child-{n}") for n in range(self._at_once)]
            for thread in threads:
                thread.start()
            interrupted = self._wait(len(threads))
        sweep.ended = time.time()
        self._place.save(now=True)
        if interrupted:
            raise KeyboardInterrupt
        if self._fault is not None:
            raise self._fault

    def _wait(self, threads: int) -> bool:
        """Until so many threads are done; True if the user pressed Ctrl-C meanwhile.

        Each tells its end: a `join` that Ctrl-C interrupts takes its thread for ended (Python 3.11 and 3.12).
        """
        began, interrupted = time.monotonic(), False
        budget = self._options.budget
        while threads:
            try:
                with suppress(queue.Empty):
                    self._ended.get(timeout=_LOOK)
                    threads -= 1
                with self._lock:
                    self._place.catch_up()
                if budget is not None and time.monotonic() - began > budget:
                    self._stop(BY_BUDGET)
                if self._options.cancel.is_set():
                    self._stop(BY_USER)
            except KeyboardInterrupt:  # once more changes nothing: what does not stop in five seconds is killed
                interrupted = True
                with suppress(KeyboardInterrupt):
                    self._stop(BY_USER)
        return interrupted

    def _stop(self, why: str) -> None:
        """Begin no other child, and cancel those that run."""
        sweep = self._place.sweep
        sweep.stopped = sweep.stopped or why
        self._no_more.set()
        self._options.cancel.set()

    def _work(self) -> None:
        try:
            self._run_all()
        finally:
            self._ended.put(threading.current_thread().name)

    def _run_all(self) -> None:
        while (child := self._next()) is not None:
            try:
                self._run(child)
            except BaseException as error:  # noqa: BLE001 (handed to the thread that waits)
                with self._lock:
                    self._fault = self._fault or error
                    child.state, child.error = "failed", str(error)
                self._stop(f"child {child.number} could not be run")

    def _next(self) -> Child | None:
        with self._lock:
            return self._waiting.pop(0) if self._waiting and not self._no_more.is_set() else None

    def _run(self, child: Child) -> None:
        with self._lock:
            work = self._place.new_attempt(child)
            child.state, child.error, child.cell, child.session, child.metrics = "running", "", None, "", {}
            self._place.save()
        self._options.report(Step(child))
        outcome, session = self._outcome(child, work)
        with self._lock:
            child.state, child.error, child.cell, child.session = outcome.state, outcome.error, outcome.cell, session
            child.seconds = outcome.seconds
            if outcome.state == "cancelled" and self._place.sweep.stopped:
                child.error = self._place.sweep.stopped
            self._failures += outcome.state not in {"succeeded", "cancelled"}
            if self._options.max_failures and self._failures >= self._options.max_failures and self._waiting:
                sweep = self._place.sweep
                sweep.stopped = sweep.stopped or f"{self._failures} failed"
                self._no_more.set()
            self._place.save()
        self._options.report(Step(child))

    def _outcome(self, child: Child, work: Path) -> tuple[Outcome, str]:
        """How it ended, and its session. What concerns every child (no kernel, no store, an input that is gone) is raised."""
        began = time.monotonic()
        options = RunOptions(work=work, cancel=self._options.cancel, env=self._environment, warm=self._warm, log=LOG,
                             progress=lambda progress: self._options.report(Step(child, progress)))
        try:
            done = run_bundle(self._bundle.folder, child.parameters, self._place.sweep.inputs, options)
        except (InputError, StoreError):
            raise
        except MlopsError as error:
            return judge(error, seconds=time.monotonic() - began), ""
        return done.outcome, done.session_id
