"""What has changed, for whoever listens by server-sent events: a stream that can be resumed.

The last changes are kept in memory with a number each. A listener that comes back says the last it has seen; if that is not
known any more (it was away too long, or the server was started anew) it is told `reset`, and reads what it shows afresh.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

import msgspec

from mlops_jupyter.entities import new_id

KEPT = 10_000
HEARTBEAT = 15.0
"""Seconds after which a silent stream says that it is alive, so that proxies keep it open."""


class News:
    """Changes of one life of the server, numbered from 1."""

    def __init__(self) -> None:
        self._life = new_id()
        self._kept: deque[tuple[int, bytes]] = deque(maxlen=KEPT)
        self._last = 0
        self._waiting: set[asyncio.Event] = set()
        self._closed = False

    def tell(self, change: dict[str, object]) -> None:
        """Add a change and wake all listeners. On the event loop."""
        self._last += 1
        self._kept.append((self._last, msgspec.json.encode(change)))
        self._wake()

    def close(self) -> None:
        """End every stream."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        for event in self._waiting:
            event.set()

    def _since(self, id: str) -> int | None:
        """The number that the listener has seen last; None if it cannot be told what came after."""
        life, _, number = id.partition("-")
        if life != self._life or not (number.isascii() and number.isdigit() and len(number) < 18):
            return None
        seen = int(number)
        first = self._kept[0][0] if self._kept else self._last + 1
        return seen if first - 1 <= seen <= self._last else None

    async def stream(self, last_id: str) -> AsyncIterator[bytes]:
        """Chunks of `text/event-stream`, from what came after `last_id` on; from now on if it is ""."""
        seen = self._last if not last_id else self._since(last_id)
        if seen is None:
            seen = self._last
            yield f"id: {self._life}-{seen}\nevent: reset\ndata: {{}}\n\n".encode()
        else:
            yield f"id: {self._life}-{seen}\nevent: hello\ndata: {{}}\n\n".encode()
        event = asyncio.Event()
        self._waiting.add(event)
        try:
            while not self._closed:
                event.clear()
                chunk = b"".join(b"id: %s-%d\nevent: change\ndata: %s\n\n" % (self._life.encode(), number, data)
                                 for number, data in list(self._kept) if number > seen)
                seen = self._last
                if chunk:
                    yield chunk
                    continue
                try:
                    await asyncio.wait_for(event.wait(), HEARTBEAT)
                except TimeoutError:
                    yield b": alive\n\n"
        finally:
            self._waiting.discard(event)
