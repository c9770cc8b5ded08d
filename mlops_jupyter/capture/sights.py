"""What a call through a door means: from the door's kind and the call's arguments to files, queries and addresses.

Everything here runs inside the user's own call, so it is short, never raises (`missed` counts) and does nothing in a forked
child. Objects are asked only where their exact type's module says whose they are.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from types import FrameType
from typing import ClassVar

from mlops_jupyter.capture.doors import Door
from mlops_jupyter.capture.files import FileWatch
from mlops_jupyter.capture.places import files_of_sql, paths_of, urls_of
from mlops_jupyter.capture.queries import top_module

_MOST_SCANS = 200
_LAZY = ("polars.lazyframe", "polars.functions.lazy", "polars.sql")
_FRAMES = frozenset({"pandas", "polars", "sqlalchemy"})
"""Libraries whose own fetching is a step of a query that is told whole."""
_WRAPPERS = "mlops_jupyter.capture.readers"


class Call:
    """The arguments of one call, which function of which module it was, and the frame that called it."""

    module: str
    function: str
    caller: FrameType | None

    def get(self, name: str, offset: int = 0) -> object:
        """The argument of that name, `offset` places after the door's own; None where it was not given."""
        raise NotImplementedError


class Sights:
    """Tells a FileWatch, and its queries, what calls of doors mean. One per process."""

    AFTER: ClassVar = frozenset({"query", "execute", "rows", "pending rows", "relation", "answer", "buffer", "attach"})
    """Kinds that need the result."""
    TWICE: ClassVar = frozenset({"attach"})
    """Of those the kinds that are told before the call too, with None for the result."""

    def __init__(self, files: FileWatch) -> None:
        self._files = files
        self._scanned: dict[str, None] = {}
        """Files that some lazy frame of this session was made from: any that is collected later may be it."""
        self._kinds: dict[str, Callable[[Door, Call, object], None]] = {
            "read": self._read, "write": self._write, "mode": self._by_mode, "remote": self._remote, "scan": self._scan,
            "collect": self._collect, "sql files": self._sql, "attach": self._attach, "query": self._query,
            "execute": self._execute, "rows": self._rows, "pending rows": self._rows, "relation": self._relation,
            "answer": self._answer, "buffer": self._buffer,
        }

    def awake(self) -> bool:
        """True while a cell of this process runs."""
        return self._files.active

    def missed(self, error: Exception) -> None:
        """A call could not be understood: said among the cell's effects, never raised."""
        self._files.effect(f"a file or query that could not be understood ({type(error).__name__})")

    def try_to_see(self, door: Door, call: Call, result: object) -> None:
        """`see`, for wrappers: what it raises would be raised into the user's call."""
        try:
            self.see(door, call, result)
        except Exception as error:  # noqa: BLE001 (the fence around the user's call)
            self.missed(error)

    def see(self, door: Door, call: Call, result: object) -> None:
        """Take note of one call."""
        if self._files.here():
            self._kinds[door.how](door, call, result)

    # files

    def _place(self, where: object, *, read: bool = False, write: bool = False) -> None:
        for path in paths_of(where):
            if read:
                self._files.touch(path, "read")
            if write:
                self._files.touch(path, "write")
        if write and isinstance(where, str | os.PathLike) and "://" not in os.fspath(where):
            self._files.fill(os.fspath(where))
        for url in urls_of(where):
            if read:
                self._files.queries.url(url)
            if write:
                self._files.effect(f"network: writes {self._files.queries.clean(url)}")

    def _read(self, door: Door, call: Call, result: object) -> None:
        self._place(call.get(door.name), read=True)

    def _write(self, door: Door, call: Call, result: object) -> None:
        where = call.get(door.name)
        base = getattr(where, "base_path", None) if top_module(where) == "polars" else None
        self._place(where if base is None else base, write=True)
        if "LazyFrame" in str(top_class(call.get("self", -1))):
            self._collect(door, call, result)

    def _by_mode(self, door: Door, call: Call, result: object) -> None:
        given = call.get("mode", 1)
        mode = given if isinstance(given, str) else door.more
        reads = mode.startswith(("r", "a")) or "+" in mode
        writes = any(letter in mode for letter in "wxa+")
        where = call.get(door.name)
        self._place(where, read=reads, write=writes)
        if writes:
            for path in paths_of(where):
                self._files.hold(path)

    def _remote(self, door: Door, call: Call, result: object) -> None:
        """A file system of fsspec: local files raise an event of Python's, all others are an address."""
        system, path = call.get("self", -1), call.get(door.name)
        known = getattr(type(system), "protocol", "")
        protocol = known if isinstance(known, str) else known[0] if known else ""
        if protocol in {"", "file", "local"} or not isinstance(path, str) or top_module(system) == "mlops_jupyter":
            return
        given = call.get("mode", 1)
        mode = given if isinstance(given, str) else door.more
        url = path if "://" in path else f"{protocol}://{path.lstrip('/')}"
        if protocol == "memory":
            self._files.virtual(url, "read" if mode.startswith("r") else "write")
        else:
            self._place(url, read=mode.startswith("r"), write=not mode.startswith("r"))

    def _scan(self, door: Door, call: Call, result: object) -> None:
        where = call.get(door.name)
        self._place(where, read=True)
        for path in paths_of(where) if _entry(call)[1].startswith("scan") else ():
            if len(self._scanned) < _MOST_SCANS:
                self._scanned.setdefault(os.path.abspath(path))  # noqa: PTH100 (a hot path)

    def _collect(self, door: Door, call: Call, result: object) -> None:
        """A plan is run: which files it names cannot be asked without resolving it, so all that were ever scanned count.

        An eager frame's methods run plans too: those are of data in memory.
        """
        for path in self._scanned if _entry(call)[0].startswith(_LAZY) else ():
            self._files.touch(path, "read")

    # databases and queries

    def _sql(self, door: Door, call: Call, result: object) -> None:
        text = call.get(door.name)
        if not isinstance(text, str):
            return
        for where, how in files_of_sql(text):
            if how == "attach":
                self._files.database(where, wal=".wal")
                continue
            self._place(where, read=how == "read", write=how == "write")

    def _attach(self, door: Door, call: Call, result: object) -> None:
        where = call.get(door.name)
        name = os.fspath(where) if isinstance(where, str | os.PathLike) else ""
        if not isinstance(name, str):
            return
        if result is not None:
            self._files.queries.connected(result, name, "duckdb")
        elif name and not name.startswith(":") and "://" not in name:
            self._files.database(name, wal=".wal")

    def _query(self, door: Door, call: Call, result: object) -> None:
        if self._files.has_room():
            self._files.queries.rows(call.get(door.name), call.get(door.more, 1), result)

    def _execute(self, door: Door, call: Call, result: object) -> None:
        text = call.get(door.name)
        if door.more == "duckdb":
            self._sql(door, call, result)
            self._files.queries.pending(result, text, result)
        else:
            connection = call.get("self", -1)
            self._files.queries.asked(text, connection)
            self._files.queries.pending(result, text, connection)

    def _rows(self, door: Door, call: Call, result: object) -> None:
        caller = str(call.caller.f_globals.get("__name__")) if call.caller is not None else ""
        if caller.partition(".")[0] not in _FRAMES and self._files.has_room():
            self._files.queries.fetched(call.get("self"), result)

    def _relation(self, door: Door, call: Call, result: object) -> None:
        relation = call.get("self")
        text = getattr(type(relation), "sql_query", None)
        if text is not None and top_module(relation) in {"duckdb", "_duckdb"} and self._files.has_room():
            self._files.queries.rows(str(text(relation)), "duckdb://", result)

    def _answer(self, door: Door, call: Call, result: object) -> None:
        request = call.get(door.name)
        method, url = getattr(request, "method", None), getattr(request, "url", None)
        content = getattr(result, "_content", None)
        self._files.queries.url(str(url), str(method), content if type(content) is bytes else None)

    def _buffer(self, door: Door, call: Call, result: object) -> None:
        """pandas reads the bytes behind an address whole, before it looks at them."""
        buffer = getattr(result, "filepath_or_buffer", None)
        for url in urls_of(call.get(door.name)):
            content = bytes(buffer.getbuffer()) if type(buffer).__name__ == "BytesIO" else None  # type: ignore[union-attr]
            self._files.queries.url(url, content=content)


def _entry(call: Call) -> tuple[str, str]:
    """(module, name) of the library's function that was called from outside it, and led to this call."""
    entry, library, frame = (call.module, call.function), call.module.partition(".")[0], call.caller
    while frame is not None:
        module = str(frame.f_globals.get("__name__"))
        if module.partition(".")[0] == library:
            entry = entry if "._utils" in module else (module, frame.f_code.co_name)
        elif module != _WRAPPERS:
            break
        frame = frame.f_back
    return entry


def top_class(value: object) -> str:
    """`module.Class` of the exact type, asked of the type alone."""
    return f"{type(value).__module__}.{type(value).__qualname__}"
