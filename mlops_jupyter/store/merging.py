"""What of another store's entities is missing here. What is here stays as it is: it may know more, or less on purpose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from sqlalchemy import Connection, Table, and_, or_, select

from mlops_jupyter.entities import CellExecution, Entity, Goal, Merged, Observation, Remark, Session, Submission, Verification
from mlops_jupyter.store import sessions as session_rows
from mlops_jupyter.store.schema import executions, goals, observations, remarks, sessions, submissions, verifications

Key = tuple[object, ...]
_TABLES: dict[type, tuple[Table, tuple[str, ...], tuple[str, ...]]] = {
    Session: (sessions, ("id",), ("id",)),
    CellExecution: (executions, ("session", "n"), ("session", "n")),
    Observation: (observations, ("session", "n", "seq"), ("session", "n", "seq")),
    Goal: (goals, ("experiment", "at"), ("experiment_id", "at")),
    Verification: (verifications, ("id",), ("id",)),
    Submission: (submissions, ("id",), ("id",)),
    Remark: (remarks, ("run",), ("run",)),
}
"""Entity → its table, the columns of its key, the fields that they hold."""


def missing(connection: Connection, entities: Sequence[Entity]) -> tuple[list[Entity], Merged]:
    """Those that are to be added, and what is to be told."""
    merged = Merged()
    gone = session_rows.forgotten_ids(connection, {one.id for one in entities if isinstance(one, Session)})
    merged.forgotten = sum(isinstance(one, Session) and one.id in gone for one in entities)
    new: list[Entity] = []
    for kind, (table, columns, fields) in _TABLES.items():
        found = [one for one in entities if type(one) is kind]
        known = _states(connection, table, columns, [_key(one, fields) for one in found])
        for one in found:
            key = _key(one, fields)
            ended = known.get(key) == "running" and getattr(one, "state", "running") != "running"
            if key not in known or ended:
                new.append(one)
            elif isinstance(one, Session):
                merged.known += 1
    merged.added = len(new)
    return new, merged


def _key(one: Entity, fields: tuple[str, ...]) -> Key:
    return tuple(getattr(one, field) for field in fields)


def _states(connection: Connection, table: Table, columns: tuple[str, ...], keys: Sequence[Key]) -> dict[Key, str]:
    """Key → state (or "") of those that are here."""
    state = [table.c.state] if "state" in table.c else []
    found: dict[Key, str] = {}
    for start in range(0, len(keys), 200):
        wanted = or_(*(and_(*(table.c[name] == value for name, value in zip(columns, key, strict=True)))
                       for key in keys[start:start + 200]))
        rows = connection.execute(select(*(table.c[name] for name in columns), *state).where(wanted))
        found |= {tuple(row[: len(columns)]): cast(str, row[-1]) if state else "" for row in rows}
    return found
