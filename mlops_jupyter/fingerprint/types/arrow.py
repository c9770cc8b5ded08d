"""Logical columns from Arrow's memory, for pyarrow, pandas and Polars alike.

Arrow buffers are not canonical: a slice has an offset, bytes under a null are whatever was there, text comes in three
layouts, a dictionary in any order, and a column in any number of chunks. Leaves are cut by row, whatever the chunks, and read
as in `columns`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_jupyter.fingerprint.tree import Hashed, chosen, missing
from mlops_jupyter.fingerprint.types import columns, objects
from mlops_jupyter.fingerprint.types.columns import Array
from mlops_jupyter.fingerprint.walk import UNKNOWN, Walk, combine, leaf

PLAIN = {
    pa.int8(): "int8", pa.int16(): "int16", pa.int32(): "int32", pa.int64(): "int64", pa.uint8(): "uint8",
    pa.uint16(): "uint16", pa.uint32(): "uint32", pa.uint64(): "uint64", pa.float16(): "float16", pa.float32(): "float32",
    pa.float64(): "float64",
}  # fmt: skip
UNITS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}


def type_name(kind: pa.DataType) -> str:
    """The logical type: widths of numbers count, layouts of text and units of time do not."""
    types = pa.types
    if types.is_timestamp(kind):
        return columns.timestamp_name(kind.tz)
    if types.is_dictionary(kind) or is_list(kind):
        return f"{'category' if types.is_dictionary(kind) else 'list'}<{type_name(kind.value_type)}>"
    if types.is_struct(kind):
        fields = [kind.field(at) for at in range(kind.num_fields)]
        return objects.struct_type([field.name for field in fields], [type_name(field.type) for field in fields])
    tests: tuple[tuple[Callable[[pa.DataType], bool], str], ...] = (
        (is_text, "string"), (is_binary, "binary"), (types.is_boolean, "bool"), (types.is_date, "date"), (types.is_time, "time"),
        (types.is_duration, "duration"), (types.is_decimal, "decimal"), (types.is_null, "null"),
    )  # fmt: skip
    return PLAIN.get(kind) or next((name for test, name in tests if test(kind)), str(kind))


def is_text(kind: pa.DataType) -> bool:
    """Strings in any layout."""
    types = pa.types
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def is_binary(kind: pa.DataType) -> bool:
    """Bytes in any layout."""
    types = pa.types
    return bool(types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind)
                or types.is_fixed_size_binary(kind))


def is_list(kind: pa.DataType) -> bool:
    """Lists in any layout."""
    types = pa.types
    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
                or types.is_list_view(kind) or types.is_large_list_view(kind))


def arrow_column(chunks: Sequence[pa.Array], kind: pa.DataType, walk: Walk, held: bytes) -> Hashed:
    """One column, from its chunks."""
    if isinstance(kind, pa.BaseExtensionType):
        inner = arrow_column([chunk.storage for chunk in chunks], kind.storage_type, walk, held)
        return Hashed(f"{kind.extension_name}<{inner.type}>", inner.rows, inner.leaves, inner.held)
    if pa.types.is_run_end_encoded(kind):
        return arrow_column([pc.run_end_decode(chunk) for chunk in chunks], kind.value_type, walk, held)
    rows = sum(map(len, chunks))
    name = type_name(kind)
    plain = kind in PLAIN
    if plain and len(chunks) == 1 and not chunks[0].null_count:
        return columns.plain_column(values_of(chunks[0]), walk, held)
    if len(chunks) == 1 and (is_text(kind) or is_binary(kind)):
        offsets, valid, data = text_of(chunks[0])
        return Hashed(name, rows, columns.text_leaves(offsets, valid, data, walk), held)
    if plain and kind in {pa.float16(), pa.float32(), pa.float64()}:
        held += b"".join(leaf(b"valid", np.packbits(valid_of(chunk)).tobytes()) for chunk in chunks if chunk.null_count)
    cut = _Cut(chunks)
    size = sum(chunk.nbytes for chunk in chunks)
    read = _reader(kind)
    found = [read(cut.piece(start, stop)) if take else UNKNOWN for start, stop, take in chosen(rows, size, walk)]
    if pa.types.is_dictionary(kind):
        held += b"ordered" if kind.ordered else b""
        held += b"".join(combine(b"values", [_reader(kind.value_type)(chunk.dictionary)]) for chunk in chunks[:1])
    return Hashed(name, rows, found, held)


class _Cut:
    """Pieces of a column by row, without a copy where a piece lies in one chunk."""

    def __init__(self, chunks: Sequence[pa.Array]) -> None:
        self._chunks = [chunk for chunk in chunks if len(chunk)]
        self._starts = [0]
        for chunk in self._chunks[:-1]:
            self._starts.append(self._starts[-1] + len(chunk))

    def piece(self, start: int, stop: int) -> pa.Array:
        at = bisect_right(self._starts, start) - 1
        parts, row = [], start
        while row < stop:
            begin = row - self._starts[at]
            part = self._chunks[at].slice(begin, stop - row)
            parts.append(part)
            row += len(part)
            at += 1
        return parts[0] if len(parts) == 1 else pa.concat_arrays(parts)


def values_of(array: pa.Array, dtype: str = "") -> Array:
    """The fixed-size values of an array as they lie in memory, those under nulls included."""
    width = np.dtype(dtype or array.type.to_pandas_dtype())
    buffer = array.buffers()[1]
    if buffer is None or not len(array):
        return np.zeros(len(array), width)
    return np.frombuffer(buffer, width, len(array), array.offset * width.itemsize)


def _bits(buffer: pa.Buffer, offset: int, rows: int) -> Array:
    data = np.frombuffer(buffer, np.uint8)[offset // 8 : (offset + rows + 7) // 8]
    return np.unpackbits(data, bitorder="little")[offset % 8 :][:rows].view(np.bool_)


def valid_of(array: pa.Array) -> Array:
    """Which rows have a value."""
    buffer = array.buffers()[0]
    if buffer is None:
        return np.zeros(len(array), np.bool_) if pa.types.is_null(array.type) else np.ones(len(array), np.bool_)
    return _bits(buffer, array.offset, len(array))


def validity(array: pa.Array) -> Array | None:
    """As `valid_of`; None if every row has a value."""
    return valid_of(array) if array.null_count else None


def text_of(array: pa.Array) -> tuple[Array, Array | None, memoryview]:
    """Offsets, validity and the bytes of an array of strings or bytes, with nothing under nulls."""
    kind = array.type
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind) or pa.types.is_fixed_size_binary(kind):
        wide = pa.large_string() if pa.types.is_string_view(kind) else pa.large_binary()
        array = array.cast(pa.binary()).cast(wide) if pa.types.is_fixed_size_binary(kind) else array.cast(wide)
    large = pa.types.is_large_string(array.type) or pa.types.is_large_binary(array.type)
    width = np.dtype(np.int64 if large else np.int32)
    valid = validity(array)
    for filled in (False, True):
        if filled:
            array = pc.fill_null(array, "" if is_text(array.type) else b"")
        _, ends, data = array.buffers()
        if ends is None or not len(array):
            return np.zeros(len(array) + 1, np.int64), valid, memoryview(b"")
        offsets = np.frombuffer(ends, width, len(array) + 1, array.offset * width.itemsize)
        if valid is None or filled or not np.diff(offsets)[~valid].any():
            break
    return offsets, valid, memoryview(data) if data is not None else memoryview(b"")


def _reader(kind: pa.DataType) -> Callable[[pa.Array], bytes]:
    """What gives the leaf of a piece of a column."""
    types = pa.types
    if kind in PLAIN:
        return lambda array: columns.number_leaf(values_of(array), validity(array))
    if is_text(kind) or is_binary(kind):
        return _text_leaf
    if is_list(kind) or types.is_map(kind):
        return _list_leaf
    tests: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.Array], bytes]], ...] = (
        (types.is_boolean, _bool_leaf), (types.is_timestamp, _moment_leaf), (types.is_duration, _moment_leaf),
        (types.is_date, _date_leaf), (types.is_time, _time_leaf), (types.is_decimal, _decimal_leaf),
        (types.is_dictionary, _Coded()), (types.is_struct, _struct_leaf), (types.is_null, lambda array: missing(len(array))),
    )  # fmt: skip
    return next((read for test, read in tests if test(kind)), _other_leaf)


def _text_leaf(array: pa.Array) -> bytes:
    offsets, valid, data = text_of(array)
    return columns.text_leaf(np.diff(offsets), valid, data[int(offsets[0]) : int(offsets[-1])])


def _bool_leaf(array: pa.Array) -> bytes:
    rows = len(array)
    buffer = array.buffers()[1]
    values = _bits(buffer, array.offset, rows) if buffer is not None else np.zeros(rows, np.bool_)
    return columns.number_leaf(values, validity(array))


def _moment_leaf(array: pa.Array) -> bytes:
    return columns.moment_leaf(values_of(array, "<i8"), array.type.unit, validity(array))


def _date_leaf(array: pa.Array) -> bytes:
    wide = pa.types.is_date64(array.type)  # milliseconds
    days = (values_of(array, "<i8") // 86_400_000).astype(np.int32) if wide else values_of(array, "<i4")
    return columns.number_leaf(days, validity(array))


def _time_leaf(array: pa.Array) -> bytes:
    ticks = values_of(array, "<i4" if pa.types.is_time32(array.type) else "<i8").astype(np.int64)
    return columns.number_leaf(ticks * UNITS[array.type.unit], validity(array))


def _decimal_leaf(array: pa.Array) -> bytes:
    """Values that fit 64 bits (nearly all) without a Python object for each."""
    valid, scale = validity(array), array.type.scale
    if array.type.bit_width == 128 and scale >= 0:
        low, high = values_of(array, "<i8,<i8")["f0"], values_of(array, "<i8,<i8")["f1"]
        if valid is not None:
            low, high = np.where(valid, low, 0), np.where(valid, high, 0)
        if len(low) and bool((high == low >> 63).all()):
            while scale > 0 and not (low % 10).any():
                low, scale = low // 10, scale - 1
            digest = columns.number_leaf(low, valid)
            return digest if digest == missing(len(array)) else objects.decimal_digest(digest, scale)
    found = objects.object_leaf(array.to_pylist(), objects.Within(objects.NUMPY_NULLS))
    return found.digest if found is not None else _other_leaf(array)


def _list_leaf(array: pa.Array) -> bytes:
    kind = array.type
    if pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind):
        array = array.cast(pa.large_list(kind.value_type))
    valid = validity(array)
    if pa.types.is_fixed_size_list(kind):
        lengths = np.full(len(array), kind.list_size, np.int64)
        if valid is not None:
            lengths = lengths * valid
        items = pc.list_flatten(array)
    else:
        width = "<i8" if pa.types.is_large_list(array.type) else "<i4"
        ends = array.buffers()[1]
        size = np.dtype(width).itemsize
        offsets = np.frombuffer(ends, width, len(array) + 1, array.offset * size) if ends is not None else np.zeros(1, width)
        lengths = np.diff(offsets).astype(np.int64)
        if valid is not None:
            lengths = lengths * valid
        items = _entries(array, int(offsets[0]), int(offsets[-1])) if pa.types.is_map(kind) else pc.list_flatten(array)
    return objects.list_leaf(lengths, valid, _reader(items.type)(items))


def _entries(array: pa.MapArray, start: int, stop: int) -> pa.Array:
    """The keys and items of a map as one array of structs."""
    keys, items = array.keys.slice(start, stop - start), array.items.slice(start, stop - start)
    return pa.StructArray.from_arrays([keys, items], names=["key", "value"])


def _struct_leaf(array: pa.Array) -> bytes:
    parts = array.flatten()  # with the validity of the struct in each field
    return objects.struct_leaf(len(array), validity(array), [_reader(part.type)(part) for part in parts])


def _other_leaf(array: pa.Array) -> bytes:
    """Unions, intervals of the calendar: by their Python values' text, which Arrow's own types make without the user's code."""
    return leaf(b"arrow " + str(array.type).encode(), repr(array.to_pylist()).encode("utf-8", "surrogatepass"))


class _Coded:
    """Leaves of dictionary-encoded pieces: the values row by row, whatever dictionary each chunk has."""

    def __init__(self) -> None:
        self._books: dict[tuple[int, ...], Array] = {}

    def __call__(self, array: pa.Array) -> bytes:
        dictionary, valid = array.dictionary, validity(array.indices)
        codes = np.asarray(values_of(array.indices)).astype(np.int64)
        if valid is not None:
            codes = np.where(valid, codes, -1)
        if dictionary.null_count:
            codes = np.where(valid_of(dictionary)[codes] & (codes >= 0), codes, -1)
        return columns.coded_leaf(codes, self._book(dictionary))

    def _book(self, dictionary: pa.Array) -> Array:
        places = [0 if buffer is None else buffer.address for buffer in dictionary.buffers()]
        key = (*places, dictionary.offset, len(dictionary))
        if key not in self._books:
            self._books[key] = columns.code_book(arrow_digests(dictionary))
        return self._books[key]


def arrow_digests(values: pa.Array) -> list[bytes]:
    """The digest of each of a few values, as categories have."""
    if is_text(values.type):
        texts = columns.text_digests(["" if text is None else text for text in values.to_pylist()])
        return texts or []
    if values.type in PLAIN:
        return columns.item_digests(values_of(values))
    read = _reader(values.type)
    return [read(values.slice(at, 1)) for at in range(len(values))]
