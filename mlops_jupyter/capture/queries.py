"""What a cell asked for outside and got: SQL with its rows, addresses with their bytes. Secrets never get in.

Nothing is asked twice and no cursor is touched: what is hashed is what the user's own call returned.
"""

from __future__ import annotations

import os
import re
import urllib.parse
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TypeVar

from mlops_jupyter.entities.data import Fingerprint
from mlops_jupyter.entities.sessions import Query
from mlops_jupyter.fingerprint import fingerprint_bytes
from mlops_jupyter.fingerprint.rows import fingerprint_rows

MOST = 200
"""Most queries recorded of one cell."""
_TEXT = 20_000
_REMEMBERED = 64
_PRIVATE = r"(?i)pass|pwd|secret|token|key|sig|auth|credential|^code$|^sas$|session"
_UNKNOWN = Fingerprint("query")
_T = TypeVar("_T")


class Queries:
    """Hands each query of the cell that runs to `emit`. One per process, inside its FileWatch."""

    def __init__(self, emit: Callable[[Query], None]) -> None:
        self._emit = emit
        self._pending: OrderedDict[int, tuple[str, str]] = OrderedDict()
        """A result or connection, by id → (text, source) of what it was given last."""
        self._sources: OrderedDict[int, str] = OrderedDict()

    # SQL

    def connected(self, connection: object, name: str, scheme: str) -> None:
        """A connection to a database file was made."""
        place = name if name in {"", ":memory:"} else os.path.abspath(name)  # noqa: PTH100 (no resolving of links)
        _remember(self._sources, id(connection), f"{scheme}:///{place.lstrip('/') if place.startswith(':') else place}")

    def asked(self, text: object, connection: object) -> None:
        """A statement was run; what came back is not known here."""
        self._add(Query("sql", _statement(text), self.source(connection)))

    def pending(self, holder: object, text: object, connection: object) -> None:
        """A statement was run whose rows `holder` gives later."""
        _remember(self._pending, id(holder), (_statement(text), self.source(connection)))

    def fetched(self, holder: object, rows: object) -> None:
        """`holder` gave its rows."""
        text, source = self._pending.get(id(holder), ("", ""))
        if text:
            self._add_rows(text, source, rows)

    def rows(self, text: object, connection: object, rows: object) -> None:
        """A statement was run and gave these rows."""
        self._add_rows(_statement(text), self.source(connection), rows)

    def _add_rows(self, text: str, source: str, rows: object) -> None:
        found = fingerprint_rows(rows)
        self._add(Query("sql", text, source, found.count, found.ordered, found.unordered))

    def source(self, connection: object) -> str:
        """Where a connection leads, without secrets; the library's name where the connection does not tell."""
        if isinstance(connection, str):
            return self.clean(connection)
        known = self._sources.get(id(connection))
        if known is not None:
            return known
        if top_module(connection) == "sqlalchemy":
            url = getattr(getattr(connection, "engine", None), "url", None)
            if url is not None and top_module(url) == "sqlalchemy":
                return self.clean(url.render_as_string(hide_password=True))
        return top_module(connection).lstrip("_")

    # addresses

    def url(self, url: str, method: str = "GET", content: bytes | None = None) -> bool:
        """An address was read; False for a request that may have changed something there, which is an effect."""
        if method.upper() not in {"GET", "HEAD"}:
            return False
        self._add(Query("url", self.clean(url), fingerprint=_UNKNOWN if content is None else fingerprint_bytes(content)))
        return True

    @staticmethod
    def clean(url: str) -> str:
        """The address without user, password, fragment and the values of parameters with secret-looking names."""
        try:
            parts = urllib.parse.urlsplit(url)
            query = urllib.parse.parse_qsl(parts.query, keep_blank_values=True)
        except ValueError:
            return "(an address that cannot be read)"
        shown = [(name, "[redacted]" if re.search(_PRIVATE, name) else value) for name, value in query]
        text = parts.query if shown == query else urllib.parse.urlencode(shown, safe="[]/:,@")
        place = f"{parts.netloc.rpartition('@')[2]}{parts.path}{'?' if text else ''}{text}"
        return f"{parts.scheme}://{place}"[:_TEXT] if "://" in url else url[:_TEXT]

    def _add(self, query: Query) -> None:
        if query.text:
            self._emit(query)


def settled(found: Sequence[Query]) -> list[Query]:
    """Each text and source once for each content; one without content only where none has any."""
    known = {(one.kind, one.text, one.source) for one in found if one.fingerprint.digest is not None}
    chosen = {(one.kind, one.text, one.source, one.rows, one.fingerprint.digest, one.unordered): one for one in found
              if one.fingerprint.digest is not None or (one.kind, one.text, one.source) not in known}
    return list(chosen.values())


def top_module(value: object) -> str:
    """The library that the exact type of a value is from."""
    return str(getattr(type(value), "__module__", "")).partition(".")[0]


def _statement(text: object) -> str:
    """SQL as text. Of an object only SQLAlchemy's is asked: its text is its own rendering, with placeholders for values."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    if not isinstance(text, str):
        text = str(text) if top_module(text) == "sqlalchemy" else ""
    return text.strip()[:_TEXT]


def _remember(held: OrderedDict[int, _T], key: int, value: _T) -> None:
    held[key] = value
    held.move_to_end(key)
    while len(held) > _REMEMBERED:
        held.popitem(last=False)
