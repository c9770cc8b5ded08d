"""Cell executions, key (session, n)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from mlops_jupyter.entities import CellExecution
from mlops_jupyter.entities.codec import from_json, to_json
from mlops_jupyter.store.database import upsert
from mlops_jupyter.store.schema import executions


def save(connection: Connection, found: Sequence[CellExecution]) -> None:
    """Insert or replace."""
    upsert(connection, executions, [
        {"session": execution.session, "n": execution.n, "state": execution.state, "body": to_json(execution).decode()}
        for execution in found
    ])


def listed(connection: Connection, session: str) -> list[CellExecution]:
    """All of a session by n."""
    query = select(executions.c.body).where(executions.c.session == session).order_by(executions.c.n)
    return [from_json(body, CellExecution) for body in connection.execute(query).scalars()]


def interrupt(connection: Connection, session: str) -> None:
    """Nothing of this session runs any more. When a cell that was cut off ended, nobody knows: `ended` stays empty."""
    query = select(executions.c.body).where(executions.c.session == session, executions.c.state == "running")
    cut = [from_json(body, CellExecution) for body in connection.execute(query).scalars()]
    for execution in cut:
        execution.state = "interrupted"
    save(connection, cut)
