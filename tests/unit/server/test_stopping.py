"""A server that stops answers what it works on, and says to everybody else that it stops: never a 500, never silence."""

from __future__ import annotations

import asyncio
import logging
import threading

import pytest

from mlops_jupyter.config import Settings
from mlops_jupyter.entities import StoreError
from mlops_jupyter.server import services as module
from mlops_jupyter.server.services import Services


def make() -> Services:
    return Services(Settings.current(), lambda change: None, logging.getLogger("mlops"))


def test_what_was_begun_is_answered_and_what_comes_later_is_refused(own_home: object) -> None:
    async def story() -> None:
        services, go = make(), threading.Event()
        begun = asyncio.create_task(services.work(go.wait, 10))
        await asyncio.sleep(0)
        end = asyncio.create_task(services.stop())
        await asyncio.sleep(0)
        with pytest.raises(StoreError, match="the server is stopping"):
            await services.work(str)
        with pytest.raises(StoreError, match="the server is stopping"):
            await services.in_thread(str)
        assert not end.done()
        go.set()
        assert await begun
        await end

    asyncio.run(story())


def test_work_that_does_not_end_holds_no_server(own_home: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GRACE", 0.05)

    async def story() -> None:
        services, go = make(), threading.Event()
        begun = asyncio.create_task(services.in_thread(go.wait, 10))
        await asyncio.sleep(0)
        await services.stop()
        assert not begun.done()
        go.set()
        await begun

    asyncio.run(story())
