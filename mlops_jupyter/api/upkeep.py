"""Verbs that keep a store whole: check, sweep, back up, restore. Only for whoever has the store itself, not behind a server."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from mlops_jupyter.api.display import Block, Sheet
from mlops_jupyter.api.ledger import derive_runs, open_ledger
from mlops_jupyter.api.words import plural, size
from mlops_jupyter.entities import ConflictError, InputError, StoreError
from mlops_jupyter.store import Store, open_store
from mlops_jupyter.store.checking import Checked, Problem
from mlops_jupyter.store.copying import Copied
from mlops_jupyter.store.sweeping import GRACE, Swept

SHOWN = 50
"""Problems that a sheet shows; `--json` has all."""


def check(*, mend: bool = False) -> Checked:
    """Every row, blob and reference of the store. `mend` writes anew what follows from the rest."""
    store = _own()
    if mend:
        store.mend()
    return store.check()


def must_be_whole(found: Checked) -> None:
    """StoreError if something was found."""
    if found.problems:
        first = found.problems[0]
        raise StoreError(f"{plural(len(found.problems), 'problem')}, the first: {first.where}: {first.what}", first.remedy)


def sweep(*, grace: float = GRACE, dry_run: bool = False, force: bool = False) -> Swept:
    """Remove blobs that nothing names and that are older than `grace` seconds. ConflictError if more than half would go."""
    return _own().sweep(grace, dry_run=dry_run, force=force)


def back_up(folder: Path) -> Copied:
    """Copy the store into a new folder, then restore that into a scratch one, check it, and compare."""
    if folder.exists() and any(folder.iterdir()):
        raise ConflictError(f"{folder} is not empty", "give a new folder for each backup")
    store = _own()
    derive_runs(store)
    made = not folder.exists()
    try:
        copied = _copied(store, folder)
        with tempfile.TemporaryDirectory(prefix="mlops-scratch-", dir=folder.parent) as scratch:
            _copied(open_store(str(folder), create=False), Path(scratch) / "store")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        if not made:
            folder.mkdir()
        raise
    return copied


def _copied(store: Store, folder: Path) -> Copied:
    """A copy that was compared and checked."""
    target = open_store(str(folder))
    try:
        copied = store.copy_to(target)
        must_be_whole(target.check())
    finally:
        target.close()
    return copied


def restore(backup: Path) -> Copied:
    """Copy a backup into the configured store, which must be empty, then check it."""
    if not (backup / "ledger.db").is_file():
        raise InputError(f"{backup} is no backup: it has no ledger.db", "mlops backup FOLDER makes one")
    source, target = open_store(str(backup), create=False), _own()
    if Path(target.url).absolute() == backup.absolute():
        raise ConflictError(f"{backup} is the store itself", "set MLOPS_STORE to the folder to restore into")
    copied = source.copy_to(target)
    must_be_whole(target.check())
    return copied


def _own() -> Store:
    store = open_ledger()
    if not isinstance(store, Store):
        raise ConflictError(f"the store {store.url} is behind a server", "give this command there, where the database is")
    return store


def checked_sheet(found: Checked) -> Sheet:
    """What is wrong, a line each."""
    title = f"{plural(found.rows, 'row')} and {plural(found.blobs, 'blob')} ({size(found.nbytes)}) looked at: "
    title += "all whole" if not found.problems else plural(len(found.problems), "problem")
    rows = [[one.where, one.what] for one in found.problems[:SHOWN]]
    notes = sorted({one.remedy for one in found.problems})
    return Sheet(title, [Block(columns=["where", "what"], rows=rows)] if rows else [], notes)


def swept_sheet(found: Swept, *, dry_run: bool) -> Sheet:
    """What went."""
    words = f"{plural(found.blobs, 'blob')} ({size(found.nbytes)}) {'would go' if dry_run else 'removed'}"
    notes = [f"{plural(found.spared, 'blob')} spared: younger than the grace"] if found.spared else []
    return Sheet(words, [], notes)


def copied_sheet(copied: Copied, words: str) -> Sheet:
    """How much was copied."""
    rows = [[name, str(count)] for name, count in sorted(copied.rows.items()) if count]
    return Sheet(f"{words}: {plural(copied.blobs, 'blob')} ({size(copied.nbytes)}), and",
                 [Block(columns=["table", "rows"], rows=rows)])


__all__ = ["Problem", "back_up", "check", "checked_sheet", "copied_sheet", "must_be_whole", "restore", "sweep", "swept_sheet"]
