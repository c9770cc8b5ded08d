"""`schema_of` and `profile_of`: columns and types, and statistics that merge exactly. Never part of a value's identity.

A column of numbers becomes a histogram over the top 16 bits of `float32((x - center) / scale)`: sign, exponent and seven bits of
mantissa, so resolution is better than one per cent of the distance from the center, whatever the range. A column of text becomes
the counts of its values: all of them up to a thousand, beyond that those with the smallest hashes, because that choice alone does
not depend on the order in which parts are merged. What is shown as most frequent is chosen when it is shown.

The rule for `center` and `scale`: 0 and 1 unless given. Parts that are to be merged or compared get the same ones; `centers_of` a
first profile gives the ones that suit its data, and they then stay with it as the reference. Profiles are taken lazily, off a
cell's path. The readers of a library stand in its own `types/<library>.py` as `schema` and `profile`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

from xxhash import xxh3_64_hexdigest, xxh3_64_intdigest

from mlops_jupyter import plugins
from mlops_jupyter.entities.data import ColumnProfile, Profile, Schema
from mlops_jupyter.fingerprint.walk import module_of, mro_of

KEPT = 1_000
"""Values of a text column that are kept."""
_BUCKETS = 1_024
_LONGEST = 180  # characters of a kept value


def ask(question: str, value: object, *more: object) -> object:
    """The answer of the library that the value's class comes from; None if no library knows it."""
    for base in mro_of(type(value)):
        root = module_of(base).partition(".")[0]
        if root in plugins.available(plugins.FINGERPRINT):
            reader = getattr(plugins.load(plugins.FINGERPRINT, root), question, None)
            if callable(reader):
                return reader(value, *more)
    return None


def schema_of(value: object) -> Schema | None:
    """Columns and logical types of a frame, series or array of up to two dimensions; None for anything else. Never raises."""
    try:
        found = ask("schema", value)
    except Exception:  # noqa: BLE001 (statistics are a convenience: what cannot be read has none)
        return None
    return found if isinstance(found, Schema) else None


def profile_of(value: object, centers: Mapping[str, tuple[float, float]] | None = None) -> Profile | None:
    """Statistics of a table by column; `centers`: column → (center, scale) of the reference. Never raises."""
    try:
        found = ask("profile", value, centers or {})
    except Exception:  # noqa: BLE001 (as above)
        return None
    return found if isinstance(found, Profile) else None


def text_profile(name: str, counts: Iterable[tuple[str, int]], rows: int, nulls: int) -> ColumnProfile:
    """A column of text, from how often each value occurs."""
    total: dict[str, int] = {}
    for text, count in counts:
        if count:
            key = _shown(text)
            total[key] = total.get(key, 0) + count
    histogram = _buckets(total) if len(total) > KEPT else {}
    return _text(ColumnProfile(name, rows, nulls, kind="text"), total, histogram)


def _shown(text: str) -> str:
    """A value as it is kept: cut where it is long, with a hash in place of the rest."""
    data = text.encode("utf-8", "backslashreplace")  # half of a surrogate pair cannot be stored as JSON
    whole = text if text.isascii() else data.decode()
    return whole if len(whole) <= _LONGEST else f"{whole[:_LONGEST]}…{xxh3_64_hexdigest(data)}"


def _hash(text: str) -> int:
    return xxh3_64_intdigest(text.encode())


def _buckets(counts: Mapping[str, int]) -> dict[int, int]:
    found: dict[int, int] = {}
    for text, count in counts.items():
        bucket = _hash(text) % _BUCKETS
        found[bucket] = found.get(bucket, 0) + count
    return found


def _text(column: ColumnProfile, counts: Mapping[str, int], histogram: Mapping[int, int]) -> ColumnProfile:
    """The column with the values that are kept. `histogram` is empty while all values are known."""
    kept = sorted(counts)
    if len(kept) > KEPT:
        kept = sorted(sorted(kept, key=_hash)[:KEPT])
    top = {text: counts[text] for text in kept}
    distinct = None if histogram else len(kept)
    return ColumnProfile(column.name, column.count, column.nulls, kind="text", top=top, distinct=distinct,
                         histogram=dict(sorted(histogram.items())))


def merge(first: Profile, second: Profile) -> Profile:
    """The profile of both tables together: exact, and the same bytes in any order and grouping.

    Columns are matched by name and must be the same. Raises ValueError for other columns, kinds, centers or scales.
    """
    others = {column.name: column for column in second.columns}
    names = [column.name for column in first.columns]
    if sorted(names) != sorted(others):
        raise ValueError(f"profiles of different columns do not merge: {', '.join(sorted(set(names) ^ set(others)))}")
    return Profile(first.rows + second.rows, tuple(_merge_columns(column, others[column.name]) for column in first.columns))


def _merge_columns(first: ColumnProfile, second: ColumnProfile) -> ColumnProfile:
    if first.kind != second.kind:
        kinds = f"{first.kind or 'values'} and {second.kind or 'values'}"
        raise ValueError(f"column {first.name!r}: profiles of {kinds} do not merge")
    if (first.center, first.scale) != (second.center, second.scale):
        raise ValueError(f"column {first.name!r}: profiles with different center or scale do not merge")
    merged = ColumnProfile(first.name, first.count + second.count, first.nulls + second.nulls)
    if first.kind == "text":
        return _merge_texts(merged, first, second)
    return ColumnProfile(
        name=first.name,
        count=merged.count,
        nulls=merged.nulls,
        zeros=first.zeros + second.zeros,
        positive_infinities=first.positive_infinities + second.positive_infinities,
        negative_infinities=first.negative_infinities + second.negative_infinities,
        minimum=_outer(min, first.minimum, second.minimum),
        maximum=_outer(max, first.maximum, second.maximum),
        center=first.center,
        scale=first.scale,
        histogram=dict(sorted(_add(first.histogram, second.histogram).items())),
        kind=first.kind,
    )


def _merge_texts(merged: ColumnProfile, first: ColumnProfile, second: ColumnProfile) -> ColumnProfile:
    """A value among the smallest hashes of both parts together is among those of each part that has it: counts stay exact."""
    counts = dict(first.top)
    for text, count in second.top.items():
        counts[text] = counts.get(text, 0) + count
    histogram: Mapping[int, int] = {}
    if first.histogram or second.histogram or len(counts) > KEPT:
        histogram = _add(first.histogram or _buckets(first.top), second.histogram or _buckets(second.top))
    return _text(merged, counts, histogram)


def _outer(choose: Callable[[list[float]], float], first: float | str | None, second: float | str | None) -> float | str | None:
    known = [value for value in (first, second) if isinstance(value, float | int)]
    return choose(known) if known else None


def _add(first: Mapping[int, int], second: Mapping[int, int]) -> dict[int, int]:
    total = dict(first)
    for key, count in second.items():
        total[key] = total.get(key, 0) + count
    return total


def centers_of(profile: Profile) -> dict[str, tuple[float, float]]:
    """Center and scale that suit the data of a profile: its median, and the power of two above the middle half's width."""
    found = {}
    for column in profile.columns:
        if column.histogram and column.kind in {"number", "moment"}:
            low, middle, high = (_quantile(column, share) for share in (0.25, 0.5, 0.75))
            width = (high - low) or abs(middle) or 1.0
            found[column.name] = (middle, 2.0 ** math.ceil(math.log2(width)))
    return found


def _quantile(column: ColumnProfile, share: float) -> float:
    """The value under which `share` of the finite values lie, to the resolution of the histogram."""
    ordered = sorted((value_of(key, column), count) for key, count in column.histogram.items())
    wanted, seen = share * sum(column.histogram.values()), 0
    for value, count in ordered:
        seen += count
        if seen >= wanted:
            return value
    return ordered[-1][0]


def value_of(key: int, column: ColumnProfile) -> float:
    """The value that a key of the histogram stands for: the bucket's edge nearest to the center."""
    sign, exponent, mantissa = -1.0 if key >> 15 else 1.0, (key >> 7) & 0xFF, key & 0x7F
    size = mantissa / 128 * 2.0**-126 if exponent == 0 else (1 + mantissa / 128) * 2.0 ** (exponent - 127)
    return column.center + sign * size * column.scale
