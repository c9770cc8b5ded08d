"""The folder of a sweep: `sweep.json`, which is old or new and never half, and a work folder for each attempt of a child.

One process at a time works in it, and holds its lock. The record is written again whenever a child's state changes, but for
no more than a small part of the time: a sweep that is killed may find its last states forgotten, and runs those children again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from mlops_jupyter.entities import ConflictError, InputError, NotFoundError
from mlops_jupyter.jobs.sweep import Child, Sweep

try:
    import fcntl
except ImportError:  # Windows: nobody is kept out
    fcntl = None  # type: ignore[assignment]

RECORD = "sweep.json"
_LOCK = ".lock"
_SHARE = 20  # the record takes at most a twentieth of the time


class SweepFolder:
    """A sweep and where it is kept."""

    def __init__(self, folder: Path, sweep: Sweep) -> None:
        self.folder = folder
        self.sweep = sweep
        self._next = 0.0
        self._behind = False

    def save(self, *, now: bool = False) -> None:
        """Write the record, unless it was written a moment ago and `now` is False."""
        began = time.monotonic()
        self._behind = began < self._next and not now
        if self._behind:
            return
        partial = self.folder / f".{RECORD}.part"
        with partial.open("wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(self.sweep), indent=1) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.folder / RECORD)
        self._next = time.monotonic() + _SHARE * (time.monotonic() - began)

    def catch_up(self) -> None:
        """Write what the last `save` held back, once its time has come: nothing else may happen for long."""
        if self._behind:
            self.save()

    def new_attempt(self, child: Child) -> Path:
        """Where the next attempt of a child works: new, so that nothing of an earlier one is met."""
        digits = len(str(len(self.sweep.children)))
        child.attempt += 1
        child.folder = f"{child.number:0{digits}}" + (f"-{child.attempt}" if child.attempt > 1 else "")
        work = self.folder / child.folder
        while work.exists():  # of an attempt that was killed before the record knew of it
            child.attempt += 1
            child.folder = f"{child.number:0{digits}}-{child.attempt}"
            work = self.folder / child.folder
        return work

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes out meanwhile. Raises ConflictError if one is at work here."""
        descriptor = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if not _locked(descriptor):
                raise ConflictError(f"the sweep in {self.folder} is running in another process",
                                    "wait for it, or stop it with Ctrl-C there")
            yield
        finally:
            os.close(descriptor)


def _locked(descriptor: int) -> bool:
    """True once the lock is ours, also where there are no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (OSError, AttributeError):
        return True
    return True


def open_folder(folder: str | Path) -> SweepFolder:
    """The sweep in `folder`. NotFoundError if there is none, InputError for a record that cannot be read."""
    folder = Path(folder).absolute()
    try:
        data = (folder / RECORD).read_bytes()
    except OSError:
        raise NotFoundError(f"there is no sweep in {folder}: it has no {RECORD}",
                            "start one: mlops sweep BUNDLE --grid NAME=1,2") from None
    try:
        return SweepFolder(folder, msgspec.json.decode(data, type=Sweep))
    except msgspec.DecodeError as error:
        raise InputError(f"{folder / RECORD} is no record of a sweep: {error}",
                         "start the sweep again: mlops sweep BUNDLE --grid NAME=1,2,4") from None
