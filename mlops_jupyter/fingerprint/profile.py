"""`schema_of` and `profile_of`: columns and types, and statistics that merge exactly. Never part of a value's identity.

A numeric column becomes a histogram over the top 16 bits of `float32((x - center) / scale)`: sign, exponent and seven bits of
mantissa, so relative resolution is better than one per cent whatever the range, and two profiles with the same center and
scale merge by adding integers. `center` and `scale` are fixed at 0 and 1 unless the reference's are given. Profiles are taken
lazily, off a cell's path. The readers of a library stand in its own `types/<library>.py` as `schema` and `profile`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from mlops_jupyter import plugins
from mlops_jupyter.entities.data import ColumnProfile, Profile, Schema
from mlops_jupyter.fingerprint.walk import module_of, mro_of

_Key = TypeVar("_Key", int, str)

TOP = 50
"""Most frequent values kept of a categorical column."""


def _ask(question: str, value: object, centers: Mapping[str, tuple[float, float]] | None = None) -> object:
    """The answer of the library that the value's class comes from; None if no library knows it."""
    for base in mro_of(type(value)):
        root = module_of(base).partition(".")[0]
        if root in plugins.available(plugins.FINGERPRINT):
            reader = getattr(plugins.load(plugins.FINGERPRINT, root), question, None)
            if callable(reader):
                return reader(value) if centers is None else reader(value, centers)
    return None


def schema_of(value: object) -> Schema | None:
    """Columns and logical types of a frame, series or array of up to two dimensions; None for anything else. Never raises."""
    try:
        found = _ask("schema", value)
    except Exception:  # noqa: BLE001 (statistics are a convenience: what cannot be read has none)
        return None
    return found if isinstance(found, Schema) else None


def profile_of(value: object, centers: Mapping[str, tuple[float, float]] | None = None) -> Profile | None:
    """Statistics of a table by column; `centers`: column → (center, scale) of the reference. Never raises."""
    try:
        found = _ask("profile", value, centers or {})
    except Exception:  # noqa: BLE001 (as above)
        return None
    return found if isinstance(found, Profile) else None


def merge(first: Profile, second: Profile) -> Profile:
    """The profile of both tables together: exact, in any order. Columns are matched by name; centers must agree."""
    others = {column.name: column for column in second.columns}
    return Profile(first.rows + second.rows, tuple(_merge_columns(column, others[column.name]) for column in first.columns))


def _merge_columns(first: ColumnProfile, second: ColumnProfile) -> ColumnProfile:
    if (first.center, first.scale) != (second.center, second.scale):
        raise ValueError(f"column {first.name!r}: profiles with different center or scale do not merge")
    return ColumnProfile(
        name=first.name,
        count=first.count + second.count,
        nulls=first.nulls + second.nulls,
        zeros=first.zeros + second.zeros,
        positive_infinities=first.positive_infinities + second.positive_infinities,
        negative_infinities=first.negative_infinities + second.negative_infinities,
        minimum=_outer(min, first.minimum, second.minimum),
        maximum=_outer(max, first.maximum, second.maximum),
        center=first.center,
        scale=first.scale,
        histogram=_add(first.histogram, second.histogram),
        top=_add(first.top, second.top),
    )


def _outer(choose: Callable[[list[float]], float], first: float | str | None, second: float | str | None) -> float | str | None:
    known = [value for value in (first, second) if isinstance(value, float | int)]
    return choose(known) if known else None


def _add(first: Mapping[_Key, int], second: Mapping[_Key, int]) -> dict[_Key, int]:
    total = dict(first)
    for key, count in second.items():
        total[key] = total.get(key, 0) + count
    return total
