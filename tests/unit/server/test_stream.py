"""What a kernel writes is on Jupyter's event bus a moment later, while somebody looks."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable

from jupyter_server.serverapp import ServerApp
from tornado.websocket import WebSocketClientConnection

from mlops_jupyter.server.stream import EVENT_SCHEMA_ID, Watcher
from tests.unit.server.ledger_pen import KERNEL, Api, Writer

Event = dict[str, object]
Connect = Callable[..., Awaitable[WebSocketClientConnection]]


async def heard(socket: WebSocketClientConnection, seconds: float, until: Callable[[Event], bool]) -> list[Event]:
    """Our events on the socket, up to the first that `until` accepts. Raises TimeoutError if none does."""
    events: list[Event] = []
    async with asyncio.timeout(seconds):
        while True:
            event = json.loads(await socket.read_message() or "{}")
            if event.get("schema_id") == EVENT_SCHEMA_ID:
                events.append(event)
                if until(event):
                    return events


async def test_a_cell_that_ends_is_on_the_event_socket(api: Api, jp_ws_fetch: Connect, own_home: object) -> None:
    socket = await jp_ws_fetch("api", "events", "subscribe")
    await api.get("live", kernel=KERNEL, path="analysis.ipynb")
    writer = Writer()
    writer.story()
    events = await heard(socket, 10, lambda event: event["noun"] == "run")
    assert {event["noun"] for event in events} >= {"session", "execution", "run"}
    assert {event["kernel"] for event in events} == {KERNEL}
    assert [event["n"] for event in events if event["noun"] == "execution"] == [1, 2, 3, 4, 5]

    writer.cell(6, "slow()", state="running", ended=None)
    await heard(socket, 5, lambda event: event.get("n") == 6 and event["state"] == "running")
    began = time.monotonic()
    writer.cell(6, "slow()")
    events = await heard(socket, 5, lambda event: event.get("n") == 6 and event["state"] == "ok")
    print(f"told after {time.monotonic() - began:.3f} s")
    assert [(event["noun"], event["n"]) for event in events] == [("execution", 6)], "what did not change is not told again"
    socket.close()
    writer.outbox.close()


async def test_the_death_of_a_kernel_is_told(api: Api, jp_ws_fetch: Connect, own_home: object) -> None:
    socket = await jp_ws_fetch("api", "events", "subscribe")
    await api.get("live", kernel=KERNEL)
    writer = Writer()
    writer.cell(1, "while True: ...", state="running", ended=None)
    await heard(socket, 10, lambda event: event.get("n") == 1)
    writer.outbox.close()
    events = await heard(socket, 10, lambda event: event["noun"] == "session")
    assert "interrupted" in {event["state"] for event in events}
    live = await api.get("live", kernel=KERNEL)
    assert isinstance(live, dict)
    assert live["executions"][0]["state"] == "interrupted"
    socket.close()


async def test_with_nobody_looking_and_no_kernel_the_watcher_rests(jp_serverapp: ServerApp) -> None:
    watcher: Watcher = jp_serverapp.web_app.settings["mlops_services"].watcher
    assert not watcher.awake()
    watcher.looked()
    assert watcher.awake()
