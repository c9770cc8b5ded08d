"""The watcher: ships this machine's outboxes and says on Jupyter's event bus what changed, about a tenth of a second later.

A kernel only appends to a file. Ten times a second, while something can be recording or somebody is looking, the watcher asks
for the files' sizes (one stat each); only when one has grown does it touch the store, and once in two seconds, for the death of
a writer and for what others shipped. When nobody has asked for a minute and no kernel runs it looks once in a few seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from mlops_jupyter.api.ledger import refresh
from mlops_jupyter.api.live import Change, Seen
from mlops_jupyter.entities import MlopsError
from mlops_jupyter.entities.codec import uncollected

EVENT_SCHEMA_ID = "https://mlops-jupyter.readthedocs.io/events/change/v1"
NOUNS = ["execution", "session", "run", "submission", "task", "verification"]
EVENT_SCHEMA: dict[str, object] = {
    "$id": EVENT_SCHEMA_ID,
    "version": "1",
    "title": "A change in the ledger",
    "personal-data": False,
    "description": "Something that the mlops panel shows is different now; ask the REST API for what it is.",
    "type": "object",
    "properties": {
        "noun": {"type": "string", "enum": NOUNS, "description": "What changed."},
        "id": {"type": "string", "description": "Its id; `session:n` of an execution."},
        "session": {"type": "string", "description": "The session it belongs to; empty for a task and for a submission."},
        "kernel": {"type": "string", "description": "The kernel of that session; empty if it has none."},
        "n": {"type": "integer", "description": "Number of the execution in its session, or of the run in its experiment."},
        "state": {"type": "string", "description": "Its state now."},
    },
    "required": ["noun", "id", "session", "kernel"],
}

ACTIVE = 0.1
"""Seconds between two looks while something may be recording."""
IDLE = 3.0
LOOKED_AT = 60.0
"""Seconds for which one request counts as somebody looking."""
SWEEP = 2.0
"""Seconds between two looks at the locks, which tell the death of a writer that no size tells."""


class Watcher:
    """Tails the outboxes of one store. Its own single thread ships, so that reading never waits for shipping."""

    def __init__(self, outbox: Path, emit: Callable[[dict[str, object]], None], busy: Callable[[], bool],
                 log: logging.Logger) -> None:
        self._outbox = outbox
        self._emit = emit
        self._busy = busy
        self._log = log
        self._seen = Seen()
        self._sizes: dict[str, int] = {}
        self._swept = 0.0
        self._expected = False
        self._asked = -LOOKED_AT
        self._failure = ""
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="mlops-watcher")

    def start(self) -> None:
        """Begin, on the running event loop."""
        self._task = asyncio.get_running_loop().create_task(self._run())
        self._task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """End, and let the thread go."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._thread.shutdown(wait=False, cancel_futures=True)

    def looked(self) -> None:
        """Somebody asked for something: stay awake."""
        self._asked = time.monotonic()
        self._wake.set()

    def look(self) -> None:
        """The store has got something that no outbox here tells of: say soon what changed."""
        self._expected = True
        self.looked()

    def awake(self) -> bool:
        """Whether something may be recording, or somebody looked a short while ago."""
        return self._busy() or time.monotonic() - self._asked < LOOKED_AT

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self._log.error("mlops_jupyter: live changes have stopped until the server is restarted", exc_info=task.exception())

    async def catch_up(self) -> None:
        """Ship what is there now, and say what changed: a reader that does so first takes no news away from the others."""
        for change in await asyncio.get_running_loop().run_in_executor(self._thread, self._look):
            self._emit(as_event(change))

    async def _run(self) -> None:
        while True:
            await self.catch_up()
            await self._pause()

    async def _pause(self) -> None:
        """A tenth of a second while it matters, else until somebody asks or a few seconds have gone."""
        if self.awake():
            await asyncio.sleep(ACTIVE)
            return
        self._wake.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), IDLE)

    def _look(self) -> list[Change]:
        """In the thread: ship what is new, and say what changed. A store that is out of reach is said once in the log."""
        sizes = file_sizes(self._outbox)
        now = time.monotonic()
        # Without an outbox and without a question there is nothing to sweep: a server that nobody asked makes no store.
        sweep = now - self._swept >= SWEEP and (bool(sizes) or now - self._asked < LOOKED_AT)
        expected, self._expected = self._expected, False
        if sizes == self._sizes and not sweep and not expected:
            return []
        try:
            changes = self._ship(sweep)
        except (MlopsError, OSError) as error:
            if str(error) != self._failure:
                self._log.warning("mlops_jupyter: records wait in %s: %s", self._outbox, error)
            self._failure = str(error)
            return []
        self._sizes, self._failure = sizes, ""
        self._swept = now if sweep else self._swept
        return changes

    @uncollected()
    def _ship(self, sweep: bool) -> list[Change]:
        store, sessions = refresh()
        if sweep:  # a request, or a command in a terminal, may have shipped what we would have told
            sessions = sessions | self._seen.open(store)
        return [change for session in sorted(sessions) for change in self._seen.changes(store, session)]


def file_sizes(folder: Path) -> dict[str, int]:
    """The size of every writer's file."""
    try:
        return {path.name: path.stat().st_size for path in folder.glob("*.jsonl")}
    except FileNotFoundError:
        return {}


def as_event(change: Change) -> dict[str, object]:
    """The change as the event schema has it."""
    data: dict[str, object] = {"session": "", "kernel": "", **msgspec.structs.asdict(change)}
    return {key: value for key, value in data.items() if value or key in ("session", "kernel")}
