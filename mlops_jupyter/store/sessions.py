"""Sessions and their environments. An environment is stored once and put back when its session is read.

A notebook that was renamed keeps its identity: `renames` maps a path to the notebook and the experiment that it continues, and
a session that arrives from that path is entered under them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

import msgspec
from sqlalchemy import Connection, Select, func, or_, select, update

from mlops_jupyter.entities import Environment, InputError, NotebookRef, NotFoundError, Session, derived_id, new_id
from mlops_jupyter.entities.codec import from_json, to_json
from mlops_jupyter.store import search
from mlops_jupyter.store.database import upsert
from mlops_jupyter.store.schema import environments, executions, forgotten, renames, sessions


def save(connection: Connection, found: Sequence[Session]) -> None:
    """Insert or replace sessions; what the store itself knows of them (revision, environment sent before, rename) stays."""
    _put(connection, [_as_known(connection, session) for session in found])


def _put(connection: Connection, found: Sequence[Session]) -> None:
    for session in found:
        if session.environment is not None:
            row = {"id": session.environment.id, "body": to_json(session.environment).decode()}
            upsert(connection, environments, [row], keep=("body", "checksum"))
            search.note_environment(connection, session.environment)
        row_of: dict[str, object] = {
            "id": session.id, "writer": session.writer, "kind": session.kind, "state": session.state, "started": session.started,
            "kernel": session.kernel_id, "notebook": session.notebook.id if session.notebook else "",
            "path": session.notebook.path if session.notebook else "", "experiment": session.experiment_id,
            "environment": session.environment.id if session.environment else None, "revision": 0, "derived": 0,
            "body": to_json(msgspec.structs.replace(session, environment=None)).decode(),
        }
        known = ("revision", "derived") if session.environment else ("revision", "derived", "environment")
        upsert(connection, sessions, [row_of], keep=known)


def touch(connection: Connection, ids: Iterable[str]) -> None:
    """Something of these sessions has changed: their runs are to be derived again."""
    chosen = sorted(set(ids))
    connection.execute(update(sessions).where(sessions.c.id.in_(chosen)).values(revision=sessions.c.revision + 1))


def listed(connection: Connection, query: Select[tuple[str, str]]) -> list[Session]:
    """Sessions of a query over (body, environment)."""
    known: dict[str, Environment] = {}
    result = []
    for row in connection.execute(query):
        session = from_json(row.body, Session)
        if row.environment and row.environment not in known:
            body = connection.execute(select(environments.c.body).where(environments.c.id == row.environment)).scalar_one()
            known[row.environment] = from_json(body, Environment)
        session.environment = known.get(row.environment)
        result.append(session)
    return result


def newest() -> Select[tuple[str, str]]:
    """All sessions, newest first."""
    return select(sessions.c.body, sessions.c.environment).order_by(sessions.c.started.desc(), sessions.c.id.desc())


def chosen(notebook: str | None, kernel: str | None, kinds: Sequence[str] | None, submission: str | None,
           ) -> Select[tuple[str, str]]:
    """Sessions of a notebook (its id or path), a kernel, some kinds and a submission, newest first."""
    query = newest()
    if submission is not None:
        query = query.where(sessions.c.writer.startswith(f"{submission}.", autoescape=True))
    if notebook is not None:
        query = query.where(or_(sessions.c.notebook == notebook, sessions.c.path == notebook))
    if kernel is not None:
        query = query.where(sessions.c.kernel == kernel)
    return query if kinds is None else query.where(sessions.c.kind.in_(kinds))


def of_writer(connection: Connection, writer: str) -> list[str]:
    """Ids of the sessions that a writer has written."""
    return list(connection.execute(select(sessions.c.id).where(sessions.c.writer == writer)).scalars())


def running(connection: Connection) -> int:
    """How many have not ended."""
    return int(connection.execute(select(func.count()).where(sessions.c.state == "running")).scalar_one())


def writers(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    """Session → writer, of those that are stored."""
    rows = connection.execute(select(sessions.c.id, sessions.c.writer).where(sessions.c.id.in_(ids)))
    return {row.id: row.writer for row in rows}


def one(connection: Connection, id: str) -> Session:
    """By id or unique prefix."""
    return listed(connection, newest().where(sessions.c.id == full_id(connection, id)))[0]


def full_id(connection: Connection, id: str) -> str:
    """The id that starts with `id`. Raises NotFoundError for none, InputError for several."""
    column = sessions.c.id
    if connection.execute(select(column).where(column == id)).first():
        return id
    begins = column.startswith(id, autoescape=True)
    ids = list(connection.execute(select(column).where(begins).order_by(column).limit(6)).scalars())
    if not id or not ids:
        raise NotFoundError(f"there is no session {id!r}", "mlops sessions list")
    if len(ids) > 1:
        raise InputError(f"{id!r} begins the ids of several sessions: {', '.join(ids)}", "give more characters of it")
    return str(ids[0])


def changed(connection: Connection) -> list[str]:
    """Sessions with something newer than the runs derived from them, oldest first."""
    query = select(sessions.c.id).where(sessions.c.revision > sessions.c.derived).order_by(sessions.c.started)
    return list(connection.execute(query).scalars())


def revision(connection: Connection, id: str) -> tuple[int, int]:
    """(revision, revision of the derived runs). Raises NotFoundError."""
    row = connection.execute(select(sessions.c.revision, sessions.c.derived).where(sessions.c.id == id)).first()
    if row is None:
        raise NotFoundError(f"there is no session {id!r}", "mlops sessions list")
    return row.revision, row.derived


def end(connection: Connection, writer: str, at: float) -> list[str]:
    """The writer is gone: its sessions that still run have ended, as interrupted where a cell was running. Returns their ids."""
    running = newest().where(sessions.c.writer == writer, sessions.c.state == "running")
    found = listed(connection, running)
    for session in found:
        cut = select(func.count()).where(executions.c.session == session.id, executions.c.state == "running")
        session.state = "interrupted" if connection.execute(cut).scalar_one() else "ended"
        session.ended = max(at, session.started)
    save(connection, found)
    return [session.id for session in found]


def forgotten_ids(connection: Connection, ids: set[str]) -> set[str]:
    """Those of `ids` that were purged and must not come back."""
    return set(connection.execute(select(forgotten.c.id).where(forgotten.c.id.in_(ids))).scalars())


def rename(connection: Connection, old: str, new: str) -> list[str]:
    """Sessions of both paths belong to the notebook of the old one; so do those to come from the new one. Returns their ids."""
    before = listed(connection, newest().where(sessions.c.path == old))
    known = connection.execute(select(renames).where(renames.c.path == old)).first()
    if not before and known is None:
        return []
    default = next((session for session in before if _default_experiment(session, old)), None)
    notebook = known.notebook if known else before[0].notebook.id if before[0].notebook else ""
    experiment = known.experiment if known else default.experiment_id if default else ""
    # What is made at the old path from now on (the next Untitled.ipynb) is another notebook.
    next_one = new_id()
    upsert(connection, renames, [
        {"path": new, "notebook": notebook, "experiment": experiment},
        {"path": old, "notebook": next_one, "experiment": derived_id("experiment", next_one)},
    ])
    moved = [*before, *listed(connection, newest().where(sessions.c.path == new))]
    for session in before:
        session.notebook = NotebookRef(notebook, new)
    _put(connection, [_renamed(connection, session) for session in moved])
    return [session.id for session in moved]


def _as_known(connection: Connection, session: Session) -> Session:
    """A new session as its path continues; one that a rename moved stays there, whatever its kernel still calls it."""
    row = connection.execute(select(sessions.c.body).where(sessions.c.id == session.id)).first()
    before = from_json(row.body, Session) if row else None
    if before is None or before.notebook is None or session.notebook is None:
        return _renamed(connection, session)
    return msgspec.structs.replace(session, notebook=before.notebook, experiment_id=_experiment(before, session))


def _experiment(before: Session, session: Session) -> str:
    """The experiment that the store has the session under, unless its user named another since."""
    return before.experiment_id if session.experiment == before.experiment else session.experiment_id


def _renamed(connection: Connection, session: Session) -> Session:
    """The session under the notebook and experiment that its path continues."""
    path = session.notebook.path if session.notebook else ""
    kept = connection.execute(select(renames).where(renames.c.path == path)).first() if path else None
    if kept is None:
        return session
    experiment = kept.experiment if kept.experiment and _default_experiment(session, path) else session.experiment_id
    return msgspec.structs.replace(session, notebook=NotebookRef(kept.notebook, path), experiment_id=experiment)


def _default_experiment(session: Session, path: str) -> bool:
    return session.experiment == PurePosixPath(path).stem
