"""The columns of pandas' blocks: NumPy arrays, pandas' own extension arrays, Arrow's. Read in place, no cached property is
asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
import pandas as pd
from xxhash import xxh3_128_digest

from mlops_jupyter.fingerprint.tree import Hashed, packed, unreadable
from mlops_jupyter.fingerprint.types import columns
from mlops_jupyter.fingerprint.types.columns import Array
from mlops_jupyter.fingerprint.types.objects import object_column
from mlops_jupyter.fingerprint.walk import Walk, combine, exactly, module_of

_NULLS = exactly(type(None), type(pd.NA), type(pd.NaT))
_LABELS = exactly(str, int, float, bool)


def column(values: object, walk: Walk, *, clean: bool = False) -> Hashed:
    """One column's array. `clean`: known to hold no NaN."""
    if isinstance(values, np.ndarray):
        if values.dtype.hasobject:
            return object_column(values, walk, _NULLS)
        return columns.plain_column(values, walk, clean=clean)
    for cls, read in _own_arrays():
        if isinstance(values, cls):
            return read(values, walk)
    return _extension(values, walk)


def block_columns(values: object, walk: Walk) -> Iterator[Hashed]:
    """The columns of one block, in its order."""
    if isinstance(values, np.ndarray) and values.ndim == 2:
        if values.dtype.hasobject or values.dtype.kind in "mM":
            yield from (column(values[row], walk) for row in range(len(values)))
        else:
            yield from columns.block_columns(values, walk)
        return
    inner = getattr(values, "_ndarray", None)
    if isinstance(inner, np.ndarray) and inner.ndim == 2 and inner.dtype.kind in "mM":
        for row in range(len(inner)):
            yield _ticks(inner[row], values.dtype, walk)  # type: ignore[attr-defined]
        return
    yield column(values, walk)


def column_arrays(frame: pd.DataFrame) -> list[object]:
    """The array of each column, a view."""
    manager = object.__getattribute__(frame, "_mgr")
    arrays: list[object] = [None] * len(manager.axes[0])
    for block in manager.blocks:
        values, places = block.values, block.mgr_locs.as_array.tolist()
        for row, place in enumerate(places):
            arrays[place] = values[row] if values.ndim == 2 else values
    return arrays


def _named(found: Hashed, values: object) -> Hashed:
    """The column with the name of the dtype that pandas holds it as."""
    return Hashed(found.type, found.rows, found.leaves, str(values.dtype).encode() + found.held)  # type: ignore[attr-defined]


def _ticks(values: Array, dtype: object, walk: Walk) -> Hashed:
    found = columns.plain_column(values, walk)
    zone = getattr(dtype, "tz", None)
    if zone is None:
        return found
    return Hashed(columns.timestamp_name(zone), found.rows, found.leaves, found.held + columns.zone_name(zone).encode())


def _moments(values: pd.arrays.DatetimeArray, walk: Walk) -> Hashed:
    return _ticks(values._ndarray, values.dtype, walk)


def _periods(values: pd.arrays.PeriodArray, walk: Walk) -> Hashed:
    ticks: Array = values._ndarray
    return columns.moment_column(ticks, "ns", str(values.dtype), walk, b"")


def _intervals(values: pd.arrays.IntervalArray, walk: Walk) -> Hashed:
    """Two columns side by side: a leaf of each makes a leaf of intervals."""
    left, right = (column(plain(side), walk) for side in (values._left, values._right))  # type: ignore[attr-defined]
    found = [combine(b"interval", pair) for pair in zip(left.leaves, right.leaves, strict=True)]
    return Hashed(f"interval<{left.type}, {values.closed}>", left.rows, found, left.held)


def _sparse(values: pd.arrays.SparseArray, walk: Walk) -> Hashed:
    return _named(column(np.asarray(values.to_dense()), walk), values)


def _categorical(values: pd.Categorical, walk: Walk) -> Hashed:
    """By the values, row by row; the list of categories and whether they are ordered is how they are held."""
    labels = plain(values.dtype.categories)
    kind, digests = _categories(labels, walk)
    codes = np.asarray(values._ndarray)
    held = b"category ordered" if values.dtype.ordered else b"category"
    return columns.coded_column(codes, digests, kind, walk, held + xxh3_128_digest(b"".join(digests)) + _dtype_name(labels))


def _dtype_name(values: object) -> bytes:
    return str(values.dtype).encode()  # type: ignore[attr-defined]


def _categories(labels: object, walk: Walk) -> tuple[str, list[bytes]]:
    """The type and the digest of each category."""
    if isinstance(labels, pd.arrays.IntervalArray):
        sides = [_categories(plain(side), walk) for side in (labels._left, labels._right)]  # type: ignore[attr-defined]
        pairs = zip(sides[0][1], sides[1][1], strict=True)
        return f"interval<{sides[0][0]}, {labels.closed}>", [combine(b"interval", pair) for pair in pairs]
    inner = getattr(labels, "_ndarray", labels)
    if isinstance(inner, np.ndarray) and not inner.dtype.hasobject:
        kind = column(labels if inner.dtype.kind in "mM" else inner, walk).type
        return kind, columns.item_digests(inner)
    items = list(np.ndarray.tolist(inner)) if isinstance(inner, np.ndarray) else list(labels)  # type: ignore[call-overload]
    texts = columns.text_digests(items)
    if texts is not None:
        return "string", texts
    return "object", walk.digests(items)


def plain(values: object) -> object:
    """What an index or a NumPy array in pandas' clothes holds."""
    if isinstance(values, pd.Index):
        values = values._data  # type: ignore[attr-defined]
    return values._ndarray if type(values) is pd.arrays.NumpyExtensionArray else values


@cache
def _own_arrays() -> tuple[tuple[type, Callable[..., Hashed]], ...]:
    arrays = pd.arrays
    return (
        (pd.Categorical, _categorical), (arrays.DatetimeArray, _moments), (arrays.TimedeltaArray, _moments),
        (arrays.PeriodArray, _periods), (arrays.IntervalArray, _intervals), (arrays.SparseArray, _sparse),
    )  # fmt: skip


def _extension(values: object, walk: Walk) -> Hashed:
    if not module_of(type(values)).startswith("pandas."):
        return unreadable(0, walk)  # another library's extension array: its methods are not ours to call
    chunked = getattr(values, "_pa_array", None)
    if chunked is None:
        chunked = getattr(values, "_data", None) if type(values).__name__.startswith("Arrow") else None
    if chunked is not None:
        from mlops_jupyter.fingerprint.types.arrow import arrow_column

        return arrow_column(chunked.chunks, chunked.type, walk, str(values.dtype).encode())  # type: ignore[attr-defined]
    data, mask = getattr(values, "_data", None), getattr(values, "_mask", None)
    if isinstance(data, np.ndarray) and isinstance(mask, np.ndarray):
        return columns.masked_column(data, mask, walk, str(values.dtype).encode())  # type: ignore[attr-defined]
    inner = getattr(values, "_ndarray", None)
    if isinstance(inner, np.ndarray):  # NumPy-held strings, and NumPy arrays in pandas' clothes
        return _named(column(inner, walk), values)
    return unreadable(0, walk)


# labels


def label_texts(items: list[object]) -> list[str]:
    """Column labels as text, made unique; only builtin labels are turned into text, others by position."""
    if all_text(items):
        texts: dict[str, None] = dict.fromkeys(items)  # type: ignore[arg-type]
        if len(texts) == len(items) and "" not in texts:
            return list(texts)
    texts = {}
    for position, label in enumerate(items):
        text = str(label) if id(type(label)) in _LABELS else ""
        if type(label) is tuple and all(id(type(part)) in _LABELS for part in label):
            text = "/".join(map(str, label))
        texts[text if text and text not in texts else f"{text}#{position}"] = None
    return list(texts)


def all_text(items: list[object]) -> bool:
    """True for labels that all are plain strings."""
    return all(type(item) is str for item in items)


def label_items(labels: pd.Index) -> list[object]:
    """The labels, without leaving anything in the index's cache."""
    if isinstance(labels, pd.RangeIndex):
        return list(labels._range)  # type: ignore[attr-defined]
    data = plain(labels)
    return list(np.ndarray.tolist(data)) if isinstance(data, np.ndarray) else labels.tolist()


def labels_held(labels: pd.Index, items: list[object], walk: Walk) -> bytes:
    """How column labels are held: 0 and "0" have the same text."""
    held = [type(labels).__name__.encode(), _dtype_name(labels)]
    if not all_text(items):
        held.append(walk.digest(items))
    names = list(labels.names)
    return packed(held if names == [None] else [*held, walk.digest(names)])


def index_parts(index: pd.Index, walk: Walk) -> tuple[bytes | None, bytes]:
    """Digest of the row labels, None for 0 … n-1; and how they are held."""
    names = list(index.names)
    held = [type(index).__name__.encode()]
    named = [] if names == [None] else [walk.digest(names)]
    if isinstance(index, pd.RangeIndex):
        bounds: range = index._range  # type: ignore[attr-defined]
        if bounds.start == 0 and (bounds.step == 1 or len(bounds) < 2):
            return None, packed([*held, *named])
        found = column(np.arange(bounds.start, bounds.stop, bounds.step, dtype=np.int64), walk)
    elif isinstance(index, pd.MultiIndex):
        levels = [_level(level, np.asarray(code), walk) for level, code in zip(index._levels, index._codes, strict=True)]  # type: ignore[attr-defined]
        held += [level.held for level in levels]
        return combine(b"index", [*(level.digest for level in levels), *named]), packed([*held, *named])
    else:
        data = plain(index)
        if isinstance(data, np.ndarray) and _counts(data):
            return None, packed([*held, *named])
        found = column(data, walk)
    return combine(b"index", [found.digest, *named]), packed([*held, found.held, *named])


def _counts(values: Array) -> bool:
    """True for 0 … n-1 as int64."""
    rows = len(values)
    if values.dtype != np.int64 or not rows or values[0] != 0 or values[-1] != rows - 1:
        return False
    return bool((values == np.arange(rows)).all())


def _level(level: pd.Index, codes: Array, walk: Walk) -> Hashed:
    """One level of a MultiIndex, row by row; unused entries do not count."""
    kind, digests = _categories(plain(level) if not isinstance(level, pd.RangeIndex) else np.asarray(level), walk)
    return columns.coded_column(codes, digests, kind, walk, _dtype_name(level))
