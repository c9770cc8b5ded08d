"""SciPy sparse matrices and arrays: shape, format and the arrays that hold the entries.

Two matrices with the same entries in another storage order have different exact digests: that order decides the result of float
sums. Their logical digest is the same: of the entries row by row, duplicates added up, made on a copy.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from mlops_jupyter.fingerprint.types.columns import plain_column
from mlops_jupyter.fingerprint.types.instances import attribute_digests, attributes
from mlops_jupyter.fingerprint.walk import Entry, Found, Trace, Walk, combine, leaf, name_of

_ORDERED = 1 << 18  # entries brought into order on a cell's path: ten milliseconds
_PARTS = ("data", "indices", "indptr", "row", "col", "coords", "offsets", "rows")


def _sparse(value: object, walk: Walk) -> Found:
    own = attributes(value)
    parts = [leaf(b"class", name_of(type(value)).encode()), walk.digest(own.get("_shape"))]
    before = walk.covered
    for name in _PARTS:
        if name in own:
            parts += [leaf(b"name", name.encode()), walk.digest(own[name])]
    if "_dict" in own:  # dictionary of keys: the order of insertion is not content
        entries_ = own["_dict"]
        items = list(dict.items(entries_)) if isinstance(entries_, dict) else []
        parts += sorted(combine(b"entry", walk.digests((key, item))) for key, item in items)
    elif len(parts) == 2:
        return Found("opaque")
    shape = own.get("_shape")
    return Found("array", combine(b"sparse", parts), shape if type(shape) is tuple else None, walk.covered - before, None,
                 _logical(value, shape, walk))


def _logical(value: object, shape: object, walk: Walk) -> bytes | None:
    """The same for the same entries in any format and order; None where bringing them into order would take long."""
    if type(shape) is not tuple or len(shape) != 2 or _stored(value) > _ORDERED:
        return None
    rows = value.tocsr(copy=True)  # type: ignore[attr-defined]
    rows.sum_duplicates()
    rows.eliminate_zeros()
    uncounted = Walk(walk.table, {}, None)
    starts, places = (plain_column(array.astype(np.int64), uncounted).digest for array in (rows.indptr, rows.indices))
    name = leaf(b"sparse", f"{shape[0]},{shape[1]}".encode())
    return combine(b"entries", [name, starts, places, plain_column(rows.data, uncounted).digest])


def _stored(value: object) -> int:
    """How many entries are stored, without asking the value to count them."""
    own = attributes(value)
    data = own.get("_dict", own.get("data"))
    if isinstance(data, dict):
        return len(data)
    if not isinstance(data, np.ndarray):
        return _ORDERED + 1
    return sum(map(len, data)) if data.dtype.hasobject else data.size


def _reach(value: object, trace: Trace) -> None:
    trace.hold(value)
    trace.follow(attributes(value).values())


def _part(value: object, walk: Walk) -> Found:
    """An object of a Python class of SciPy's own (splines, distributions)."""
    parts = [leaf(b"class", name_of(type(value)).encode()), *attribute_digests(value, walk)]
    return Found("instance", combine(b"part", parts))


def entry_for_unknown(cls: type) -> Entry:
    """Any other class defined inside SciPy."""
    return Entry(cls, _part, _reach)


def entries() -> list[Entry]:
    """The table's rows for SciPy."""
    formats = ("bsr", "coo", "csc", "csr", "dia", "dok", "lil")
    classes = [getattr(sp, f"{name}_{kind}") for name in formats for kind in ("matrix", "array")]
    return [Entry(cls, _sparse, _reach) for cls in classes]
