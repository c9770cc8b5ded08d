"""Reports of a run that is far from its store: what it records is copied there while it runs, and costs it nothing.

The run records into a private outbox as any run does. A thread of the same process ships that into the far store without taking
anything away, so a store that is slow, full, closed to us or not there at all changes nothing for the run: what did not arrive
is in the archive that the attempt leaves. An attempt that is killed has reported all up to the last second.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from mlops_jupyter.entities import MlopsError, Sink
from mlops_jupyter.outbox import ship

LOOK = 0.5
"""Seconds between two looks at the outbox."""
LAST = 10.0
"""Seconds that the end of a run waits for its last report."""
_LONGEST = 30.0  # seconds between two tries of a store that does not answer


class Reporter:
    """Copies what lies in the outbox `folder` into the sink that `connect` gives."""

    def __init__(self, folder: Path, connect: Callable[[], Sink]) -> None:
        self._folder, self._connect = folder, connect
        self._over = threading.Event()
        self._seen: dict[str, int] = {}
        self._sink: Sink | None = None
        self._failure = ""
        self._reached = self._complete = False
        self._thread = threading.Thread(target=self._run, name="mlops-report", daemon=True)

    def begin(self) -> None:
        """Start. Nothing is asked of the store in this thread."""
        self._thread.start()

    def end(self, seconds: float = LAST) -> str:
        """Report the rest, within so many seconds; "" if all of it arrived, else why not."""
        self._over.set()
        self._thread.join(seconds)
        if self._complete:
            return ""
        return self._failure or f"the store did not take the last of it within {seconds:g} s"

    def _run(self) -> None:
        wait = LOOK
        while not self._over.wait(wait):
            wait = LOOK if self._copy() else min(_LONGEST, wait * 2)
        end = time.monotonic() + (LAST if self._reached else 0.0)  # one that was never there is asked once more
        while not (complete := self._copy()) and time.monotonic() < end:
            time.sleep(LOOK)
        self._complete = complete

    def _copy(self) -> bool:
        """Whether the sink has all that is there now."""
        try:
            self._sink = self._sink or self._connect()
            ship(self._folder, self._sink, seen=self._seen, leave=True)
        except (MlopsError, OSError) as error:
            self._failure = error.what if isinstance(error, MlopsError) else str(error)
            return False
        self._reached = True
        return True
