"""Derived runs. What lineage derives is replaced as a whole, session by session; the rest is the store's own.

A number is given when a run is first seen and stays with it. Whoever derived from an older state of the session than what is
stored already has lost the race, and the stored runs stand. Who numbers holds the session and the experiments: in SQLite by
the write lock, elsewhere by their rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Select, bindparam, delete, func, or_, select, update

from mlops_jupyter.entities import InputError, NotFoundError, Run, Verification
from mlops_jupyter.entities.codec import from_json, to_json, uncollected
from mlops_jupyter.store import remarks, search, verifications
from mlops_jupyter.store import sessions as session_rows
from mlops_jupyter.store.database import upsert
from mlops_jupyter.store.schema import experiments as experiment_table
from mlops_jupyter.store.schema import forgotten, runs, sessions

Derived = tuple[str, int, Sequence[Run]]
"""A session, the revision of it that was read, and the runs derived from that."""


def replace(connection: Connection, found: Sequence[Derived]) -> None:
    """The runs of these sessions are these."""
    if connection.dialect.name != "sqlite":
        _hold(connection, found)
    stored = {row.id: row.derived for row in connection.execute(
        select(sessions.c.id, sessions.c.derived).where(sessions.c.id.in_([session for session, _, _ in found])))}
    newer = [one for one in found if one[0] in stored and one[1] >= stored[one[0]]]
    known = {row.id: row for row in connection.execute(
        select(runs).where(runs.c.session.in_([session for session, _, _ in newer])))}
    purged = session_rows.forgotten_ids(connection, {run.id for _, _, derived in newer for run in derived})
    kept = [run for _, _, derived in newer for run in derived if run.id not in purged]
    gone = set(known) - {run.id for run in kept}
    if gone:
        connection.execute(delete(runs).where(runs.c.id.in_(gone)))
    upsert(connection, runs, _rows(connection, kept, known))
    search.save(connection, remarks.on_all(connection, kept), gone)
    if newer:
        told = update(sessions).where(sessions.c.id == bindparam("of")).values(derived=bindparam("upto"))
        connection.execute(told, [{"of": session, "upto": revision} for session, revision, _ in newer])


def _hold(connection: Connection, found: Sequence[Derived]) -> None:
    """Their rows, all at once and in one order, or two who derive could wait for each other."""
    touched = {run.experiment_id for _, _, derived in found for run in derived}
    for table, rows in ((sessions, {session for session, _, _ in found}), (experiment_table, touched)):
        connection.execute(select(table.c.id).where(table.c.id.in_(rows)).order_by(table.c.id).with_for_update())


def _rows(connection: Connection, kept: Sequence[Run], known: Mapping[str, Row[Any]]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    next_number: dict[str, int] = {}
    for run in kept:
        before = known.get(run.id)
        if before is not None and before.experiment == run.experiment_id:
            number = before.number
        else:
            number = next_number.get(run.experiment_id) or _next_number(connection, run.experiment_id)
            next_number[run.experiment_id] = number + 1
        deleted = bool(before is not None and before.deleted)
        stored = msgspec.structs.replace(run, number=number, deleted=deleted, verification=None, goal="")
        rows.append({"id": run.id, "session": run.session, "experiment": run.experiment_id, "number": number,
                     "started": run.started, "deleted": deleted, "body": to_json(stored).decode()})
    return rows


def _next_number(connection: Connection, experiment: str) -> int:
    taken = [connection.execute(select(func.max(table.c.number)).where(table.c.experiment == experiment)).scalar() or 0
             for table in (runs, forgotten)]
    return max(taken) + 1


def newest() -> Select[tuple[str, bool]]:
    """All runs, newest first."""
    return select(runs.c.body, runs.c.deleted).order_by(runs.c.started.desc(), runs.c.number.desc(), runs.c.id)


def of(experiment: str | None, session: str | None, deleted: bool) -> Select[tuple[str, bool]]:
    """Runs of an experiment (its id or its name) and a session; deleted ones only if asked for."""
    query = newest()
    if experiment is not None:
        named = select(experiment_table.c.id).where(experiment_table.c.name == experiment)
        query = query.where(or_(runs.c.experiment == experiment, runs.c.experiment.in_(named)))
    if session is not None:
        query = query.where(runs.c.session == session)
    return query if deleted else query.where(runs.c.deleted.is_(False))


def listed(connection: Connection, query: Select[tuple[str, bool]]) -> list[Run]:
    """Runs of a query over (body, deleted), each with its newest verification."""
    found = []
    with uncollected():
        for row in connection.execute(query):
            run = from_json(row.body, Run)
            run.deleted = bool(row.deleted)
            found.append(run)
    verdicts: dict[str, Verification] = {}
    for start in range(0, len(found), 500):
        verdicts |= verifications.newest(connection, [run.id for run in found[start:start + 500]])
    for run in found:
        run.verification = verdicts.get(run.id)
    return remarks.on_all(connection, found)


def one(connection: Connection, id: str) -> Run:
    """By id, unique prefix, or `#number` / `number` where only one experiment has it; deleted ones too."""
    number = id.removeprefix("#")
    if number.isascii() and number.isdigit() and len(number) < 10:
        numbered = listed(connection, newest().where(runs.c.number == int(number)))
        if len(numbered) > 1:
            raise InputError(f"#{number} is a run of several experiments: {_names(numbered)}", "give the id of the one you mean")
        if numbered:
            return numbered[0]
    exactly = listed(connection, newest().where(runs.c.id == id))
    found = exactly or (listed(connection, newest().where(runs.c.id.startswith(id, autoescape=True)).limit(6)) if id else [])
    if not found:
        raise NotFoundError(f"there is no run {id!r}", "mlops runs list")
    if len(found) > 1:
        raise InputError(f"{id!r} begins the ids of several runs: {_names(found)}", "give more characters of the one you mean")
    return found[0]


def _names(found: Sequence[Run]) -> str:
    return ", ".join(f"{run.id} (#{run.number} of {run.experiment})" for run in found)


def mark(connection: Connection, id: str, deleted: bool) -> None:
    """Hide a run, or show it again."""
    connection.execute(update(runs).where(runs.c.id == id).values(deleted=deleted))
