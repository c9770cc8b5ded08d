"""Polars frames and series by their content, lazy frames by their plan. A lazy frame is never collected.

Plain columns are read through NumPy without a copy, text in pieces of about a million rows, so pyarrow is not needed; only nested
and decimal columns are read through it, where it is installed.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec

import numpy as np
import polars as pl

from mlops_jupyter.entities.data import Column, ColumnProfile, Profile, Schema
from mlops_jupyter.fingerprint.profile import text_profile
from mlops_jupyter.fingerprint.tree import Hashed, Table, chosen, column_found, edges, missing, spans, table_found, unreadable
from mlops_jupyter.fingerprint.types import columns
from mlops_jupyter.fingerprint.types.columns import Array
from mlops_jupyter.fingerprint.types.numpy import reach_array
from mlops_jupyter.fingerprint.types.objects import object_column
from mlops_jupyter.fingerprint.types.statistics import Centers, moment_profile, number_profile
from mlops_jupyter.fingerprint.walk import UNKNOWN, Entry, Found, Trace, Walk, leaf, name_of

_MANY = 1 << 20  # rows of text copied at a time
_NUMBERS = {
    pl.Int8: "i1", pl.Int16: "i2", pl.Int32: "i4", pl.Int64: "i8", pl.UInt8: "u1", pl.UInt16: "u2", pl.UInt32: "u4",
    pl.UInt64: "u8", pl.Float32: "f4", pl.Float64: "f8", pl.Boolean: "?",
}  # fmt: skip
_OPAQUE_PLANS = ("DF [", "python_udf", "OPAQUE_PYTHON", "PYTHON", "map_", "MAP")


def _column(series: pl.Series, walk: Walk) -> Hashed:
    read = _readers().get(series.dtype.base_type(), _nested)
    return read(series, walk, str(series.dtype).encode())


@cache
def _readers() -> dict[object, Callable[[pl.Series, Walk, bytes], Hashed]]:
    return {
        **dict.fromkeys(_NUMBERS, _numbers), pl.String: _texts, pl.Binary: _texts, pl.Datetime: _moments, pl.Duration: _moments,
        pl.Date: _days, pl.Time: _days, pl.Categorical: _categories, pl.Enum: _categories, pl.Null: _nulls, pl.Object: _objects,
    }  # fmt: skip


def _nested(series: pl.Series, walk: Walk, held: bytes) -> Hashed:
    """Lists, structs, decimals."""
    if find_spec("pyarrow") is None:
        return unreadable(len(series), walk)
    from mlops_jupyter.fingerprint.types.arrow import arrow_column

    array = series.to_arrow()
    return arrow_column([array], array.type, walk, held)


def _nulls(series: pl.Series, walk: Walk, held: bytes) -> Hashed:
    return Hashed("null", len(series), [missing(stop - start) for start, stop in spans(len(series))], held)


def _objects(series: pl.Series, walk: Walk, held: bytes) -> Hashed:
    values = np.empty(len(series), object)
    values[:] = series.to_list()
    return object_column(values, walk, held=held)


def _days(series: pl.Series, walk: Walk, held: bytes) -> Hashed:
    found = _numbers(series.to_physical(), walk, held)
    return found._replace(type="date" if series.dtype == pl.Date else "time")


def _values(series: pl.Series) -> Array:
    """Fixed-size values, zeros under nulls; a view if there are none and the series lies in one piece."""
    filled = series.fill_null(False if series.dtype == pl.Boolean else 0) if series.null_count() else series
    return filled.to_numpy()


def _valid(series: pl.Series) -> Array | None:
    return series.is_not_null().to_numpy() if series.null_count() else None


def _numbers(series: pl.Series, walk: Walk, held: bytes) -> Hashed:
    valid = _valid(series)
    values = _values(series)
    return columns.plain_column(values, walk, held) if valid is None else columns.masked_column(values, ~valid, walk, held)


def _moments(series: pl.Series, walk: Walk, held: bytes) -> Hashed:
    dtype = series.dtype
    ticks = series.to_physical()
    values = (ticks.fill_null(columns.NAT) if ticks.null_count() else ticks).to_numpy()
    kind = "duration"
    if isinstance(dtype, pl.Datetime):
        kind = columns.timestamp_name(dtype.time_zone)
    return columns.moment_column(values, dtype.time_unit, kind, walk, held)  # type: ignore[attr-defined]


def _texts(series: pl.Series, walk: Walk, held: bytes) -> Hashed:
    """Strings or bytes."""
    rows, ends = len(series), edges(len(series))
    size = int(series.estimated_size())
    found: list[bytes] = []
    piece, first = None, 0
    for start, stop, take in chosen(rows, size, walk):
        if not take:
            found.append(UNKNOWN)
            continue
        if piece is None or stop > first + len(piece[0]) - 1:
            first = start
            last = max(end for end in ends if end <= max(start + _MANY, stop))
            piece = _flat(series.slice(start, last - start))
        offsets, valid, data = piece
        at = offsets[start - first : stop - first + 1]
        part = None if valid is None else valid[start - first : stop - first]
        found.append(columns.text_leaf(np.diff(at), part, data[int(at[0]) : int(at[-1])]))
    return Hashed("string" if series.dtype == pl.String else "binary", rows, found, held)


def _flat(series: pl.Series) -> tuple[Array, Array | None, memoryview]:
    """Offsets, validity and bytes of a piece of text."""
    sizes = series.str.len_bytes() if series.dtype == pl.String else series.bin.size()
    lengths = sizes.fill_null(0).to_numpy()
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    if series.dtype == pl.String:
        joined = series.str.join("").cast(pl.Binary).to_list()
    else:
        joined = [b"".join(item for item in series.to_list() if item is not None)]
    return offsets, _valid(series), memoryview(joined[0] if joined and joined[0] is not None else b"")


def _categories(series: pl.Series, walk: Walk, held: bytes) -> Hashed:
    """By the values, row by row: the numbers behind them depend on what else the process has seen."""
    codes = series.to_physical()
    numbers = codes.cast(pl.Int64).fill_null(-1).to_numpy()
    used = series.drop_nulls().unique()
    places = used.to_physical().to_list()
    digests = columns.text_digests(used.cast(pl.String).to_list()) or []
    table = [bytes(16)] * (max(places, default=-1) + 1)
    for place, digest in zip(places, digests, strict=True):
        table[place] = digest
    return columns.coded_column(numbers, table, "string", walk, held)


def _frame(value: object, walk: Walk) -> Found:
    frame: pl.DataFrame = value  # type: ignore[assignment]
    before = walk.covered
    found: list[Hashed] = []
    partial: list[int] = []
    with np.errstate(all="ignore"):
        for place, series in enumerate(pl.DataFrame.get_columns(frame)):
            missed = walk.missed
            found.append(_column(series, walk))
            if walk.missed > missed:
                partial.append(place)
    table = Table(frame.columns, found, frame.height, None, [name_of(type(value)).encode()], frozenset(partial))
    return table_found(table, walk.covered - before)


def _series(value: object, walk: Walk) -> Found:
    series: pl.Series = value  # type: ignore[assignment]
    before = walk.covered
    with np.errstate(all="ignore"):
        found = _column(series, walk)
    return column_found("series", found, walk.covered - before, held=[name_of(type(value)).encode(), walk.digest(series.name)])


def _lazy(value: object, walk: Walk) -> Found:
    """The plan as text. What it does not show, data in memory and functions of the user's, is said to be missed."""
    plan = pl.LazyFrame.explain(value, optimized=False)  # type: ignore[arg-type]
    if any(word in plan for word in _OPAQUE_PLANS):
        walk.miss()
    return Found("lazy", leaf(b"polars plan", plan.encode()))


def _expression(value: object, walk: Walk) -> Found:
    text = str(value)
    if any(word in text for word in _OPAQUE_PLANS):
        walk.miss()
    return Found("lazy", leaf(b"polars expression", text.encode()))


def _dtype(value: object, walk: Walk) -> Found:
    return Found("scalar", leaf(b"polars dtype", repr(value).encode()))


def _reach_frame(value: object, trace: Trace) -> None:
    trace.hold(value)
    for series in pl.DataFrame.get_columns(value):  # type: ignore[arg-type]
        _reach_memory(series, trace)


def _reach_series(value: object, trace: Trace) -> None:
    trace.hold(value)
    _reach_memory(value, trace)  # type: ignore[arg-type]


def _reach_memory(series: pl.Series, trace: Trace) -> None:
    """Only numbers can lie in memory that NumPy also writes to."""
    if series.dtype.base_type() not in _NUMBERS or series.dtype == pl.Boolean or series.null_count():
        return
    for chunk in series.get_chunks():
        known = set(trace.ids)
        reach_array(chunk.to_numpy(allow_copy=False), trace)
        trace.ids.intersection_update(known)  # a view made for us: its id means nothing


def entries() -> list[Entry]:
    """The table's rows for Polars. Subclasses are left out: their methods are the user's."""
    return [
        Entry(pl.DataFrame, _frame, _reach_frame),
        Entry(pl.Series, _series, _reach_series),
        Entry(pl.LazyFrame, _lazy),
        Entry(pl.Expr, _expression),
        Entry(pl.DataType, _dtype, None, subclasses=True),
        Entry(pl.Schema, _dtype),
    ]


def _shown(dtype: pl.DataType) -> str:
    """The type with its unit, zone and precision, by the names that all libraries share."""
    base = dtype.base_type()
    name = np.dtype(_NUMBERS[base]).name if base in _NUMBERS else str(base).lower()
    if isinstance(dtype, pl.Datetime):
        name = f"timestamp[{dtype.time_unit}{'' if dtype.time_zone is None else f', {dtype.time_zone}'}]"
    elif isinstance(dtype, pl.Duration):
        name = f"duration[{dtype.time_unit}]"
    elif isinstance(dtype, pl.Decimal):
        name = f"decimal({dtype.precision}, {dtype.scale})"
    elif isinstance(dtype, pl.List | pl.Array):
        name = f"list<{_shown(dtype.inner)}>"  # type: ignore[arg-type]
    elif isinstance(dtype, pl.Struct):
        name = f"struct<{', '.join(f'{field.name}: {_shown(field.dtype)}' for field in dtype.fields)}>"  # type: ignore[arg-type]
    return "category" if base in {pl.Categorical, pl.Enum} else name


def schema(value: object) -> Schema | None:
    """Columns of a frame, or the one of a series. A lazy frame's is not asked for: to know it, files would be opened."""
    if isinstance(value, pl.DataFrame):
        return Schema(tuple(Column(name, _shown(dtype)) for name, dtype in value.schema.items()))
    if isinstance(value, pl.Series):
        return Schema((Column(value.name or "0", _shown(value.dtype)),))
    return None


def profile(value: object, centers: Centers) -> Profile | None:
    """Statistics of each column, the same as pandas' for the same table."""
    if isinstance(value, pl.DataFrame):
        return Profile(value.height, tuple(_profile(series.name, series, centers) for series in value.get_columns()))
    if isinstance(value, pl.Series):
        return Profile(len(value), (_profile(value.name or "0", value, centers),))
    return None


def _profile(name: str, series: pl.Series, centers: Centers) -> ColumnProfile:
    base, rows, nulls = series.dtype.base_type(), len(series), series.null_count()
    valid = _valid(series)
    null = None if valid is None else ~valid
    if base in {pl.String, pl.Categorical, pl.Enum, pl.Null}:
        counts = series.cast(pl.String).drop_nulls().value_counts(name="count")
        return text_profile(name, zip(*(column.to_list() for column in counts.get_columns()), strict=True), rows, nulls)
    if base in {pl.Datetime, pl.Date}:
        unit = series.dtype.time_unit if base == pl.Datetime else "D"  # type: ignore[attr-defined]
        return moment_profile(name, _values(series.to_physical()).astype(np.int64), unit, centers, null)
    if base not in {*_NUMBERS, pl.Duration, pl.Time, pl.Decimal}:
        return ColumnProfile(name, rows, nulls=nulls)
    return number_profile(name, _plain_numbers(series), centers, null)


def _plain_numbers(series: pl.Series) -> Array:
    """Numbers as such, lengths of time and times of day in seconds."""
    base = series.dtype.base_type()
    if base == pl.Decimal:
        return np.array([np.nan if value is None else float(value) for value in series.to_list()], np.float64)
    if base in _NUMBERS:
        return _values(series)
    unit = series.dtype.time_unit if base == pl.Duration else "ns"  # type: ignore[attr-defined]
    return _values(series.to_physical()) / columns.PER_SECOND[unit]


def head(value: object, rows: int) -> object:
    """The first rows, without a copy."""
    if isinstance(value, pl.DataFrame | pl.Series):
        return value.head(rows)
    return None


def saved(value: object) -> tuple[bytes, str] | None:
    """A frame or a series as Parquet."""
    buffer = io.BytesIO()
    if type(value) is pl.Series:
        value = value.to_frame()
    elif type(value) is not pl.DataFrame:
        return None
    value.write_parquet(buffer)
    return buffer.getvalue(), "parquet"


def restored(data: bytes, how: str, name: str) -> object:
    """The frame or series of those bytes."""
    frame = pl.read_parquet(io.BytesIO(data))
    return frame.to_series() if name == "Series" else frame
