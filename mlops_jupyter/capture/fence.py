"""The fence around the user's cell: no failure of ours passes it.

A failure is counted, kept as a note of the session, and logged once per place. Three of them switch capture off with
one line. `MLOPS_TESTING=1` makes the fence let failures through, so that our own tests cannot pass over them.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger("mlops_jupyter")
MOST = 3


class Fence:
    """Counts failures. `trip(line)` is called once, when there have been too many. Notes quote errors, so `redact` sees them."""

    def __init__(self, trip: Callable[[str], None], redact: Callable[[str], str] = str) -> None:
        self._trip = trip
        self._redact = redact
        self._places: set[str] = set()
        self.failures = 0
        self.notes: list[str] = []
        self.loud = os.environ.get("MLOPS_TESTING") == "1"

    @contextmanager
    def guard(self, place: str) -> Iterator[None]:
        """Run the body; what it raises stops here. KeyboardInterrupt passes: it is the user's."""
        try:
            yield
        except Exception as error:
            if self.loud:
                raise
            self.count(place, error)

    def count(self, place: str, error: Exception) -> None:
        """One failure at `place`."""
        self.failures += 1
        if place not in self._places:
            self._places.add(place)
            self.notes.append(f"capture failed at {place}: {type(error).__name__}{self._message(error)}")
            log.info("capture failed at %s", place, exc_info=error)
        if self.failures == MOST:
            self._trip(f"mlops: tracking stopped itself after {MOST} failures of its own ({place}: {type(error).__name__}). "
                       "Your cells are not affected; `%mlops status` tells more.")

    def _message(self, error: Exception) -> str:
        try:
            return f": {self._redact(str(error))[:200]}"
        except Exception:  # noqa: BLE001 (an error that cannot be told is still counted)
            return ""
