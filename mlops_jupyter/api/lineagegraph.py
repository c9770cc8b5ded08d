"""What the panel's Lineage tab shows: the picture of a session or of a run, and one of its cells as it was when it ran."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from mlops_jupyter.api.datasets import dataset_key
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.api.live import first_line, newest_session
from mlops_jupyter.entities import CellExecution, NotFoundError
from mlops_jupyter.lineage.picture import LineageEdge, LineageNode, picture

NAMES = 40


class LineageGraph(msgspec.Struct, frozen=True):
    """The graph of a session, or of what a run needs. All empty where nothing was tracked."""

    session: str
    run: str
    nodes: list[LineageNode]
    edges: list[LineageEdge]
    cells: int
    """Cells in it, those drawn as one included."""
    total: int
    """Cell executions of the session."""
    earlier: int
    """Cells drawn as one, the first node."""


class WrittenName(msgspec.Struct, frozen=True, omit_defaults=True):
    """A name that a cell wrote: how, and what it held then, in words."""

    name: str
    how: str
    type: str = ""
    shape: list[int] = []


class CellAsRun(msgspec.Struct, frozen=True):
    """One execution of a cell, as it was."""

    session: str
    n: int
    cell: str
    source: str
    state: str
    started: float | None
    seconds: float | None
    error: str
    reads: list[str]
    writes: list[WrittenName]
    opaque: list[str]


def lineage(kernel: str = "", paths: Sequence[str] = (), *, run: str = "", everything: bool = False) -> LineageGraph:
    """The graph of `run`, or with `everything` its session's with what the run needs marked; else of the newest session."""
    ledger = open_ledger()
    of_run = ledger.run(run) if run else None
    session = newest_session(ledger, kernel, paths) if of_run is None else ledger.session(of_run.session)
    if session is None:
        return LineageGraph("", "", [], [], 0, 0, 0)
    executions, observations = ledger.executions(session.id), ledger.observations(session.id)
    cells = of_run.cells if of_run is not None else None
    drawn = picture(executions, observations, cells=cells, everything=everything)
    for node in drawn.nodes:
        if node.kind == "cell" and node.n:
            node.label = first_line(node.label)
        if node.source:
            node.dataset = dataset_key(node.source, node.label)
    return LineageGraph(session.id, of_run.id if of_run is not None else "", drawn.nodes, drawn.edges, drawn.cells,
                        len(executions), drawn.earlier)


def cell_as_run(session: str, n: int) -> CellAsRun:
    """One cell execution: its source as it ran, what it read and wrote."""
    ledger = open_ledger()
    found: CellExecution | None = next((one for one in ledger.executions(ledger.session(session).id) if one.n == n), None)
    if found is None:
        raise NotFoundError(f"session {session} has no cell execution {n}", f"mlops sessions show {session}")
    error = found.error
    return CellAsRun(
        found.session, found.n, found.cell, found.source, found.state, found.started, found.seconds,
        first_line(f"{error.name}: {error.message}" if error.message else error.name) if error else "",
        reads=list(dict.fromkeys(read.name for read in found.reads))[:NAMES],
        writes=[WrittenName(one.name, one.how, one.fingerprint.type_name, list(one.fingerprint.shape or ()))
                for one in found.writes][:NAMES],
        opaque=found.opaque,
    )
