"""Values as words: what an observation may hold of a user's object. Nothing of an object's own runs, but numpy's `item`."""

from __future__ import annotations

import math
import types
from collections.abc import Iterable
from typing import TypeVar

from mlops_jupyter.capture.kinds import exactly, is_a, is_exactly
from mlops_jupyter.capture.observer import ObservedCall
from mlops_jupyter.entities.data import Scalar
from mlops_jupyter.fingerprint.walk import name_of

LONGEST_NAME = 60
_LONGEST = 200  # characters of a parameter's text
_POINTS = 500  # of a series; more are thinned evenly, and the observation says so
T = TypeVar("T")
_ARRAYS = frozenset({("numpy", "ndarray"), ("torch", "Tensor")})
_WORDS = exactly(bool, int, str)
_CONTAINERS = exactly(list, tuple, set, frozenset, dict)
_BRACKETS: dict[type, str] = {list: "[{}]", tuple: "({})", set: "{{{}}}", frozenset: "{{{}}}", dict: "{{{}}}"}


def plain(value: object) -> Scalar:
    """A parameter's value as a scalar: itself, a builtin container as text, anything else by its name."""
    if value is None or is_exactly(value, _WORDS):
        return value  # type: ignore[return-value]
    if type(value) is float:
        return value if math.isfinite(value) else str(value)
    if _is_numpy_scalar(value):
        item = value.item()  # type: ignore[attr-defined]
        return plain(item) if type(item) in {bool, int, float, str} else str(value)
    return _text(value, 0)[:_LONGEST]


def _is_numpy_scalar(value: object) -> bool:
    return any(cls.__module__ == "numpy" and cls.__name__ == "generic" for cls in type(value).__mro__)


def _text(value: object, depth: int) -> str:
    if depth > 3:
        return "…"
    if value is None or type(value) is float or is_exactly(value, _WORDS):
        return repr(value)
    if is_exactly(value, _CONTAINERS):
        keys = [_text(item, depth + 1) for item in list(value)[:20]]  # type: ignore[call-overload]
        if type(value) is dict:
            keys = [f"{key}: {_text(item, depth + 1)}" for key, item in zip(keys, value.values(), strict=False)]
        return _BRACKETS[type(value)].format(", ".join(keys))
    if type(value).__module__ == "numpy" and type(value).__name__ == "ndarray":
        return f"array{value.shape}"  # type: ignore[attr-defined]
    if type(value) is types.FunctionType:
        return value.__qualname__
    return name_of(value).rpartition(".")[2] if is_a(value, type) else name_of(type(value)).rpartition(".")[2]


def number(value: object) -> float | int | None:
    """A metric's value: an exact int or float, numpy's, or one number in an array or a tensor; None for anything else."""
    if type(value) in {int, float}:
        return value  # type: ignore[return-value]
    if _is_numpy_scalar(value) or (_kind(value) in _ARRAYS and value.ndim == 0):  # type: ignore[attr-defined]
        item = value.item()  # type: ignore[attr-defined]
        return item if type(item) in {int, float} else None
    return None


def _kind(value: object) -> tuple[str, str]:
    return type(value).__module__, type(value).__qualname__


def numbers(values: object) -> list[float]:
    """A list of numbers as floats; [] if it is no exact list or tuple, or holds anything else."""
    if not isinstance(values, list | tuple) or type(values) not in {list, tuple}:
        return []
    found = [number(value) for value in values]
    return [] if any(value is None for value in found) else [float(value) for value in found if value is not None]


def columns(table: object) -> dict[str, list[float]]:
    """Numbers by column of a pandas frame, or of a dictionary of lists."""
    if type(table).__module__.partition(".")[0] == "pandas" and type(table).__name__ == "DataFrame":
        table = {name: column.tolist() for name, column in table.items()}  # type: ignore[attr-defined]
    return {name: numbers(values) for name, values in table.items() if type(name) is str} if isinstance(table, dict) else {}


def thinned(values: list[T]) -> tuple[list[T], str]:
    """At most 500 of the values, the first and the last among them, and what to say about it: "" if none was left out."""
    if len(values) <= _POINTS:
        return values, ""
    last = len(values) - 1
    return [values[round(place * last / (_POINTS - 1))] for place in range(_POINTS)], f"{_POINTS} of {len(values)} points"


def class_name(value: object) -> str:
    """`module.Class` of an object."""
    return f"{type(value).__module__}.{type(value).__qualname__}"


def short(text: str) -> str:
    """A text that fits a name."""
    return text if len(text) <= LONGEST_NAME else text[: LONGEST_NAME - 1] + "…"


def written(call: ObservedCall, wanted: Iterable[str]) -> str:
    """How the first of these arguments that the user gave is written; "" if none."""
    return short(next((call.expressions[name].text for name in wanted if name in call.expressions), ""))


def group(loop_key: str) -> str:
    """`UA` of `carrier=UA`."""
    return loop_key.partition("=")[2]
