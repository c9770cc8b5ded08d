"""What people said of runs: a star, a baseline, tags. One remark a run, laid over it when it is read or searched.

So deriving runs anew cannot lose it, and an archive carries it as it carries a verification.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from sqlalchemy import Connection, select

from mlops_jupyter.entities import Remark, Run
from mlops_jupyter.entities.codec import from_json, to_json
from mlops_jupyter.store import search
from mlops_jupyter.store import sessions as session_rows
from mlops_jupyter.store.database import upsert
from mlops_jupyter.store.schema import remarks, runs, sessions

CHUNK = 500


def save(connection: Connection, found: Sequence[Remark]) -> None:
    """Insert or replace, but for runs that were purged; what those runs are searched by follows."""
    gone = session_rows.forgotten_ids(connection, {one.run for one in found})
    kept = [one for one in found if one.run not in gone]
    _hold(connection, {one.session for one in kept})
    upsert(connection, remarks, [
        {"run": one.run, "session": one.session, "at": one.at, "body": to_json(one).decode()} for one in kept
    ])
    said = {one.run: one for one in kept}
    bodies = connection.execute(select(runs.c.body).where(runs.c.id.in_(said))).scalars().all()
    search.save(connection, [laid_over(run, said[run.id]) for run in (from_json(body, Run) for body in bodies)], set())


def _hold(connection: Connection, ids: set[str]) -> None:
    """The sessions whose runs may be derived at the same moment; SQLite has one writer at a time."""
    if connection.dialect.name != "sqlite":
        connection.execute(select(sessions.c.id).where(sessions.c.id.in_(ids)).order_by(sessions.c.id).with_for_update())


def change(connection: Connection, run: Run, asked: Mapping[str, bool | None], tags: Mapping[str, str | None]) -> None:
    """Say something of a run. Where it becomes the baseline, the one before it of its experiment is none any more."""
    _hold(connection, {run.session})
    now = time.time()
    before = of(connection, [run.id]).get(run.id) or Remark(run.id, run.session, now)
    words = {name: value for name, value in {**before.tags, **tags}.items() if value is not None}
    off = {name for name, value in tags.items() if value is None and name in run.tags}
    taken_off = sorted(({*before.taken_off} | off) - {*words})
    flags = {name: value for name, value in asked.items() if value is not None}
    others = _baselines(connection, run) if asked.get("baseline") else []
    save(connection, [
        *(msgspec.structs.replace(other, baseline=False, at=now) for other in others),
        msgspec.structs.replace(before, at=now, tags=words, taken_off=taken_off, **flags),
    ])


def _baselines(connection: Connection, run: Run) -> list[Remark]:
    """The other baselines of its experiment."""
    same = select(remarks.c.body).join(runs, runs.c.id == remarks.c.run).where(runs.c.experiment == run.experiment_id)
    found = [from_json(body, Remark) for body in connection.execute(same).scalars()]
    return [one for one in found if one.baseline and one.run != run.id]


def listed(connection: Connection, session: str | None = None) -> list[Remark]:
    """Newest last."""
    query = select(remarks.c.body).order_by(remarks.c.at, remarks.c.run)
    if session is not None:
        query = query.where(remarks.c.session == session)
    return [from_json(body, Remark) for body in connection.execute(query).scalars()]


def of(connection: Connection, ids: Sequence[str]) -> dict[str, Remark]:
    """Run → what was said of it."""
    found: dict[str, Remark] = {}
    for start in range(0, len(ids), CHUNK):
        rows = connection.execute(select(remarks.c.run, remarks.c.body).where(remarks.c.run.in_(ids[start:start + CHUNK])))
        found |= {row.run: from_json(row.body, Remark) for row in rows}
    return found


def laid_over(run: Run, remark: Remark | None) -> Run:
    """The run with what was said of it."""
    if remark is None:
        return run
    recorded = {name: value for name, value in run.tags.items() if name not in remark.taken_off}
    return msgspec.structs.replace(run, starred=remark.starred, baseline=remark.baseline, tags={**recorded, **remark.tags})


def on_all(connection: Connection, found: Iterable[Run]) -> list[Run]:
    """The runs, each with what was said of it."""
    all_of_them = list(found)
    said = of(connection, [run.id for run in all_of_them])
    return [laid_over(run, said.get(run.id)) for run in all_of_them] if said else all_of_them
