"""All that the runs of some sessions are derived from, read at one moment with few queries."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, select

from mlops_jupyter.entities import CellExecution, Observation, Session
from mlops_jupyter.entities.codec import from_json, uncollected
from mlops_jupyter.store import sessions as session_rows
from mlops_jupyter.store.schema import executions, observations, sessions


class Facts(msgspec.Struct):
    """One session. `revision`: of what was read; runs that are derived from it are those of this revision."""

    session: Session
    revision: int
    executions: list[CellExecution] = []
    observations: list[Observation] = []


def of(connection: Connection, ids: Sequence[str]) -> list[Facts]:
    """Of these sessions, in their order, without those that are not here."""
    known = session_rows.listed(connection, session_rows.newest().where(sessions.c.id.in_(ids)))
    revisions = dict(connection.execute(select(sessions.c.id, sessions.c.revision).where(sessions.c.id.in_(ids))).tuples().all())
    found = {session.id: Facts(session, revisions[session.id]) for session in known}
    query = select(executions.c.session, executions.c.body).where(executions.c.session.in_(found))
    seen = select(observations.c.session, observations.c.body).where(observations.c.session.in_(found))
    with uncollected():
        for session, body in connection.execute(query.order_by(executions.c.session, executions.c.n)):
            found[session].executions.append(from_json(body, CellExecution))
        for session, body in connection.execute(seen.order_by(observations.c.session, observations.c.n, observations.c.seq)):
            found[session].observations.append(from_json(body, Observation))
    return [found[one] for one in ids if one in found]
