"""What the routes share: where the store is, the threads that blocking work runs on, the watcher, the news; tasks and notebooks.

The event loop never waits for the store: every verb runs in one of a few threads. One object per server, made by `MlopsApp` or,
without notebooks, by `TeamServer`.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

from mlops_jupyter.api.live import rename_notebook
from mlops_jupyter.config import Settings
from mlops_jupyter.entities import InputError, StoreError
from mlops_jupyter.server.counts import Counts
from mlops_jupyter.server.follower import Follower
from mlops_jupyter.server.news import News
from mlops_jupyter.server.notebooks import Notebooks
from mlops_jupyter.server.paths import resolve
from mlops_jupyter.server.stream import Watcher
from mlops_jupyter.server.tasks import Tasks

P = ParamSpec("P")
R = TypeVar("R")

Emit = Callable[[dict[str, object]], None]

THREADS = 4
GRACE = 5.0
"""Seconds for which a server that stops waits for the requests that it works on."""


class Services:
    """The server's own state. Nothing in it outlives the process but what the store holds."""

    def __init__(self, settings: Settings, emit: Emit, log: logging.Logger) -> None:
        self.settings = settings
        self.log = log
        self.news = News()
        self.counts = Counts()
        self._emit = emit
        self.watcher = Watcher(settings.outbox_folder(), self.emit, self.busy, log)
        self.follower = Follower(settings, log, self.emit)
        self._begun = False
        self._over = False
        self._working = 0
        self._rest = asyncio.Event()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="mlops-store")

    def emit(self, change: dict[str, object]) -> None:
        """Say that something is different now."""
        self.news.tell(change)
        self._emit(change)

    def begin(self) -> bool:
        """The event loop runs: watch. Once, however often it is called; False if it was called before."""
        if self._begun:
            return False
        self._begun = True
        if not gc.get_freeze_count():
            gc.freeze()  # the server's own 290,000 objects: looking them all through for garbage stops every request for 0.15 s
        self.watcher.start()
        self.follower.start()
        return True

    def looked(self) -> None:
        """Somebody looks: keep it fresh."""
        self.begin()
        self.watcher.looked()

    async def work(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a blocking function in a thread, after what kernels have written was shipped and told."""
        with self._counted():
            await self.watcher.catch_up()
            return await self._run(functools.partial(function, *args, **kwargs))

    async def in_thread(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a blocking function in a thread."""
        with self._counted():
            return await self._run(functools.partial(function, *args, **kwargs))

    def busy(self) -> bool:
        """Whether something could be recording now on this machine."""
        return False

    async def stop(self) -> None:
        """Begin nothing more, end what was begun; then let streams, watcher and threads go."""
        self._over = True
        self.news.close()
        if self._working:
            self._rest.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._rest.wait(), GRACE)
        await self.follower.stop()
        await self.watcher.stop()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, call: Callable[[], R]) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        """One piece of work, that `stop` waits for. StoreError where the server stops already."""
        if self._over:
            raise StoreError("the server is stopping", "ask again in a few seconds")
        self._working += 1
        try:
            yield
        finally:
            self._working -= 1
            if not self._working:
                self._rest.set()


class NotebookServices(Services):
    """Of a server with notebooks and kernels: where their files are, and the tasks that run them again."""

    def __init__(self, settings: Settings, files_root: Path | None, notebooks: Notebooks, emit: Emit,
                 log: logging.Logger) -> None:
        self.files_root = files_root
        """The folder that contents paths are relative to; None where the server's contents are no files."""
        self.notebooks = notebooks
        super().__init__(settings, emit, log)
        self.tasks = Tasks(self.emit, log)

    def begin(self) -> bool:
        """As of any server; and hear of renames."""
        begun = super().begin()
        if begun:
            self.notebooks.listen(self.work, rename_notebook, self.log)
        return begun

    def busy(self) -> bool:
        """Whether something could be recording now: a kernel of this server, or a task."""
        return self.notebooks.kernels_running() or self.tasks.running()

    def folder(self, path: str) -> Path:
        """The folder at a contents path. InputError where contents are no files."""
        if self.files_root is None:
            raise InputError(f"{path!r} is no folder: this server's contents are not files", "mlops convert, where the files are")
        return resolve(self.files_root, path)

    async def stop(self) -> None:
        """Cancel what runs, too."""
        self.tasks.cancel_all()
        await super().stop()
