"""Logical columns from NumPy's memory: the same leaves for the same content, whichever library holds it.

What is the same content: a null is a null, whether held as None, NaN, NaT, a mask or a bitmap, and nothing under a null
counts. A moment is a moment in any unit. Text is validity, lengths and UTF-8. A category is its values, row by row, so that
neither the numbers of the codes nor unused categories count. What a library adds to that (the exact dtype, the order of
categories, which kind of null) goes into `Hashed.held`, and so into the exact digest alone.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from xxhash import xxh3_128_digest

from mlops_jupyter.fingerprint.tree import FIRST_ROWS, LEAF_ROWS, Hashed, chosen, fixed_leaves, missing, stretches
from mlops_jupyter.fingerprint.walk import UNKNOWN, Walk, combine

Array = np.ndarray[tuple[int, ...], np.dtype[Any]]  # of a dtype that is known only when it is there
Leaf = Callable[[int, int], bytes]

NAT = np.iinfo(np.int64).min
PER_SECOND = {"ns": 1_000_000_000, "us": 1_000_000, "ms": 1_000, "s": 1}
_SECONDS = {"m": 60, "h": 3_600, "D": 86_400, "W": 604_800}
_CLEAN_ROWS = 131_072  # a block of numbers up to this size is looked through for NaN at once
_TILE = 4_096  # rows transposed at a time: they fit a core's cache
_ROOM = 8 << 20  # bytes for columns that are being transposed


def little(values: Array) -> Array:
    """The values with the byte order that is hashed."""
    order = values.dtype.byteorder
    foreign = order == ">" or (order == "=" and sys.byteorder == "big")
    return values.astype(values.dtype.newbyteorder("<")) if foreign else values


def content(values: Array) -> memoryview:
    """Contiguous content as bytes; datetimes and friends do not export a buffer, their bytes do."""
    flat = np.ascontiguousarray(little(values)).reshape(-1)
    return memoryview(flat.view(np.uint8)) if flat.size else memoryview(b"")  # type: ignore[arg-type]


def leaves(rows: int, nbytes: int, walk: Walk, leaf: Leaf) -> list[bytes]:
    """`leaf` of each span that the budget allows."""
    return [leaf(start, stop) if take else UNKNOWN for start, stop, take in chosen(rows, nbytes, walk)]


def with_nulls(values: bytes, valid: Array) -> bytes:
    """A leaf in which some rows are null: the values with zeros in their place, and which rows have one."""
    return combine(b"nulls", [values, xxh3_128_digest(np.packbits(valid).tobytes())])


# numbers


@cache
def type_name(dtype: np.dtype[Any]) -> str:
    """The logical type of plain values."""
    return dtype.name if dtype.kind in "iufb" else dtype.newbyteorder("<").str


def plain_column(values: Array, walk: Walk, held: bytes | None = None, *, clean: bool = False) -> Hashed:
    """A column of fixed-size values without a mask. `clean`: known to hold no NaN."""
    kind = values.dtype.kind
    held = values.dtype.str.encode() if held is None else held
    if kind in "mM":
        return _moments(values, walk, held)
    if kind == "f" and not clean and values.dtype.itemsize <= 8:
        return _floats(values, walk, held)
    name = type_name(values.dtype)
    if values.flags.c_contiguous and values.dtype.isnative and sys.byteorder == "little":
        view = values.view(np.uint8) if values.size else np.zeros(0, np.uint8)
        return Hashed(name, len(values), fixed_leaves(memoryview(view), len(values), walk), held)  # type: ignore[arg-type]
    found = leaves(len(values), values.nbytes, walk, lambda start, stop: xxh3_128_digest(content(values[start:stop])))
    return Hashed(name, len(values), found, held)


def _floats(values: Array, walk: Walk, held: bytes) -> Hashed:
    """NaN is null, whatever its sign and payload; where one has another payload, the exact bytes go into `held`.

    A stretch of leaves is looked at for NaN first, by its smallest value, which is NaN if there is any, and hashed while it is
    in the cache: a third more than hashing alone. (Hashed first and looked at then, it was half as much more.)
    """
    rows, width = len(values), values.dtype.itemsize
    in_place = values.flags.c_contiguous and values.dtype.isnative and sys.byteorder == "little"
    if not in_place or not rows or (walk.remaining is not None and walk.remaining < values.nbytes):
        return _scattered_floats(values, walk, held)
    walk.spend(values.nbytes)
    found: list[bytes] = []
    data = memoryview(values.view(np.uint8))  # type: ignore[arg-type]
    for ends in stretches(rows):
        walk.breathe()
        low = np.minimum.reduce(values[ends[0] : ends[-1]])
        leaves = [xxh3_128_digest(data[start * width : stop * width]) for start, stop in pairwise(ends)]
        if low != low:  # noqa: PLR0124
            for at, (start, stop) in enumerate(pairwise(ends)):
                leaves[at], payload = nan_leaf(values[start:stop], leaves[at])
                held += payload
        found += leaves
    return Hashed(type_name(values.dtype), rows, found, held)


def _scattered_floats(values: Array, walk: Walk, held: bytes) -> Hashed:
    """Floats that do not lie side by side, or more than the budget allows."""
    found = []
    for start, stop, take in chosen(len(values), values.nbytes, walk):
        part = np.ascontiguousarray(little(values[start:stop]))
        leaf, payload = nan_leaf(part, xxh3_128_digest(part)) if take else (UNKNOWN, b"")  # type: ignore[arg-type]
        found.append(leaf)
        held += payload
    return Hashed(type_name(values.dtype), len(values), found, held)


def nan_leaf(part: Array, digest: bytes) -> tuple[bytes, bytes]:
    """The leaf of floats that may be NaN, from the digest of their bytes; and that digest if one of the NaN is a strange one."""
    null = np.isnan(part)
    count = np.count_nonzero(null)
    if not count:
        return digest, b""
    bits = part.view(f"<u{part.dtype.itemsize}")
    plain = np.asarray(np.nan, part.dtype).view(bits.dtype)
    if count == np.count_nonzero(bits == plain):
        return (missing(len(part)) if count == len(part) else digest), b""
    tidy = np.where(null, np.asarray(np.nan, part.dtype), part)
    return (missing(len(part)) if count == len(part) else xxh3_128_digest(content(tidy))), digest


def float_leaf(part: Array, valid: Array | None) -> bytes:
    """One leaf of floats with a validity of their own."""
    part = np.ascontiguousarray(part)
    if valid is not None:
        part = np.where(valid, part, np.asarray(np.nan, part.dtype))
    return nan_leaf(part, xxh3_128_digest(content(part)))[0]


def number_leaf(part: Array, valid: Array | None) -> bytes:
    """One leaf of numbers with validity, or None if all are valid."""
    if not len(part) or (valid is not None and not valid.any()):
        return missing(len(part))
    if part.dtype.kind == "f":
        return float_leaf(part, valid)
    if valid is None or valid.all():
        return xxh3_128_digest(content(part))
    return with_nulls(xxh3_128_digest(content(np.where(valid, part, np.zeros((), part.dtype)))), valid)


def masked_column(values: Array, null: Array, walk: Walk, held: bytes) -> Hashed:
    """A column with its nulls in a mask of its own."""
    if not null.any():
        return plain_column(values, walk, held)
    if values.dtype.kind == "f":
        held += xxh3_128_digest(np.packbits(null).tobytes())  # a NaN that is no null is told apart here only
    found = leaves(len(values), values.nbytes + null.nbytes, walk,
                   lambda start, stop: number_leaf(values[start:stop], ~null[start:stop]))
    return Hashed(type_name(values.dtype), len(values), found, held)


def block_columns(block: Array, walk: Walk) -> list[Hashed]:
    """The columns of a table's block: 2-D, one column in each row of it."""
    count, rows = block.shape
    held = block.dtype.str.encode()
    small = block.dtype.kind == "f" and 0 < block.size <= _CLEAN_ROWS
    low = np.minimum.reduce(block, axis=None) if small else None
    clean = low is not None and bool(low == low)  # noqa: PLR0124
    room = walk.remaining is None or walk.remaining >= block.nbytes
    if count > 1 and rows > 1 and block.strides[1] != block.itemsize and block.dtype.kind in "iufb" and room:
        return _transposed(block, walk, held)
    plain = clean or block.dtype.kind in "iub"
    if plain and room and 0 < rows <= FIRST_ROWS and block.flags.c_contiguous and sys.byteorder == "little":
        walk.spend(block.nbytes)
        data, width, name = content(block), rows * block.itemsize, type_name(block.dtype)
        starts = range(0, count * width, width)
        return [Hashed(name, rows, [xxh3_128_digest(data[start : start + width])], held) for start in starts]
    return [plain_column(block[row], walk, held, clean=clean) for row in range(count)]


def _transposed(block: Array, walk: Walk, held: bytes) -> list[Hashed]:
    """Columns that lie side by side in memory, as in a frame over a C-ordered array: turned tile by tile, some at a time."""
    count, rows = block.shape
    walk.spend(block.nbytes)
    longest = min(rows, LEAF_ROWS)
    group = max(1, _ROOM // (longest * block.itemsize))
    buffer = np.empty((min(group, count), longest), block.dtype.newbyteorder("<"))
    found: list[Hashed] = []
    for first in range(0, count, group):
        found += _turned(block[first : first + group], buffer, walk, held)
    return found


def _turned(block: Array, buffer: Array, walk: Walk, held: bytes) -> list[Hashed]:
    count, rows = block.shape
    leaves: list[list[bytes]] = [[] for _ in range(count)]
    payloads: list[bytes] = [b""] * count
    floats, name = block.dtype.kind == "f", type_name(block.dtype)
    for ends in stretches(rows):
        walk.breathe()
        start, stop = ends[0], ends[-1]
        for at in range(start, stop, _TILE):
            buffer[:count, at - start : min(at + _TILE, stop) - start] = block[:, at : min(at + _TILE, stop)]
        for row in range(count):
            values = buffer[row, : stop - start]
            low = np.minimum.reduce(values) if floats else 0
            digests = [xxh3_128_digest(values[one - start : other - start]) for one, other in pairwise(ends)]  # type: ignore[arg-type]
            if low != low:  # noqa: PLR0124
                for at, (one, other) in enumerate(pairwise(ends)):
                    digests[at], payload = nan_leaf(values[one - start : other - start], digests[at])
                    payloads[row] += payload
            leaves[row] += digests
    return [Hashed(name, rows, each, held + more) for each, more in zip(leaves, payloads, strict=True)]


# moments


def zone_name(zone: object) -> str:
    """The name of a time zone, the same in every library: `+01:00` is what Python calls `UTC+01:00`."""
    name = str(zone)
    return name.removeprefix("UTC") if name[3:4] in {"+", "-"} else name


def timestamp_name(zone: object) -> str:
    """`timestamp`, or `timestamp[Europe/Paris]`; the unit is no part of a moment."""
    return "timestamp" if zone is None else f"timestamp[{zone_name(zone)}]"


def _moments(values: Array, walk: Walk, held: bytes) -> Hashed:
    unit, count = np.datetime_data(values.dtype)
    kind = "timestamp" if values.dtype.kind == "M" else "duration"
    if unit in _SECONDS and count == 1:
        ticks = values.astype(f"{values.dtype.kind}8[s]").view(np.int64)
        unit = "s"
    elif unit in PER_SECOND and count == 1:
        ticks = little(values).view(np.int64)
    else:  # months and years have no fixed length, and nobody's table holds picoseconds
        raw = little(values)
        found = leaves(len(values), values.nbytes, walk, lambda start, stop: xxh3_128_digest(content(raw[start:stop])))
        return Hashed(values.dtype.str.lstrip("<>="), len(values), found, held)
    return moment_column(ticks, unit, kind, walk, held)


def moment_column(ticks: Array, unit: str, kind: str, walk: Walk, held: bytes) -> Hashed:
    """Ticks since 1970, or lengths of time, with the smallest int64 for null."""
    found = leaves(len(ticks), ticks.nbytes, walk, lambda start, stop: moment_leaf(ticks[start:stop], unit))
    return Hashed(kind, len(ticks), found, held)


def moment_leaf(ticks: Array, unit: str, valid: Array | None = None) -> bytes:
    """In nanoseconds if all fit, else in the next unit in which they do: the same whatever unit they are held in."""
    if not len(ticks):
        return missing(0)
    ticks = np.ascontiguousarray(ticks)
    if valid is not None:
        ticks = np.where(valid, ticks, NAT)
    low, high = int(ticks.min()), int(ticks.max())
    if low == NAT:
        known = ticks[ticks != NAT]
        if not len(known):
            return missing(len(ticks))
        low = int(known.min())
    for finer, per_second in PER_SECOND.items():
        factor = per_second // PER_SECOND[unit]
        if factor == 1:
            scaled = ticks
        elif max(-low, high) <= -(NAT + 1) // factor:
            scaled = np.where(ticks == NAT, NAT, ticks * factor) if int(ticks.min()) == NAT else ticks * factor
        else:
            continue
        digest = xxh3_128_digest(content(scaled))
        return digest if finer == "ns" else combine(b"ticks " + finer.encode(), [digest])
    return UNKNOWN  # not reached: every tick fits its own unit


# text


def text_leaf(lengths: Array, valid: Array | None, data: bytes | memoryview) -> bytes:
    """Strings or bytes: which rows have one, lengths in bytes (0 for null), and their bytes one after the other."""
    if not len(lengths) or (valid is not None and not valid.any()):
        return missing(len(lengths))
    validity = b"" if valid is None or valid.all() else np.packbits(valid).tobytes()
    whole = np.ascontiguousarray(lengths, "<i8")
    return combine(b"text", [xxh3_128_digest(validity), xxh3_128_digest(whole), xxh3_128_digest(data)])  # type: ignore[arg-type]


def text_leaves(offsets: Array, valid: Array | None, data: memoryview, walk: Walk) -> list[bytes]:
    """Leaves of text that lies in one piece of memory, nothing under nulls; `offsets` one more than rows."""
    rows = len(offsets) - 1
    size = int(offsets[-1]) - int(offsets[0]) + 8 * rows

    def leaf(start: int, stop: int) -> bytes:
        at = offsets[start : stop + 1]
        return text_leaf(np.diff(at), None if valid is None else valid[start:stop], data[int(at[0]) : int(at[-1])])

    return leaves(rows, size, walk, leaf)


# categories


def code_book(values: Sequence[bytes]) -> Array:
    """The digests of categories, to be taken by code; the last, for null (-1), is zero."""
    return np.frombuffer(b"".join([*values, bytes(16)]), np.complex128)  # a type of 16 bytes that NumPy gathers fast


def coded_leaf(codes: Array, book: Array) -> bytes:
    """One leaf of rows that name their value by number; a negative number is null."""
    if not len(codes) or codes.max() < 0:
        return missing(len(codes))
    return xxh3_128_digest(book[codes].view(np.uint8))  # type: ignore[arg-type]


def coded_column(codes: Array, values: Sequence[bytes], kind: str, walk: Walk, held: bytes) -> Hashed:
    """A column of categories. `values`: their digests; `kind`: their type."""
    book = code_book(values)
    found = leaves(len(codes), codes.nbytes, walk, lambda start, stop: coded_leaf(codes[start:stop], book))
    return Hashed(f"category<{kind}>", len(codes), found, held)


def item_digests(values: Array) -> list[bytes]:
    """The digest of each of a few fixed-size values, as categories have."""
    if values.dtype.kind == "f":
        values = np.where(np.isnan(values), np.asarray(np.nan, values.dtype), values)
    if values.dtype.kind in "mM":
        return [moment_leaf(values[at : at + 1].view(np.int64), np.datetime_data(values.dtype)[0]) for at in range(len(values))]
    data, width = bytes(content(values)), values.dtype.itemsize
    return [xxh3_128_digest(data[at : at + width]) for at in range(0, len(data), width)]


def text_digests(texts: Sequence[object]) -> list[bytes] | None:
    """The digest of each of a few strings; None if something else is among them."""
    if any(type(text) is not str for text in texts):
        return None
    return [xxh3_128_digest(text.encode("utf-8", "surrogatepass")) for text in texts]  # type: ignore[attr-defined]
