"""Cell executions, key (session, n)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, select

from mlops_jupyter.entities import CellExecution, Origin, Spent
from mlops_jupyter.entities.codec import from_json, to_json, uncollected
from mlops_jupyter.store.database import upsert
from mlops_jupyter.store.schema import executions, sessions


def save(connection: Connection, found: Sequence[CellExecution]) -> None:
    """Insert or replace."""
    upsert(connection, executions, [
        {"session": execution.session, "n": execution.n, "state": execution.state, "body": to_json(execution).decode()}
        for execution in found
    ])


def listed(connection: Connection, session: str, cell: str | None = None) -> list[CellExecution]:
    """All of a session by n, or those of one cell: within a session the text of a row says fast whether it may be of it."""
    query = select(executions.c.body).where(executions.c.session == session).order_by(executions.c.n)
    if cell is not None:
        query = query.where(executions.c.body.contains(to_json({"cell": cell}).decode()[1:-1], autoescape=True))
    with uncollected():
        found = [from_json(body, CellExecution) for body in connection.execute(query).scalars()]
    return found if cell is None else [execution for execution in found if execution.cell == cell]


class _Times(msgspec.Struct):
    """What is read of an execution to know how long it took."""

    state: str = ""
    started: float | None = None
    ended: float | None = None


class _Made(msgspec.Struct):
    """What is read of a session to know what made it."""

    origin: Origin | None = None


def spent(connection: Connection, since: float) -> list[Spent]:
    """What the sessions that began after `since` have computed, oldest first."""
    columns = sessions.c.id, sessions.c.experiment, sessions.c.kind, sessions.c.started, sessions.c.body
    query = select(*columns).where(sessions.c.started >= since).order_by(sessions.c.started, sessions.c.id)
    found: dict[str, Spent] = {}
    for row in connection.execute(query):
        origin = from_json(row.body, _Made).origin or Origin()
        found[row.id] = Spent(row.id, row.experiment, row.kind, row.started, job=origin.job, verified=origin.verified,
                              submission=origin.submission)
    bodies = select(executions.c.session, executions.c.body).join(sessions, sessions.c.id == executions.c.session)
    for session, body in connection.execute(bodies.where(sessions.c.started >= since)):
        times, one = from_json(body, _Times), found.get(session)
        if one is not None and times.started is not None and times.ended is not None:
            one.seconds += max(0.0, times.ended - times.started)
            one.executions += 1
            one.failed += times.state == "error"
    return list(found.values())


def interrupt(connection: Connection, session: str) -> None:
    """Nothing of this session runs any more. When a cell that was cut off ended, nobody knows: `ended` stays empty."""
    query = select(executions.c.body).where(executions.c.session == session, executions.c.state == "running")
    cut = [from_json(body, CellExecution) for body in connection.execute(query).scalars()]
    for execution in cut:
        execution.state = "interrupted"
    save(connection, cut)
