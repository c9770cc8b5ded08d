"""The follower: looks at jobs that were handed over and have not ended, so that a failure is told though nobody asks.

Every few seconds, and only where there are such jobs: one query of the store otherwise. It has a thread of its own, because a
place may be slow to answer, and whom it tells too.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mlops_jupyter.api.submissions import follow
from mlops_jupyter.config import Settings
from mlops_jupyter.entities import MlopsError

ALL = 240
"""Looks between two at the jobs that have ended too: somebody may have died before it told of an end."""


class Follower:
    """Of one server."""

    def __init__(self, settings: Settings, log: logging.Logger) -> None:
        self._settings, self._log = settings, log
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
            await asyncio.get_running_loop().run_in_executor(self._thread, self._look)

    def _look(self) -> None:
        """A store that is out of reach is said once in the log."""
        url = self._settings.store_url()
        if "://" not in url and not (Path(url) / "ledger.db").exists():
            return  # a server that nobody asked makes no store
        try:
            follow(ended=self._looks % ALL == 0)
            self._looks += 1
            self._failure = ""
        except (MlopsError, OSError) as error:
            if str(error) != self._failure:
                self._log.warning("mlops_jupyter: jobs that were handed over cannot be looked at: %s", error)
            self._failure = str(error)
