"""The values of tables after a run, so that two runs can be compared value by value where fingerprints only say "different".

The kernel writes them after the last cell: arrays, series and frames of the libraries named here, by exact class, never a type
that is not known. Which ones: what metrics were computed on, what a model predicted, and the results of the job.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

import msgspec

from mlops_jupyter.entities import CellExecution, JobResult, Observation
from mlops_jupyter.entities.runs import VerdictWord
from mlops_jupyter.jobs.source import parse

MOST = 20_000_000
"""Values of one table above which it is left out: comparing them one by one would take minutes."""
FILE = "values.msgpack"
_VECTORS = {("numpy", "ndarray"): "tolist", ("pandas", "Series"): "tolist", ("polars", "Series"): "to_list",
            ("pyarrow", "ChunkedArray"): "to_pylist"}
_FRAMES: dict[tuple[str, str], tuple[str, dict[str, object]]] = {
    ("pandas", "DataFrame"): ("to_dict", {"orient": "list"}), ("polars", "DataFrame"): ("to_dict", {"as_series": False}),
    ("pyarrow", "Table"): ("to_pydict", {}),
}
_AS_TEXT = frozenset({"pandas", "datetime", "decimal"})
"""Libraries whose values (moments, missing ones, exact numbers) are compared by their text."""

Columns = dict[str, list[object]]


class Compared(msgspec.Struct, frozen=True):
    """Two tables, value by value: how many there are, how many are not the same, by how much at most."""

    verdict: VerdictWord
    values: int
    differing: int
    largest: float | None = None
    detail: str = ""


def watched(results: Sequence[JobResult], executions: Sequence[CellExecution], observations: Sequence[Observation]) -> list[str]:
    """Names whose values tell what a job does: its variables, what its metrics were given, and what a model predicted."""
    names = {result.variable for result in results if result.kind != "metric"}
    measures = {each.site.function.rpartition(".")[2] for each in observations if each.kind == "metric" and each.site is not None}
    for node in (node for cell in executions if (tree := parse(cell.source)) is not None for node in ast.walk(tree)):
        if isinstance(node, ast.Call) and _called(node) in measures:
            names |= {part.id for part in _names(*node.args, *(each.value for each in node.keywords))}
        elif isinstance(node, ast.Assign) and any(isinstance(part, ast.Call) and _called(part).startswith("predict")
                                                  for part in ast.walk(node.value)):
            names |= {part.id for part in _names(*node.targets)}
    return sorted(names - {""})


def _called(node: ast.Call) -> str:
    """`predict` of `model.predict(…)`."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id if isinstance(node.func, ast.Name) else ""


def _names(*nodes: ast.expr) -> Iterator[ast.Name]:
    return (part for node in nodes for part in ast.walk(node) if isinstance(part, ast.Name))


def expression(names: Sequence[str], folder: Path) -> str:
    """What a kernel evaluates to write them."""
    found = f"{{name: globals()[name] for name in {list(names)!r} if name in globals()}}"
    return f"__import__('mlops_jupyter.jobs.values', fromlist=['*']).write({found}, {str(folder)!r})"


def write(tables: Mapping[str, object], folder: str) -> None:
    """Write what can be read of these to `folder`; a value of any other type, or too many values, are left out."""
    kept: dict[str, bytes] = {}
    for name, value in tables.items():
        columns = _columns(value)
        if columns is None:
            continue
        try:
            kept[name] = msgspec.msgpack.encode(columns, enc_hook=_plain)
        except (TypeError, ValueError, NotImplementedError, OverflowError):  # a column of objects
            continue
    Path(folder, FILE).write_bytes(msgspec.msgpack.encode(kept))


def read(folder: Path) -> dict[str, Columns]:
    """What a kernel wrote to `folder`; nothing if it did not come that far."""
    file = folder / FILE
    if not file.exists():
        return {}
    kept = msgspec.msgpack.decode(file.read_bytes(), type=dict[str, bytes])
    return {name: cast(Columns, msgspec.msgpack.decode(data, strict=False)) for name, data in kept.items()}


def _columns(value: object) -> Columns | None:
    """Column → values; None for what is no table, or too large a one."""
    kind = type(value)
    known = kind.__module__.partition(".")[0], kind.__qualname__
    if known not in {*_VECTORS, *_FRAMES}:
        return None
    shape = value.shape if hasattr(value, "shape") else (len(cast(Sequence[object], value)),)
    if not shape or math.prod(shape) > MOST:
        return None
    if known in _VECTORS:
        return {"": cast(list[object], getattr(value, _VECTORS[known])())}
    method, options = _FRAMES[known]
    columns = cast(Mapping[object, list[object]], getattr(value, method)(**options))
    return {str(label): list(values) for label, values in columns.items()}


def _plain(value: object) -> object:
    """A value that is none of msgpack's as one that is."""
    library = type(value).__module__.partition(".")[0]
    if library == "numpy" and hasattr(value, "item"):
        return value.item()
    if library in _AS_TEXT or type(value) is complex:
        return str(value)
    raise NotImplementedError


def compare(before: Columns, after: Columns, tolerance: float) -> Compared:
    """Value by value, by column and place. A number may be off by `tolerance` of itself or of the column's largest."""
    count = sum(1 for values in before.values() for _ in _flat(values))
    now = sum(1 for values in after.values() for _ in _flat(values))
    if list(before) != list(after) or count != now:
        what = f"{now} values, not {count}" if count != now else "other columns"
        return Compared("different", count, count, detail=what)
    differing, beyond, largest = 0, False, None
    for label, values in before.items():
        scale = max((abs(one) for one in _flat(values) if isinstance(one, int | float) and math.isfinite(one)), default=0.0)
        for one, other in zip(_flat(values), _flat(after[label]), strict=True):
            if one == other or (one != one and other != other):  # noqa: PLR0124 (NaN)
                continue
            differing += 1
            if isinstance(one, int | float) and isinstance(other, int | float) and math.isfinite(one - other):
                largest = max(largest or 0.0, abs(one - other))
                beyond = beyond or not math.isclose(one, other, rel_tol=tolerance, abs_tol=tolerance * scale)
            else:
                beyond = True
    return Compared("different" if beyond else "within tolerance" if differing else "identical", count, differing, largest)


def _flat(values: Sequence[object]) -> Iterator[object]:
    """The values of nested lists, in order."""
    for each in values:
        if isinstance(each, list):
            yield from _flat(each)
        else:
            yield each
