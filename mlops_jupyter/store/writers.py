"""How far each writer's outbox has come: the compare-and-swap that makes shipping exactly once."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from mlops_jupyter.store.database import upsert
from mlops_jupyter.store.schema import writers


def position(connection: Connection, writer: str) -> tuple[int, int]:
    """(last n, byte offset); (0, 0) for a writer not seen yet."""
    row = connection.execute(select(writers.c.n, writers.c.position).where(writers.c.id == writer)).first()
    return (row.n, row.position) if row else (0, 0)


def advance(connection: Connection, writer: str, expected: int, n: int, offset: int) -> bool:
    """Move the writer from n == `expected` to `n` and `offset`; False if somebody else has moved it."""
    upsert(connection, writers, [{"id": writer, "n": 0, "position": 0}], keep=("n", "position"))
    here = (writers.c.id == writer) & (writers.c.n == expected) & (writers.c.position < offset)
    return connection.execute(update(writers).where(here).values(n=n, position=offset)).rowcount == 1


def close(connection: Connection, writer: str, at: float) -> None:
    """The writer will not come back."""
    upsert(connection, writers, [{"id": writer, "n": 0, "position": 0, "closed": at}], keep=("n", "position"))
