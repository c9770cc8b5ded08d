"""Leaves of kept files in the store: which are still used when a manifest goes, and the bytes of a file put together again."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, select

from mlops_jupyter.entities import NotFoundError, Observation, StoreError
from mlops_jupyter.entities.codec import from_json
from mlops_jupyter.entities.kept import manifest_of
from mlops_jupyter.store import blobs
from mlops_jupyter.store.blobs import Blobs
from mlops_jupyter.store.schema import observations


def settle(connection: Connection, folder: Blobs, freed: set[str]) -> set[str]:
    """What may be purged when nothing names the blobs `freed` any more: a manifest's leaves too, no leaf of another."""
    bodies = connection.execute(select(observations.c.body).where(observations.c.kind == "dataset")).scalars()
    named = {blob for body in bodies if (blob := from_json(body, Observation).blob)}
    used, own = leaves(folder, named - freed), leaves(folder, freed)
    spared = freed & used
    blobs.note(connection, {digest: len(folder.get(digest)) for digest in spared})
    return (freed - spared) | blobs.unreferenced(connection, own - used)


def leaves(folder: Blobs, digests: Iterable[str]) -> set[str]:
    """The blobs that the manifests among these name."""
    found: set[str] = set()
    for digest in digests:
        try:
            manifest = manifest_of(folder.get(digest))
        except (NotFoundError, StoreError):
            continue  # not there, or damaged: it names nothing
        found.update(() if manifest is None else manifest.leaves)
    return found
