"""What changed between two runs, as a sheet: metrics first, then what could explain them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from mlops_jupyter.api.display import Block, Sheet
from mlops_jupyter.api.runs import diff as between
from mlops_jupyter.api.words import changed, names, number, plural
from mlops_jupyter.entities import Run
from mlops_jupyter.fingerprint.difference import Difference
from mlops_jupyter.lineage.compare import CodeChange, Comparison, DataChange, MetricChange, ParamChange


class Diff(msgspec.Struct):
    """What changed from run `a` to run `b`."""

    a: Run
    b: Run
    found: Comparison


def diff(a: str | None = None, b: str | None = None) -> Diff:
    """What changed from run `a` to run `b`. Without `b`: from `a` to the newest; without both: between the newest two.

    Runs are named as everywhere: by `#number`, or by an id or the beginning of one. NotFoundError if there is no such run.
    """
    return Diff(*between(a, b))


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
    """`dep_delay: rows 65,536–73,727 changed; column carrier: string → category; +12,000 rows appended, …`."""
    words = []
    detail = change.detail
    if detail is not None:
        words += _stretches(detail, all_rows=change.shape_a == change.shape_b)
        words += [f"column {column.name}: {_type(column.type_a)} → {_type(column.type_b)}" for column in detail.changed
                  if column.type_a != column.type_b]
        sides = (("added", detail.added), ("removed", detail.removed))
        words += [f"{verb} {names(columns)}" for verb, columns in sides if columns]
        if detail.unknown:
            words.append(f"not read in full: {names(detail.unknown)}")
        if detail.appended:
            words.append(_appended(detail))
    elif change.kind == "held differently":
        words.append("the same content, held by another library or as other types")
    if change.shape_a != change.shape_b:
        words.append(f"{_shape(change.shape_a)} → {_shape(change.shape_b)}")
    return [change.name, change.kind, "; ".join(words)]


def _stretches(detail: Difference, *, all_rows: bool) -> list[str]:
    """Columns whose rows differ: those with the same stretches together. Not named where only the number of rows says so."""
    by_rows: dict[str, list[str]] = {}
    for column in detail.changed:
        if column.type_a == column.type_b and (column.rows or all_rows):
            by_rows.setdefault(_rows(column.rows), []).append(column.name)
    words = []
    for rows, columns in by_rows.items():
        subject = names([name for name in columns if name])
        if rows:
            words.append(f"{subject}: {rows} changed" if subject else f"{rows} changed")
        elif subject:
            words.append(f"columns {subject}")
    return words


def _type(name: str) -> str:
    """A type as people call it: categories are of text unless said otherwise."""
    return "category" if name == "category<string>" else name or "?"


def _rows(stretches: Sequence[tuple[int, int]], most: int = 3) -> str:
    """`rows 65,536–131,071, 196,608–262,143`, counted from 0."""
    if not stretches:
        return ""
    shown = ", ".join(f"{start:,}–{stop - 1:,}" for start, stop in stretches[:most])
    rest = len(stretches) - most
    return f"rows {shown}" + (f" and {plural(rest, 'more stretch')}{'es' if rest > 1 else ''}" if rest > 0 else "")


def _appended(detail: Difference) -> str:
    """`+12,000 rows appended, the first 327,680 unchanged, the next 9,096 not comparable from the record`."""
    count = f"{abs(detail.appended):,}"
    words = f"+{count} rows appended" if detail.appended > 0 else f"−{count} rows at the end"
    words += f", the first {detail.unchanged:,} unchanged"
    return words + (f", the next {detail.open:,} not comparable from the record" if detail.open else "")


def _shape(shape: Sequence[int] | None) -> str:
    return "×".join(str(side) for side in shape) if shape else "–"


def _code(change: CodeChange) -> Block:
    place = change.b if change.a is None else change.a
    return Block(f"code: cell {place} {change.kind}", text=change.diff, code=True)
