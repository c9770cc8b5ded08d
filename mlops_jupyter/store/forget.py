"""Purging for good: what is forgotten leaves rows, outputs and blobs at once, and does not come back when runs are derived."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import PurePath

import msgspec
from sqlalchemy import Connection, delete, select, tuple_

from mlops_jupyter.entities import CellExecution, Fingerprint, Observation, Run
from mlops_jupyter.entities.codec import from_json
from mlops_jupyter.store import blobs, search
from mlops_jupyter.store import executions as execution_rows
from mlops_jupyter.store import observations as observation_rows
from mlops_jupyter.store.database import upsert
from mlops_jupyter.store.schema import executions, forgotten, observations, remarks, runs, sessions, verifications


def run(connection: Connection, found: Run) -> set[str]:
    """Purge a run: its row, verdicts, observations, and the outputs of the cells in which they were made, kept files that
    only its cells read.

    The cells' source stays, since other runs go through them. Returns the blobs that nothing names any more.
    """
    bodies = list(connection.execute(select(runs.c.body).where(runs.c.id == found.id)).scalars())
    keys = [*(metric.observation for metric in found.metrics), *(model.observation for model in found.models)]
    places = [(name, int(n), int(seq)) for name, n, seq in (key.rsplit(":", 2) for key in keys if key.count(":") >= 2)]
    made = {n for _, n, _ in places} | {artifact.n for artifact in found.artifacts}
    named = tuple_(observations.c.session, observations.c.n, observations.c.seq).in_(places)
    logged = (observations.c.session == found.session) & observations.c.n.in_({artifact.n for artifact in found.artifacts}) & (
        observations.c.kind == "artifact")
    kept = (observations.c.session == found.session) & observations.c.n.in_(_own_cells(connection, found)) & (
        observations.c.kind == "dataset")
    bodies += connection.execute(select(observations.c.body).where(named | logged | kept)).scalars()
    connection.execute(delete(observations).where(named | logged | kept))
    cells = [cell for cell in execution_rows.listed(connection, found.session) if cell.n in made and cell.outputs]
    for cell in cells:
        bodies += [output.blob for output in cell.outputs if output.blob]
        cell.outputs_dropped += len(cell.outputs)
        cell.outputs = []
    execution_rows.save(connection, cells)
    connection.execute(delete(verifications).where(verifications.c.run == found.id))
    connection.execute(delete(remarks).where(remarks.c.run == found.id))
    connection.execute(delete(runs).where(runs.c.id == found.id))
    search.save(connection, [], {found.id})
    _note(connection, [(found.id, found.experiment_id, found.number)])
    return blobs.unreferenced(connection, blobs.named_in(bodies))


def _own_cells(connection: Connection, found: Run) -> set[int]:
    """The cells that no other run of the session goes through."""
    bodies = connection.execute(select(runs.c.body).where(runs.c.session == found.session, runs.c.id != found.id)).scalars()
    return {*found.cells} - {n for body in bodies for n in from_json(body, Run).cells}


def session(connection: Connection, id: str) -> set[str]:
    """Purge a session with all that belongs to it. Returns the blobs that nothing names any more."""
    bodies: list[str] = []
    numbers = [(row.id, row.experiment, row.number) for row in connection.execute(select(runs).where(runs.c.session == id))]
    search.save(connection, [], {name for name, _, _ in numbers})
    for table in (observations, executions, verifications, remarks, runs):
        bodies += connection.execute(select(table.c.body).where(table.c.session == id)).scalars()
        connection.execute(delete(table).where(table.c.session == id))
    bodies += connection.execute(select(sessions.c.body).where(sessions.c.id == id)).scalars()
    connection.execute(delete(sessions).where(sessions.c.id == id))
    _note(connection, [(id, "", 0), *numbers])
    return blobs.unreferenced(connection, blobs.named_in(bodies))


def dataset(connection: Connection, name: str) -> tuple[list[str], set[str]]:
    """Purge what is known of the content of a file or variable: its fingerprints, columns and schema, in every session.

    With it go the outputs and error messages of every cell that used it, or used what was made from it. Source, metrics and
    models stay. Returns the sessions changed, and the blobs that nothing names any more.
    """
    held = {key: (execution_rows.listed(connection, key), observation_rows.listed(connection, key))
            for key in connection.execute(select(sessions.c.id)).scalars().all()}
    secret = {digest for cells, seen in held.values() for digest in _marks(name, cells, seen)}
    changed, bodies = [], []
    for key, (cells, seen) in held.items():
        touched = [cell for cell in cells if cell.n in _cells_that_use(name, secret, cells)]
        blind = [new for new, old in ((_blind(one, secret), one) for one in seen) if new != old]
        if not touched and not blind:
            continue
        bodies += [output.blob for cell in touched for output in cell.outputs if output.blob]
        bodies += [one.blob for one in seen if one.blob and one.kind == "dataset" and _blind(one, secret).blob is None]
        execution_rows.save(connection, [_emptied(cell, secret) for cell in touched])
        observation_rows.save(connection, blind)
        named = verifications.c.body.contains(f'"{name}"')
        connection.execute(delete(verifications).where(verifications.c.session == key, named))
        changed.append(key)
    return changed, blobs.unreferenced(connection, blobs.named_in(bodies))


def _marks(name: str, cells: Sequence[CellExecution], seen: Sequence[Observation]) -> set[str]:
    """The digests that its content ever had: under another name it is the same content."""
    marks = [one.fingerprint for cell in cells for one in cell.writes if one.name == name]
    marks += [one.fingerprint for cell in cells for one in cell.files if name in _spellings(one.path, one.relative)]
    marks += [one.fingerprint for entry in seen for one in entry.datasets if name in {one.name, *_spellings(one.source)}]
    return {digest for mark in marks for digest in _held(mark)}


def _held(mark: Fingerprint) -> set[str]:
    """Every digest that a mark has of its content: of the whole, as any library holds it, of each column."""
    return {digest for digest in (mark.digest, mark.logical, *(mark.columns or {}).values()) if digest}


def _spellings(*paths: str) -> set[str]:
    return {text for path in paths if path for text in (path, PurePath(path).name)}


def _cells_that_use(name: str, secret: set[str], cells: Sequence[CellExecution]) -> set[int]:
    """The cells that read or write it, and those downstream: a name that one of them wrote carries what it read."""
    carriers, used = {name}, set()
    for cell in cells:
        named = {text for file in cell.files for text in _spellings(file.path, file.relative)}
        named |= {version.name for version in cell.writes} | {read.name for read in cell.reads}
        held = {one.fingerprint.digest for one in cell.writes} | {one.fingerprint.digest for one in cell.files}
        if carriers & named or secret & held:
            used.add(cell.n)
            carriers |= {version.name for version in cell.writes} | {file.path for file in cell.files if file.mode == "write"}
    return used


def _emptied(cell: CellExecution, secret: set[str]) -> CellExecution:
    """The cell without what shows the content."""
    error = None if cell.error is None else msgspec.structs.replace(cell.error, message="(forgotten)", traceback="")
    return msgspec.structs.replace(
        cell, outputs=[], outputs_dropped=cell.outputs_dropped + len(cell.outputs), error=error,
        writes=[msgspec.structs.replace(one, fingerprint=_unknown(one.fingerprint, secret)) for one in cell.writes],
        files=[msgspec.structs.replace(one, fingerprint=_unknown(one.fingerprint, secret)) for one in cell.files],
        queries=[msgspec.structs.replace(one, fingerprint=Fingerprint("query"), unordered=None) for one in cell.queries],
    )


def _blind(one: Observation, secret: set[str]) -> Observation:
    """The observation without the content of that dataset."""
    kept = [msgspec.structs.replace(data, fingerprint=_unknown(data.fingerprint, secret), schema=None)
            if _unknown(data.fingerprint, secret) != data.fingerprint else data for data in one.datasets]
    own = None if one.fingerprint is None else _unknown(one.fingerprint, secret)
    blob = None if one.kind == "dataset" and own != one.fingerprint else one.blob  # the kept bytes themselves
    return msgspec.structs.replace(one, datasets=kept, fingerprint=own, blob=blob)


def _unknown(mark: Fingerprint, secret: set[str]) -> Fingerprint:
    """The mark; where it holds a digest of the forgotten content (the whole, or a column), only its kind and type."""
    return Fingerprint(mark.kind, type_name=mark.type_name) if _held(mark) & secret else mark


def _note(connection: Connection, gone: Iterable[tuple[str, str, int]]) -> None:
    upsert(connection, forgotten, [
        {"id": name, "experiment": experiment, "number": number, "at": time.time()} for name, experiment, number in gone])
