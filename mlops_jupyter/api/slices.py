"""The questions a notebook cannot answer by itself: which cells made this value, and which no longer hold.

Everything is read from the ledger: asking runs nothing. What to run so that all holds again is in the answer; rerun.py runs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from mlops_jupyter.api.here import find_session, notebook_file, with_source
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.api.surroundings import file_digest, surroundings
from mlops_jupyter.capture.secrets import Redactor, load_key
from mlops_jupyter.config import Settings
from mlops_jupyter.entities import CellExecution, MlopsError, NotFoundError, Session
from mlops_jupyter.jobs.notebook import code_cells, read_notebook
from mlops_jupyter.lineage.slice import Result, find_results, slice_of
from mlops_jupyter.lineage.stale import StaleCell, staleness

__all__ = ["RunAgain", "Stale", "Why", "WhyCell", "as_recorded", "file_cells", "file_digest", "own_cells", "stale", "why"]

_OURS = ("%mlops", "%load_ext mlops_jupyter")


class WhyCell(msgspec.Struct):
    """One cell needed: its id in the notebook, its execution, its source as typed."""

    id: str
    n: int
    source: str


class Why(msgspec.Struct):
    """The cells that made a result, in execution order. May hold too many, never too few."""

    result: str
    cells: list[WhyCell]
    session: str = ""
    kind: str = ""
    because: dict[int, list[str]] = {}
    left_out: int = 0
    """Cell executions of the session that the result does not need."""
    incomplete: bool = False
    """True if the slice goes through cells that ran before tracking."""
    unseeded: list[str] = []
    """Random sources that drew with nothing seeding them."""
    others: list[int] = []
    """Executions that held another value of that name; the newest is the one explained."""

    def answer(self) -> dict[str, object]:
        """The shape that `--json` promises: result and cells, nothing else."""
        return {"result": self.result, "cells": [{"id": cell.id, "n": cell.n, "source": cell.source} for cell in self.cells]}


class RunAgain(msgspec.Struct):
    """One cell to run again, and the names that must not be there when it runs: a fresh run would not have them by then."""

    id: str
    source: str
    position: int
    """Among the code cells: an id may stand twice."""
    forget: list[str] = []


class Stale(msgspec.Struct):
    """The cells whose results no longer hold, judged against `cells` as they stood at `saved` (None: as last run)."""

    cells: list[StaleCell]
    session: str
    plan: list[RunAgain] = []
    """The cells to run again, in order; some may lie above an edit, where state was changed in place since."""
    forget: list[str] = []
    """Names that are left from cells that are gone: a fresh run would not have them."""
    remains: list[str] = []
    """What running cells cannot bring back, in words: a restarted kernel can."""
    page: list[tuple[str, str]] = []
    """The cells that were judged, as (id, source)."""
    saved: float | None = None
    notebook: str = ""

    def answer(self) -> list[dict[str, str]]:
        """The shape that `--json` promises: one `{id, reason}` for each stale cell."""
        return [{"id": cell.id, "reason": cell.reason} for cell in self.cells]


def why(name: str, session: str | None = None, notebook: str | Path | None = None) -> Why:
    """Which cells made the variable, metric, model or file called `name`. NotFoundError with close names if there is none."""
    ledger = open_ledger()
    if name.startswith("#"):
        run = ledger.run(name)
        executions = ledger.executions(run.session)
        return _answer(name, run.session, run.cells, executions, incomplete=run.incomplete)
    found = find_session(ledger, session, notebook)
    executions, observations = ledger.executions(found.id), ledger.observations(found.id)
    results = find_results(name, executions, observations)
    needed = slice_of(results[0], executions, observations)
    answer = _answer(name, found.id, needed.cells, _with_ids(found, executions), incomplete=needed.incomplete)
    return msgspec.structs.replace(answer, kind=results[0].kind, because=needed.because, unseeded=needed.unseeded,
                                   others=_others(results))


def _with_ids(session: Session, executions: Sequence[CellExecution]) -> list[CellExecution]:
    """The executions, those that a front end sent without a cell id matched to the saved notebook by source and position."""
    file = notebook_file(session)
    if file is None or all(entry.cell for entry in executions):
        return list(executions)
    try:
        free = file_cells(file)
    except MlopsError:
        return list(executions)  # a notebook that cannot be read now takes nothing from what was recorded
    matched = []
    for entry in executions:
        place = next((at for at, (_, source) in enumerate(free) if source == entry.source), None)
        if entry.cell or place is None:
            matched.append(entry)
        else:
            matched.append(msgspec.structs.replace(entry, cell=free[place][0]))
    return matched


def _answer(name: str, session: str, cells: Sequence[int], executions: Sequence[CellExecution], *, incomplete: bool) -> Why:
    needed = [WhyCell(entry.cell, entry.n, entry.source) for entry in with_source(executions, cells)]
    return Why(name, needed, session=session, left_out=max(own_cells(executions) - len(needed), 0), incomplete=incomplete)


def own_cells(executions: Sequence[CellExecution]) -> int:
    """How many executions were of the user's own code, not of our magics."""
    ran = [entry for entry in executions if entry.state in {"ok", "error", "interrupted"}]
    return sum(not entry.source.lstrip().startswith(_OURS) for entry in ran)


def _others(results: Sequence[Result]) -> list[int]:
    return sorted({result.n for result in results[1:]} - {results[0].n})


def stale(cells: Sequence[tuple[str, str]] | None = None, session: str | None = None,
          notebook: str | Path | None = None) -> Stale:
    """Which cells no longer hold. `cells` are the current ones as (id, source); without them the saved file is read."""
    ledger = open_ledger()
    found = find_session(ledger, session, notebook)
    executions = ledger.executions(found.id)
    file, saved = None, None
    if cells is None:
        file = Path(notebook) if notebook else notebook_file(found)
        cells, saved = _current_cells(found, executions, file)
    answer = staleness(executions, as_recorded(cells), surroundings(found, executions))
    again = [RunAgain(*cells[at], at, answer.plan.forget.get(key, []))
             for key, at in zip(answer.plan.keys, answer.plan.positions, strict=True)]
    return Stale(answer.cells, found.id, plan=again, forget=answer.plan.forget.get("", []), remains=answer.plan.beyond,
                 page=list(cells), saved=saved, notebook=file.name if file is not None else "")


def as_recorded(cells: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The cells with secrets taken out as capture takes them out, so that they can be compared with what it recorded."""
    redact = redactor()
    return [(cell, redact(source)) for cell, source in cells]


def redactor() -> Redactor:
    """Takes secrets out of a text as capture does, with the same marks."""
    return Redactor(load_key(Settings.current().outbox_folder().parent))


def file_cells(file: Path) -> list[tuple[str, str]]:
    """(id, source) of the code cells of a notebook as saved."""
    return [(str(cell.id), str(cell.source)) for cell in code_cells(read_notebook(file))]


def _current_cells(session: Session, executions: Sequence[CellExecution],
                   file: Path | None) -> tuple[list[tuple[str, str]], float | None]:
    """The notebook's cells as saved; where there is no file (plain IPython), each cell as it last ran."""
    if file is not None:
        return file_cells(file), file.stat().st_mtime
    ran = {entry.cell or f"n{entry.n}": entry for entry in executions if entry.state != "running"}
    if not ran:
        raise NotFoundError(f"session {session.id} holds no cell yet", "run a cell, then ask again")
    return [(cell, entry.source) for cell, entry in sorted(ran.items(), key=lambda pair: pair[1].n)], None
