"""Profiles of columns of numbers and moments from NumPy's memory, a million rows at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from mlops_jupyter.entities.data import ColumnProfile
from mlops_jupyter.fingerprint.types.columns import NAT, Array

_ROWS = 1 << 20
_KEYS = 1 << 16
_DAY = {"ns": 86_400_000_000_000, "us": 86_400_000_000, "ms": 86_400_000, "s": 86_400, "D": 1}
_YEAR_2000 = 10_957  # days from 1970-01-01 to 2000-01-01
Centers = Mapping[str, tuple[float, float]]


def number_profile(name: str, values: Array, centers: Centers, null: Array | None = None, kind: str = "number") -> ColumnProfile:
    """Counts and the bit-key histogram of one column of numbers; NaN counts as null."""
    pieces = ((values[at : at + _ROWS], None if null is None else null[at : at + _ROWS]) for at in range(0, len(values), _ROWS))
    return _profile(name, len(values), (_doubles(*piece) for piece in pieces), centers, kind)


def moment_profile(name: str, ticks: Array, unit: str, centers: Centers, null: Array | None = None) -> ColumnProfile:
    """Ticks since 1970 as days since 2000-01-01, the same whatever the unit; the smallest int64 counts as null."""
    pieces = (ticks[at : at + _ROWS] for at in range(0, len(ticks), _ROWS))
    places = range(0, len(ticks), _ROWS)
    masks = (None if null is None else null[at : at + _ROWS] for at in places)
    days = (_days(piece, unit, mask) for piece, mask in zip(pieces, masks, strict=True))
    return _profile(name, len(ticks), days, centers, "moment")


def _doubles(values: Array, null: Array | None) -> Array:
    numbers = values.astype(np.float64)
    if null is not None:
        numbers[null] = np.nan
    return numbers


def _days(ticks: Array, unit: str, null: Array | None) -> Array:
    per_day = _DAY[unit]
    days = (ticks // per_day - _YEAR_2000) + (ticks % per_day) / per_day
    empty = ticks == NAT if null is None else null | (ticks == NAT)
    return np.where(empty, np.nan, days)


def _profile(name: str, rows: int, pieces: Iterator[Array], centers: Centers, kind: str) -> ColumnProfile:
    center, scale = centers.get(name, (0.0, 1.0))
    counts = np.zeros(_KEYS, np.int64)
    nulls = zeros = above = below = 0
    low, high = np.inf, -np.inf
    for numbers in pieces:
        nulls += int(np.isnan(numbers).sum())
        above += int(np.isposinf(numbers).sum())
        below += int(np.isneginf(numbers).sum())
        finite = numbers[np.isfinite(numbers)]
        if finite.size:
            zeros += int((finite == 0).sum())
            low, high = min(low, finite.min()), max(high, finite.max())
            with np.errstate(over="ignore", under="ignore"):
                scaled = ((finite - center) / scale).astype(np.float32)
            counts += np.bincount(scaled.view(np.uint32) >> 16, minlength=_KEYS)
    keys = np.flatnonzero(counts)
    known = low <= high
    return ColumnProfile(
        name=name,
        count=rows,
        nulls=nulls,
        zeros=zeros,
        positive_infinities=above,
        negative_infinities=below,
        minimum=float(low) + 0.0 if known else None,  # -0.0 is 0.0 here: which of them comes first depends on the order
        maximum=float(high) + 0.0 if known else None,
        center=center,
        scale=scale,
        histogram=dict(zip(keys.tolist(), counts[keys].tolist(), strict=True)),
        kind=kind,
    )
