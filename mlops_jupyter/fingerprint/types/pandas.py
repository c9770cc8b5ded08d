"""pandas frames, series, indexes: each column by its logical type, read from the blocks without copying.

The digest is of the logical column: strings are the same whether pandas holds them as objects, in NumPy or in Arrow, a
nullable column without nulls is the same as the plain one, and nothing under a null counts. Arrow buffers are not canonical
(offsets, bytes under nulls), so strings are hashed as validity, lengths and text. Column order, labels and index count.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd
from xxhash import xxh3_128_digest

from mlops_jupyter.entities.data import Column, ColumnProfile, Profile, Schema
from mlops_jupyter.fingerprint.profile import TOP
from mlops_jupyter.fingerprint.tree import LEAF_ROWS, column, leaves_of, sampled, spans
from mlops_jupyter.fingerprint.types.numpy import Array, logical_type, numeric_profile, plain_leaves, reach_array
from mlops_jupyter.fingerprint.walk import UNKNOWN, Entry, Found, Trace, Walk, combine, leaf, module_of, mro_of

_PREFIX = "fp1:xxh3-128:"
_TEXT_KINDS = frozenset({id(str), id(type(None)), id(float), id(type(pd.NA))})


def _text_leaf(texts: list[object]) -> bytes | None:
    """Digest of strings with nulls: validity, lengths in bytes, text. None if something else is among them."""
    kinds = set(map(id, map(type, texts)))
    if not kinds <= _TEXT_KINDS:
        return None
    present = [text for text in texts if type(text) is str]
    if id(float) in kinds and any(type(text) is float and text == text for text in texts):  # noqa: PLR0124 (a number, not NaN)
        return None
    validity = b""
    if len(present) < len(texts):
        validity = np.packbits(np.fromiter((type(text) is str for text in texts), bool, len(texts))).tobytes()
    joined = "".join(present)
    if joined.isascii():
        lengths, data = np.fromiter(map(len, present), np.int64, len(present)), joined.encode()
    else:
        encoded = [text.encode("utf-8", "surrogatepass") for text in present]
        lengths, data = np.fromiter(map(len, encoded), np.int64, len(encoded)), b"".join(encoded)
    return _text_digest(validity, lengths, data)


def _text_digest(validity: bytes, lengths: Array, data: bytes | memoryview) -> bytes:
    parts = [xxh3_128_digest(validity), xxh3_128_digest(memoryview(np.ascontiguousarray(lengths))), xxh3_128_digest(data)]  # type: ignore[arg-type]
    return combine(b"text", parts)


def _object_column(values: Array, walk: Walk) -> bytes:
    """A column of objects: as strings if all are strings or null, else value by value."""
    texts: list[bytes] = []
    for start, stop in spans(len(values)):
        items = np.ndarray.tolist(values[start:stop])
        found = _text_leaf(items) if walk.remaining is None or walk.remaining > len(items) * 64 else None
        if found is None:
            everything = np.ndarray.tolist(values)
            return column(b"object", len(values), [combine(b"objects", walk.digests(everything))])
        walk.spend(len(items) * 64)
        texts.append(found)
    return column(b"string", len(values), texts)


def _arrow_text_leaf(chunk: object) -> bytes:
    """The same digest as `_text_leaf` from one Arrow string array, whatever its offsets."""
    rows, nulls = len(chunk), chunk.null_count  # type: ignore[arg-type, attr-defined]
    validity = b""
    if nulls:
        validity = np.packbits(chunk.is_valid().to_numpy(zero_copy_only=False)).tobytes()  # type: ignore[attr-defined]
        chunk = chunk.drop_null()  # type: ignore[attr-defined]
        rows -= nulls
    _, offsets, data = chunk.buffers()  # type: ignore[attr-defined]
    if rows == 0 or offsets is None:
        return _text_digest(validity, np.zeros(0, np.int64), b"")
    width = np.int64 if str(chunk.type) == "large_string" else np.int32  # type: ignore[attr-defined]
    at = np.frombuffer(offsets, dtype=width)[chunk.offset : chunk.offset + rows + 1]  # type: ignore[attr-defined]
    text = memoryview(data)[int(at[0]) : int(at[-1])] if data is not None else memoryview(b"")
    return _text_digest(validity, np.diff(at).astype(np.int64, copy=False), text)


def _arrow_column(chunked: object, walk: Walk) -> bytes | None:
    """A column held by Arrow; None where only NumPy or Python can read it."""
    kind = str(chunked.type)  # type: ignore[attr-defined]
    if kind == "string_view":
        chunked, kind = chunked.cast("large_string"), "large_string"  # type: ignore[attr-defined]
    if kind not in {"string", "large_string"}:
        return None
    leaves: list[bytes] = []
    rows = len(chunked)  # type: ignore[arg-type]
    for start, stop in spans(rows):
        piece = chunked.slice(start, stop - start).combine_chunks()  # type: ignore[attr-defined]
        arrays = piece.chunks if hasattr(piece, "chunks") else [piece]
        leaves += [sampled(lambda chunk=array: _arrow_text_leaf(chunk), array.nbytes, walk) for array in arrays]  # type: ignore[misc]
    return column(b"string", rows, leaves or [_text_digest(b"", np.zeros(0, np.int64), b"")])


def _masked_column(values: Array, mask: Array, walk: Walk) -> bytes:
    """A nullable column: without nulls the plain one; else zeros under the nulls, and the validity."""
    if not mask.any():
        return _plain_column(values, walk)
    filled = np.where(mask, np.zeros((), values.dtype), values)
    return combine(b"nullable", [_plain_column(filled, walk), _plain_column(mask, walk)])


def _plain_column(values: Array, walk: Walk) -> bytes:
    if values.dtype.hasobject:
        return _object_column(values, walk)
    if values.ndim == 1 and values.flags.c_contiguous and values.dtype.isnative and values.dtype.kind in "iufb" and values.size:
        leaves = leaves_of(memoryview(values.view(np.uint8)), LEAF_ROWS * values.dtype.itemsize, walk)  # type: ignore[arg-type]
        return column(values.dtype.str.encode(), len(values), leaves)
    return column(logical_type(values.dtype), len(values), plain_leaves(values, walk))


def column_digest(values: object, walk: Walk) -> bytes:
    """Digest of one column's array: NumPy's or one of pandas' own."""
    if isinstance(values, np.ndarray):
        return _plain_column(values.view(np.ndarray), walk)
    for cls, read in _own_arrays():
        if isinstance(values, cls):
            return read(values, walk)
    return _extension(values, walk)


def _categorical(values: pd.Categorical, walk: Walk) -> bytes:
    codes = np.asarray(values.codes).astype(np.int32)
    labels = column_digest(values.categories.array, walk)
    return combine(b"category ordered" if values.ordered else b"category", [labels, _plain_column(codes, walk)])


def _ticks(values: pd.arrays.DatetimeArray, walk: Walk) -> bytes:
    zone = str(getattr(values, "tz", None) or "")
    tag = f"{values.dtype.kind}8[{values.unit}] {zone}".encode()
    return combine(tag, [_plain_column(np.asarray(values.asi8), walk)])  # type: ignore[attr-defined]


def _periods(values: pd.arrays.PeriodArray, walk: Walk) -> bytes:
    return combine(f"period {values.freqstr}".encode(), [_plain_column(np.asarray(values.asi8), walk)])  # type: ignore[attr-defined]


def _intervals(values: pd.arrays.IntervalArray, walk: Walk) -> bytes:
    sides = (column_digest(values.left.array, walk), column_digest(values.right.array, walk))
    return combine(f"interval {values.closed}".encode(), sides)


def _sparse(values: pd.arrays.SparseArray, walk: Walk) -> bytes:
    return combine(b"sparse", [_plain_column(np.asarray(values.to_dense()), walk)])


@cache
def _own_arrays() -> tuple[tuple[type, Callable[..., bytes]], ...]:
    arrays = pd.arrays
    return (
        (pd.Categorical, _categorical), (arrays.DatetimeArray, _ticks), (arrays.TimedeltaArray, _ticks),
        (arrays.PeriodArray, _periods), (arrays.IntervalArray, _intervals), (arrays.SparseArray, _sparse),
    )  # fmt: skip


def _extension(values: object, walk: Walk) -> bytes:
    if not any(module_of(base).startswith("pandas.") for base in mro_of(type(values))[:1]):
        walk.miss()  # another library's extension array: its methods are not ours to call
        return UNKNOWN
    if hasattr(values, "_mask") and hasattr(values, "_data"):
        return _masked_column(values._data, values._mask, walk)
    chunked = getattr(values, "_pa_array", None)
    if chunked is not None:
        text = _arrow_column(chunked, walk)
        if text is not None:
            return text
        return _arrow_other(chunked, walk)
    inner = getattr(values, "_ndarray", None)
    if isinstance(inner, np.ndarray):  # NumPy-held strings, and NumPy arrays in pandas' clothes
        return _plain_column(inner, walk)
    walk.miss()
    return UNKNOWN


def _arrow_other(chunked: object, walk: Walk) -> bytes:
    kind = str(chunked.type)  # type: ignore[attr-defined]
    if kind.startswith(("int", "uint", "float", "double", "halffloat")):
        mask = chunked.is_null().to_numpy()  # type: ignore[attr-defined]
        values = chunked.fill_null(0).to_numpy()  # type: ignore[attr-defined]
        return _masked_column(values, mask, walk)
    return column(f"arrow {kind}".encode(), len(chunked), [combine(b"objects", walk.digests(chunked.to_pylist()))])  # type: ignore[arg-type, attr-defined]


def _labels(labels: pd.Index) -> list[str]:
    """Column labels as text, made unique; only builtin labels are turned into text, others by position."""
    texts: dict[str, None] = {}
    for position, label in enumerate(labels.tolist()):
        plain = label if type(label) is str else str(label) if type(label) in {int, float, bool} else ""
        if type(label) is tuple and all(type(part) in {str, int, float, bool} for part in label):
            plain = "/".join(map(str, label))
        texts[plain if plain and plain not in texts else f"{plain}#{position}"] = None
    return list(texts)


def _index_digest(index: pd.Index, walk: Walk) -> bytes:
    if isinstance(index, pd.RangeIndex):
        content = combine(b"range", walk.digests((index.start, index.stop, index.step)))
    elif isinstance(index, pd.MultiIndex):
        levels = [column_digest(level.array, walk) for level in index.levels]
        codes = [_plain_column(np.asarray(code).astype(np.int32), walk) for code in index.codes]
        content = combine(b"levels", [*levels, *codes])
    else:
        content = column_digest(_native(index.array), walk)
    return combine(b"index", [content, *walk.digests(list(index.names))])


def column_arrays(frame: pd.DataFrame) -> list[object]:
    """The array of each column, a view where it can be: from the blocks, else by the public way."""
    manager = object.__getattribute__(frame, "_mgr")
    arrays: list[object] = [None] * frame.shape[1]
    for block in manager.blocks:
        values, places = block.values, block.mgr_locs.as_array
        if isinstance(values, np.ndarray) and values.ndim == 2:
            for row, place in enumerate(places.tolist()):
                arrays[place] = values[row]
        else:
            flat = values.ndim == 1
            for row, place in enumerate(places.tolist()):
                arrays[place] = values if flat else values[row]
    return arrays


def _frame(value: object, walk: Walk) -> Found:
    frame: pd.DataFrame = value  # type: ignore[assignment]
    index, labels = _axes(frame)
    before = walk.covered
    names = _labels(labels)
    digests = [column_digest(_native(values), walk) for values in column_arrays(frame)]
    parts = [_index_digest(labels, walk), _index_digest(index, walk), *digests, *_attrs(frame, walk)]
    columns = {name: _PREFIX + digest.hex() for name, digest in zip(names, digests, strict=True)}
    return Found("frame", combine(b"frame", parts), (len(index), len(names)), walk.covered - before, columns)


def _notes_of(value: object) -> dict[object, object]:
    """`attrs`: what users note on a frame; {} for most."""
    notes = object.__getattribute__(value, "__dict__").get("_attrs")
    return notes if type(notes) is dict else {}


def _attrs(value: object, walk: Walk) -> list[bytes]:
    notes = _notes_of(value)
    return [leaf(b"name", b"attrs"), walk.digest(notes)] if notes else []


def _axes(frame: pd.DataFrame) -> tuple[pd.Index, pd.Index]:
    labels, index = object.__getattribute__(frame, "_mgr").axes
    return index, labels


def _native(values: object) -> object:
    return values._ndarray if isinstance(values, pd.arrays.NumpyExtensionArray) else values


def _series(value: object, walk: Walk) -> Found:
    series: pd.Series = value  # type: ignore[assignment]
    manager = object.__getattribute__(series, "_mgr")
    before = walk.covered
    values = column_digest(_native(manager.blocks[0].values), walk)
    parts = [values, _index_digest(manager.axes[0], walk), walk.digest(object.__getattribute__(series, "_name"))]
    parts += _attrs(series, walk)
    return Found("series", combine(b"series", parts), (len(manager.axes[0]),), walk.covered - before)


def _index(value: object, walk: Walk) -> Found:
    index: pd.Index = value  # type: ignore[assignment]
    before = walk.covered
    return Found("index", _index_digest(index, walk), (len(index),), walk.covered - before)


def _extension_array(value: object, walk: Walk) -> Found:
    digest = column_digest(value, walk)
    return Found("array", combine(b"extension", [digest]), (len(value),))  # type: ignore[arg-type]


def _timestamp(value: object, walk: Walk) -> Found:
    moment: pd.Timestamp = value  # type: ignore[assignment]
    return Found("scalar", combine(b"Timestamp", walk.digests((moment._value, moment.unit, str(moment.tz or "")))))  # type: ignore[attr-defined]


def _timedelta(value: object, walk: Walk) -> Found:
    return Found("scalar", combine(b"Timedelta", walk.digests((value._value, value.unit))))  # type: ignore[attr-defined]


def _period(value: object, walk: Walk) -> Found:
    return Found("scalar", combine(b"Period", walk.digests((value.ordinal, value.freqstr))))  # type: ignore[attr-defined]


def _missing(value: object, walk: Walk) -> Found:
    return Found("scalar", leaf(b"missing", type(value).__name__.encode()))


def _reach_blocks(value: object, trace: Trace) -> None:
    trace.hold(value)
    trace.follow(_notes_of(value).values())
    for block in object.__getattribute__(value, "_mgr").blocks:
        _reach_values(block.values, trace)


def _reach_values(values: object, trace: Trace) -> None:
    for array in (values, getattr(values, "_ndarray", None), getattr(values, "_data", None), getattr(values, "_codes", None)):
        if isinstance(array, np.ndarray):
            start_ids = set(trace.ids)
            reach_array(array, trace)
            trace.ids.intersection_update(start_ids | (trace.ids - {id(array)}))  # a block's view is made anew each time


def _reach_array(value: object, trace: Trace) -> None:
    trace.hold(value)
    _reach_values(value, trace)


def entries() -> list[Entry]:
    """The table's rows for pandas."""
    arrays = [getattr(pd.arrays, name) for name in dir(pd.arrays) if name.endswith("Array")]
    return [
        Entry(pd.DataFrame, _frame, _reach_blocks, subclasses=True),
        Entry(pd.Series, _series, _reach_blocks, subclasses=True),
        Entry(pd.Index, _index, None, subclasses=True),
        Entry(pd.Categorical, _extension_array, _reach_array),
        *(Entry(cls, _extension_array, _reach_array) for cls in arrays),
        Entry(pd.Timestamp, _timestamp),
        Entry(pd.Timedelta, _timedelta),
        Entry(pd.Period, _period),
        Entry(type(pd.NA), _missing),
        Entry(type(pd.NaT), _missing),
    ]


def _type_name(dtype: object) -> str:
    if isinstance(dtype, pd.DatetimeTZDtype):
        return f"timestamp[{dtype.unit}, {dtype.tz}]"
    name = str(dtype)
    if name.startswith("datetime64["):
        return f"timestamp[{name[11:-1]}]"
    plain = {"str": "string", "boolean": "bool", "string[pyarrow]": "string", "string[python]": "string"}
    return plain.get(name, name.lower() if name[:1] in "IUF" else name)


def _table(value: object) -> pd.DataFrame | None:
    if isinstance(value, pd.Series):
        name = value.name if type(value.name) is str else "0"
        return value.to_frame(name)
    return value if isinstance(value, pd.DataFrame) else None


def schema(value: object) -> Schema | None:
    """Columns of a frame, or the one of a series."""
    table = _table(value)
    if table is None:
        return None
    types = [(_type_name(dtype), not str(dtype).startswith(("int", "uint", "bool"))) for dtype in table.dtypes]
    named = zip(_labels(table.columns), types, strict=True)
    return Schema(tuple(Column(name, kind, nullable) for name, (kind, nullable) in named))


def profile(value: object, centers: dict[str, tuple[float, float]]) -> Profile | None:
    """Statistics of each column: numeric ones as histograms, others as their most frequent values."""
    table = _table(value)
    if table is None:
        return None
    columns = [_column_profile(name, table.iloc[:, place], centers) for place, name in enumerate(_labels(table.columns))]
    return Profile(len(table), tuple(columns))


def _column_profile(name: str, values: pd.Series, centers: dict[str, tuple[float, float]]) -> ColumnProfile:
    if pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_complex_dtype(values.dtype):
        return numeric_profile(name, values.to_numpy(dtype=np.float64, na_value=np.nan), centers)
    if isinstance(values.dtype, pd.CategoricalDtype) or pd.api.types.infer_dtype(values, skipna=True) == "string":
        counts = values.value_counts()
        top = {str(label): int(count) for label, count in counts.head(TOP).items() if count}
        return ColumnProfile(name, len(values), nulls=int(values.isna().sum()), top=top, distinct=int((counts > 0).sum()))
    nulls = int(values.isna().sum())
    if pd.api.types.is_datetime64_any_dtype(values.dtype) and nulls < len(values):
        return ColumnProfile(name, len(values), nulls=nulls, minimum=str(values.min()), maximum=str(values.max()))
    return ColumnProfile(name, len(values), nulls=nulls)
