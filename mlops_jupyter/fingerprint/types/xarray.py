"""xarray variables, arrays and data sets, by their attributes. Data not yet loaded stays on disk and is not covered."""

from __future__ import annotations

import xarray as xr

from mlops_jupyter.fingerprint.types.instances import attributes
from mlops_jupyter.fingerprint.walk import Entry, Found, Trace, Walk, combine, leaf, name_of

_UNSEEN = frozenset({"_cache", "_close", "_encoding", "__weakref__"})


def _part(value: object, walk: Walk) -> Found:
    own = attributes(value)
    names = sorted(name for name in own if name not in _UNSEEN)
    before = walk.covered
    parts = [leaf(b"class", name_of(type(value)).encode())]
    parts += [part for name in names for part in (leaf(b"name", name.encode()), walk.digest(own[name]))]
    return Found("array", combine(b"xarray", parts), None, walk.covered - before)


def _reach(value: object, trace: Trace) -> None:
    trace.hold(value)
    trace.follow(attributes(value).values())


def entries() -> list[Entry]:
    """The table's rows for xarray."""
    return [Entry(cls, _part, _reach) for cls in (xr.Variable, xr.IndexVariable, xr.DataArray, xr.Dataset)]


def entry_for_unknown(cls: type) -> Entry:
    """Any other class of xarray's own: indexes, adapters around arrays."""
    return Entry(cls, _part, _reach)
