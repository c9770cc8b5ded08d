"""pandas frames, series, indexes, scalars. Columns are read from the blocks, without copying and without touching a cache.

Each has two digests. The logical one is of the content, the same in pandas 2 and 3, NumPy and Arrow, and in Polars: column labels
as text, order, rows, row labels unless they are 0 … n-1. The exact one adds how pandas holds it: dtypes, types of labels, names,
`attrs`.
"""

from __future__ import annotations

import io

import numpy as np
import pandas as pd

from mlops_jupyter.fingerprint.tree import Hashed, Table, column_found, table_found
from mlops_jupyter.fingerprint.types.instances import attribute_digests
from mlops_jupyter.fingerprint.types.numpy import reach_array
from mlops_jupyter.fingerprint.types.pandas_columns import (
    block_columns,
    column,
    index_parts,
    label_items,
    label_texts,
    labels_held,
    plain,
)
from mlops_jupyter.fingerprint.types.pandas_profile import profile, schema
from mlops_jupyter.fingerprint.walk import Entry, Found, Trace, Walk, combine, leaf, name_of

__all__ = ["entries", "head", "profile", "restored", "saved", "schema"]
_PANDAS_OWN = frozenset({"_mgr", "_item_cache", "_attrs", "_flags", "_name", "_is_copy", "_cacher", "_typ"})


def _frame(value: object, walk: Walk) -> Found:
    manager = object.__getattribute__(value, "_mgr")
    labels, index = manager.axes
    before = walk.covered
    items = label_items(labels)
    names = label_texts(items)
    found: list[Hashed | None] = [None] * len(names)
    partial: list[int] = []
    with np.errstate(all="ignore"):
        for block in manager.blocks:
            places = block.mgr_locs.as_array.tolist()
            missed = walk.missed
            for place, each in zip(places, block_columns(block.values, walk), strict=True):
                found[place] = each
                if walk.missed > missed:
                    partial.append(place)
                    missed = walk.missed
        rows, how = index_parts(index, walk)
    columns = [each for each in found if each is not None]
    held = [name_of(type(value)).encode(), labels_held(labels, items, walk), how, *_attrs(value, walk)]
    return table_found(Table(names, columns, len(index), rows, held, frozenset(partial)), walk.covered - before)


def _notes_of(value: object) -> dict[object, object]:
    """`attrs`: what users note on a frame; {} for most."""
    notes = object.__getattribute__(value, "__dict__").get("_attrs")
    return notes if type(notes) is dict else {}


def _attrs(value: object, walk: Walk) -> list[bytes]:
    """`attrs`, and what a subclass of the user's keeps on its instances."""
    notes = _notes_of(value)
    found = [b"attrs", walk.digest(notes)] if notes else []
    if type(value) is not pd.DataFrame and type(value) is not pd.Series:
        found += attribute_digests(value, walk, skip=_PANDAS_OWN)
    return found


def _series(value: object, walk: Walk) -> Found:
    manager = object.__getattribute__(value, "_mgr")
    before = walk.covered
    with np.errstate(all="ignore"):
        values = column(plain(manager.blocks[0].values), walk)
        index, how = index_parts(manager.axes[0], walk)
    name = walk.digest(object.__getattribute__(value, "_name"))
    held = [name_of(type(value)).encode(), name, how, *_attrs(value, walk)]
    return column_found("series", values, walk.covered - before, index, held)


def _index(value: object, walk: Walk) -> Found:
    index: pd.Index = value  # type: ignore[assignment]
    before = walk.covered
    with np.errstate(all="ignore"):
        rows, how = index_parts(index, walk)
    content = rows or leaf(b"counting", b"%d" % len(index))
    return Found("index", combine(b"index", [content, leaf(b"held", how)]), (len(index),), walk.covered - before)


def _extension_array(value: object, walk: Walk) -> Found:
    with np.errstate(all="ignore"):
        found = column(plain(value), walk)
    return column_found("array", found, 0, held=[name_of(type(value)).encode()])


def _timestamp(value: object, walk: Walk) -> Found:
    moment: pd.Timestamp = value  # type: ignore[assignment]
    return Found("scalar", combine(b"Timestamp", walk.digests((moment._value, moment.unit, str(moment.tz or "")))))  # type: ignore[attr-defined]


def _timedelta(value: object, walk: Walk) -> Found:
    return Found("scalar", combine(b"Timedelta", walk.digests((value._value, value.unit))))  # type: ignore[attr-defined]


def _period(value: object, walk: Walk) -> Found:
    return Found("scalar", combine(b"Period", walk.digests((value.ordinal, value.freqstr))))  # type: ignore[attr-defined]


def _interval(value: object, walk: Walk) -> Found:
    return Found("scalar", combine(b"Interval", walk.digests((value.left, value.right, value.closed))))  # type: ignore[attr-defined]


def _missing(value: object, walk: Walk) -> Found:
    return Found("scalar", leaf(b"missing", type(value).__name__.encode()))


def _reach_blocks(value: object, trace: Trace) -> None:
    trace.hold(value)
    trace.follow(_notes_of(value).values())
    manager = object.__getattribute__(value, "_mgr")
    for block in manager.blocks:
        _reach_values(block.values, trace)
    _reach_index(manager.axes[-1], trace)


def _reach_index(value: object, trace: Trace) -> None:
    """An index cannot be changed through pandas, but the array that it was made from without a copy can."""
    if not isinstance(value, pd.RangeIndex | pd.MultiIndex):
        _reach_values(plain(value), trace)


def _reach_values(values: object, trace: Trace) -> None:
    for array in (values, getattr(values, "_ndarray", None), getattr(values, "_data", None), getattr(values, "_codes", None)):
        if isinstance(array, np.ndarray):
            start_ids = set(trace.ids)
            reach_array(array, trace)
            trace.ids.intersection_update(start_ids | (trace.ids - {id(array)}))  # a block's view is made anew each time
    chunked = getattr(values, "_pa_array", None)
    if chunked is not None:
        trace.follow((chunked,))


def _reach_array(value: object, trace: Trace) -> None:
    trace.hold(value)
    _reach_values(value, trace)


def entries() -> list[Entry]:
    """The table's rows for pandas."""
    arrays = [getattr(pd.arrays, name) for name in dir(pd.arrays) if name.endswith("Array")]
    return [
        Entry(pd.DataFrame, _frame, _reach_blocks, subclasses=True),
        Entry(pd.Series, _series, _reach_blocks, subclasses=True),
        Entry(pd.Index, _index, _reach_index, subclasses=True),
        Entry(pd.Categorical, _extension_array, _reach_array),
        *(Entry(cls, _extension_array, _reach_array) for cls in arrays),
        Entry(pd.Timestamp, _timestamp),
        Entry(pd.Timedelta, _timedelta),
        Entry(pd.Period, _period),
        Entry(pd.Interval, _interval),
        Entry(type(pd.NA), _missing),
        Entry(type(pd.NaT), _missing),
    ]


def head(value: object, rows: int) -> object:
    """The first rows, a view."""
    if isinstance(value, pd.DataFrame | pd.Series):
        return value.iloc[:rows]
    return None


def saved(value: object) -> tuple[bytes, str] | None:
    """A frame or a series as Parquet."""
    buffer = io.BytesIO()
    if type(value) is pd.Series:
        value = value.to_frame()
    elif type(value) is not pd.DataFrame:
        return None
    value.to_parquet(buffer)
    return buffer.getvalue(), "parquet"


def restored(data: bytes, how: str, name: str) -> object:
    """The frame or series of those bytes."""
    frame = pd.read_parquet(io.BytesIO(data))
    return frame.iloc[:, 0] if name == "Series" else frame
