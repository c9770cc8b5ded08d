"""The fence around the user's cell: no failure of ours passes it.

A failure is counted, kept as a note of the session, and logged once per place. Three of them switch capture off with
one line. `MLOPS_TESTING=1` makes the fence let failures through, so that our own tests cannot pass over them.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType

log = logging.getLogger("mlops_jupyter")
MOST = 3


class _Guard:
    """A class and no generator: there are a dozen at every cell."""

    __slots__ = ("_fence", "_place")

    def __init__(self, fence: Fence, place: str) -> None:
        self._fence = fence
        self._place = place

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> bool:
        if not isinstance(error, Exception) or self._fence.loud:
            return False
        self._fence.count(self._place, error)
        return True


class Fence:
    """Counts failures. `trip(line)` is called once, when there have been too many. Notes quote errors, so `redact` sees them."""

    def __init__(self, trip: Callable[[str], None], redact: Callable[[str], str] = str) -> None:
        self._trip = trip
        self._redact = redact
        self._places: set[str] = set()
        self.failures = 0
        self.notes: list[str] = []
        self.loud = os.environ.get("MLOPS_TESTING") == "1"

    def guard(self, place: str) -> AbstractContextManager[None]:
        """Run the body; what it raises stops here. KeyboardInterrupt passes: it is the user's."""
        return _Guard(self, place)

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
