"""What changed between two runs, as a sheet: metrics first, then what could explain them."""

from __future__ import annotations

from collections.abc import Sequence

from mlops_jupyter.api.display import Block, Sheet
from mlops_jupyter.api.words import changed, names, number, plural
from mlops_jupyter.entities import Run
from mlops_jupyter.lineage.compare import CodeChange, Comparison, DataChange, MetricChange, ParamChange


def comparison_sheet(a: Run, b: Run, found: Comparison) -> Sheet:
    """One block for each thing that differs."""
    left, right = f"#{a.number}", f"#{b.number}"
    sides = [f">{left}", f">{right}"]
    shown_params = {param.name for run in (a, b) for param in run.params if param.shown}
    told = [change for change in found.params if not change.only or change.name in shown_params]
    blocks = [
        Block("metrics", ["name", *sides, ">change"], [_metric(change) for change in found.metrics]),
        Block("params", ["name", *sides], [*map(_model, found.models), *map(_param, told)]),
        Block("data", ["name", "", "what"], [_data(change) for change in found.data]),
        Block("environment", ["name", *sides], [_param(change) for change in found.environment]
              + [[change.name, change.a or "–", change.b or "–"] for change in found.packages]),
    ]
    shown = [block for block in blocks if block.rows] + [_code(change) for change in found.code]
    notes = list(found.random)
    if len(told) < len(found.params):
        hidden = plural(len(found.params) - len(told), "param")
        notes.append(f"{hidden} that only one side has, at the default, not shown: mlops runs diff --json")
    if found.same and not notes:
        notes.append("Code, params, data and environment are equal.")
    if a.experiment_id != b.experiment_id:
        left, right = f"{a.experiment} {left}", f"{b.experiment} {right}"
    return Sheet(f"{left} {changed(a)}".rstrip() + f" → {right} {changed(b)}".rstrip(), shown, notes)


def _metric(change: MetricChange) -> list[str]:
    name = f"{change.name}[{change.key}]" if change.key else change.name
    return [name, _value(change.a), _value(change.b), f"{change.delta:+.4g}" if change.delta is not None else ""]


def _value(value: float | None) -> str:
    return "–" if value is None else number(value)


def _model(change: ParamChange) -> list[str]:
    """Models by the name of their class, without its module."""
    row = _param(change)
    return [row[0], *(", ".join(part.partition("(")[0].rpartition(".")[2] + "".join(part.partition("(")[1:])
                                for part in side.split(", ")) for side in row[1:])]


def _param(change: ParamChange) -> list[str]:
    return [change.name, "–" if change.only == "b" else number(change.a), "–" if change.only == "a" else number(change.b)]


def _data(change: DataChange) -> list[str]:
    words = [f"{verb} {names(columns)}" for verb, columns in _columns(change) if columns]
    if change.shape_a != change.shape_b:
        words.append(f"{_shape(change.shape_a)} → {_shape(change.shape_b)}")
    return [change.name, change.kind, "; ".join(words)]


def _columns(change: DataChange) -> list[tuple[str, list[str]]]:
    return [("columns", change.columns_changed), ("added", change.columns_added), ("removed", change.columns_removed)]


def _shape(shape: Sequence[int] | None) -> str:
    return "×".join(str(side) for side in shape) if shape else "–"


def _code(change: CodeChange) -> Block:
    place = change.b if change.a is None else change.a
    return Block(f"code: cell {place} {change.kind}", text=change.diff, code=True)
