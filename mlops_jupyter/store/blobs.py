"""Bytes under the name of their content: `blobs/ab/cdef…`, sha256, never changed, only added or purged.

A blob is written beside its place, synced, renamed, and its folder synced, before any row names it: after a crash there may be
a blob that nobody names, never a name without its blob.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

from sqlalchemy import Connection, delete, func, select

from mlops_jupyter.entities import InputError, NotFoundError, StoreError, content_hash, new_id
from mlops_jupyter.store import schema
from mlops_jupyter.store.database import upsert

_name = re.compile(r"sha256:[0-9a-f]{64}")


def named_in(bodies: Iterable[str]) -> set[str]:
    """Every content hash that these texts hold."""
    return {digest for body in bodies for digest in _name.findall(body)}


def key_of(digest: str) -> str:
    """`ab/cdef…`: where the blob lies. Raises InputError for anything that is no content hash, so no name leads elsewhere."""
    if _name.fullmatch(digest) is None:
        raise InputError(f"{digest!r} is no content hash", "mlops runs show RUN names those of a run")
    value = digest.removeprefix("sha256:")
    return f"{value[:2]}/{value[2:]}"


def digest_of(key: str) -> str:
    """The content hash whose blob lies there; "" if none can."""
    digest = "sha256:" + key.replace("/", "", 1)
    return digest if _name.fullmatch(digest) is not None and key_of(digest) == key else ""


class Lying(NamedTuple):
    """A blob where blobs are kept: `digest` "" if it is none of ours, `size` in bytes, `at` Unix seconds of its last writing."""

    digest: str
    size: int
    at: float
    place: str


class Blobs(Protocol):
    """Where blobs are kept. `place`: as the user named it."""

    place: str

    def put(self, blobs: Sequence[bytes]) -> list[str]: ...
    def get(self, digest: str) -> bytes: ...
    def parts(self, digest: str, size: int) -> Iterator[bytes]: ...
    def has(self, digest: str) -> bool: ...
    def listed(self) -> Iterator[Lying]: ...
    def upload(self, digest: str) -> Upload: ...
    def remove(self, digest: str) -> None: ...
    def discard(self, digest: str, young: float) -> bool: ...
    def strays(self, young: float, *, remove: bool) -> int: ...


class BlobFolder:
    """Content-addressed files under one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.place = str(folder)

    def path(self, digest: str) -> Path:
        """Where the blob lies. InputError for anything that is no content hash."""
        return self.folder / key_of(digest)

    def put(self, blobs: Sequence[bytes]) -> list[str]:
        """Keep each of `blobs`, durably when this returns; their content hashes."""
        digests = [content_hash(data) for data in blobs]
        written: dict[Path, Path] = {}
        try:
            for digest, data in zip(digests, blobs, strict=True):
                path = self.path(digest)
                if path not in written and not _is_there(path, len(data)):
                    written[path] = self._write(path, data)
            for path, temporary in written.items():
                temporary.replace(path)
            for folder in {path.parent for path in written} | ({self.folder} if written else set()):
                _sync(folder)
        except OSError as error:
            size = sum(map(len, blobs))
            raise StoreError(f"blobs of {size} bytes cannot be written to {self.folder}: {error.strerror}",
                             "make room, or make the folder writable, then try again") from None
        finally:
            for temporary in written.values():
                temporary.unlink(missing_ok=True)
        return digests

    def _write(self, path: Path, data: bytes) -> Path:
        """The bytes, synced, in a file beside their place."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = path.with_name(f".{new_id()}")
        try:
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return temporary

    def get(self, digest: str) -> bytes:
        """The bytes. Raises NotFoundError if they are not there, StoreError if they are not what their name says."""
        path = self.path(digest)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise missing(digest) from None
        if content_hash(data) != digest:
            raise damaged(str(path))
        return data

    def parts(self, digest: str, size: int) -> Iterator[bytes]:
        """The bytes in parts of `size`, as `get` gives them: the first comes after all were looked at."""
        path = self.path(digest)
        try:
            file = path.open("rb")
        except FileNotFoundError:
            raise missing(digest) from None
        if "sha256:" + hashlib.file_digest(file, "sha256").hexdigest() != digest:
            file.close()
            raise damaged(str(path))
        file.seek(0)
        return read_parts(file, size)

    def has(self, digest: str) -> bool:
        """True if the bytes are there."""
        return self.path(digest).exists()

    def listed(self) -> Iterator[Lying]:
        """Every file that could be a blob, in order."""
        for path in sorted(path for path in self.folder.glob("*/*") if not path.name.startswith(".") and path.is_file()):
            status = path.stat()
            yield Lying(digest_of(f"{path.parent.name}/{path.name}"), status.st_size, status.st_mtime, str(path))

    def upload(self, digest: str) -> Upload:
        """A blob that comes in parts: kept under `digest` once all of it is there and has that name."""
        path = self.path(digest)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = path.with_name(f".{new_id()}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

        def place() -> None:
            temporary.replace(path)
            _sync(path.parent)
            _sync(path.parent.parent)

        return Upload(temporary, descriptor, digest, place)

    def remove(self, digest: str) -> None:
        """Purge the bytes, if they are there."""
        self.path(digest).unlink(missing_ok=True)

    def discard(self, digest: str, young: float) -> bool:
        """Purge the bytes unless they were asked for after `young`, in Unix seconds. Whether they are gone.

        Renamed aside first, then looked at once more: whoever asked in that moment to keep the same bytes has either made
        the file young, and it is put back, or does not find it, and writes it anew.
        """
        path = self.path(digest)
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

    def strays(self, young: float, *, remove: bool) -> int:
        """How many files interrupted writes left before `young`; removed, if so asked."""
        old = [path for path in self.folder.glob("*/.*") if path.is_file() and path.stat().st_mtime < young]
        for path in old if remove else ():
            path.unlink(missing_ok=True)
        return len(old)


def read_parts(file: BinaryIO, size: int) -> Iterator[bytes]:
    """What is left of the file, in parts; then it is closed."""
    with file:
        while part := file.read(size):
            yield part


def missing(digest: str) -> NotFoundError:
    """Why `get` failed."""
    return NotFoundError(f"the store has no blob {digest}", "mlops runs list shows what it has")


def damaged(place: str) -> StoreError:
    """Why `get` failed."""
    return StoreError(f"the blob {place} is damaged: its bytes do not match its name", "restore it from a backup")


class Upload:
    """Parts of one blob on their way: `write` each. A `with` block keeps it at its end, or drops it.

    They are gathered in the file `temporary`, open for writing as `descriptor`; `place()` brings it, whole and synced, to
    where it belongs.
    """

    def __init__(self, temporary: Path, descriptor: int, digest: str, place: Callable[[], None]) -> None:
        self.size = 0
        self._digest, self._temporary, self._place = digest, temporary, place
        self._hash = hashlib.sha256()
        self._file = os.fdopen(descriptor, "wb")

    def __enter__(self) -> Upload:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.keep()
        finally:
            self.drop()

    def write(self, part: bytes) -> None:
        """Add a part."""
        self._file.write(part)
        self._hash.update(part)
        self.size += len(part)

    def keep(self) -> None:
        """Durably there when this returns. InputError if the bytes are not what their name says."""
        found = "sha256:" + self._hash.hexdigest()
        if found != self._digest:
            raise InputError(f"these {self.size} bytes are {found}, not {self._digest}", "send them under their own name")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._place()

    def drop(self) -> None:
        """Leave nothing behind that was not kept."""
        self._file.close()
        self._temporary.unlink(missing_ok=True)


def note(connection: Connection, sizes: Mapping[str, int]) -> None:
    """The rows of blobs that are on disk: content hash → size."""
    rows = [{"digest": digest, "size": size, "at": time.time()} for digest, size in sizes.items()]
    upsert(connection, schema.blobs, rows, keep=("at",))


def _is_there(path: Path, size: int) -> bool:
    """True if nothing needs to be written. It is young again then: `gc` spares what somebody has just asked to keep."""
    try:
        if path.stat().st_size != size:
            return False
        os.utime(path)
        return True
    except FileNotFoundError:
        return False


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def listed(connection: Connection) -> Iterator[tuple[str, int]]:
    """(content hash, size) of every blob."""
    for row in connection.execute(select(schema.blobs.c.digest, schema.blobs.c.size).order_by(schema.blobs.c.digest)):
        yield row.digest, row.size


def total(connection: Connection) -> int:
    """Bytes of all blobs."""
    return int(connection.execute(select(func.coalesce(func.sum(schema.blobs.c.size), 0))).scalar_one())


def unreferenced(connection: Connection, digests: set[str]) -> set[str]:
    """Those of `digests` that no stored entity names any more; their rows are removed."""
    tables = (schema.sessions, schema.executions, schema.observations, schema.runs, schema.submissions)
    free = {digest for digest in digests if not any(
        connection.execute(select(1).where(table.c.body.contains(digest)).limit(1)).first() for table in tables)}
    connection.execute(delete(schema.blobs).where(schema.blobs.c.digest.in_(free)))
    return free
