"""Hand-overs of jobs to runners."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from mlops_jupyter.entities import Submission
from mlops_jupyter.entities.codec import from_json, to_json
from mlops_jupyter.entities.jobs import OutcomeState
from mlops_jupyter.entities.submissions import NO_END
from mlops_jupyter.store.database import upsert
from mlops_jupyter.store.schema import submissions


def save(connection: Connection, found: Sequence[Submission]) -> None:
    """Insert or replace."""
    upsert(connection, submissions, [
        {"id": one.id, "job": one.job, "run": one.run, "at": one.at, "state": one.state, "body": to_json(one).decode()}
        for one in found
    ])


def stands(connection: Connection, id: str, state: OutcomeState) -> bool:
    """Whether the submission is there, in this state."""
    query = select(submissions.c.id).where(submissions.c.id == id, submissions.c.state == state).with_for_update()
    return connection.execute(query).scalar() is not None


def listed(connection: Connection, job: str | None = None, unfinished: bool = False) -> list[Submission]:
    """Newest first."""
    query = select(submissions.c.body).order_by(submissions.c.at.desc(), submissions.c.id.desc())
    if job is not None:
        query = query.where(submissions.c.job == job)
    if unfinished:
        query = query.where(submissions.c.state.in_(sorted(NO_END)))
    return [from_json(body, Submission) for body in connection.execute(query).scalars()]


def unchanged(connection: Connection, was: Submission) -> bool:
    """Whether what is stored of it is still this."""
    body = connection.execute(select(submissions.c.body).where(submissions.c.id == was.id).with_for_update()).scalar()
    return body is not None and from_json(body, Submission) == was
