"""The engine's side of checkpoints: which cells are worth one, which are brought back, and what is said of it at the end.

A cell that took long is kept when it has ended; where a run may go on after an earlier one, each cell is first looked for. Both
are asked of the kernel beside the user's code. A kernel that cannot answer goes on without.
"""

from __future__ import annotations

import ast
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from mlops_jupyter.entities import JobFailedError
from mlops_jupyter.entities.checkpoints import Plan, Told

if TYPE_CHECKING:
    from nbformat import NotebookNode

COSTLY = 0.5
"""Seconds that a cell takes before it is worth a checkpoint."""
SHARE = 0.08
"""Of the time that cells took so far, what keeping may take."""
KEEP_SECONDS = 3600.0
Ask = Callable[[str, float], Awaitable[str]]


class CheckpointOptions(msgspec.Struct, frozen=True, kw_only=True):
    """`base`: digest of the user's modules. `results`: names needed at the end. `most`: bytes. What to do: keep, bring back."""

    base: str
    results: list[str]
    most: int
    keep: bool = True
    resume: bool = False


class CellReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of a cell (position from 1): `taken` from a run which spent `seconds` on it, or `kept`; else why not."""

    cell: int
    taken: bool = False
    kept: bool = False
    why: str = ""
    seconds: float = 0.0
    since: float = 0.0
    """When the cell ran whose values were taken."""
    nbytes: int = 0


class Resuming:
    """Of one execution. `ask` evaluates an expression in the kernel."""

    def __init__(self, options: CheckpointOptions, cells: Sequence[NotebookNode], ask: Ask) -> None:
        self._options = options
        self._cells = cells
        self._ask = ask
        self._off = False
        self.reports: list[CellReport] = []

    async def begin(self) -> None:
        """Before the first cell."""
        options = self._options
        cells = [(cell.get("id", ""), cell.source if cell.cell_type == "code" else "") for cell in self._cells]
        plan = Plan(cells, options.results, options.base, options.most, SHARE, options.resume)
        await self._call("ipython", "begin_checkpoints", msgspec.json.encode(plan).decode())

    async def take(self, index: int, position: int) -> bool:
        """The code cell at `index` is about to run: True if an earlier run's outputs and values are in its place."""
        if self._off or not self._options.resume:
            return False
        told = await self._told("take", index)
        if told is None:
            return False
        if told.done:
            cell = self._cells[index]
            cell.outputs = _nodes(told.outputs)
            cell.execution_count = told.prompt
        if told.done or told.why:
            self.reports.append(CellReport(position, taken=told.done, why=told.why, seconds=told.seconds, since=told.since,
                                           nbytes=told.nbytes))
        return told.done

    async def keep(self, index: int, position: int, seconds: float) -> None:
        """The code cell at `index` has ended well, after so many seconds."""
        if self._off or seconds < COSTLY or not self._options.keep:
            return
        told = await self._told("keep", index, msgspec.json.encode(self._cells[index].outputs).decode())
        if told is not None and (told.done or told.why):
            self.reports.append(CellReport(position, kept=told.done, why=told.why, seconds=seconds, nbytes=told.nbytes))

    async def _told(self, verb: str, *arguments: object) -> Told | None:
        answer = await self._call("resuming", verb, *arguments)
        return None if answer is None else msgspec.json.decode(answer, type=Told)

    async def _call(self, module: str, verb: str, *arguments: object) -> str | None:
        given = ", ".join(map(repr, arguments))
        call = f"__import__('mlops_jupyter.capture.{module}', fromlist=['*']).{verb}({given})"
        try:
            return str(ast.literal_eval(await self._ask(call, KEEP_SECONDS)))
        except (TimeoutError, JobFailedError) as error:
            self._off = True
            self.reports.append(CellReport(0, why=str(error)))
            return None


def _nodes(outputs: str) -> list[NotebookNode]:
    from nbformat import from_dict

    return [from_dict(one) for one in msgspec.json.decode(outputs)]


def summary(reports: Sequence[CellReport], total: int) -> list[str]:
    """What is worth saying of an execution of `total` cells, in lines."""
    lines = []
    taken = [one for one in reports if one.taken]
    if taken:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(max(one.since for one in taken)))
        unchanged = not any(one.why for one in reports if not one.taken)
        lines.append(f"{len(taken)} of {total} cells were taken from the run of {when}, which spent "
                     f"{sum(one.seconds for one in taken):.1f} s on them"
                     f"{'; nothing that they rest on has changed' if unchanged else ''}")
    for one in reports:
        if one.why and not one.taken:
            word = "was not kept" if one.seconds else "ran again"
            lines.append(f"cell {one.cell} {word}: {one.why}" if one.cell else f"no checkpoints any more: {one.why}")
    return lines
