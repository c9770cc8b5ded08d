"""A kept file: a manifest that names its leaves in order, each a blob of its own, shared by every file that holds the same.

Leaves are 1 MiB at fixed places (docs/decisions/0011). The manifest is a blob too, and whoever ships or purges it follows it to
its leaves. `kept/` in the state folder holds a copy of every manifest: what this machine has given to the store so far.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from mlops_jupyter.entities.ids import content_hash

LEAF = 1 << 20
"""Bytes of a leaf; the last one of a file is shorter."""


class Manifest(msgspec.Struct, frozen=True, tag_field="mlops", tag="kept-1"):
    """`fingerprint` of the whole file, its size, and the content hashes of its leaves in order."""

    fingerprint: str
    size: int
    leaves: tuple[str, ...]

    def sizes(self) -> dict[str, int]:
        """Leaf → bytes."""
        last = self.size - LEAF * (len(self.leaves) - 1)
        return {leaf: last if at == len(self.leaves) - 1 else LEAF for at, leaf in enumerate(self.leaves)}


_START = b'{"mlops":"kept-1",'


def encode_manifest(manifest: Manifest) -> bytes:
    """The bytes of the manifest's blob."""
    return msgspec.json.encode(manifest)


def manifest_of(data: bytes) -> Manifest | None:
    """The manifest that a blob is, None for any other blob."""
    if not data.startswith(_START):
        return None
    try:
        return msgspec.json.decode(data, type=Manifest)
    except msgspec.MsgspecError:
        return None


def kept_manifests(folder: Path) -> list[Manifest]:
    """The manifests in a `kept` folder."""
    return [manifest for file in sorted(folder.glob("*.json")) if (manifest := manifest_of(_bytes(file))) is not None]


def prune_kept(folder: Path, there: Callable[[str], bool]) -> int:
    """After `forget`: manifests whose blob is nowhere any more leave the folder. How many did."""
    gone = [file for file in folder.glob("*.json") if not there(content_hash(_bytes(file)))]
    for file in gone:
        file.unlink(missing_ok=True)
    return len(gone)


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""
