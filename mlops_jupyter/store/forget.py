"""Purging for good: what is forgotten leaves rows, outputs and blobs at once, and does not come back when runs are derived."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable

from sqlalchemy import Connection, delete, select, tuple_

from mlops_jupyter.entities import Run
from mlops_jupyter.store import blobs
from mlops_jupyter.store import executions as execution_rows
from mlops_jupyter.store.database import upsert
from mlops_jupyter.store.schema import executions, forgotten, observations, runs, sessions, verifications

_digest = re.compile(r"sha256:[0-9a-f]{64}")


def run(connection: Connection, found: Run) -> set[str]:
    """Purge a run: its row, verdicts, observations, and the outputs of the cells in which they were made.

    The cells' source stays, since other runs go through them. Returns the blobs that nothing names any more.
    """
    bodies = list(connection.execute(select(runs.c.body).where(runs.c.id == found.id)).scalars())
    keys = [*(metric.observation for metric in found.metrics), *(model.observation for model in found.models)]
    places = [(name, int(n), int(seq)) for name, n, seq in (key.rsplit(":", 2) for key in keys if key.count(":") >= 2)]
    made = {n for _, n, _ in places} | {artifact.n for artifact in found.artifacts}
    named = tuple_(observations.c.session, observations.c.n, observations.c.seq).in_(places)
    logged = (observations.c.session == found.session) & observations.c.n.in_({artifact.n for artifact in found.artifacts}) & (
        observations.c.kind == "artifact")
    bodies += connection.execute(select(observations.c.body).where(named | logged)).scalars()
    connection.execute(delete(observations).where(named | logged))
    cells = [cell for cell in execution_rows.listed(connection, found.session) if cell.n in made and cell.outputs]
    for cell in cells:
        bodies += [output.blob for output in cell.outputs if output.blob]
        cell.outputs_dropped += len(cell.outputs)
        cell.outputs = []
    execution_rows.save(connection, cells)
    connection.execute(delete(verifications).where(verifications.c.run == found.id))
    connection.execute(delete(runs).where(runs.c.id == found.id))
    _note(connection, [(found.id, found.experiment_id, found.number)])
    return blobs.unreferenced(connection, _digests(bodies))


def session(connection: Connection, id: str) -> set[str]:
    """Purge a session with all that belongs to it. Returns the blobs that nothing names any more."""
    bodies: list[str] = []
    numbers = [(row.id, row.experiment, row.number) for row in connection.execute(select(runs).where(runs.c.session == id))]
    for table in (observations, executions, verifications, runs):
        bodies += connection.execute(select(table.c.body).where(table.c.session == id)).scalars()
        connection.execute(delete(table).where(table.c.session == id))
    bodies += connection.execute(select(sessions.c.body).where(sessions.c.id == id)).scalars()
    connection.execute(delete(sessions).where(sessions.c.id == id))
    _note(connection, [(id, "", 0), *numbers])
    return blobs.unreferenced(connection, _digests(bodies))


def _note(connection: Connection, gone: Iterable[tuple[str, str, int]]) -> None:
    upsert(connection, forgotten, [
        {"id": name, "experiment": experiment, "number": number, "at": time.time()} for name, experiment, number in gone])


def _digests(bodies: Iterable[str]) -> set[str]:
    return {digest for body in bodies for digest in _digest.findall(body)}
