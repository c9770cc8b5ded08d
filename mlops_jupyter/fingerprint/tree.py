"""Hash trees over columns: leaves of at most 64 Ki rows → column → table, by xxh3-128 on views, so that no byte is copied.

Where a leaf ends depends on nothing but its place: leaves start at 1 Ki rows and grow to an eighth of the distance from the first
row, up to 64 Ki. So the leaves of a table are also those of the same table with rows appended, small tables are told apart in
finer steps than large ones, and the digest does not depend on how the bytes were chunked in memory. Hashing runs at the speed of
reading memory, so every byte is covered; where a budget forbids it, leaves are taken at even distance and the walk counts the
rest as missed.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from xxhash import xxh3_64_digest, xxh3_128_digest

from mlops_jupyter.entities.data import FingerprintKind, Leaves
from mlops_jupyter.fingerprint.walk import UNKNOWN, Found, Walk, combine, leaf

PREFIX = "fp1:xxh3-128:"
SAMPLED = "fp1~xxh3-128:"
FIRST_ROWS = 1_024
LEAF_ROWS = 65_536
KEPT = 512  # leaves kept of one table: 4 KB, about as much as the digests of seventy columns
_SHORT = 8  # bytes kept of a leaf: enough to compare two leaves in the same place, which is all they are for


@lru_cache(maxsize=256)
def edges(rows: int, step: int = 0) -> tuple[int, ...]:
    """Where leaves begin, and the end: (0, 1024, …, rows). `step`: rows of each leaf, 0 for growing ones."""
    found, at = [], 0
    while at < rows:
        found.append(at)
        at += step or min(max(FIRST_ROWS, (1 << at.bit_length()) >> 4), LEAF_ROWS)
    return (*found, rows)


def spans(rows: int, step: int = 0) -> Iterator[tuple[int, int]]:
    """(start, stop) of each leaf; none for no rows."""
    ends = edges(rows, step)
    return pairwise(ends)


@lru_cache(maxsize=256)
def stretches(rows: int) -> tuple[tuple[int, ...], ...]:
    """The edges of leaves, in stretches of at most 64 Ki rows, which fit a core's cache: each ends where the next begins."""
    ends = edges(rows)
    last = [at for at, end in enumerate(ends) if end % LEAF_ROWS == 0 or end == rows]
    return tuple(ends[start : stop + 1] for start, stop in pairwise(last))


@lru_cache(maxsize=256)
def missing(rows: int) -> bytes:
    """The leaf of rows that hold no value: the same in every type."""
    return xxh3_128_digest(b"missing:%d" % rows)


def packed(parts: Iterable[bytes]) -> bytes:
    """Byte strings of any length as one, without a second way to read it."""
    return b"".join([b"%d:%b" % (len(part), part) for part in parts])


class Hashed(NamedTuple):
    """One column as read: its logical type, its leaves, and `held`, which tells how the library holds the same content."""

    type: str
    rows: int
    leaves: list[bytes]
    held: bytes = b""

    @property
    def digest(self) -> bytes:
        """Of the logical column: equal in every library. A column without a value has no type."""
        leaves, kind = self.leaves, self.type
        if not leaves or leaves[0] == missing(min(self.rows, FIRST_ROWS)):
            empty = all(each == missing(stop - start) for each, (start, stop) in zip(leaves, spans(self.rows), strict=False))
            kind = "null" if empty else kind
        return xxh3_128_digest(_tag(kind, self.rows) + (leaves[0] if len(leaves) == 1 else b"".join(leaves)))


@lru_cache(maxsize=256)
def _tag(kind: str, rows: int) -> bytes:
    return b"column:%b:%d:" % (kind.encode(), rows)


def unreadable(rows: int, walk: Walk) -> Hashed:
    """A column that cannot be read."""
    walk.miss()
    return Hashed("unknown", rows, [UNKNOWN])


def chosen(rows: int, nbytes: int, walk: Walk, step: int = 0) -> Iterator[tuple[int, int, bool]]:
    """(start, stop, whether to hash it) of each leaf: all if `nbytes` are in the budget, else some at even distance."""
    remaining = walk.remaining
    if remaining is None or nbytes <= remaining:
        walk.spend(nbytes)
        for start, stop in spans(rows, step):
            walk.breathe()
            yield start, stop, True
        return
    every = nbytes // max(remaining, 1) + 1
    for number, (start, stop) in enumerate(spans(rows, step)):
        size = nbytes * (stop - start) // rows
        if number % every == 0:
            yield start, stop, walk.spend(size)
        else:
            walk.miss(size)
            yield start, stop, False


def _breathing(parts: Iterable[tuple[int, int]], walk: Walk) -> Iterator[tuple[int, int]]:
    """The same spans; every few of them the walk may be stopped: a tenth of a millisecond apart, or so."""
    for number, part in enumerate(parts):
        if number % 8 == 0:
            walk.breathe()
        yield part


def fixed_leaves(buffer: memoryview, rows: int, walk: Walk, step: int = 0) -> list[bytes]:
    """Leaves of a contiguous byte view of `rows` items of equal size."""
    width = buffer.nbytes // rows if rows else 0
    ends = edges(rows, step)
    remaining = walk.remaining
    if remaining is None or buffer.nbytes <= remaining:
        walk.spend(buffer.nbytes)
        if len(ends) == 2:
            return [xxh3_128_digest(buffer)]
        return [xxh3_128_digest(buffer[start * width : stop * width]) for start, stop in _breathing(pairwise(ends), walk)]
    return [
        xxh3_128_digest(buffer[start * width : stop * width]) if take else UNKNOWN
        for start, stop, take in chosen(rows, buffer.nbytes, walk, step)
    ]


class Table(NamedTuple):
    """A table as read: what `table_found` puts together. `labels`: digest of the row labels, None for 0 … n-1."""

    names: Sequence[str]
    columns: Sequence[Hashed]
    rows: int
    labels: bytes | None = None
    held: Sequence[bytes] = ()
    partial: frozenset[int] = frozenset()
    """Places of the columns that could not be read in full."""


def table_found(table: Table, nbytes: int) -> Found:
    """Two digests of a table: of what is in it, equal in every library, and of that together with how it is held."""
    digests = [column.digest for column in table.columns]
    names = leaf(b"labels", packed(name.encode("utf-8", "surrogatepass") for name in table.names))
    logical = combine(b"table %d" % table.rows, [names, table.labels or b"", *digests])
    held = packed([*table.held, *(column.held for column in table.columns)])
    columns = {name: PREFIX + digest.hex() for name, digest in zip(table.names, digests, strict=True)}
    for place in table.partial:
        columns[table.names[place]] = SAMPLED + digests[place].hex()
    types = tuple(column.type for column in table.columns)
    return Found("frame", leaf(b"frame", logical + held), (table.rows, len(digests)), nbytes, columns, logical,
                 types[:1] if len(set(types)) == 1 else types, [column.leaves for column in table.columns])


def column_found(kind: FingerprintKind, column: Hashed, nbytes: int, index: bytes | None = None,
                 held: Sequence[bytes] = ()) -> Found:
    """The same for one column alone: its logical digest is that of the column, unless it has labels of its own."""
    logical = column.digest if index is None else combine(b"labelled", [column.digest, index])
    digest = leaf(kind.encode(), logical + packed([*held, column.held]))
    return Found(kind, digest, (column.rows,), nbytes, None, logical, (column.type,), [column.leaves])


def kept_leaves(columns: Sequence[Sequence[bytes]], step: int = 0) -> Leaves | None:
    """The leaves as they are stored: shortened, and joined in pairs until a table keeps at most `KEPT` of them."""
    count = len(columns[0]) if columns else 0
    if count < 2 or len(columns) * 2 > KEPT or any(len(column) != count for column in columns):
        return None
    short = [[each[:_SHORT] for each in column] for column in columns]
    level = 0
    while len(short) * len(short[0]) > KEPT:
        short = [coarser(column) for column in short]
        level += 1
    return Leaves(b64encode(b"".join(b"".join(column) for column in short)).decode(), level, step)


def coarser(leaves: Sequence[bytes]) -> list[bytes]:
    """The next level of a stored tree: neighbours in pairs, an odd last one alone."""
    return [xxh3_64_digest(b"".join(leaves[at : at + 2])) for at in range(0, len(leaves), 2)]


def stored_leaves(leaves: Leaves) -> list[bytes]:
    """The leaves of all columns, one column after the other."""
    data = b64decode(leaves.digests)
    return [data[at : at + _SHORT] for at in range(0, len(data), _SHORT)]
