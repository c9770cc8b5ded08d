"""The base class of every route: nothing is answered before the user is known and allowed, nothing leaves but JSON.

Routes override `read`, `act`, `remove` and `keep`, never `get`, `post`, `delete` and `put`: none can forget its authentication.
Blocking work goes through `self.mlops.work`, off the event loop.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import ClassVar, TypeVar

import msgspec
from jupyter_core.utils import ensure_async
from jupyter_server.base.handlers import APIHandler
from tornado import web

from mlops_jupyter.entities import InputError, MlopsError
from mlops_jupyter.entities.calls import ErrorBody
from mlops_jupyter.entities.codec import to_json
from mlops_jupyter.server.errors import answer
from mlops_jupyter.server.services import NotebookServices, Services

Body = TypeVar("Body")

_ID = re.compile(r"#?[A-Za-z0-9_.:-]{1,80}")


class MlopsHandler(APIHandler):
    """Authenticated, authorised as resource `mlops`, JSON in and out."""

    auth_resource = "mlops"
    runs_code = False
    """True where a POST starts a kernel: such a route asks for the permission `execute` too."""
    asks: ClassVar[dict[str, type]] = {}
    """Query arguments that it takes, for OpenAPI."""
    body_type: ClassVar[object] = None
    """What a POST takes, for OpenAPI."""

    @property
    def mlops(self) -> Services:
        """What the routes share: settings, store, tasks, notebooks."""
        services = self.settings["mlops_services"]
        assert isinstance(services, Services)
        return services

    @web.authenticated
    async def get(self, *ids: str) -> None:
        """Answer what `read` returns."""
        await self.demand("read")
        await self._answer(self.read, ids)

    @web.authenticated
    async def post(self, *ids: str) -> None:
        """Answer what `act` returns."""
        await self.demand("write")
        if self.runs_code:
            await self.demand("execute")
        await self._answer(self.act, ids)

    @web.authenticated
    async def delete(self, *ids: str) -> None:
        """Answer what `remove` returns."""
        await self.demand("write")
        await self._answer(self.remove, ids)

    @web.authenticated
    async def put(self, *ids: str) -> None:
        """Answer what `keep` returns."""
        await self.demand("write")
        await self._answer(self.keep, ids)

    async def demand(self, action: str, resource: str = "") -> None:
        """403 unless the caller is allowed `action`, here or on another resource.

        Jupyter's own decorator keeps the resource of its first call for all later ones, of whatever handler they are.
        """
        asked = resource or self.auth_resource
        if not await ensure_async(self.authorizer.is_authorized(self, self.current_user, action, asked)):
            raise web.HTTPError(403, f"User is not authorized to {action} on resource: {asked}.")

    async def read(self, *ids: str) -> object:
        """GET. Overridden where there is something to read."""
        raise web.HTTPError(405, "GET is not offered here")

    async def act(self, *ids: str) -> object:
        """POST. Overridden where there is something to do."""
        raise web.HTTPError(405, "POST is not offered here")

    async def remove(self, *ids: str) -> object:
        """DELETE. Overridden where there is something to remove."""
        raise web.HTTPError(405, "DELETE is not offered here")

    async def keep(self, *ids: str) -> object:
        """PUT. Overridden where there is something to keep."""
        raise web.HTTPError(405, "PUT is not offered here")

    def body(self, type: type[Body]) -> Body:
        """The request body as `type`; unknown fields and wrong types raise `msgspec.ValidationError` with the field's path."""
        return msgspec.json.decode(self.request.body or b"{}", type=type)

    def query(self, name: str, default: str = "") -> str:
        """One query argument as text."""
        value = self.get_query_argument(name, default)
        return default if value is None else str(value)

    def limit(self, default: int, most: int = 1000) -> int:
        """The query argument `limit`, from 1 to `most`."""
        return self.number("limit", default, least=1, most=most)

    def number(self, name: str, default: int, *, least: int = 0, most: int = 10**9 - 1) -> int:
        """A query argument that is a whole number."""
        text = self.query(name, str(default))
        if not text.isascii() or not text.isdigit() or len(text) > 9 or not least <= int(text) <= most:
            raise InputError(f"{name}={text[:20]!r} is not a whole number from {least} to {most}", f"leave it out for {default}")
        return int(text)

    def on_finish(self) -> None:
        """Count the answer."""
        self.mlops.counts.answers.labels(str(self.get_status())).inc()
        super().on_finish()

    def write_error(self, status_code: int, **details: object) -> None:
        """Whatever left a handler, as JSON of one shape."""
        exc_info = details.get("exc_info")
        error = exc_info[1] if isinstance(exc_info, tuple) else None
        status, body = answer(error) if isinstance(error, BaseException) else (status_code, ErrorBody(f"HTTP {status_code}"))
        self.set_status(status)
        self.finish(msgspec.json.encode(body))

    async def _answer(self, method: Callable[..., Awaitable[object]], ids: tuple[str, ...]) -> None:
        try:
            for part in ids:
                check_id(part)
            result = await method(*ids)
        except (MlopsError, msgspec.DecodeError) as error:
            self.refuse(error)
            return
        self.finish(to_json(result))

    def refuse(self, error: Exception) -> None:
        """Answer with what we foresaw: it is no failure of the server's, and its log says nothing of it."""
        status, body = answer(error)
        self.set_status(status)
        self.finish(msgspec.json.encode(body))


class NotebookHandler(MlopsHandler):
    """A route that only a server with notebooks has."""

    @property
    def mlops(self) -> NotebookServices:
        """What these routes share: notebooks and tasks too."""
        services = self.settings["mlops_services"]
        assert isinstance(services, NotebookServices)
        return services


def check_id(id: str) -> str:
    """`id` if it can be one; InputError if not."""
    if _ID.fullmatch(id) is None:
        raise InputError(f"{id[:80]!r} is not an identifier", "list what there is: `mlops runs list`, `mlops sessions list`")
    return id
