"""The follower: looks at jobs that were handed over and have not ended, so that a failure is told though nobody asks.

Every few seconds, and only where there are such jobs: one query of the store otherwise. It has a thread of its own, because a
place may be slow to answer, and whom it tells too.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mlops_jupyter.api.submissions import follow, unasked
from mlops_jupyter.config import Settings
from mlops_jupyter.entities import MlopsError, Submission
from mlops_jupyter.entities.submissions import NO_END

ALL = 240
"""Looks between two at the jobs that have ended too: somebody may have died before it told of an end."""


class Follower:
    """Of one server."""

    def __init__(self, settings: Settings, log: logging.Logger, emit: Callable[[dict[str, object]], None]) -> None:
        """`emit` is told, on the event loop, of each submission that stands otherwise than at the look before."""
        self._settings, self._log, self._emit = settings, log, emit
        self._marks: dict[str, tuple[object, ...]] = {}
        self.unasked: dict[str, str] = {}
        """Submission → why its runner could not be asked at the last look."""
        self._failure = ""
        self._looks = 0
        self._task: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="mlops-follower")

    def start(self) -> None:
        """Begin, on the running event loop."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """End; a look that is under way is not waited for."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._settings.follow_seconds)
            for one in await asyncio.get_running_loop().run_in_executor(self._thread, self._look):
                self._emit(told(one))

    def _look(self) -> list[Submission]:
        """Those that stand otherwise now. A store that is out of reach is said once in the log."""
        url = self._settings.store_url()
        if "://" not in url and not (Path(url) / "ledger.db").exists():
            return []  # a server that nobody asked makes no store
        try:
            found = follow(ended=self._looks % ALL == 0)
            self._looks += 1
            self._failure = ""
            return self._different(found)
        except (MlopsError, OSError) as error:
            if str(error) != self._failure:
                self._log.warning("mlops_jupyter: jobs that were handed over cannot be looked at: %s", error)
            self._failure = str(error)
            return []

    def _different(self, found: list[Submission]) -> list[Submission]:
        """What has ended is looked at no more, and is remembered no longer."""
        self.unasked = {one.id: why for one in found if (why := unasked(one))}
        before, self._marks = self._marks, {one.id: _mark(one) for one in found if one.state in NO_END}
        return [one for one in found if one.state in NO_END or one.id in before if before.get(one.id) != _mark(one)]


def _mark(one: Submission) -> tuple[object, ...]:
    return one.state, one.outcome, one.started, one.attempts, len(one.firings)


def told(one: Submission) -> dict[str, object]:
    """The event of a submission that stands otherwise."""
    return {"noun": "submission", "id": one.id, "session": "", "kernel": "", "state": one.state}
