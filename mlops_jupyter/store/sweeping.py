"""Blobs that nothing names any more are removed, after a time of grace, and never too many at once without a word.

A file is first renamed aside, then looked at once more: whoever asked in that moment to keep the same bytes has either made it
young, and it is put back, or does not find it, and writes it anew.
"""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
from sqlalchemy import Connection, delete, select

from mlops_jupyter.entities import ConflictError, new_id
from mlops_jupyter.store import schema
from mlops_jupyter.store.blobs import BlobFolder, is_name, named_in
from mlops_jupyter.store.checking import strays
from mlops_jupyter.store.kept import leaves

GRACE = 24 * 3600.0
SHARE = 0.5
"""More than this share of the blobs' bytes goes only by force: most often something else is wrong then."""
SMALL = 64 * 2**20
"""Bytes that may always go."""


class Swept(msgspec.Struct):
    """What would go, or went; and what was spared because it is young."""

    blobs: int = 0
    nbytes: int = 0
    spared: int = 0
    strays: int = 0


def sweep(connection: Connection, folder: BlobFolder, grace: float, *, dry_run: bool, force: bool) -> Swept:
    """In a write transaction: mark what is named, remove the rest that is older than `grace` seconds."""
    used = _used(connection, folder)
    young = time.time() - grace
    rows = {row.digest: row.at for row in connection.execute(select(schema.blobs))}
    found, swept, total = [], Swept(), 0
    for path in folder.files():
        digest, status = f"sha256:{path.parent.name}{path.name}", path.stat()
        total += status.st_size
        if not is_name(digest) or digest in used:
            continue
        if max(rows.get(digest, 0.0), status.st_mtime) > young:
            swept.spared += 1
            continue
        found.append((digest, path))
        swept.nbytes += status.st_size
    if swept.nbytes > max(SMALL, SHARE * total) and not force and not dry_run:
        raise ConflictError(f"{swept.nbytes} of {total} bytes of blobs would go: nothing names them",
                            "mlops fsck; if that is right, mlops gc --force")
    swept.blobs = len(found)
    old = [path for path in strays(folder.folder) if path.stat().st_mtime < young]
    swept.strays = len(old)
    if dry_run:
        return swept
    for digest, path in found:
        if _remove(path, young):
            connection.execute(delete(schema.blobs).where(schema.blobs.c.digest == digest))
    for path in old:
        path.unlink(missing_ok=True)
    return swept


def _remove(path: Path, young: float) -> bool:
    """Whether it is gone: not if somebody has just asked to keep it."""
    aside = path.with_name(f".{new_id()}")
    try:
        path.rename(aside)
    except FileNotFoundError:
        return True
    if aside.stat().st_mtime > young and not path.exists():
        aside.rename(path)
        return False
    aside.unlink()
    return not path.exists()


def _used(connection: Connection, folder: BlobFolder) -> set[str]:
    used: set[str] = set()
    for table in schema.metadata.sorted_tables:
        if "body" in table.c:
            for body in connection.execute(select(table.c.body).execution_options(yield_per=500)).scalars():
                used |= named_in([body])
    return used | leaves(folder, used)
