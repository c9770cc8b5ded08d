"""Columns of Python objects, as pandas 2 holds strings: read as the logical column that an Arrow library would make of them.

Only exact builtin types count, so that no code of the user's runs. Strings, bytes, bools, ints, floats, dates, times,
decimals, and lists and dicts of those get the leaves of their logical type; anything else is a column of `object`, value by
value. Which Python types and which kinds of null there are goes into `held`.
"""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Callable, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from xxhash import xxh3_128_digest

from mlops_jupyter.fingerprint.tree import Hashed, chosen, missing
from mlops_jupyter.fingerprint.types.columns import Array, number_leaf, text_leaf, with_nulls
from mlops_jupyter.fingerprint.walk import UNKNOWN, Walk, combine

_ITEM = 64  # bytes charged to the budget for one object
_DAY = datetime.date(1970, 1, 1).toordinal()
_SMALL = 1 << 63
_LONG = 1 << 255
_WIDEST = 1_000  # decimal places
_DEEPEST = 6  # lists in lists; beyond, and where a list holds itself, value by value
_LARGEST = 1 << 24  # items of all lists of a leaf
Items = Sequence[object]
NUMPY_NULLS = frozenset({id(type(None))})


class Leaf(NamedTuple):
    """One leaf of objects: the logical type, the digest, the Python types found."""

    type: str
    digest: bytes
    held: bytes = b""


class Within(NamedTuple):
    """Where a leaf of objects stands: the types whose values are all null, and how many lists and dicts are around it."""

    nulls: frozenset[int]
    depth: int = 0

    @property
    def inside(self) -> Within:
        """One level further down."""
        return Within(self.nulls, self.depth + 1)


def object_column(values: Array, walk: Walk, nulls: frozenset[int] = NUMPY_NULLS, held: bytes = b"object") -> Hashed:
    """A column of objects. `nulls`: ids of the types whose values are all null, beside NaN."""
    rows, kind, found, kinds = len(values), "null", [], []
    for start, stop, take in chosen(rows, rows * _ITEM, walk):
        if not take:
            found.append(UNKNOWN)
            continue
        leaf = object_leaf(np.ndarray.tolist(values[start:stop]), Within(nulls))
        joined = None if leaf is None else together(kind, leaf.type)
        if leaf is None or joined is None:
            return _mixed_column(values, walk, nulls, held)
        kind = joined
        found.append(leaf.digest)
        kinds.append(leaf.held)
    return Hashed(kind, rows, found, held + xxh3_128_digest(b"|".join(kinds)))


def _mixed_column(values: Array, walk: Walk, nulls: frozenset[int], held: bytes) -> Hashed:
    """Objects of several types, or of types that no table knows: each by its own digest."""
    found, kinds = [], []
    for start, stop, take in chosen(len(values), 0, walk):
        items: list[object] = np.ndarray.tolist(values[start:stop])
        null = [_is_null(item, nulls) for item in items]
        kinds.append(_null_kinds(items, null) if any(null) else b"")
        plain = [None if empty else item for item, empty in zip(items, null, strict=True)]
        found.append(missing(len(items)) if all(null) else combine(b"objects", walk.digests(plain)) if take else UNKNOWN)
    return Hashed("object", len(values), found, held + xxh3_128_digest(b"|".join(kinds)))


def together(first: str, second: str) -> str | None:
    """The type of two leaves of one column; None if they are not of one."""
    if "null" in {first, second}:
        return second if first == "null" else first
    return first if first == second else None


def _is_null(item: object, nulls: frozenset[int]) -> bool:
    return id(type(item)) in nulls or (type(item) is float and item != item)  # noqa: PLR0124 (NaN)


def _null_kinds(items: Items, null: Sequence[bool]) -> bytes:
    """Which kinds of null stand in which rows: one name where there is one kind."""
    names = [type(item).__name__ for item, empty in zip(items, null, strict=True) if empty]
    return (names[0] if len(set(names)) == 1 else ",".join(names)).encode()


def object_leaf(items: Items, within: Within) -> Leaf | None:
    """One leaf; None if the items are not of one known type."""
    kinds = {id(cls): cls for cls in map(type, items)}
    valid: Array | None = None
    present, held = items, b""
    floats = id(float) in kinds
    nulls = within.nulls
    if not nulls.isdisjoint(kinds) or (floats and (len(kinds) > 1 or any(map(_is_nan, items)))):
        null = [_is_null(item, nulls) for item in items]
        valid = ~np.fromiter(null, bool, len(items))
        held = _null_kinds(items, null)
        present = [item for item, empty in zip(items, null, strict=True) if not empty]
        kinds = {id(cls): cls for cls in map(type, present)}
    if not present:
        return Leaf("null", missing(len(items)), held)
    read = _READERS.get(next(iter(kinds))) if len(kinds) == 1 else None
    found = None if read is None else read(present, valid, within)
    if found is None:
        return None
    (cls,) = kinds.values()
    return Leaf(found.type, found.digest, held + b"/" + cls.__name__.encode() + found.held)


def _is_nan(item: object) -> bool:
    return item != item  # noqa: PLR0124


def _spread(values: Array, valid: Array | None) -> Array:
    """Values of the rows that have one, over all rows; zeros elsewhere."""
    if valid is None:
        return values
    whole = np.zeros(len(valid), values.dtype)
    whole[valid] = values
    return whole


def _texts(items: Items, valid: Array | None, within: Within) -> Leaf:
    texts: Sequence[str] = items  # type: ignore[assignment]
    joined = "".join(texts)
    if joined.isascii():
        lengths, data = np.fromiter(map(len, texts), np.int64, len(texts)), joined.encode()
        return Leaf("string", text_leaf(_spread(lengths, valid), valid, data))
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    return Leaf("string", _bytes(encoded, valid, within).digest)


def _bytes(items: Items, valid: Array | None, within: Within) -> Leaf:
    data: Sequence[bytes] = items  # type: ignore[assignment]
    lengths = np.fromiter(map(len, data), np.int64, len(data))
    return Leaf("binary", text_leaf(_spread(lengths, valid), valid, b"".join(data)))


def _numbers(kind: str) -> Callable[[Items, Array | None, Within], Leaf | None]:
    dtype = np.dtype(kind)

    def read(items: Items, valid: Array | None, within: Within) -> Leaf | None:
        try:
            values = np.fromiter(items, dtype, len(items))
        except OverflowError:  # an int of more than 64 bits
            return None
        return Leaf(kind, number_leaf(_spread(values, valid), valid))

    return read


def _dates(items: Items, valid: Array | None, within: Within) -> Leaf:
    dates: Sequence[datetime.date] = items  # type: ignore[assignment]
    days = np.fromiter((date.toordinal() - _DAY for date in dates), np.int32, len(dates))
    return Leaf("date", number_leaf(_spread(days, valid), valid))


def _times(items: Items, valid: Array | None, within: Within) -> Leaf | None:
    times: Sequence[datetime.time] = items  # type: ignore[assignment]
    if any(time.tzinfo is not None or time.fold for time in times):
        return None
    ticks = (((time.hour * 60 + time.minute) * 60 + time.second) * 1_000_000 + time.microsecond for time in times)
    return Leaf("time", number_leaf(_spread(np.fromiter(ticks, np.int64, len(times)) * 1_000, valid), valid))


def _decimals(items: Items, valid: Array | None, within: Within) -> Leaf | None:
    """At the smallest scale that holds all values of the leaf exactly; how many zeros each had written is `held`."""
    numbers: Sequence[decimal.Decimal] = items  # type: ignore[assignment]
    if not all(number.is_finite() for number in numbers):
        return None
    parts = [number.as_tuple() for number in numbers]
    exponents = [int(part.exponent) for part in parts]
    if max(map(abs, exponents)) > _WIDEST:
        return None
    scale = max(0, *(-exponent for exponent in exponents))
    whole = [int("".join(map(str, part.digits))) * 10 ** (scale + int(part.exponent)) * (-1) ** part.sign for part in parts]
    if max(map(abs, whole)) >= _LONG:
        return None
    written = xxh3_128_digest(",".join(f"{part.sign}/{part.exponent}" for part in parts).encode())
    return Leaf("decimal", decimal_leaf(whole, scale, valid), written)


def decimal_leaf(numbers: Sequence[int], scale: int, valid: Array | None) -> bytes:
    """Unscaled ints (of the rows that have one) with one scale, brought down while nothing is lost."""
    while scale > 0 and not any(number % 10 for number in numbers):
        numbers, scale = [number // 10 for number in numbers], scale - 1
    if all(-_SMALL <= number < _SMALL for number in numbers):
        return decimal_digest(number_leaf(_spread(np.fromiter(numbers, np.int64, len(numbers)), valid), valid), scale)
    data = b"".join(number.to_bytes(32, "little", signed=True) for number in numbers)
    digest = xxh3_128_digest(data)
    return decimal_digest(digest if valid is None or valid.all() else with_nulls(digest, valid), scale)


def decimal_digest(digest: bytes, scale: int) -> bytes:
    """Unscaled integers together with their scale."""
    return combine(b"decimal %d" % scale, [digest])


def list_leaf(lengths: Array, valid: Array | None, child: bytes) -> bytes:
    """Lists: which rows have one, their lengths (0 for null), and the leaf of all their items."""
    if not len(lengths) or (valid is not None and not valid.any()):
        return missing(len(lengths))
    validity = b"" if valid is None or valid.all() else np.packbits(valid).tobytes()
    whole = np.ascontiguousarray(lengths, "<i8")
    return combine(b"list", [xxh3_128_digest(validity), xxh3_128_digest(whole), child])  # type: ignore[arg-type]


def struct_leaf(rows: int, valid: Array | None, children: Sequence[bytes]) -> bytes:
    """Structs: which rows have one, and the leaf of each field."""
    if not rows or (valid is not None and not valid.any()):
        return missing(rows)
    validity = b"" if valid is None or valid.all() else np.packbits(valid).tobytes()
    return combine(b"struct", [xxh3_128_digest(validity), *children])


def struct_type(names: Sequence[str], types: Sequence[str]) -> str:
    """`struct<a: int64, b: string>`."""
    return f"struct<{', '.join(f'{name}: {kind}' for name, kind in zip(names, types, strict=True))}>"


def _lists(items: Items, valid: Array | None, within: Within) -> Leaf | None:
    lists: Sequence[Sequence[object]] = items  # type: ignore[assignment]
    lengths = np.fromiter(map(len, lists), np.int64, len(lists))
    if within.depth >= _DEEPEST or lengths.sum() > _LARGEST:
        return None
    child = object_leaf(list(chain.from_iterable(lists)), within.inside)
    return None if child is None else _list(child, lengths, valid)


def _arrays(items: Items, valid: Array | None, within: Within) -> Leaf | None:
    """NumPy vectors of one dtype, as pandas makes them of Arrow lists."""
    arrays: Sequence[Array] = items  # type: ignore[assignment]
    dtypes = {array.dtype.str for array in arrays}
    if len(dtypes) != 1 or any(array.ndim != 1 for array in arrays) or arrays[0].dtype.kind not in "biufO":
        return None
    lengths = np.fromiter(map(len, arrays), np.int64, len(arrays))
    if within.depth >= _DEEPEST or lengths.sum() > _LARGEST:
        return None
    flat = np.concatenate(arrays)
    if flat.dtype.kind == "O":
        child = object_leaf(np.ndarray.tolist(flat), within.inside)
    else:
        child = Leaf(flat.dtype.name, number_leaf(flat, None))
    return None if child is None else _list(child, lengths, valid)


def _list(child: Leaf, lengths: Array, valid: Array | None) -> Leaf:
    return Leaf(f"list<{child.type}>", list_leaf(_spread(lengths, valid), valid, child.digest), child.held)


def _dicts(items: Items, valid: Array | None, within: Within) -> Leaf | None:
    """Dicts with the same keys in the same order are structs."""
    dicts: Sequence[dict[object, object]] = items  # type: ignore[assignment]
    names = list(dicts[0])
    if within.depth >= _DEEPEST or any(type(name) is not str for each in dicts for name in each):
        return None
    if any(list(each) != names for each in dicts):
        return None
    children = []
    for name in names:
        column = [each[name] for each in dicts]
        if valid is not None:
            rest = iter(column)
            column = [next(rest) if known else None for known in valid.tolist()]
        children.append(object_leaf(column, within.inside))
    if any(child is None for child in children):
        return None
    known = [child for child in children if child is not None]
    rows = len(items) if valid is None else len(valid)
    kind = struct_type([str(name) for name in names], [child.type for child in known])
    return Leaf(kind, struct_leaf(rows, valid, [child.digest for child in known]), b"".join(child.held for child in known))


_READERS: dict[int, Callable[[Items, Array | None, Within], Leaf | None]] = {
    id(str): _texts, id(bytes): _bytes, id(bool): _numbers("bool"), id(int): _numbers("int64"), id(float): _numbers("float64"),
    id(datetime.date): _dates, id(datetime.time): _times, id(decimal.Decimal): _decimals, id(list): _lists,
    id(np.ndarray): _arrays, id(dict): _dicts,
}  # fmt: skip
