"""What a literal in a cell is as a parameter: a JSON type, a value, and what the code makes of it again.

Papermill writes plain values into a notebook: a date, a decimal, a tuple or a NumPy scalar would arrive there as text or as a
list. So what is given stays plain (`0.10`, `[1, 2]`), and the cell turns it into what it was: `rate = Decimal(rate)`. That
works under any papermill, with nothing of ours installed.
"""

from __future__ import annotations

import ast
import math
import re
from datetime import date, datetime
from typing import NamedTuple

from mlops_jupyter.entities import Scalar
from mlops_jupyter.entities.jobs import ParameterType
from mlops_jupyter.jobs.parameters import Value, is_date, is_decimal, is_moment, item_type

_LONGEST_TEXT = 500
_DATES = frozenset({"date", "datetime.date", "dt.date"})
_MOMENTS = frozenset({"datetime", "datetime.datetime", "dt.datetime"})
_STAMPS = frozenset({"pd.Timestamp", "pandas.Timestamp", "Timestamp"})
_DECIMALS = frozenset({"Decimal", "decimal.Decimal"})
_PATHS = frozenset({"Path", "pathlib.Path", "PurePath", "pathlib.PurePath"})
_COLLECTIONS = frozenset({"tuple", "set", "frozenset", "list"})
_NUMPY = re.compile(r"(?:np|numpy)\.((?:u?int|float)\d*_?)")


class Found(NamedTuple):
    """A literal: type and value as a parameter, and how the code makes of it what it was ("{}": the name; "": not at all)."""

    kind: ParameterType
    value: Value
    again: str = ""

    @property
    def arrives(self) -> str:
        """The name of what makes it again: `Decimal`, `tuple`; "" if nothing does."""
        return self.again.partition("(")[0]


def literal(node: ast.expr) -> Found | None:
    """The literal as a parameter can hold it; None for any other expression."""
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return _items(node)
    value = _scalar(node)
    if value is None:
        return _call(node) if isinstance(node, ast.Call) and not node.keywords else None
    if isinstance(value, str):
        return Found("date" if is_date(value) else "string", value)
    return Found("boolean" if isinstance(value, bool) else "integer" if isinstance(value, int) else "number", value)


def _items(node: ast.List | ast.Tuple | ast.Set) -> Found | None:
    items = [_scalar(item) for item in node.elts]
    if not items or any(item is None for item in items) or item_type(items) is None:
        return None
    made = {ast.Tuple: "tuple({})", ast.Set: "set({})"}.get(type(node), "")
    return Found("array", list(items), made)


def _scalar(node: ast.expr) -> Scalar:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        inner = _scalar(node.operand)
        if isinstance(inner, bool) or not isinstance(inner, int | float):
            return None
        return -inner if isinstance(node.op, ast.USub) else inner
    if isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float | str):
        value = node.value
        if isinstance(value, str) and (len(value) > _LONGEST_TEXT or "\n" in value):
            return None
        return None if isinstance(value, float) and math.isinf(value) else value
    return None


def _call(node: ast.Call) -> Found | None:
    """A constructor of something that JSON has no word for, called with literals."""
    name = ast.unparse(node.func)
    if name in _DATES or name in _MOMENTS:
        return _moment(name, [_scalar(argument) for argument in node.args])
    if len(node.args) != 1:
        return None
    if name in _COLLECTIONS:
        inner = literal(node.args[0])
        return Found("array", inner.value, f"{name}({{}})") if inner is not None and inner.kind == "array" else None
    value = _scalar(node.args[0])
    if value is None or isinstance(value, bool):
        return None
    return _of_one(name, value)


def _of_one(name: str, value: str | int | float) -> Found | None:
    again = f"{name}({{}})"
    if name in _DECIMALS and not isinstance(value, float) and is_decimal(str(value)):
        return Found("decimal", str(value), f"{name}(str({{}}))")  # papermill's own `-p` makes a float of 0.10
    kind = _kind_of_text(name, value) if isinstance(value, str) else _kind_of_number(name, value)
    return None if kind is None else Found(kind, value, again)


def _kind_of_text(name: str, text: str) -> ParameterType | None:
    owner, _, method = name.rpartition(".")
    if name in _PATHS:
        return "path"
    if method == "fromisoformat" and owner in _DATES:
        return "date" if is_date(text) else None
    if name in _STAMPS or (method == "fromisoformat" and owner in _MOMENTS):
        return ("date" if is_date(text) else "datetime") if is_moment(text) else None
    return None


def _kind_of_number(name: str, value: int | float) -> ParameterType | None:
    found = _NUMPY.fullmatch(name)
    if found is None or ("int" in found[1] and isinstance(value, float)):
        return None
    return "integer" if "int" in found[1] else "number"


def _moment(name: str, parts: list[Scalar]) -> Found | None:
    """`date(2013, 6, 30)`, `datetime(2013, 6, 30, 12)`, as their ISO text."""
    numbers = [part for part in parts if isinstance(part, int) and not isinstance(part, bool)]
    if len(numbers) != len(parts) or not 3 <= len(parts) <= 7 or (name in _DATES and len(parts) != 3):
        return None
    try:
        made = date(*numbers) if name in _DATES else datetime(*numbers)  # type: ignore[arg-type]
    except ValueError:
        return None
    return Found("date" if name in _DATES else "datetime", made.isoformat(), f"{name}.fromisoformat({{}})")
