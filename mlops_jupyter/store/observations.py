"""Observations, key (session, n, seq)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from mlops_jupyter.entities import Observation
from mlops_jupyter.entities.codec import from_json, to_json
from mlops_jupyter.store.database import upsert
from mlops_jupyter.store.schema import observations


def save(connection: Connection, found: Sequence[Observation]) -> None:
    """Insert or replace."""
    upsert(connection, observations, [
        {"session": seen.session, "n": seen.n, "seq": seen.seq, "kind": seen.kind, "body": to_json(seen).decode()}
        for seen in found
    ])


def listed(connection: Connection, session: str) -> list[Observation]:
    """All of a session by (n, seq)."""
    query = select(observations.c.body).where(observations.c.session == session)
    bodies = connection.execute(query.order_by(observations.c.n, observations.c.seq)).scalars()
    return [from_json(body, Observation) for body in bodies]
