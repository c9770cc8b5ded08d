"""A store copied whole into another, whatever database either is in; and whether two hold the same."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import xxhash
from sqlalchemy import Connection, Table, func, select

from mlops_jupyter.entities import ConflictError, StoreError
from mlops_jupyter.store import schema
from mlops_jupyter.store.blobs import Blobs

BATCH = 1_000
CHUNK = 2**20


class Copied(msgspec.Struct):
    """Rows of each table, blobs, and the bytes of these."""

    rows: dict[str, int] = {}
    blobs: int = 0
    nbytes: int = 0


def copy(source: Connection, target: Connection, blobs: Blobs, into: Blobs) -> Copied:
    """Every row and every blob. `source` sees one state throughout. ConflictError if the target holds anything."""
    for table in schema.metadata.sorted_tables:
        if target.execute(select(func.count()).select_from(table)).scalar_one():
            raise ConflictError("the store to copy into holds something already", "give a new folder, or an empty database")
    copied = Copied()
    for digest, size in source.execute(select(schema.blobs.c.digest, schema.blobs.c.size)).all():
        with into.upload(digest) as upload:
            for part in blobs.parts(digest, CHUNK):
                upload.write(part)
        copied.blobs += 1
        copied.nbytes += size
    for table in schema.metadata.sorted_tables:
        count = 0
        for rows in _batches(source, table):
            target.execute(table.insert(), rows)
            count += len(rows)
        copied.rows[table.name] = count
    return copied


def must_agree(one: Connection, other: Connection) -> None:
    """StoreError unless both hold the same rows."""
    for table in schema.metadata.sorted_tables:
        if _content(one, table) != _content(other, table):
            raise StoreError(f"the copy does not hold what the store holds: {table.name} differs", "try again; then mlops fsck")


def _content(connection: Connection, table: Table) -> tuple[int, int]:
    """How many rows, and a digest that does not depend on their order."""
    count = digest = 0
    for rows in _batches(connection, table):
        count += len(rows)
        for row in rows:
            digest ^= xxhash.xxh3_128_intdigest(repr(sorted(row.items())).encode("utf-8", "surrogatepass"))
    return count, digest


def _batches(connection: Connection, table: Table) -> Iterator[list[dict[str, object]]]:
    found = connection.execute(select(table).execution_options(yield_per=BATCH)).mappings()
    for part in found.partitions(BATCH):
        yield [{**row} for row in part]
