"""Identity of rows that a query gave: their number, a digest in order, and one that does not depend on the order.

Databases give the same rows in any order unless asked. The second digest is the sum of the rows' hashes. A frame's rows are
hashed by its own library, so that digest names the library, and two libraries' are never taken for equal; rows as tuples are
hashed here.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence, Sized
from typing import cast

import msgspec
from xxhash import xxh3_128

from mlops_jupyter.entities.data import Fingerprint
from mlops_jupyter.fingerprint.core import fingerprint

MOST = 1_000_000
"""Rows above which the digest without order is not made: it costs more than the one in order."""
_WORD = 1 << 128


class Rows(msgspec.Struct, frozen=True):
    """What came back. `count` None: not rows, or an iterator that nobody may consume."""

    count: int | None
    ordered: Fingerprint
    unordered: str | None = None


def fingerprint_rows(value: object) -> Rows:
    """The rows of a pandas, Polars or Arrow table, or of a list of tuples. Anything else, iterators too: nothing is known."""
    kind = type(value)
    library, name = kind.__module__.partition(".")[0], kind.__qualname__
    if kind is list:
        return _of_tuples(cast(Sequence[Iterable[object]], value))
    if (library, name) not in {("pandas", "DataFrame"), ("polars", "DataFrame"), ("pyarrow", "Table")}:
        return Rows(None, Fingerprint("query"))
    count = len(cast(Sized, value))
    ordered = msgspec.structs.replace(fingerprint(value), kind="query", columns=None)
    return Rows(count, ordered, _unordered(library, value) if count <= MOST else None)


def _unordered(library: str, value: object) -> str | None:
    version = getattr(sys.modules.get(library), "__version__", "")
    try:
        if library == "pandas":
            total = int(sys.modules["pandas"].util.hash_pandas_object(value, index=False).sum())
        elif library == "polars":
            total = int(getattr(value, "hash_rows")(0).sum())  # noqa: B009 (its class is known by name only)
        else:
            return None
    except Exception:  # noqa: BLE001 (a column of values that the library cannot hash)
        return None
    return f"rows1:{library}-{version}:{total % (1 << 64):016x}"


def _of_tuples(rows: Sequence[Iterable[object]]) -> Rows:
    """Rows of plain values (numbers, text, bytes, dates, decimals, None); with any other value in them nothing is known."""
    encode = msgspec.msgpack.Encoder().encode
    whole, total = xxh3_128(), 0
    try:
        for row in rows:
            digest = xxh3_128(encode(tuple(row))).digest()
            whole.update(digest)
            total += int.from_bytes(digest)
    except (TypeError, ValueError, OverflowError):
        return Rows(len(rows), Fingerprint("query"))
    return Rows(len(rows), Fingerprint("query", f"fp1:xxh3-128:{whole.hexdigest()}", type_name="rows", shape=(len(rows),)),
                f"rows1:tuples:{total % _WORD:032x}")
