"""Where checkpoints are kept: a folder of this machine beside the outboxes of one store, signed with that store's own key.

Reading a value that was pickled runs code. So nothing is read that this store did not sign, and no blob whose bytes are not those
that were signed. The folder holds so many bytes and no more: what was used longest ago goes first.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from mlops_jupyter.capture.secrets.key import load_key
from mlops_jupyter.entities.checkpoints import Checkpoint
from mlops_jupyter.entities.errors import InputError

FOLDER = "checkpoints"
_SIGNED = b"mlops checkpoint 1\n"
_UNNAMED = 3600.0
"""Seconds after which a blob that no checkpoint names belongs to a process that has died."""


class Vault:
    """`folder`: the state folder of a store. `most`: bytes of blobs that it may hold."""

    def __init__(self, folder: Path, most: int) -> None:
        self._home = folder / FOLDER
        self._key = load_key(folder)
        self._most = most

    @property
    def folder(self) -> Path:
        """Where everything lies."""
        return self._home

    def find(self, cell: str) -> Iterator[Checkpoint]:
        """Checkpoints of the cell with this digest, newest first. InputError for one that this store did not sign."""
        found = sorted((self._home / "cells" / cell).glob("*.json"), key=_age, reverse=True)
        for file in found:
            yield self._read(file)

    def put(self, checkpoint: Checkpoint) -> None:
        """Keep it, in the place of an older one with the same key. Raises OSError and leaves nothing half."""
        file = self._file(checkpoint)
        _make(file.parent)
        body = msgspec.json.encode(checkpoint)
        _write(file, [self._signature(body).encode(), b"\n", body])

    def used(self, checkpoint: Checkpoint) -> None:
        """It was of use: it goes later."""
        self._file(checkpoint).touch()

    def put_blob(self, parts: Sequence[bytes | memoryview]) -> str:
        """Keep bytes, once; their name. Raises OSError, also where there is no room left."""
        digest = hashlib.sha256()
        for part in parts:
            digest.update(part)
        file = self._home / "blobs" / digest.hexdigest()
        if not file.exists():
            _make(file.parent)
            self._make_room(sum(memoryview(part).nbytes for part in parts))
            _write(file, parts)
        return file.name

    def blob(self, name: str) -> bytearray:
        """The bytes, writable. InputError if they are gone, or others, which then go."""
        file = self._home / "blobs" / name
        try:
            data = bytearray(file.read_bytes())
        except OSError as error:
            raise InputError(f"a part of a checkpoint is gone: {error.strerror}", "the cell runs again") from None
        if hashlib.sha256(data).hexdigest() != name:
            file.unlink(missing_ok=True)
            raise InputError(f"a part of a checkpoint is not what was signed: {name[:12]}", "the cell runs again")
        return data

    # files

    def _file(self, checkpoint: Checkpoint) -> Path:
        return self._home / "cells" / checkpoint.cell / f"{checkpoint.key}.json"

    def _signature(self, body: bytes) -> str:
        return hmac.new(self._key, _SIGNED + body, hashlib.sha256).hexdigest()

    def _read(self, file: Path) -> Checkpoint:
        try:
            signature, _, body = file.read_bytes().partition(b"\n")
        except OSError as error:
            raise InputError(f"the checkpoint {file} cannot be read: {error.strerror}", f"rm {file}") from None
        if not hmac.compare_digest(signature, self._signature(body).encode()):
            raise InputError(f"the checkpoint {file} was not made by this store", f"rm {file}")
        return msgspec.json.decode(body, type=Checkpoint)

    def _all(self) -> Iterator[tuple[Path, Checkpoint | None]]:
        for file in (self._home / "cells").glob("*/*.json"):
            try:
                yield file, self._read(file)
            except InputError:
                yield file, None

    def _drop(self, entries: Sequence[tuple[Path, Checkpoint | None]]) -> None:
        for file, _ in entries:
            file.unlink(missing_ok=True)
        if entries:
            dropped = {name for _, kept in entries if kept is not None for name in blobs_of(kept)}
            named = {name for _, kept in self._all() if kept is not None for name in blobs_of(kept)}
            late = time.time() - _UNNAMED
            for file in (self._home / "blobs").glob("*"):
                if file.name not in named and (file.name in dropped or _age(file) < late * 1e9):
                    file.unlink(missing_ok=True)

    def _make_room(self, more: int) -> None:
        """So that `more` bytes fit, what was used longest ago goes. OSError if they can never fit."""
        if more > self._most:
            raise OSError(f"{more:,} bytes are more than the {self._most:,} that checkpoints may have")
        free = self._most - sum(file.stat().st_size for file in (self._home / "blobs").glob("*"))
        if free >= more:
            return
        going = []
        for file, kept in sorted(self._all(), key=lambda pair: _age(pair[0])):
            going.append((file, kept))
            free += kept.nbytes if kept is not None else 0
            if free >= more:
                break
        self._drop(going)


class Room:
    """Counts what goes into the vault."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self.nbytes = 0

    def put(self, data: bytes | memoryview) -> str:
        """Keep the bytes; their name."""
        self.nbytes += memoryview(data).nbytes
        return self._vault.put_blob([data])


def clear(folder: Path) -> None:
    """Remove every checkpoint of the store whose state folder this is."""
    shutil.rmtree(folder / FOLDER, ignore_errors=True)


def blobs_of(checkpoint: Checkpoint) -> list[str]:
    """Names of all its blobs."""
    values = [checkpoint.values, *checkpoint.buffers] if checkpoint.values else []
    return [*values, *checkpoint.files.values(), *checkpoint.random.values()]


def _age(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.parent.chmod(0o700)


def _write(file: Path, parts: Sequence[bytes | memoryview]) -> None:
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as opened:
            for part in parts:
                opened.write(part)
        beside.replace(file)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
