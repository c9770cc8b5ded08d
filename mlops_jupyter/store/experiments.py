"""Experiments and their goals. An experiment comes into being with its first session; its newest name counts."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from mlops_jupyter.entities import Experiment, Goal, Session
from mlops_jupyter.entities.codec import from_json, to_json
from mlops_jupyter.store.database import upsert
from mlops_jupyter.store.schema import experiments, goals, sessions


def note(connection: Connection, found: Sequence[Session]) -> None:
    """The experiments that sessions belong to, under the ids that the store has them under."""
    for session in found:
        kept = connection.execute(select(sessions.c.experiment).where(sessions.c.id == session.id)).scalar_one()
        upsert(connection, experiments, [{"id": kept, "name": session.experiment}])


def listed(connection: Connection) -> list[Experiment]:
    """All, by name."""
    rows = connection.execute(select(experiments.c.id, experiments.c.name).order_by(experiments.c.name, experiments.c.id))
    return [Experiment(row.id, row.name, goals_of(connection, row.id)) for row in rows.all()]


def save_goals(connection: Connection, found: Sequence[Goal]) -> None:
    """Insert or replace."""
    upsert(connection, goals, [
        {"experiment": goal.experiment_id, "at": goal.at, "body": to_json(goal).decode()} for goal in found
    ])


def goals_of(connection: Connection, experiment: str) -> list[Goal]:
    """Oldest first."""
    query = select(goals.c.body).where(goals.c.experiment == experiment).order_by(goals.c.at)
    return [from_json(body, Goal) for body in connection.execute(query).scalars()]
