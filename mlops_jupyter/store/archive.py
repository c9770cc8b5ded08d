"""Run archives: one file that carries runs from store to store. A zip of `events.jsonl` and `blobs/`.

The first line of `events.jsonl` says the format; each other line is one entity, a session before what belongs to it. A run
follows from the session it was made in, so its whole session is carried, with the blobs that are named there. What an archive
says is believed no more than any upload: member names are taken only where they can be ours, bytes only under the name of
their content.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec

from mlops_jupyter.entities import (
    AnyStore,
    CellExecution,
    ConflictError,
    Entity,
    InputError,
    NotFoundError,
    Observation,
    Run,
    Session,
    content_hash,
    new_id,
)
from mlops_jupyter.entities.codec import to_json
from mlops_jupyter.entities.errors import must_be_a_file
from mlops_jupyter.entities.kept import manifest_of
from mlops_jupyter.store.blobs import named_in
from mlops_jupyter.version import __version__

SUFFIX = ".mlops"
FORMAT = 2
"""2: remarks. What carries none is of format 1, and older versions read it."""
EVENTS = "events.jsonl"
LINE_BYTES = 256 * 2**20
BLOB_BYTES = 16 * 2**30
BATCH = 500
_blob_member = re.compile(r"blobs/[0-9a-f]{64}")
_entities = msgspec.json.Decoder(Entity, strict=False)


class Header(msgspec.Struct, omit_defaults=True):
    """The first line. `runs`: ids of those that were asked for; `without`: what was left out."""

    archive: int
    made_by: str
    runs: list[str] = []
    without: list[str] = []


class Carried(msgspec.Struct):
    """What came of an export or an import. `known`: sessions that were there before; `forgotten`: that are not taken back."""

    sessions: int = 0
    runs: int = 0
    records: int = 0
    blobs: int = 0
    known: int = 0
    forgotten: int = 0


def write(store: AnyStore, runs: Sequence[Run], path: Path, *, without_outputs: bool = False, force: bool = False) -> Carried:
    """Carry `runs` into a new file at `path`: whole when this returns, or not there."""
    if path.exists() and not force:
        raise ConflictError(f"{path} exists already", "choose another name, or add --force")
    sessions = [store.session(key) for key in dict.fromkeys(run.session for run in runs)]
    spoken = any(store.remarks(session=session.id) for session in sessions)
    form = FORMAT if spoken else 1
    header = Header(form, f"mlops_jupyter {__version__}", [run.id for run in runs], ["outputs"] if without_outputs else [])
    temporary = path.with_name(f".{path.name}.{new_id()}")
    carried, blobs = Carried(sessions=len(sessions)), set[str]()
    try:
        with zipfile.ZipFile(temporary, "x", zipfile.ZIP_DEFLATED) as file:
            with file.open(EVENTS, "w", force_zip64=True) as events:
                events.write(to_json(header) + b"\n")
                for entity in _of_sessions(store, sessions, without_outputs):
                    line = to_json(entity)
                    blobs |= named_in([line.decode()])
                    events.write(line + b"\n")
                    carried.records += 1
            carried.blobs = _write_blobs(store, file, blobs)
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}", "choose a folder of yours with room in it") from None
    finally:
        temporary.unlink(missing_ok=True)
    carried.runs = sum(len(store.runs(session=session.id)) for session in sessions)
    return carried


def _of_sessions(store: AnyStore, sessions: Sequence[Session], without_outputs: bool) -> Iterator[Entity]:
    for experiment in dict.fromkeys(session.experiment_id for session in sessions):
        yield from store.goals(experiment)
    for session in sessions:
        yield session
        for cell in store.executions(session.id):
            yield _without_outputs(cell) if without_outputs else cell
        yield from store.observations(session.id)
        yield from store.verifications(session=session.id)
        yield from store.remarks(session=session.id)


def _without_outputs(cell: CellExecution) -> CellExecution:
    error = None if cell.error is None else msgspec.structs.replace(cell.error, message="", traceback="")
    return msgspec.structs.replace(cell, outputs=[], outputs_dropped=cell.outputs_dropped + len(cell.outputs), error=error)


def _write_blobs(store: AnyStore, file: zipfile.ZipFile, digests: set[str]) -> int:
    """Each blob that is named, and the leaves of manifests among them. What the store lacks is left out."""
    todo, done = sorted(digests), set[str]()
    for digest in todo:
        if digest in done:
            continue
        done.add(digest)
        try:
            data = store.get_blob(digest)
        except NotFoundError:
            continue
        file.writestr(zipfile.ZipInfo(f"blobs/{digest.removeprefix('sha256:')}"), data, zipfile.ZIP_STORED)
        manifest = manifest_of(data)
        todo += [] if manifest is None else manifest.leaves
    return sum(name.startswith("blobs/") for name in file.namelist())


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The archive. InputError for what is none."""
    try:
        must_be_a_file(path, "give a file that mlops export has made")
        with zipfile.ZipFile(path) as file:
            yield file
    except FileNotFoundError:
        raise NotFoundError(f"there is no archive {path}", "mlops export RUN -o FILE.mlops makes one") from None
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is no archive of runs, or a damaged one: {error}", "ask for it to be sent again") from None


def header_of(file: zipfile.ZipFile) -> Header:
    """What the first line says. InputError for an archive of a newer version, or of something else."""
    with _events(file) as events:
        line = events.readline(LINE_BYTES)
    try:
        header = msgspec.json.decode(line, type=Header)
    except msgspec.DecodeError:
        what = f"{file.filename} is no archive of runs: its first line says no format"
        raise InputError(what, "mlops export makes one") from None
    if header.archive > FORMAT:
        raise InputError(f"{file.filename} has format {header.archive}, this version reads up to {FORMAT}",
                         "pip install -U mlops_jupyter")
    return header


def merge(path: Path, store: AnyStore, allow: Callable[[Entity], bool] | None = None) -> tuple[Carried, list[str]]:
    """Add what the archive carries and the store lacks; with the ids of its sessions. Doing it again changes nothing.

    Blobs go first. Everything is read and checked before anything is added; what `allow` says no to is
    left out. Runs are to be derived yet: they are not counted.
    """
    with opened(path) as file:
        header_of(file)
        entities = [one for one in _read(file) if allow is None or allow(one)]
        sessions = [one for one in entities if isinstance(one, Session)]
        named = named_in(to_json(one).decode() for one in entities)
        carried = Carried(len(sessions), records=len(entities), blobs=_put_blobs(file, named, store))
        for start in range(0, len(entities), BATCH):
            merged = store.merge(entities[start:start + BATCH])
            carried.known += merged.known
            carried.forgotten += merged.forgotten
    return carried, [session.id for session in sessions]


def _read(file: zipfile.ZipFile) -> Iterator[Entity]:
    known: set[str] = set()
    with _events(file) as events:
        events.readline(LINE_BYTES)
        number = 1
        while line := events.readline(LINE_BYTES):
            number += 1
            try:
                entity = _entities.decode(line)
            except msgspec.DecodeError as error:
                raise InputError(f"line {number} of {EVENTS} in {file.filename} cannot be read: {error}",
                                 "nothing was imported; ask for the archive to be sent again") from None
            if isinstance(entity, Session):
                known.add(entity.id)
            elif isinstance(entity, CellExecution | Observation) and entity.session not in known:
                raise InputError(f"line {number} of {EVENTS} in {file.filename} belongs to a session that is not in it",
                                 "nothing was imported; ask for the archive to be sent again")
            yield entity


def _events(file: zipfile.ZipFile) -> IO[bytes]:
    try:
        return file.open(EVENTS)
    except KeyError:
        raise InputError(f"{file.filename} is no archive of runs: it has no {EVENTS}", "mlops export makes one") from None


def _put_blobs(file: zipfile.ZipFile, named: set[str], store: AnyStore) -> int:
    count, todo, members = 0, sorted(named), {name for name in file.namelist() if _blob_member.fullmatch(name)}
    for digest in todo:
        member = f"blobs/{digest.removeprefix('sha256:')}"
        if member not in members:
            continue
        members.discard(member)
        if file.getinfo(member).file_size > BLOB_BYTES:
            raise InputError(f"{member} of {file.filename} is larger than {BLOB_BYTES} bytes", "it cannot be imported")
        data = file.read(member)
        if content_hash(data) != digest:
            what = f"{member} of {file.filename} is damaged: its bytes do not match its name"
            raise InputError(what, "ask for it to be sent again")
        store.put_blob(data)
        count += 1
        manifest = manifest_of(data)
        todo += [] if manifest is None else manifest.leaves
    return count
