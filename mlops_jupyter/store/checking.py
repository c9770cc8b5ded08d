"""Is the store whole? Every row against its checksum, every blob against its name, every reference against what it names."""

from __future__ import annotations

from contextlib import suppress
from typing import TypeVar

import msgspec
from sqlalchemy import Column, Connection, select

from mlops_jupyter.entities import Environment, NotFoundError, Run, StoreError
from mlops_jupyter.entities.codec import from_json
from mlops_jupyter.store import remarks, schema, search
from mlops_jupyter.store.blobs import Blobs, named_in
from mlops_jupyter.store.database import checksum
from mlops_jupyter.store.kept import leaves

_Kind = TypeVar("_Kind", Environment, Run)
NAMING = ("executions", "observations")
"""Tables whose bodies name blobs."""
CHUNK = 2**20
_BACKUP = "mlops restore BACKUP, or mlops forget it"
_MEND = "mlops fsck --mend"


class Problem(msgspec.Struct, frozen=True):
    """Something that is not as it should be, and what helps."""

    where: str
    what: str
    remedy: str = _BACKUP


class Checked(msgspec.Struct):
    """What was looked at, and what was found."""

    rows: int = 0
    blobs: int = 0
    nbytes: int = 0
    problems: list[Problem] = []


def check(connection: Connection, folder: Blobs) -> Checked:
    """Look at everything. Changes nothing."""
    found = Checked()
    if connection.dialect.name == "sqlite":
        for (line,) in connection.exec_driver_sql("pragma integrity_check"):
            if line != "ok":
                found.problems.append(Problem("the database", str(line), "mlops restore BACKUP"))
    named = _rows(connection, found)
    _references(connection, found)
    _marks(connection, found)
    _packages(connection, found)
    _blobs(connection, folder, named, found)
    return found


def _rows(connection: Connection, found: Checked) -> dict[str, str]:
    """Every row against its checksum. Returns the blobs that are named, each with who names it."""
    named: dict[str, str] = {}
    for table in schema.metadata.sorted_tables:
        if "checksum" not in table.c:
            continue
        keys = [column.name for column in table.primary_key]
        for row in connection.execute(select(table).execution_options(yield_per=500)).mappings():
            found.rows += 1
            place = f"{table.name} {':'.join(str(row[key]) for key in keys)}"
            if checksum(table.name, dict(row)) != row["checksum"]:
                found.problems.append(Problem(place, "the row is not what was written"))
            if table.name in NAMING:
                named |= dict.fromkeys(named_in([row["body"]]), place)
    return named


def _references(connection: Connection, found: Checked) -> None:
    """What belongs to a session that is gone, sessions whose environment is gone."""
    known = select(schema.sessions.c.id)
    for table in (schema.executions, schema.observations, schema.runs):
        query = select(table.c.session).where(table.c.session.not_in(known)).distinct().order_by(table.c.session)
        for name in connection.execute(query).scalars():
            found.problems.append(Problem(f"{table.name} of session {name}", "there is no such session"))
    named = schema.sessions.c.environment
    gone = named.is_not(None) & named.not_in(select(schema.environments.c.id))  # NULL is not in an empty table, says SQL
    for name in connection.execute(select(named).where(gone).distinct()).scalars():
        found.problems.append(Problem(f"environment {name}", "sessions name it, and it is not there"))


def _packages(connection: Connection, found: Checked) -> None:
    """What `used.package` finds against the environments that it follows from."""
    stored: dict[str, dict[str, str]] = {}
    for row in connection.execute(select(schema.packages)):
        stored.setdefault(row.environment, {})[row.name] = row.version
    for environment in _entities(connection, schema.environments.c.body, Environment):
        expected = {row["name"]: row["version"] for row in search.packages_of(environment)}
        if stored.pop(environment.id, {}) != expected:
            found.problems.append(Problem(f"the packages of environment {environment.id}", "searches may miss it", _MEND))
    for name in stored:
        found.problems.append(Problem(f"the packages of environment {name}", "there is no such environment", _MEND))


def _entities(connection: Connection, bodies: Column[str], kind: type[_Kind]) -> list[_Kind]:
    """What can be read of it; a row that cannot be is said to be damaged, by its checksum."""
    found = []
    for body in connection.execute(select(bodies)).scalars():
        with suppress(msgspec.DecodeError):
            found.append(from_json(body, kind))
    return found


def _marks(connection: Connection, found: Checked) -> None:
    """What is searched by against the runs that it follows from."""
    stored: dict[str, list[tuple[object, ...]]] = {}
    for row in connection.execute(select(schema.marks).order_by(schema.marks.c.run, schema.marks.c.seq)):
        stored.setdefault(row.run, []).append((row.seq, row.kind, row.name, row.text, row.number))
    said = {one.run: one for one in remarks.listed(connection)}
    for run_id, body in connection.execute(select(schema.runs.c.id, schema.runs.c.body)).all():
        try:
            run = from_json(body, Run)
        except msgspec.DecodeError:
            continue  # said already
        run = remarks.laid_over(run, said.get(run_id))
        expected = [(row["seq"], row["kind"], row["name"], row["text"], row["number"]) for row in search.rows_of(run)]
        if stored.pop(run_id, []) != expected:
            found.problems.append(Problem(f"the index of run {run_id}", "searches may miss it", _MEND))
    for run_id in stored:
        found.problems.append(Problem(f"the index of run {run_id}", "there is no such run", _MEND))


def _blobs(connection: Connection, folder: Blobs, named: dict[str, str], found: Checked) -> None:
    sizes = {row.digest: row.size for row in connection.execute(select(schema.blobs.c.digest, schema.blobs.c.size))}
    for digest, size in sorted(sizes.items()):
        found.blobs += 1
        found.nbytes += size
        problem = _blob(folder, digest, size)
        if problem:
            found.problems.append(Problem(f"blob {digest}", problem))
    for digest in list(named):
        named |= dict.fromkeys(leaves(folder, [digest]), f"the kept file {digest}")
    for digest, place in sorted(named.items()):
        if digest not in sizes and not folder.has(digest):
            found.problems.append(Problem(place, f"names a blob that is not there: {digest}"))
    for one in folder.listed():
        if not one.digest:
            found.problems.append(Problem(one.place, "is no blob of ours", f"move it out of {folder.place}"))
        elif one.digest not in sizes and (problem := _blob(folder, one.digest, one.size)):
            found.problems.append(Problem(f"blob {one.digest}", problem))


def _blob(folder: Blobs, digest: str, size: int) -> str:
    try:
        length = sum(len(part) for part in folder.parts(digest, CHUNK))
    except NotFoundError:
        return "its bytes are not there"
    except StoreError:
        return "its bytes are not what its name says"
    return "" if length == size else f"it has {length} bytes, and its row says {size}"


def mend(connection: Connection) -> int:
    """Write anew what runs are searched by. How many runs there are."""
    connection.execute(schema.packages.delete())
    for environment in _entities(connection, schema.environments.c.body, Environment):
        search.note_environment(connection, environment)
    runs = remarks.on_all(connection, _entities(connection, schema.runs.c.body, Run))
    connection.execute(schema.marks.delete())
    search.save(connection, runs, set())
    return len(runs)
