"""A verification's own record: written to a private outbox, read here, thrown away; the ledger keeps the verdict only.

So a verification never mixes with the runs of its experiment, and needs no store that can be reached.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from mlops_jupyter.capture.options import TrackOptions
from mlops_jupyter.entities import CellExecution, Observation, Origin, Session
from mlops_jupyter.entities.records import decode


class Recorded(msgspec.Struct):
    """What one kernel wrote: the newest version of each fact, in order."""

    session: Session | None
    executions: list[CellExecution]
    observations: list[Observation]


@contextmanager
def private_folder() -> Iterator[Path]:
    """A temporary folder for one verification: its outbox and its work."""
    with tempfile.TemporaryDirectory(prefix="mlops-verify-", ignore_cleanup_errors=True) as folder:
        yield Path(folder).resolve()


def private_options(folder: Path, origin: Origin) -> TrackOptions:
    """Options of a session that records into `folder` and nowhere else."""
    store, state = str(folder / "store"), str(folder / "state")
    return TrackOptions(kind="verification", outputs="none", origin=origin, store=store, state=state)


def read_recorded(folder: Path) -> Recorded:
    """Everything recorded under `folder`. A last line that was torn by a death of the kernel is left out."""
    session: Session | None = None
    executions: dict[int, CellExecution] = {}
    observations: dict[tuple[int, int], Observation] = {}
    for file in sorted((folder / "state").rglob("*.jsonl")):
        for line in file.read_bytes().splitlines():
            try:
                entity = decode(line).entity
            except msgspec.DecodeError:
                continue
            if isinstance(entity, Session):
                session = entity
            elif isinstance(entity, CellExecution):
                executions[entity.n] = entity
            elif isinstance(entity, Observation):
                observations[entity.n, entity.seq] = entity
    return Recorded(session, [executions[n] for n in sorted(executions)], [observations[key] for key in sorted(observations)])
