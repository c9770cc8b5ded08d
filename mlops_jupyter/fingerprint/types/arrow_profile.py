"""Profiles of Arrow columns, and the names of Arrow types as they are shown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_jupyter.entities.data import ColumnProfile
from mlops_jupyter.fingerprint.profile import text_profile
from mlops_jupyter.fingerprint.types.arrow import PLAIN, UNITS, is_list, is_text, type_name, values_of
from mlops_jupyter.fingerprint.types.columns import Array, zone_name
from mlops_jupyter.fingerprint.types.statistics import Centers, moment_profile, number_profile


def shown_type(kind: pa.DataType) -> str:
    """The type with its unit, zone and precision: `timestamp[us, UTC]`, `decimal(10, 2)`, `list<int64>`."""
    types = pa.types
    if types.is_timestamp(kind):
        return f"timestamp[{kind.unit}{'' if kind.tz is None else f', {zone_name(str(kind.tz))}'}]"
    if types.is_duration(kind):
        return f"duration[{kind.unit}]"
    if types.is_decimal(kind):
        return f"decimal({kind.precision}, {kind.scale})"
    if types.is_dictionary(kind):
        return "category"
    if is_list(kind):
        return f"list<{shown_type(kind.value_type)}>"
    return type_name(kind)


def arrow_profile(name: str, chunks: Sequence[pa.Array], kind: pa.DataType, centers: Centers) -> ColumnProfile:
    """Statistics of one column."""
    column = pa.chunked_array(chunks, kind)
    types = pa.types
    if is_text(kind) or types.is_dictionary(kind) or types.is_null(kind):
        return text_profile(name, _counts(column), len(column), column.null_count)
    if types.is_timestamp(kind) or types.is_date(kind):
        unit = "ms" if types.is_date64(kind) else "D" if types.is_date32(kind) else kind.unit
        ticks = _numbers(column, "<i4" if types.is_date32(kind) else "<i8")
        return moment_profile(name, ticks, unit, centers, _null(column))
    if types.is_duration(kind) or types.is_time(kind):
        ticks = _numbers(column, "<i4" if types.is_time32(kind) else "<i8")
        return number_profile(name, ticks / (1_000_000_000 // UNITS[kind.unit]), centers, _null(column))
    if kind in PLAIN:
        return number_profile(name, _numbers(column, ""), centers, _null(column))
    if types.is_boolean(kind) or types.is_decimal(kind):
        values = [np.nan if value is None else float(value) for value in column.to_pylist()]
        return number_profile(name, np.array(values, np.float64), centers)
    return ColumnProfile(name, len(column), nulls=column.null_count)


def _counts(column: pa.ChunkedArray) -> list[tuple[str, int]]:
    """How often each text or category occurs."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    counts = pc.value_counts(column)
    pairs = zip(counts.field("values").to_pylist(), counts.field("counts").to_pylist(), strict=True)
    return [(str(text), count) for text, count in pairs if text is not None]


def _null(column: pa.ChunkedArray) -> Array | None:
    return np.asarray(pc.is_null(column)) if column.null_count else None


def _numbers(column: pa.ChunkedArray, dtype: str) -> Array:
    """The fixed-size values of all chunks; what lies under nulls is left to the mask."""
    parts = [values_of(chunk, dtype) for chunk in column.chunks]
    if not parts:
        return np.zeros(0, dtype or np.float64)
    whole = parts[0] if len(parts) == 1 else np.concatenate(parts)
    return whole.astype(np.int64) if dtype else whole
