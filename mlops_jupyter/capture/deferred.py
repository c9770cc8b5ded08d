"""Fingerprints that take longer than a cell should wait: finished after it, in a thread, while the user reads.

All values of a cell together get a few milliseconds on its path. What is not read by then is handed over here; the record says
`unverified`, and is written again when the rest is known. The next cell that could touch such a value waits for it, but not
for long: then the reading is given up, because a fingerprint of a value that changed meanwhile must never be stored. While a
value is read it is held here; before a cell runs that could change or drop it, it is let go.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from mlops_jupyter.capture.fence import Fence
from mlops_jupyter.capture.kinds import identity
from mlops_jupyter.entities.data import Fingerprint
from mlops_jupyter.fingerprint import fingerprint_unless
from mlops_jupyter.fingerprint.core import table
from mlops_jupyter.fingerprint.walk import name_of

PATIENCE = 0.010
"""CPU seconds for all values of one cell on its path."""
LEAST = 0.0005
"""CPU seconds that each value gets, however long the others took."""
_HEAD_START = 0.005
"""Seconds that the kernel gets to send its replies before the thread begins."""
_LETTING_GO = 2.0
"""Most seconds until the thread notices that a reading was given up: it looks every tenth of a millisecond or so."""

Finished = Callable[[int, Mapping[str, Fingerprint | None]], None]


class Patience:
    """The time that one cell's values may be read for on its path. CPU time: a busy machine makes no value unknown."""

    def __init__(self, seconds: float = PATIENCE) -> None:
        self._end = time.thread_time() + seconds

    def read(self, value: object, budget: int | None) -> Fingerprint | None:
        """The fingerprint, None if it takes too long. Loading the readers of a library that is met first is not counted."""
        known = table().asked
        found = self._read(value, budget)
        if found is None and table().asked > known:
            self._end = time.thread_time() + PATIENCE
            found = self._read(value, budget)
        return found

    def _read(self, value: object, budget: int | None) -> Fingerprint | None:
        end = max(self._end, time.thread_time() + LEAST)
        return fingerprint_unless(lambda: time.thread_time() > end, value, budget)


def unread(value: object) -> Fingerprint:
    """What a record says of a value until it is read."""
    return Fingerprint("opaque", None, name_of(type(value)), coverage=0.0)


@dataclass(slots=True, eq=False)
class _Job:
    """One value to read. `given_up` is asked by the thread between leaves; `done` is set when it has let go."""

    value: object
    found: Fingerprint | None = None
    begun: bool = False
    given_up: bool = False
    done: threading.Event = field(default_factory=threading.Event)


class Deferred:
    """The readings that wait, of one session. `finished` is called in the thread when all of one cell's are over.

    `seconds`: CPU time of all readings so far.
    `budget`: most bytes of one value. `wait`: seconds that a cell waits for a value that it could touch; None: to the end.
    """

    def __init__(self, fence: Fence, budget: int | None, wait: float | None) -> None:
        self.finished: Finished = lambda n, found: None
        self.seconds = 0.0
        self._fence = fence
        self._budget = budget
        self._wait = wait
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._jobs: dict[str, _Job] = {}
        self._batches: list[tuple[int, dict[str, _Job]]] = []
        self._thread: threading.Thread | None = None

    def start(self, n: int, values: Mapping[str, object]) -> None:
        """Read these once the kernel has answered; they are what the names hold after execution `n`."""
        if not values:
            return
        jobs = {name: _Job(value) for name, value in values.items()}
        with self._lock:
            self._jobs |= jobs
            self._batches.append((n, jobs))
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name="mlops-fingerprints", daemon=True)
                self._thread.start()

    def settle(self, names: Collection[str]) -> dict[str, Fingerprint]:
        """A cell is about to run that could touch `names`. What is known by now, of these and of others."""
        if not self._jobs or os.getpid() != self._pid:
            return {}
        concerned = [self._jobs[name] for name in names if name in self._jobs]
        self._join(concerned, self._wait)
        over = {name: job for name, job in list(self._jobs.items()) if job.done.is_set()}
        for name in over:
            del self._jobs[name]
        return {name: job.found for name, job in over.items() if job.found is not None}

    def drain(self) -> None:
        """Wait until all is read and told."""
        thread = self._thread
        if os.getpid() == self._pid and thread is not None:
            self._join(list(self._jobs.values()), None)
            thread.join(_LETTING_GO)

    def close(self, seconds: float | None) -> None:
        """The session ends: wait that long (None: until all is read), then give up what is left."""
        thread = self._thread
        if os.getpid() != self._pid or thread is None:
            return
        self._join(list(self._jobs.values()), seconds)
        thread.join(_LETTING_GO)
        self._jobs.clear()

    def _join(self, jobs: list[_Job], seconds: float | None) -> None:
        end = None if seconds is None else time.monotonic() + seconds
        try:
            for job in jobs:
                job.done.wait(None if end is None else max(end - time.monotonic(), 0.0))
        finally:
            for job in jobs:
                self._give_up(job)
            end = time.monotonic() + _LETTING_GO
            for job in jobs:
                job.done.wait(max(end - time.monotonic(), 0.0))

    def _give_up(self, job: _Job) -> None:
        with self._lock:
            job.given_up = True
            if not job.begun:
                job.value = None
                job.done.set()

    # the thread

    def _work(self) -> None:
        time.sleep(_HEAD_START)
        while True:
            with self._lock:
                if not self._batches:
                    self._thread = None
                    return
                n, jobs = self._batches.pop(0)
            known: dict[int, Fingerprint | None] = {}
            clock = time.thread_time()
            try:
                with self._fence.guard("a fingerprint after its cell"):
                    for job in jobs.values():
                        self._read(job, known)
                    self.finished(n, {name: job.found for name, job in jobs.items()})
            finally:
                for job in jobs.values():  # whatever happened: nobody waits for a reading that will not come
                    job.value = None
                    job.done.set()
            self.seconds += time.thread_time() - clock

    def _read(self, job: _Job, known: dict[int, Fingerprint | None]) -> None:
        """Two names of one object are read once."""
        with self._lock:
            if job.given_up:
                return
            job.begun = True
        try:
            place = identity(job.value)
            if place not in known:
                known[place] = fingerprint_unless(lambda: job.given_up, job.value, self._budget)
            if not job.given_up:
                job.found = known[place]
        finally:
            job.value = None
            job.done.set()
