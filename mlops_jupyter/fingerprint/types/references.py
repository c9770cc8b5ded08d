"""Weak references: what they lead to is reached like any attribute, though nothing of it is kept alive.

A reference is what it points at, or that it points at nothing any more; a finalizer what it will call. A proxy gives nothing away
without running the object's own code, and the interface that does is gone from new Pythons: of the object behind it only the
address is read, which tells the names that are aliases.
"""

from __future__ import annotations

import ctypes
import struct
import sys
import weakref
from collections.abc import Callable
from typing import cast

from mlops_jupyter.fingerprint.types.instances import attribute_digests, opaque
from mlops_jupyter.fingerprint.walk import Entry, Found, Trace, Walk, combine, dict_of, leaf, name_of


def referent(value: object) -> object:
    """What a weak reference leads to now; None if it is gone."""
    return weakref.ReferenceType.__call__(cast("weakref.ReferenceType[object]", value))


def called_at_the_end(finalizer: object) -> tuple[object, ...]:
    """Function, arguments and keywords of a finalizer that has not run yet; () once it has."""
    registry: dict[object, object] = dict_of(weakref.finalize)["_registry"]  # type: ignore[assignment]
    info = registry.get(finalizer)
    return () if info is None else (info.func, info.args, info.kwargs)  # type: ignore[attr-defined]


def finalizers() -> list[tuple[object, ...]]:
    """What every finalizer of this process will call."""
    registry: dict[object, object] = dict_of(weakref.finalize)["_registry"]  # type: ignore[assignment]
    return [(info.func, info.args, info.kwargs) for info in list(registry.values())]  # type: ignore[attr-defined]


def _reference(value: object, walk: Walk) -> Found:
    behind = referent(value)
    if behind is None:
        return Found("instance", leaf(b"reference", b"gone"))
    own = attribute_digests(value, walk, base=type(value))
    return Found("instance", combine(b"reference", [leaf(b"class", name_of(type(value)).encode()), walk.digest(behind), *own]))


def _finalizer(value: object, walk: Walk) -> Found:
    return Found("instance", combine(b"finalizer", walk.digests(called_at_the_end(value))))


def _reach(parts: Callable[[object], tuple[object, ...]]) -> Callable[[object, Trace], None]:
    def reach(value: object, trace: Trace) -> None:
        trace.hold(value)
        trace.follow(parts(value))

    return reach


def _behind(value: object) -> tuple[object, ...]:
    return referent(value), weakref.ReferenceType.__dict__["__callback__"].__get__(value)


def _address(proxy: object) -> int:
    """Where the object behind a proxy is, as `id` says it: the first field of CPython's structure. The object is not touched."""
    return int(struct.unpack("P", ctypes.string_at(id(proxy) + object.__basicsize__, struct.calcsize("P")))[0])


def _reach_proxy(value: object, trace: Trace) -> None:
    trace.hold(value)
    example = _Example()
    if sys.implementation.name == "cpython" and _address(weakref.ref(example)) == id(example):
        trace.ids.add(_address(value))


class _Example:
    """An object to see whether the structure is as expected."""


def entries() -> list[Entry]:
    """The table's rows for weak references."""
    return [
        Entry(weakref.ReferenceType, _reference, _reach(_behind), subclasses=True),
        Entry(weakref.ProxyType, opaque, _reach_proxy),
        Entry(weakref.CallableProxyType, opaque, _reach_proxy),
        Entry(weakref.finalize, _finalizer, _reach(called_at_the_end)),
    ]
