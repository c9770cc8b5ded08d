"""pyarrow tables, record batches, chunked arrays, arrays, scalars. Chunking is not content; schema metadata is how it is held."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from mlops_jupyter.entities.data import Column, ColumnProfile, Profile, Schema
from mlops_jupyter.fingerprint.tree import Hashed, Table, column_found, table_found
from mlops_jupyter.fingerprint.types.arrow import arrow_column
from mlops_jupyter.fingerprint.types.arrow_profile import arrow_profile, shown_type
from mlops_jupyter.fingerprint.walk import Entry, Found, Trace, Walk, combine, leaf, name_of


def unique(names: list[str]) -> list[str]:
    """Labels of a table in which two columns may have one name."""
    texts: dict[str, None] = {}
    for position, name in enumerate(names):
        texts[name if name and name not in texts else f"{name}#{position}"] = None
    return list(texts)


def _chunks(column: object) -> list[pa.Array]:
    return list(column.chunks) if isinstance(column, pa.ChunkedArray) else [column]


def _table(value: object, walk: Walk) -> Found:
    table: pa.Table = value
    before = walk.covered
    columns: list[Hashed] = []
    partial: list[int] = []
    with np.errstate(all="ignore"):
        for place, (column, field) in enumerate(zip(table.columns, table.schema, strict=True)):
            missed = walk.missed
            held = b"%b%b" % (str(field.type).encode(), b"" if field.nullable else b" not null")
            columns.append(arrow_column(_chunks(column), field.type, walk, held))
            if walk.missed > missed:
                partial.append(place)
    notes = [dict(table.schema.metadata or {}), [dict(field.metadata or {}) for field in table.schema]]
    held_by = [name_of(type(value)).encode(), *walk.digests(notes)]
    names = unique(list(table.schema.names))
    return table_found(Table(names, columns, table.num_rows, None, held_by, frozenset(partial)), walk.covered - before)


def _array(value: object, walk: Walk) -> Found:
    array: pa.ChunkedArray = value
    before = walk.covered
    with np.errstate(all="ignore"):
        column = arrow_column(_chunks(array), array.type, walk, str(array.type).encode())
    return column_found("array", column, walk.covered - before, held=[b"pyarrow array"])


def _scalar(value: object, walk: Walk) -> Found:
    scalar: pa.Scalar = value
    column = arrow_column([pa.array([scalar.as_py()], scalar.type)], scalar.type, walk, str(scalar.type).encode())
    return Found("scalar", combine(b"arrow scalar", [column.digest, leaf(b"held", column.held)]))


def _text(value: object, walk: Walk) -> Found:
    """Types, fields and schemas are their text."""
    return Found("scalar", leaf(name_of(type(value)).encode(), str(value).encode()))


def _schema(value: object, walk: Walk) -> Found:
    found: pa.Schema = value
    return Found("scalar", leaf(b"arrow schema", found.to_string(show_field_metadata=True, truncate_metadata=False).encode()))


def _buffer(value: object, walk: Walk) -> Found:
    data = memoryview(value).cast("B")  # type: ignore[arg-type]
    whole = walk.spend(data.nbytes)
    return Found("scalar", leaf(b"buffer", bytes(data)) if whole else None, None, data.nbytes)


def _reach_table(value: object, trace: Trace) -> None:
    for column in value.columns:  # type: ignore[attr-defined]
        _reach_array(column, trace)


def _reach_array(value: object, trace: Trace) -> None:
    """Arrow data cannot be changed through Arrow, but the NumPy array that it was made from without a copy can."""
    for chunk in _chunks(value):
        array = chunk.storage if isinstance(chunk, pa.ExtensionArray) else chunk
        _spans(array, trace)
        if isinstance(array, pa.DictionaryArray):
            _spans(array.dictionary, trace)


def _spans(array: pa.Array, trace: Trace) -> None:
    for buffer in array.buffers():
        if buffer is not None:
            trace.span(buffer.address, buffer.address + buffer.size)


def _reach_buffer(value: object, trace: Trace) -> None:
    trace.hold(value)
    trace.span(value.address, value.address + value.size)  # type: ignore[attr-defined]


def entries() -> list[Entry]:
    """The table's rows for pyarrow."""
    return [
        Entry(pa.Table, _table, _reach_table),
        Entry(pa.RecordBatch, _table, _reach_table),
        Entry(pa.ChunkedArray, _array, _reach_array),
        Entry(pa.Array, _array, _reach_array, subclasses=True),
        Entry(pa.Scalar, _scalar, None, subclasses=True),
        Entry(pa.Schema, _schema),
        Entry(pa.Field, _text),
        Entry(pa.DataType, _text, None, subclasses=True),
        Entry(pa.Buffer, _buffer, _reach_buffer, subclasses=True),
    ]


def schema(value: object) -> Schema | None:
    """The columns of a table or batch, or the one of an array."""
    if isinstance(value, pa.Table | pa.RecordBatch):
        fields = zip(unique(list(value.schema.names)), value.schema, strict=True)
        return Schema(tuple(Column(name, shown_type(field.type), field.nullable) for name, field in fields))
    if isinstance(value, pa.Array | pa.ChunkedArray):
        return Schema((Column("0", shown_type(value.type)),))
    return None


def profile(value: object, centers: dict[str, tuple[float, float]]) -> Profile | None:
    """Statistics of each column."""
    if isinstance(value, pa.Table | pa.RecordBatch):
        named = list(zip(unique(list(value.schema.names)), value.columns, strict=True))
    elif isinstance(value, pa.Array | pa.ChunkedArray):
        named = [("0", value)]
    else:
        return None
    columns: list[ColumnProfile] = [arrow_profile(name, _chunks(column), column.type, centers) for name, column in named]
    return Profile(len(named[0][1]) if named else value.num_rows, tuple(columns))


def head(value: object, rows: int) -> object:
    """The first rows, without a copy."""
    if isinstance(value, pa.Table | pa.RecordBatch | pa.Array | pa.ChunkedArray):
        return value.slice(0, rows)
    return None
