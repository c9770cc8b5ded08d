"""Where a kernel leaves its facts: one append-only file of JSON lines per writer, shipped into a store by whoever reads.

A record is one `write` of one line to a file opened for appending, so it survives the death of its process as soon as
`record` returns, and a reader never sees half of it as a line. The owner holds a lock on its file for as long as it lives; a
file whose lock is free is an orphan, and the shipper that gets the lock may close and remove it. A file appears under its name
only when it is locked already, so nobody mistakes a writer that is being born for a dead one. Exactly once is the sink's
promise: it moves the writer's offset in the transaction that stores the records, and only from where the shipper believed it
to be. A blob is put into the sink before any record that names it, and only then leaves the outbox.
"""

from __future__ import annotations

import functools
import logging
import os
import re
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from mlops_jupyter.entities import ConflictError, Entity, InputError, Record, Session, Sink, content_hash, new_id
from mlops_jupyter.entities.codec import record_from_json, to_json, uncollected
from mlops_jupyter.entities.kept import manifest_of

try:
    import fcntl
except ImportError:  # Windows: no lock can be had, so no file is ever taken for an orphan
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger(__name__)

CHUNK = 4 * 2**20
"""Bytes read at once, and about the most that one batch holds."""
DAY = 86_400.0
_blob_name = re.compile(rb"sha256:([0-9a-f]{64})")
_writer_name = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,120}")
_living: weakref.WeakSet[Outbox] = weakref.WeakSet()


@functools.cache
def _watch_forks() -> None:
    """A child must not hold its parent's lock: the parent would seem alive after its death. Closing the copy is enough."""
    os.register_at_fork(after_in_child=_disown_all)


def _disown_all() -> None:
    for outbox in tuple(_living):
        outbox.disown()


class Outbox:
    """A Recorder that appends to `<folder>/<writer>.jsonl`. A writer's name is used once, by one process."""

    def __init__(self, folder: Path, writer: str | None = None) -> None:
        """Make the file and take its lock. Raises ConflictError if the writer exists, OSError if the folder cannot be had."""
        self.writer = writer or new_id()
        if not _writer_name.fullmatch(self.writer):
            raise InputError(f"{self.writer!r} is no name for a writer", "use letters, digits, `-`, `_` and `.`")
        self.folder = folder
        self.n = 0
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self._torn = False
        _make_private(folder)
        self._fd = self._create(folder / f"{self.writer}.jsonl")
        _watch_forks()
        _living.add(self)

    def _create(self, path: Path) -> int:
        temporary = path.with_name(f".{self.writer}.{new_id()}")
        fd = os.open(temporary, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            _try_lock(fd)
            if path.exists():
                raise ConflictError(f"the writer {self.writer} exists already in {self.folder}", "give each writer its own name")
            temporary.rename(path)
        except BaseException:
            os.close(fd)
            temporary.unlink(missing_ok=True)
            raise
        return fd

    def record(self, entity: Entity) -> None:
        """Append one entity. In a forked child, nothing. Raises OSError if the disk refuses; then nothing was recorded."""
        if os.getpid() != self._pid:
            return
        with self._lock:
            if self._fd < 0:
                raise ConflictError(f"the outbox of writer {self.writer} is closed", "%mlops track")
            self.n += 1  # before the write: an interrupt between the two leaves a gap, which is harmless, never a double
            try:
                line = to_json(Record(self.writer, self.n, time.time(), entity)) + b"\n"
                self._append(b"\n" + line if self._torn else line)
            except (OSError, TypeError):
                self.n -= 1
                raise

    def _append(self, line: bytes) -> None:
        """One write. A disk that takes only a part of it (full, quota) gets that part cut off again, or closed by a newline."""
        written = 0
        try:
            while written < len(line):
                written += os.write(self._fd, line[written:] if written else line)
        except OSError:
            if written:
                self._torn = True
                with suppress(OSError):
                    os.ftruncate(self._fd, os.fstat(self._fd).st_size - written)
                    self._torn = False
            raise
        self._torn = False

    def blob(self, data: bytes) -> str:
        """Keep `data` in `<folder>/blobs` and return its content hash. In a forked child only the hash."""
        digest = content_hash(data)
        path = self.folder / "blobs" / digest.removeprefix("sha256:")
        if os.getpid() != self._pid:
            return digest
        with suppress(FileNotFoundError):
            os.utime(path)  # it is there; and it is young again for the sweeper
            return digest
        _make_private(path.parent)
        temporary = path.with_name(f".{new_id()}")
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(data)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return digest

    def close(self) -> None:
        """Give the lock back: the next shipper takes what is left and removes the file."""
        if os.getpid() == self._pid:
            with self._lock:
                if self._fd >= 0 and fcntl is not None:
                    with suppress(OSError):
                        fcntl.flock(self._fd, fcntl.LOCK_UN)  # also for a child that was forked this very moment
                self.disown()
        _living.discard(self)

    def disown(self) -> None:
        """Close this process's hold on the file; the lock is free when the last process that holds it has done so."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


@dataclass
class Shipped:
    """What one call of `ship` moved. `sessions` are those that got records or were closed."""

    records: int = 0
    writers: int = 0
    closed: int = 0
    damaged: int = 0
    sessions: set[str] = field(default_factory=set)
    warnings: list[str] = field(default_factory=list)


def ship(folder: Path, sink: Sink, *, batch: int = 2_000, seen: dict[str, int] | None = None, leave: bool = False) -> Shipped:
    """Move what every writer in `folder` has appended into `sink`, close and remove what its writer has left behind.

    `seen` is a reader's memory from call to call, writer → bytes shipped: a living writer with nothing new then costs one stat
    and one try of its lock. Safe with any number of shippers at once. `leave` removes nothing: the sink is a second one.
    """
    shipped = Shipped()
    sizes: dict[str, int] = {} if seen is None else seen
    for path in writers(folder):
        try:
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:  # another shipper has removed it
            continue
        try:
            gone = _try_lock(fd)
            if gone and not path.exists():  # removed between our open and our lock
                continue
            if not gone and os.fstat(fd).st_size == sizes.get(path.stem):
                continue
            _Shipment(path, fd, sink, batch, shipped, leave).move(gone, sizes)
        finally:
            os.close(fd)
    if not (leave or writers(folder)):
        _sweep(folder)
    return shipped


def scrub(folder: Path, sink: Sink) -> int:
    """Overwrite what the sink has taken with empty lines, for `forget`: a living writer's file keeps no second copy of it.

    Offsets stay as they are, and an empty line is nothing to a shipper that comes late. Returns the bytes overwritten.
    """
    total = 0
    for path in writers(folder):
        with suppress(FileNotFoundError):
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            try:
                offset = sink.shipped(path.stem)[1]
                for start in range(0, offset, CHUNK):
                    total += os.pwrite(fd, b"\n" * min(CHUNK, offset - start), start)
                os.fsync(fd)
            finally:
                os.close(fd)
    return total


def writers(folder: Path) -> list[Path]:
    """The files of all writers, oldest name first."""
    try:
        return sorted(Path(entry.path) for entry in os.scandir(folder) if entry.name.endswith(".jsonl") and entry.name[0] != ".")
    except FileNotFoundError:
        return []


def alive(folder: Path, writer: str) -> bool:
    """Whether the writer's process lives: its file is there and locked. While a shipper closes a dead one, that seems alive."""
    try:
        fd = os.open(folder / f"{writer}.jsonl", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _try_lock(fd, shared=True)
    finally:
        os.close(fd)


def pending(folder: Path) -> int:
    """How many writers' files lie in the folder."""
    return len(writers(folder))


@dataclass
class _Shipment:
    """One writer's file on its way into the sink."""

    path: Path
    fd: int
    sink: Sink
    batch: int
    shipped: Shipped
    leave: bool

    @property
    def writer(self) -> str:
        return self.path.stem

    def move(self, gone: bool, sizes: dict[str, int]) -> None:
        n, offset = self.sink.shipped(self.writer)
        self._hear_of_others(sizes.get(self.writer, offset), offset)
        before = self.shipped.records
        for lines, end in self._batches(offset):
            records = self._decode(lines)
            self._put_blobs(lines)
            if not self.sink.append(self.writer, n, records, end):
                return  # another shipper is at it
            n = max([n, *(record.n for record in records)])
            offset = end
            self.shipped.records += len(records)
            self.shipped.sessions.update(session for record in records if (session := session_of(record.entity)))
        self.shipped.writers += self.shipped.records > before
        sizes[self.writer] = offset
        if gone:
            self._close(offset)
            sizes.pop(self.writer, None)

    def _hear_of_others(self, start: int, end: int) -> None:
        """What another shipper took since this reader's last look is news to it all the same."""
        for record in map(_record_of, filter(None, os.pread(self.fd, max(0, end - start), start).split(b"\n"))):
            if record is not None and (session := session_of(record.entity)):
                self.shipped.sessions.add(session)

    def _close(self, offset: int) -> None:
        status = os.fstat(self.fd)
        if status.st_size > offset:
            self._warn(f"the last line of writer {self.writer} was torn by its death: {status.st_size - offset} bytes dropped")
        self.sink.close_writer(self.writer, status.st_mtime)
        if not self.leave:
            self.path.unlink(missing_ok=True)
        self.shipped.closed += 1

    def _batches(self, offset: int) -> Iterator[tuple[list[bytes], int]]:
        """Whole lines from `offset` on, with the offset behind them."""
        rest = b""
        position = offset
        while chunk := os.pread(self.fd, CHUNK, position + len(rest)):
            whole, newline, tail = (rest + chunk).rpartition(b"\n")
            if not newline:
                rest = tail
                continue
            lines = whole.split(b"\n")
            for start in range(0, len(lines), self.batch):
                part = lines[start:start + self.batch]
                position += sum(map(len, part)) + len(part)
                yield part, position
            rest = tail

    def _decode(self, lines: list[bytes]) -> list[Record]:
        records = []
        with uncollected():
            for line in lines:
                try:
                    records.append(record_from_json(line))
                except msgspec.DecodeError as error:
                    if line.strip():
                        self._set_aside(line, error)
        return records

    def _set_aside(self, line: bytes, error: Exception) -> None:
        """A line that we cannot read may be of a newer version: kept, never in the way."""
        self.shipped.damaged += 1
        aside = self.path.parent / "damaged" / self.path.name
        _make_private(aside.parent)
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600), "ab") as file:
            file.write(line + b"\n")
        self._warn(f"a line of writer {self.writer} cannot be read and was set aside in {aside}: {error}")

    def _warn(self, text: str) -> None:
        self.shipped.warnings.append(text)
        log.warning(text)

    def _put_blobs(self, lines: list[bytes]) -> None:
        """Every blob that the batch names and that still lies in the outbox. Once the sink has it, the outbox need not."""
        folder = self.path.parent / "blobs"
        found: dict[str, bytes] = {}
        for name in sorted({match.decode() for line in lines for match in _blob_name.findall(line)}):
            with suppress(FileNotFoundError):
                found[name] = (folder / name).read_bytes()
                self._put_leaves(folder, found[name])
            if sum(map(len, found.values())) > CHUNK:
                self._hand_over(folder, found)
        self._hand_over(folder, found)

    def _put_leaves(self, folder: Path, data: bytes) -> None:
        """A manifest names the leaves of a kept file: they go first, so that it is never in the sink without them."""
        manifest = manifest_of(data)
        found: dict[str, bytes] = {}
        for leaf in () if manifest is None else dict.fromkeys(manifest.leaves):
            name = leaf.removeprefix("sha256:")
            with suppress(FileNotFoundError):
                found[name] = (folder / name).read_bytes()
            if sum(map(len, found.values())) > CHUNK:
                self._hand_over(folder, found)
        self._hand_over(folder, found)

    def _hand_over(self, folder: Path, found: dict[str, bytes]) -> None:
        """Into the sink, then out of the outbox. Empties `found`, so that what is held in memory stays small."""
        digests = self.sink.put_blobs(list(found.values())) if found else []
        for name, digest in zip(found, digests, strict=True):
            if digest != f"sha256:{name}":
                self._warn(f"the blob {name} in {folder} does not match its name: its bytes were kept under their own")
            if not self.leave:
                (folder / name).unlink(missing_ok=True)
        found.clear()


def _record_of(line: bytes) -> Record | None:
    try:
        return record_from_json(line)
    except msgspec.DecodeError:
        return None  # whoever ships it sets it aside


def session_of(entity: Entity) -> str:
    """The session that an entity belongs to; "" for a goal or a submission."""
    return entity.id if type(entity) is Session else getattr(entity, "session", "")


def _sweep(folder: Path) -> None:
    """With no writer left nobody needs a blob that no record named; the day's grace is for one that is just being born."""
    for directory in (folder, folder / "blobs"):
        with suppress(FileNotFoundError):
            for entry in os.scandir(directory):
                if entry.is_file() and not entry.name.endswith(".jsonl") and time.time() - entry.stat().st_mtime > DAY:
                    Path(entry.path).unlink(missing_ok=True)


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _try_lock(fd: int, *, shared: bool = False) -> bool:
    """Take the lock if it is free. Without locks (Windows, some network folders) it is never free."""
    try:
        fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except (OSError, AttributeError):
        return False
    return True
