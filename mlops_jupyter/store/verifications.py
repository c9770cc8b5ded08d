"""Verdicts of re-running slices. All are kept; the newest of a run is shown with it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from mlops_jupyter.entities import Verification
from mlops_jupyter.entities.codec import from_json, to_json
from mlops_jupyter.store.database import upsert
from mlops_jupyter.store.schema import verifications


def save(connection: Connection, found: Sequence[Verification]) -> None:
    """Insert or replace."""
    upsert(connection, verifications, [
        {"id": verdict.id, "run": verdict.run, "session": verdict.session, "at": verdict.at,
         "verdict": verdict.verdict, "body": to_json(verdict).decode()}
        for verdict in found
    ])


def listed(connection: Connection, run: str | None = None, session: str | None = None) -> list[Verification]:
    """Newest first."""
    query = select(verifications.c.body).order_by(verifications.c.at.desc(), verifications.c.id.desc())
    if run is not None:
        query = query.where(verifications.c.run == run)
    if session is not None:
        query = query.where(verifications.c.session == session)
    return [from_json(body, Verification) for body in connection.execute(query).scalars()]


def newest(connection: Connection, runs: Sequence[str]) -> dict[str, Verification]:
    """Run → its newest verification."""
    query = select(verifications.c.run, verifications.c.body).where(verifications.c.run.in_(runs)).order_by(verifications.c.at)
    bodies = {row.run: row.body for row in connection.execute(query)}
    return {run: from_json(body, Verification) for run, body in bodies.items()}
