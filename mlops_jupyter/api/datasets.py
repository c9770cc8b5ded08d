"""The data of an experiment: files, addresses and queries that its cells read or wrote, frames in memory, what models were fed.

A dataset is a source or a name; its versions are the contents that it had, by fingerprint. They are found in the newest sessions
of the notebook and in the newest runs of its experiment, which remember what older sessions used; how many of each is said.
Content that is known in part (a sampled hash) or not at all is never taken for the same as that of another session.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import msgspec

from mlops_jupyter.api.here import OWN_WORK
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.api.live import first_line, newest_session
from mlops_jupyter.entities import (
    CellExecution,
    Column,
    FileAccess,
    Fingerprint,
    Ledger,
    NotFoundError,
    Observation,
    Run,
    Schema,
    Session,
    derived_id,
)
from mlops_jupyter.lineage.compare import DataChange, data_change

DatasetKind = Literal["file", "url", "query", "value"]
SESSIONS = 8
"""Newest sessions whose cells are read."""
RUNS = 200
"""Newest runs that are asked what they used."""
SHOWN = 30
"""Cells and runs named with a version; the rest are counted."""


class DatasetUse(msgspec.Struct, frozen=True, omit_defaults=True):
    """A cell execution that read, wrote or otherwise used a version."""

    session: str
    n: int
    cell: str
    how: Literal["read", "written", "used"]
    line: str
    at: float | None = None
    current: bool = False
    """In the session that the panel shows: its cell may still be in the notebook."""


class DatasetRun(msgspec.Struct, frozen=True, omit_defaults=True):
    """A run that used a version."""

    id: str
    number: int
    name: str
    started: float


class DatasetVersion(msgspec.Struct, omit_defaults=True):
    """One content of a dataset. `coverage` below 1: known in part; `digest` "": not known."""

    id: str
    first: float
    last: float
    digest: str = ""
    type: str = ""
    shape: list[int] = []
    nbytes: int | None = None
    coverage: float = 1.0
    columns: list[Column] = []
    sessions: int = 0
    uses: list[DatasetUse] = []
    uses_total: int = 0
    runs: list[DatasetRun] = []
    runs_total: int = 0


class DatasetRow(msgspec.Struct, omit_defaults=True):
    """A dataset as a line of a list, with what its newest version is."""

    key: str
    name: str
    kind: DatasetKind
    last: float
    source: str = ""
    """Where a query went."""
    digest: str = ""
    coverage: float = 1.0
    shape: list[int] = []
    nbytes: int | None = None
    versions: int = 0
    cells: int = 0
    runs: int = 0
    roles: list[str] = []
    """What it was to models: `X`, `y`; `output` of what cells only wrote."""


class Datasets(msgspec.Struct, frozen=True):
    """The datasets of an experiment, files and questions first; found in so many of its sessions and runs."""

    experiment: str
    sessions: int
    runs: int
    datasets: list[DatasetRow]


class DatasetPage(msgspec.Struct, frozen=True):
    """One dataset with its versions, newest first."""

    dataset: DatasetRow
    versions: list[DatasetVersion]


class DatasetDifference(msgspec.Struct, frozen=True):
    """What differs from version `a` to version `b`, as far as fingerprints tell."""

    a: str
    b: str
    change: DataChange | None
    """None: they are the same."""
    types: list[str]
    """Columns that hold another type, in words."""


def dataset_key(kind: str, name: str) -> str:
    """The id of a dataset, which may be called anything."""
    return derived_id("dataset", kind, name)


def datasets(kernel: str = "", paths: Sequence[str] = ()) -> Datasets:
    """The datasets of the experiment that a kernel or notebook belongs to."""
    found = _found(kernel, paths)
    order = {"file": 0, "url": 0, "query": 0, "value": 1}
    rows = sorted((one.row() for one in found.known.values()), key=lambda row: (order[row.kind], -row.last, row.name))
    return Datasets(found.experiment, found.sessions, found.runs, rows)


def dataset(key: str, kernel: str = "", paths: Sequence[str] = ()) -> DatasetPage:
    """One dataset with all its versions."""
    one = found_dataset(key, kernel, paths)
    return DatasetPage(one.row(), one.newest_first())


def difference(key: str, a: str, b: str, kernel: str = "", paths: Sequence[str] = ()) -> DatasetDifference:
    """What differs from version `a` to version `b` of a dataset."""
    one = found_dataset(key, kernel, paths)
    left, right = one.mark(a), one.mark(b)
    if left.same_as(right):
        return DatasetDifference(a, b, None, [])
    old = {column.name: column.type for column in one.versions[a].columns}
    types = [f"{column.name}: {column.type}, was {old[column.name]}" for column in one.versions[b].columns
             if old.get(column.name, column.type) != column.type]
    return DatasetDifference(a, b, data_change(one.name, left, right), types)


class Place(msgspec.Struct, frozen=True):
    """Where a version of a file was read or written: as it was opened, and the session's folder."""

    access: FileAccess
    folder: str


class Found(msgspec.Struct):
    """One dataset while it is put together."""

    kind: DatasetKind
    name: str
    source: str = ""
    versions: dict[str, DatasetVersion] = {}
    marks: dict[str, Fingerprint] = {}
    places: dict[str, Place] = {}
    seen_in: dict[str, set[str]] = {}
    cells: set[tuple[str, str]] = set()
    roles: set[str] = set()

    def version(self, mark: Fingerprint, session: str, at: float, schema: Schema | None = None) -> DatasetVersion:
        """The version with this content, new or known."""
        whole = mark.digest is not None and mark.coverage == 1.0
        key = mark.digest if whole and mark.digest else derived_id("unknown", self.name, mark.digest or "", session)
        known = self.versions.get(key)
        if known is None:
            known = self.versions[key] = DatasetVersion(key, at, at, mark.digest or "", mark.type_name, list(mark.shape or ()),
                                                       mark.nbytes, mark.coverage if mark.digest else 0.0)
            self.marks[key] = mark
            self.seen_in[key] = set()
        known.first, known.last = min(known.first, at), max(known.last, at)
        self.seen_in[key].add(session)
        known.sessions = len(self.seen_in[key])
        if not known.columns:
            known.columns = list(schema.columns) if schema is not None else _columns(mark)
        return known

    def use(self, version: DatasetVersion, use: DatasetUse) -> None:
        """A cell used it."""
        self.cells.add((use.session, use.cell or str(use.n)))
        if all((one.session, one.n, one.how) != (use.session, use.n, use.how) for one in version.uses[-3:]):
            version.uses_total += 1
            version.uses = [*version.uses, use][-SHOWN:]

    def newest_first(self) -> list[DatasetVersion]:
        """Its versions."""
        return sorted(self.versions.values(), key=lambda one: -one.last)

    def mark(self, version: str) -> Fingerprint:
        """The fingerprint of a version."""
        if version not in self.marks:
            raise NotFoundError(f"{self.name} has no version {version[:40]!r}", "open the dataset again: its versions are listed")
        return self.marks[version]

    def row(self) -> DatasetRow:
        """As a line of a list."""
        newest = self.newest_first()
        runs = {run.id for version in newest for run in version.runs}
        return DatasetRow(
            dataset_key(self.kind, self.name), self.name, self.kind, newest[0].last if newest else 0.0, self.source,
            newest[0].digest if newest else "", newest[0].coverage if newest else 0.0, newest[0].shape if newest else [],
            newest[0].nbytes if newest else None, len(newest), len(self.cells), len(runs), sorted(self.roles),
        )


class _Search(msgspec.Struct):
    """What was found, and in how much."""

    experiment: str = ""
    sessions: int = 0
    runs: int = 0
    known: dict[str, Found] = {}

    def dataset(self, kind: DatasetKind, name: str, source: str = "") -> Found:
        key = dataset_key(kind, name)
        if key not in self.known:
            self.known[key] = Found(kind, name, source)
        return self.known[key]

    def session(self, session: Session, executions: Sequence[CellExecution], observations: Sequence[Observation],
                *, current: bool) -> None:
        """What the cells of a session read and wrote."""
        held: dict[str, Fingerprint] = {}
        seen: dict[int, list[Observation]] = {}
        for one in observations:
            seen.setdefault(one.n, []).append(one)
        for cell in executions:
            at = cell.started or session.started

            def use(how: Literal["read", "written", "used"], cell: CellExecution = cell) -> DatasetUse:
                return DatasetUse(session.id, cell.n, cell.cell, how, first_line(cell.source), cell.started, current)

            self._files(session, cell, use("read"), use("written"))
            for name in dict.fromkeys(read.name for read in cell.reads):
                if name in held:
                    self._frame(name, held[name], use("read"), at)
            for name in cell.deletes:
                held.pop(name, None)
            for write in cell.writes:
                held[write.name] = write.fingerprint
                self._frame(write.name, write.fingerprint, use("written"), at)
            self._observed(session, seen.get(cell.n, []), held, use("used"), at)

    def _frame(self, name: str, mark: Fingerprint, use: DatasetUse, at: float) -> None:
        if mark.kind == "frame" and not name.startswith("_"):
            one = self.dataset("value", name)
            one.use(one.version(mark, use.session, at), use)

    def _files(self, session: Session, cell: CellExecution, read: DatasetUse, written: DatasetUse) -> None:
        at = cell.started or session.started
        for access in cell.files:
            if access.mode == "write" and access.fingerprint.digest is None and access.fingerprint.nbytes is None:
                continue  # it was removed
            one = self.dataset("file", access.relative or access.path)
            version = one.version(access.fingerprint, session.id, at)
            one.places[version.id] = Place(access, session.cwd)
            one.use(version, read if access.mode == "read" else written)
            one.roles.add("input" if access.mode == "read" else "output")
        for query in cell.queries:
            one = self.dataset("query" if query.kind == "sql" else "url", query.text, query.source)
            version = one.version(query.fingerprint, session.id, at)
            if query.rows is not None and not version.shape:
                version.shape = [query.rows]
            one.use(version, read)

    def _observed(self, session: Session, observations: Iterable[Observation], held: dict[str, Fingerprint], use: DatasetUse,
                  at: float) -> None:
        for data in (data for one in observations for data in one.datasets):
            mark = data.fingerprint if data.fingerprint.digest is not None else held.get(data.name)
            if mark is None or not data.name.isidentifier():
                continue
            one = self.dataset("value", data.name)
            one.use(one.version(mark, session.id, at, data.schema), use)
            one.roles |= {data.role} if data.role else set()

    def run(self, run: Run) -> None:
        """What a run used, of which the session may be long gone from the newest."""
        name = run.name or run.change
        for data in run.datasets:
            is_file = data.fingerprint.kind == "file"
            if not is_file and not data.name.isidentifier():
                continue
            one = self.dataset("file" if is_file else "value", data.name)
            version = one.version(data.fingerprint, run.session, run.started, data.schema)
            one.roles |= {data.role} if data.role else set()
            if any(known.id == run.id for known in version.runs):
                continue
            version.runs_total += 1
            if len(version.runs) < SHOWN:
                version.runs.append(DatasetRun(run.id, run.number, name, run.started))


def _columns(mark: Fingerprint) -> list[Column]:
    names, types = list(mark.columns or ()), mark.types or ()
    types = types * len(names) if len(types) == 1 else types
    return [Column(name, kind) for name, kind in zip(names, types, strict=True)] if len(names) == len(types) else []


def found_dataset(key: str, kernel: str, paths: Sequence[str]) -> Found:
    """The dataset with this key, with all that is known of its versions."""
    found = _found(kernel, paths).known.get(key)
    if found is None:
        raise NotFoundError(f"no dataset {key!r} in the newest sessions and runs of this notebook",
                            "open the Data tab: it lists those that there are")
    return found


def _found(kernel: str, paths: Sequence[str]) -> _Search:
    ledger = open_ledger()
    here = newest_session(ledger, kernel, paths)
    if here is None:
        return _Search()
    runs = ledger.runs(experiment=here.experiment_id, limit=RUNS)
    found = _Search(here.experiment, runs=len(runs))
    for session in _sessions(ledger, here, runs):
        found.sessions += 1
        found.session(session, ledger.executions(session.id), ledger.observations(session.id), current=session.id == here.id)
    for run in runs:
        found.run(run)
    return found


def _sessions(ledger: Ledger, here: Session, runs: Sequence[Run]) -> Iterator[Session]:
    """The newest sessions of the notebook and of its experiment's runs, oldest first."""
    known = {here.id: here}
    if here.notebook is not None:
        for session in ledger.sessions(notebook=here.notebook.id, kinds=OWN_WORK, limit=SESSIONS):
            if session.experiment_id == here.experiment_id:
                known[session.id] = session
    for other in dict.fromkeys(run.session for run in runs):
        if len(known) < SESSIONS and other not in known:
            with contextlib.suppress(NotFoundError):  # a run from an archive may have come without its session
                known[other] = ledger.session(other)
    newest = sorted(known.values(), key=lambda session: session.started)[-SESSIONS:]
    yield from newest if here in newest else [*newest[1:], here]
