"""A Jupyter server with our extension, and a ledger filled the way a kernel fills it: through an outbox."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from jupyter_server.serverapp import ServerApp
from tornado.httpclient import HTTPResponse

from tests.unit.server.ledger_pen import Api, Writer


@pytest.fixture
def jp_server_config() -> dict[str, object]:
    return {"ServerApp": {"jpserver_extensions": {"mlops_jupyter": True}}}


@pytest.fixture
def writer(own_home: Path) -> Iterator[Writer]:
    """A tracked kernel that has run its story."""
    pen = Writer()
    pen.story()
    yield pen
    pen.outbox.close()


@pytest.fixture
def api(jp_serverapp: ServerApp, jp_fetch: Callable[..., Awaitable[HTTPResponse]]) -> Api:
    return Api(jp_fetch)
