"""Which cells no longer follow from the notebook as it stands, and which to run so that they do again.

The page (page.py) says which cells do not hold and why. The plan (plan.py) adds those that hold, yet must run again: what
they made was changed since, and a cell that runs again, or the reader, needs it as a fresh run leaves it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from mlops_jupyter.entities import CellExecution
from mlops_jupyter.lineage.page import Page, Surroundings, open_page
from mlops_jupyter.lineage.plan import Plan, plan_for, spoilt


class StaleCell(msgspec.Struct, frozen=True):
    """A cell whose outputs no longer hold: its id, why in plain words, its last execution (None if it never ran).

    `kind`: edited, never run, failed, upstream, order, deleted, file, environment, or rebuild: it holds, but state that it
    made was changed since, and must be as a fresh run leaves it.
    """

    id: str
    reason: str
    n: int | None = None
    kind: str = "upstream"


class Staleness(msgspec.Struct):
    """Stale cells in notebook order, and how to make all as after a fresh run."""

    cells: list[StaleCell]
    plan: Plan


def staleness(executions: Sequence[CellExecution], cells: Sequence[tuple[str, str]],
              around: Surroundings | None = None) -> Staleness:
    """What no longer holds. `cells`: the current code cells as (id, source), as shown from top to bottom."""
    page = open_page(executions, cells, around or Surroundings())
    plan = plan_for(page)
    chosen = set(plan.keys)
    named = [_named(page, key, cells[page.positions[key]][0], chosen) for key in page.keys if key in page.faults or key in chosen]
    return Staleness(named, plan)


def stale(executions: Sequence[CellExecution], cells: Sequence[tuple[str, str]],
          file_digest: Callable[[str], str | None] | None = None) -> list[StaleCell]:
    """The stale cells in notebook order. `file_digest(path)`: the present digest of a file that a cell read; None if unknown."""
    return staleness(executions, cells, Surroundings(file_digest)).cells


def rerun_plan(executions: Sequence[CellExecution], cells: Sequence[tuple[str, str]],
               file_digest: Callable[[str], str | None] | None = None) -> list[str]:
    """Ids of the cells to run, in notebook order, so that all is as after a fresh run from top to bottom."""
    plan = staleness(executions, cells, Surroundings(file_digest)).plan
    return [cells[at][0] for at in plan.positions]


def _named(page: Page, key: str, id: str, chosen: set[str]) -> StaleCell:
    last = page.last[key]
    n = last.n if last is not None else None
    if key in page.faults:
        kind, reason = page.faults[key]
        return StaleCell(id, reason, n, kind)
    what = ", ".join(spoilt(page, key)[:3]) or "what it made"
    return StaleCell(id, f"must run again: {what} changed since, and is not as a fresh run leaves it", n, "rebuild")
