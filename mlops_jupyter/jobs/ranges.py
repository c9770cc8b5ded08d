"""The values that a sweep gives to a parameter: a list (`p=1,2,4`), or a range to draw from (`p=0.01..10`, `p=log:0.001..10`).

A list is text split at its commas, or a JSON array where a value holds a comma or is itself a list. A range is drawn from
evenly, or evenly in its logarithm. What comes out is still only text or a number: `parameters.validate` is what types it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import date
from random import Random

import msgspec

from mlops_jupyter.entities import InputError, JobParameter
from mlops_jupyter.jobs.parameters import is_date

_LOG = "log:"
_DIGITS = 6  # of a number that is drawn: enough to search with, short enough to read


class Range(msgspec.Struct, frozen=True):
    """What a parameter is drawn from: `choices`, else a number or day between `low` and `high`, both of them included."""

    low: float = 0.0
    high: float = 0.0
    log: bool = False
    choices: tuple[object, ...] = ()


def values(parameter: JobParameter, text: str, option: str) -> list[object]:
    """The listed values. InputError for an empty list, or one that does not say where a value ends."""
    if text.startswith("["):
        found = _arrays(parameter, text, option)
    elif parameter.type == "array":
        raise InputError(f"{option} {parameter.name}={text}: a value of {parameter.name} is itself a list",
                         f"write each in brackets: {option} '{parameter.name}=[1,2],[3,4]'")
    else:
        found = [part.strip() for part in text.split(",")]
    if not found or "" in found:
        raise InputError(f"{option} {parameter.name}={text}: a value is empty", f"write it as {option} {parameter.name}=1,2,4")
    return found


def _arrays(parameter: JobParameter, text: str, option: str) -> list[object]:
    try:
        found = json.loads(f"[{text}]")
    except (json.JSONDecodeError, RecursionError):
        raise InputError(f"{option} {parameter.name}={text} is no JSON array",
                         f"write it as {option} '{parameter.name}=[1,2],[3,4]'") from None
    if parameter.type != "array" and len(found) == 1:
        found = found[0]
    assert isinstance(found, list)
    return found


def read_range(parameter: JobParameter, text: str, option: str) -> Range:
    """The range that `text` says. InputError for one that is upside down, or does not fit the parameter's type."""
    body = text.removeprefix(_LOG)
    low, dots, high = body.partition("..")
    if not dots:
        if body != text:
            raise _no_range(parameter, text, option)
        return Range(choices=tuple(values(parameter, text, option)))
    log = body != text
    bounds = [_bound(parameter, each.strip(), text, option) for each in (low, high)]
    if bounds[0] > bounds[1]:
        raise InputError(f"{option} {parameter.name}={text}: {low.strip()} is greater than {high.strip()}",
                         f"write the smaller first: {option} {parameter.name}={_LOG if log else ''}{high.strip()}..{low.strip()}")
    if log and bounds[0] <= 0:
        raise InputError(f"{option} {parameter.name}={text}: {low.strip()} has no logarithm",
                         f"begin above zero, or leave out {_LOG}")
    return Range(bounds[0], bounds[1], log)


def _bound(parameter: JobParameter, text: str, whole: str, option: str) -> float:
    if parameter.type == "date" and is_date(text):
        return float(date.fromisoformat(text).toordinal())
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    whole_number = parameter.type == "number" or number.is_integer()
    if parameter.type not in {"integer", "number"} or not math.isfinite(number) or not whole_number:
        raise _no_range(parameter, whole, option)
    return number


def _no_range(parameter: JobParameter, text: str, option: str) -> InputError:
    forms = {"integer": "1..10, log:1..1000", "number": "0.01..10, log:0.001..10", "date": "2013-01-01..2013-12-31"}
    form = forms.get(parameter.type)
    how = f"write it as {option} {parameter.name}={form.split(', ')[-1]}, or list values" if form else "list values"
    return InputError(f"{option} {parameter.name}={text} is no range for a parameter of type {parameter.type}",
                      f"{how}: {option} {parameter.name}=A,B,C")


def own_range(parameter: JobParameter) -> Range | None:
    """The range that the parameter's own schema gives: `enum`, or `minimum` and `maximum`; None if it gives none."""
    listed, low, high = (parameter.schema.get(key) for key in ("enum", "minimum", "maximum"))
    if isinstance(listed, list) and listed:
        return Range(choices=tuple(listed))
    if isinstance(low, int | float) and isinstance(high, int | float) and parameter.type in {"integer", "number"}:
        return Range(float(low), float(high))
    return None


def draw(parameters: Sequence[JobParameter], ranges: Mapping[str, Range], count: int, seed: int) -> list[dict[str, object]]:
    """`count` points, the same for the same seed and ranges, in whatever order they were given."""
    generator = Random(seed)  # noqa: S311 (a search, not a secret)
    types = {parameter.name: parameter.type for parameter in parameters}
    return [{name: _drawn(generator, ranges[name], types[name]) for name in sorted(ranges)} for _ in range(count)]


def _drawn(generator: Random, source: Range, kind: str) -> object:
    if source.choices:
        return generator.choice(source.choices)
    if kind in {"integer", "date"} and not source.log:
        whole = generator.randint(round(source.low), round(source.high))
        return date.fromordinal(whole).isoformat() if kind == "date" else whole
    low, high = (math.log(bound) if source.log else bound for bound in (source.low, source.high))
    number = generator.uniform(low, high)
    number = float(f"{math.exp(number) if source.log else number:.{_DIGITS}g}")
    number = min(max(number, source.low), source.high)
    if kind == "date":
        return date.fromordinal(round(number)).isoformat()
    return round(number) if kind == "integer" else number
