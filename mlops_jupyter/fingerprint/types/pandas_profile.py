"""Schema and profile of pandas frames and series: the same as those of the same table in Arrow or Polars."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlops_jupyter.entities.data import Column, ColumnProfile, Profile, Schema
from mlops_jupyter.fingerprint.profile import text_profile
from mlops_jupyter.fingerprint.types.columns import NAT, zone_name
from mlops_jupyter.fingerprint.types.pandas_columns import column_arrays, label_items, label_texts, plain
from mlops_jupyter.fingerprint.types.statistics import Centers, moment_profile, number_profile

_LOOKED_AT = 65_536  # rows of objects


def _type_of(values: object) -> str:
    """The type of a column; objects that are all text, as pandas 2 holds it, are a string column."""
    if isinstance(values, np.ndarray) and values.dtype.hasobject and len(values):
        return "string" if pd.api.types.infer_dtype(values[:_LOOKED_AT], skipna=True) == "string" else "object"
    return _type_name(values.dtype)  # type: ignore[attr-defined]


def _type_name(dtype: object) -> str:
    if isinstance(dtype, pd.CategoricalDtype):
        return "category"
    if isinstance(dtype, pd.DatetimeTZDtype):
        return f"timestamp[{dtype.unit}, {zone_name(dtype.tz)}]"
    if isinstance(dtype, pd.StringDtype):
        return "string"
    name = str(dtype)
    if name.endswith("[pyarrow]"):
        arrow = getattr(dtype, "pyarrow_dtype", None)
        if arrow is not None:
            from mlops_jupyter.fingerprint.types.arrow_profile import shown_type

            return shown_type(arrow)
    for numpy, ours in (("datetime64[", "timestamp["), ("timedelta64[", "duration[")):
        if name.startswith(numpy):
            return ours + name[len(numpy) :]
    plain_name = {"str": "string", "boolean": "bool"}
    return plain_name.get(name, name.lower() if name[:1] in "IUF" else name)


def _named(value: object) -> list[tuple[str, object]] | None:
    """(label, array) of each column."""
    if isinstance(value, pd.Series):
        return [(value.name if type(value.name) is str else "0", value._mgr.blocks[0].values)]
    if isinstance(value, pd.DataFrame):
        return list(zip(label_texts(label_items(value._mgr.axes[0])), column_arrays(value), strict=True))
    return None


def schema(value: object) -> Schema | None:
    """Columns of a frame, or the one of a series."""
    named = _named(value)
    if named is None:
        return None
    columns = []
    for name, array in named:
        dtype = str(array.dtype)  # type: ignore[attr-defined]
        columns.append(Column(name, _type_of(array), not dtype.startswith(("int", "uint", "bool"))))
    return Schema(tuple(columns))


def profile(value: object, centers: Centers) -> Profile | None:
    """Statistics of each column: histograms of numbers and moments, counts of text and categories, nulls of everything."""
    named = _named(value)
    if named is None:
        return None
    return Profile(len(value), tuple(_column(name, plain(array), centers) for name, array in named))  # type: ignore[arg-type]


def _column(name: str, values: object, centers: Centers) -> ColumnProfile:
    chunked = getattr(values, "_pa_array", None)
    if chunked is not None:
        from mlops_jupyter.fingerprint.types.arrow_profile import arrow_profile

        return arrow_profile(name, chunked.chunks, chunked.type, centers)
    series = pd.Series(values, copy=False)
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        counts = series.value_counts(sort=False)
        pairs = [(str(label), int(count)) for label, count in zip(counts.index.tolist(), counts.tolist(), strict=True)]
        return text_profile(name, pairs, len(series), int(series.isna().sum()))
    inner = getattr(values, "_ndarray", values)
    if isinstance(inner, np.ndarray) and inner.dtype.kind == "M" and not isinstance(dtype, pd.PeriodDtype):
        return moment_profile(name, inner.view(np.int64), np.datetime_data(inner.dtype)[0], centers)
    if isinstance(inner, np.ndarray) and inner.dtype.kind == "m":
        return number_profile(name, inner / np.timedelta64(1, "s"), centers)
    if pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_complex_dtype(dtype):
        return number_profile(name, series.to_numpy(dtype=np.float64, na_value=np.nan), centers)
    return _objects(name, series, centers)


def _objects(name: str, series: pd.Series, centers: Centers) -> ColumnProfile:
    """Columns of objects that hold text, bools, numbers or dates; of others only the nulls are counted."""
    held = pd.api.types.infer_dtype(series, skipna=True)
    null = series.isna().to_numpy()
    if held in {"string", "empty"}:
        counts = series.value_counts(sort=False)
        pairs = zip(map(str, counts.index.tolist()), map(int, counts.tolist()), strict=True)
        return text_profile(name, pairs, len(series), int(null.sum()))
    if held in {"boolean", "integer", "floating", "mixed-integer-float", "decimal"}:
        return number_profile(name, np.where(null, np.nan, series.to_numpy(object)).astype(np.float64), centers)
    if held in {"date", "datetime", "datetime64"}:
        ticks = pd.to_datetime(series, utc=True).dt.tz_localize(None).to_numpy("datetime64[us]").view(np.int64)
        return moment_profile(name, np.where(null, NAT, ticks), "us", centers)
    return ColumnProfile(name, len(series), nulls=int(null.sum()))
