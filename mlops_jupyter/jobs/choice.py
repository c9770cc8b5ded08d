"""What a person adds to the cells of a job, and what he leaves out; and of every cell that is not in it, why.

A cell that is added brings what it reads itself. One that is left out is taken at its word: the cells that rest on it stay, and
the clean run says whether they still give the results.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from mlops_jupyter.entities import CellExecution, InputError, Observation
from mlops_jupyter.jobs.ours import cut_ours
from mlops_jupyter.jobs.source import apply, is_blank
from mlops_jupyter.lineage.slice import Result, Slice, slice_digest, slice_of

_NOT_RECORDED = frozenset({"skipped", "untracked", "running"})
MOST_NAMES = 4
"""Names that one reason lists."""


class Choice(msgspec.Struct, frozen=True):
    """Numbers of cell executions: in the job whatever the results need, and not in it although they need them."""

    added: Sequence[int] = ()
    left_out: Sequence[int] = ()


class Dropped(msgspec.Struct, frozen=True):
    """A cell that ran and is not in the job, by its last execution, and why in words."""

    n: int
    id: str
    source: str
    because: str


def choose(results: Sequence[Result], choice: Choice, executions: Sequence[CellExecution],
           observations: Sequence[Observation] = ()) -> Slice:
    """The slice of the results with what was added and without what was left out. InputError for what cannot be."""
    known = {one.n: one for one in executions}
    for n in (*choice.added, *choice.left_out):
        if n not in known or known[n].state in _NOT_RECORDED:
            raise InputError(f"there is no recorded cell execution {n} in this session", "mlops sessions show SESSION lists them")
    making = {result.n: result for result in results}
    for n in choice.left_out:
        if n in making:
            raise InputError(f"cell [{n}] makes {making[n].name}, which the job must bring back", "leave out that result instead")
        if n in choice.added:
            raise InputError(f"cell [{n}] is to be in the job and not to be in it", "say one of the two")
    found = slice_of([*results, *(Result("by hand", "cell", n) for n in choice.added)], executions, observations)
    if not choice.added and not choice.left_out:
        return found
    cells = [n for n in found.cells if n not in choice.left_out]
    return msgspec.structs.replace(
        found, cells=cells, because={n: found.because[n] for n in cells}, digest=slice_digest(executions, cells),
        seed_cells=[n for n in found.seed_cells if n in cells], failed=[n for n in found.failed if n in cells])


def warnings_of(choice: Choice) -> list[str]:
    """What whoever gets the job should know of it."""
    found = [f"cell [{n}] is in the job because somebody added it" for n in choice.added]
    return found + [f"cell [{n}] was left out by hand: the recorded run had it" for n in choice.left_out]


def dropped(slice: Slice, choice: Choice, executions: Sequence[CellExecution]) -> list[Dropped]:
    """Every cell without an execution in the slice, in the order of their last executions."""
    kept = {one.cell or f"n{one.n}" for one in executions if one.n in slice.cells}
    last = {one.cell or f"n{one.n}": one for one in executions if one.source.strip() and one.state not in _NOT_RECORDED}
    left = sorted((one for key, one in last.items() if key not in kept), key=lambda one: one.n)
    return [Dropped(one.n, one.cell, one.source, _reason(one, choice)) for one in left]


def _reason(one: CellExecution, choice: Choice) -> str:
    if one.n in choice.left_out:
        return "left out by hand"
    if _is_ours(one):
        return "is about tracking"
    names = [write.name for write in one.writes if not write.name.startswith("_")]
    files = [access.relative or access.path for access in one.files if access.mode == "write"]
    if one.state in {"error", "interrupted"}:
        return "failed, and no result rests on it" if one.state == "error" else "was interrupted, and no result rests on it"
    if names:
        more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
        return f"makes {', '.join(names[:MOST_NAMES])}{more}, which no result reads"
    if files:
        return f"writes {files[0]}, which no result reads"
    return "shows something and changes nothing that a result reads"


def _is_ours(one: CellExecution) -> bool:
    """Nothing of it is left once our own calls are taken out."""
    return is_blank(apply(one.source, cut_ours({one.n: one.source})[one.n]))
