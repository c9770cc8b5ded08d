"""A real `mlops server` for tests, in a thread of this process: it serves whatever store the environment names at the time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from mlops_jupyter.server import team
from tests.ports import free_port


@contextmanager
def serving(certfile: str = "", keyfile: str = "") -> Iterator[str]:
    """Its address, while it runs."""
    port = free_port()
    ready = threading.Event()
    held: list[tuple[team.TeamServer, asyncio.AbstractEventLoop]] = []

    def run() -> None:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        server = team.make(port=port, signals=False, certfile=certfile, keyfile=keyfile)
        held.append((server, loop))
        loop.call_soon(ready.set)
        server.start()

    thread = threading.Thread(target=run, name="team-server", daemon=True)
    thread.start()
    assert ready.wait(60), "the server did not start"
    try:
        yield f"{'https' if certfile else 'http'}://127.0.0.1:{port}"
    finally:
        server, loop = held[0]
        loop.call_soon_threadsafe(server.stop)
        thread.join(30)
        assert not thread.is_alive(), "the server did not stop"
