"""Blobs that nothing names any more are removed, after a time of grace, and never too many at once without a word."""

from __future__ import annotations

import time

import msgspec
from sqlalchemy import Connection, delete, select

from mlops_jupyter.entities import ConflictError
from mlops_jupyter.store import schema
from mlops_jupyter.store.blobs import Blobs, named_in
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


def sweep(connection: Connection, blobs: Blobs, grace: float, *, dry_run: bool, force: bool) -> Swept:
    """In a write transaction: mark what is named, remove the rest that is older than `grace` seconds."""
    used = _used(connection, blobs)
    young = time.time() - grace
    rows = {row.digest: row.at for row in connection.execute(select(schema.blobs))}
    found, swept, total = [], Swept(), 0
    for blob in blobs.listed():
        total += blob.size
        if not blob.digest or blob.digest in used:
            continue
        if max(rows.get(blob.digest, 0.0), blob.at) > young:
            swept.spared += 1
            continue
        found.append(blob.digest)
        swept.nbytes += blob.size
    if swept.nbytes > max(SMALL, SHARE * total) and not force and not dry_run:
        raise ConflictError(f"{swept.nbytes} of {total} bytes of blobs would go: nothing names them",
                            "mlops fsck; if that is right, mlops gc --force")
    swept.blobs = len(found)
    swept.strays = blobs.strays(young, remove=not dry_run)
    for digest in () if dry_run else found:
        if blobs.discard(digest, young):  # not if somebody has just asked to keep it
            connection.execute(delete(schema.blobs).where(schema.blobs.c.digest == digest))
    return swept


def _used(connection: Connection, blobs: Blobs) -> set[str]:
    used: set[str] = set()
    for table in schema.metadata.sorted_tables:
        if "body" in table.c:
            for body in connection.execute(select(table.c.body).execution_options(yield_per=500)).scalars():
                used |= named_in([body])
    return used | leaves(blobs, used)
