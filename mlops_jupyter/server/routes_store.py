"""The routes by which other machines use this store: every call of the protocols, outboxes, and bytes.

`entities/calls.py` is the table of calls; a route of it takes the arguments by name, from the query or from a JSON body. What an
outbox sends is taken whole or not at all, and only from where the store stands, so a batch may be sent again. A caller never
names a place: only a content hash and a writer.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec
from tornado import web
from tornado.iostream import StreamClosedError

from mlops_jupyter.api.ledger import open_ledger, opened
from mlops_jupyter.entities import (
    ConflictError,
    InputError,
    MlopsError,
    Record,
    Session,
)
from mlops_jupyter.entities.calls import CALLS, Call, Position, Stored
from mlops_jupyter.entities.codec import record_from_json
from mlops_jupyter.outbox import session_of
from mlops_jupyter.server.handler import MlopsHandler
from mlops_jupyter.server.identity import TokenUser
from mlops_jupyter.store import Store
from mlops_jupyter.store.blobs import Upload

BATCH_BYTES = 64 * 2**20
BLOB_BYTES = 16 * 2**30
CHUNK = 2**20
INERT = {"X-Content-Type-Options": "nosniff", "Content-Disposition": "attachment", "Cache-Control": "no-store",
         "Referrer-Policy": "no-referrer"}


class CloseBody(msgspec.Struct, forbid_unknown_fields=True):
    """When the writer was last seen, in Unix seconds."""

    at: float


class CallHandler(MlopsHandler):
    """GET or POST ledger/<call>"""

    call: ClassVar[Call]

    async def read(self, *ids: str) -> object:
        """What a call answers that changes nothing."""
        if self.call.method != "GET":
            raise web.HTTPError(405, "GET is not offered here")
        return await self._made(self._arguments())

    async def act(self, *ids: str) -> object:
        """What a call answers that changes something."""
        if self.call.method != "POST":
            raise web.HTTPError(405, "POST is not offered here")
        answer = await self._made(self.body(self.call.arguments))
        self.mlops.watcher.look()
        return answer

    async def _made(self, arguments: msgspec.Struct) -> object:
        named = {name: _checked(getattr(arguments, name)) for name in arguments.__struct_fields__}
        return await self.mlops.work(lambda: getattr(open_ledger(), self.call.name)(**named))

    def _arguments(self) -> msgspec.Struct:
        lists = {field.name for field in msgspec.structs.fields(self.call.arguments) if "Sequence" in str(field.type)}
        given: dict[str, object] = {}
        for name in self.request.query_arguments:
            values = [str(value) for value in self.get_query_arguments(name, strip=False)]
            given[name] = values if name in lists else values[-1]
        found: msgspec.Struct = msgspec.convert(given, self.call.arguments, strict=False)
        return found


class OutboxHandler(MlopsHandler):
    """GET, POST outboxes/<writer>"""

    auth_resource = "mlops:outbox"
    asks: ClassVar[dict[str, type]] = {"expected": int, "offset": int}
    body_type: ClassVar[object] = Record

    async def read(self, *ids: str) -> Position:
        """Where the store stands with this writer."""
        store = await self.admitted(ids[0])
        return Position(*await self.mlops.in_thread(store.shipped, ids[0]))

    async def act(self, *ids: str) -> Stored:
        """Take a batch: a line of JSON for each record, `expected` the n before it, `offset` the bytes up to its end."""
        writer, expected, offset = ids[0], self.whole("expected"), self.whole("offset")
        if len(self.request.body) > BATCH_BYTES:
            raise InputError(f"a batch of {len(self.request.body)} bytes is more than {BATCH_BYTES}", "send it in parts")
        records = _records(writer, self.request.body)
        store = await self.admitted(writer, records)
        stored = await self.mlops.in_thread(store.append, writer, expected, records, offset)
        self.mlops.counts.batches.labels("stored" if stored else "refused").inc()
        self.mlops.counts.records.inc(len(records) if stored else 0)
        self.mlops.watcher.look()
        return Stored(stored)

    def whole(self, name: str) -> int:
        """A query argument that is a whole number."""
        text = self.query(name)
        if not text.isascii() or not text.isdigit() or len(text) > 15:
            raise InputError(f"{name}={text!r} is not a whole number", f"GET {self.request.path} says where the store stands")
        return int(text)

    async def admitted(self, writer: str, records: list[Record] | None = None) -> Store:
        """The store, if the caller may append to this writer: a job's token only to its own, and only its own sessions."""
        store = await self.mlops.in_thread(own_store)
        user = self.current_user
        if not isinstance(user, TokenUser) or user.token.scope != "job":
            return store
        if not await self.mlops.in_thread(store.bind_token, user.token, writer):
            raise web.HTTPError(403, f"User is not authorized to append to writer: {writer}. The token is bound to another.")
        if records is not None:
            named = {session_of(record.entity) for record in records}
            owners = await self.mlops.in_thread(store.writers_of, sorted(named))
            claimed = [record.entity for record in records if isinstance(record.entity, Session)]
            strangers = [one for one in [*owners.values(), *(session.writer for session in claimed)] if one != writer]
            if "" in named or strangers or any(not _is_own(session, writer) for session in claimed):
                raise web.HTTPError(403, "User is not authorized to write to sessions of another writer.")
        return store


class CloseHandler(OutboxHandler):
    """POST outboxes/<writer>/close"""

    asks: ClassVar[dict[str, type]] = {}
    body_type: ClassVar[object] = CloseBody

    async def read(self, *ids: str) -> Position:
        """Nothing to read here."""
        raise web.HTTPError(405, "GET is not offered here")

    async def act(self, *ids: str) -> Stored:
        """The writer is gone."""
        body = self.body(CloseBody)
        store = await self.admitted(ids[0])
        await self.mlops.in_thread(store.close_writer, ids[0], body.at)
        self.mlops.watcher.look()
        return Stored(True)


@web.stream_request_body
class BlobHandler(MlopsHandler):
    """GET, HEAD, PUT blobs/<digest>"""

    auth_resource = "mlops:outbox"
    _upload: Upload | None = None
    _exit: contextlib.ExitStack

    async def prepare(self) -> None:
        """Who sends a body must be allowed to before the first byte of it is taken."""
        await super().prepare()
        self._exit = contextlib.ExitStack()
        if self.request.method != "PUT":
            return
        if not self.current_user:
            raise web.HTTPError(403)
        await self.demand("write")
        try:
            store = await self.mlops.in_thread(own_store)
            self._upload = self._exit.enter_context(store.upload(self.path_args[0]))
        except InputError as error:
            raise web.HTTPError(400, error.what) from None

    async def data_received(self, chunk: bytes) -> None:
        """A part of the body."""
        if self._upload is not None:
            await self.mlops.in_thread(self._upload.write, chunk)

    def on_connection_close(self) -> None:
        """The caller is gone: what came of its blob is dropped."""
        if self._upload is not None:
            self._upload.drop()
        super().on_connection_close()

    async def keep(self, *ids: str) -> Stored:
        """All of it is there: keep it."""
        assert self._upload is not None
        await self.mlops.in_thread(self._exit.close)
        self.mlops.counts.blob_bytes.inc(self._upload.size)
        self._upload = None
        self.mlops.counts.batches.labels("blob").inc()
        return Stored(True)

    @web.authenticated
    async def head(self, *ids: str) -> None:
        """Whether it is there."""
        await self._sent(ids[0], body=False)

    @web.authenticated
    async def get(self, *ids: str) -> None:
        """The bytes, inert: nothing that a browser would show or run."""
        await self._sent(ids[0], body=True)

    async def _sent(self, digest: str, *, body: bool) -> None:
        try:
            await self._send(digest, body=body)
        except MlopsError as error:
            self.refuse(error)

    async def _send(self, digest: str, *, body: bool) -> None:
        await self.demand("read", "mlops")  # to add bytes a job's token is enough, to read them it is not
        store = await self.mlops.in_thread(own_store)
        if not body:
            there = await self.mlops.in_thread(store.has_blob, digest)
            self.set_status(200 if there else 404)
            await self.finish(set_content_type="application/octet-stream")
            return
        parts = await self.mlops.in_thread(store.blob_parts, digest, CHUNK)
        self.set_header("Content-Type", "application/octet-stream")
        for name, value in INERT.items():
            self.set_header(name, value)
        while part := await self.mlops.in_thread(next, parts, b""):
            self.write(part)
            await self.flush()
        await self.finish(set_content_type="application/octet-stream")

    @property
    def content_security_policy(self) -> str:
        """Nothing in it may run, whatever it is taken for."""
        return "default-src 'none'; sandbox"


class EventsHandler(MlopsHandler):
    """GET events: changes as server-sent events; `Last-Event-ID` resumes."""

    @web.authenticated
    async def get(self, *ids: str) -> None:
        """Changes until either side ends."""
        await self.demand("read")
        self.mlops.looked()
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Accel-Buffering", "no")
        last = self.request.headers.get("Last-Event-ID", "") or self.query("last_event_id")
        with self.mlops.counts.listeners.track_inprogress():
            async for chunk in self.mlops.news.stream(last):
                self.write(chunk)
                try:
                    await self.flush()
                except StreamClosedError:
                    return
                self.mlops.looked()


class HealthHandler(MlopsHandler):
    """GET healthz"""

    async def read(self, *ids: str) -> dict[str, str]:
        """`ok` if the store can be read; else the answer is 503."""
        await self.mlops.in_thread(lambda: own_store().sessions(limit=1))
        return {"status": "ok"}


class MetricsHandler(MlopsHandler):
    """GET metrics: how it is, in Prometheus' text format."""

    @web.authenticated
    async def get(self, *ids: str) -> None:
        """Counters and gauges."""
        await self.demand("read")
        counts, store = self.mlops.counts, await self.mlops.in_thread(own_store)
        counts.store_bytes.set(await self.mlops.in_thread(store.size_bytes))
        counts.sessions.set(await self.mlops.in_thread(store.running))
        counts.jobs.found = await self.mlops.in_thread(store.submissions)
        await self.finish(counts.text(), set_content_type="text/plain; version=0.0.4; charset=utf-8")


def own_store() -> Store:
    """The store of this server. ConflictError where that is another server's: then that one is to be asked."""
    store = opened()
    if not isinstance(store, Store):
        raise ConflictError(f"this server's ledger is kept by {store.url}", f"set MLOPS_STORE to {store.url}")
    return store


def _is_own(session: Session, writer: str) -> bool:
    """Whether the session says that it belongs to no submission, or to that which its writer's name begins with."""
    claimed = session.origin.submission if session.origin is not None else ""
    return not claimed or writer.startswith(f"{claimed}.")


def _records(writer: str, body: bytes) -> list[Record]:
    """All lines, or InputError with the number of the line that cannot be read."""
    found = []
    for number, line in enumerate(body.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            record = record_from_json(line)
        except msgspec.DecodeError as error:
            what = f"line {number} of the batch is no record: {error}"
            raise InputError(what, "nothing of it was stored; mend it and send it again") from None
        if record.writer != writer:
            what = f"line {number} of the batch is of writer {record.writer!r}, not {writer!r}"
            raise InputError(what, "send it to its own outbox")
        found.append(record)
    return found


def _checked(value: Any) -> Any:
    """InputError for text that no store keeps."""
    for text in value if isinstance(value, list) else [value]:
        if isinstance(text, str) and "\0" in text:
            raise InputError("an argument holds a NUL character", "leave it out")
    return value


def _call_routes() -> Iterator[tuple[str, type[MlopsHandler]]]:
    for name, call in CALLS.items():
        resource = "mlops:tokens" if call.door == "admin" else "mlops"
        yield f"/ledger/{name}", type(f"{name}_handler", (CallHandler,), {"call": call, "auth_resource": resource})


STORE_ROUTES: list[tuple[str, type[MlopsHandler]]] = [
    *_call_routes(),
    (r"/outboxes/([^/]+)", OutboxHandler),
    (r"/outboxes/([^/]+)/close", CloseHandler),
    (r"/blobs/([^/]+)", BlobHandler),
    (r"/events", EventsHandler),
    (r"/healthz", HealthHandler),
    (r"/metrics", MetricsHandler),
]
