"""Verbs on run archives: carry runs out of the store, and into it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mlops_jupyter.api.display import Block, Sheet
from mlops_jupyter.api.ledger import derive_runs, open_ledger
from mlops_jupyter.api.runs import find_run
from mlops_jupyter.api.words import plural
from mlops_jupyter.entities import InputError
from mlops_jupyter.store import Store, archive
from mlops_jupyter.store.archive import Carried


def export(runs: Sequence[str], path: Path, *, without_outputs: bool = False, force: bool = False) -> Carried:
    """Carry runs (id, prefix, `#number`), each with its whole session and its blobs, into a new file."""
    if not runs:
        raise InputError("no run is named", "mlops export RUN -o FILE.mlops")
    target = path if path.suffix else path.with_name(path.name + archive.SUFFIX)
    store = open_ledger()
    return archive.write(store, [find_run(store, run) for run in runs], target, without_outputs=without_outputs, force=force)


def import_(path: Path) -> Carried:
    """Add what an archive carries and the store lacks. Doing it again changes nothing."""
    store = open_ledger()
    carried, sessions = archive.merge(path, store)
    if isinstance(store, Store):
        derive_runs(store)
    carried.runs = sum(len(store.runs(session=session)) for session in sessions)
    return carried


def carried_sheet(carried: Carried, words: str) -> Sheet:
    """What was carried, in words."""
    rows = [["sessions", str(carried.sessions)], ["runs", str(carried.runs)], ["records", str(carried.records)],
            ["blobs", str(carried.blobs)]]
    notes = []
    if carried.known:
        notes.append(f"{plural(carried.known, 'session')} were here before, and stay as they are")
    if carried.forgotten:
        notes.append(f"{plural(carried.forgotten, 'session')} were forgotten here, and are not taken back")
    return Sheet(words, [Block(columns=["", ""], rows=rows)], notes)
