"""Weak references: what they lead to is reached like any attribute, though nothing of it is kept alive.

A reference is what it points at, or that it points at nothing any more; a finalizer what it will call. Whatever a proxy is asked
it asks the object behind it, whose own code would run; so the object is taken from where CPython keeps it, at an address that
holds `None` once the object is gone.
"""

from __future__ import annotations

import ctypes
import sys
import weakref
from collections.abc import Callable, Iterable
from typing import cast

from mlops_jupyter.fingerprint.types.instances import attribute_digests, opaque
from mlops_jupyter.fingerprint.walk import Entry, Found, Trace, Walk, combine, dict_of, leaf, name_of

_POINTER = ctypes.sizeof(ctypes.c_void_p)


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


def reaching(parts: Callable[[object], Iterable[object]]) -> Callable[[object, Trace], None]:
    """A reach that holds the value and follows its parts."""
    def reach(value: object, trace: Trace) -> None:
        trace.hold(value)
        trace.follow(parts(value))

    return reach


def _behind(value: object) -> tuple[object, ...]:
    return referent(value), weakref.ReferenceType.__dict__["__callback__"].__get__(value)


def _taken(proxy: object) -> object:
    """The object behind a proxy or reference, from the first field of CPython's structure; None once it is gone."""
    return ctypes.py_object.from_buffer_copy(ctypes.string_at(id(proxy) + object.__basicsize__, _POINTER)).value


def proxied(proxy: object) -> object:
    """The object behind a proxy; None if it is gone, or if this Python keeps it elsewhere."""
    example = _Example()
    reference = weakref.ref(example)
    pointer = ctypes.string_at(id(reference) + object.__basicsize__, _POINTER)
    if sys.implementation.name != "cpython" or int.from_bytes(pointer, sys.byteorder) != id(example):
        return None
    return _taken(proxy)


def _proxy(value: object, walk: Walk) -> Found:
    behind = proxied(value)
    return opaque(value, walk) if behind is None else Found("instance", combine(b"proxy", [walk.digest(behind)]))


def _reach_proxy(value: object, trace: Trace) -> None:
    trace.hold(value)
    trace.follow((proxied(value),))


class _Example:
    """An object to see whether the structure is as expected."""


def entries() -> list[Entry]:
    """The table's rows for weak references."""
    return [
        Entry(weakref.ReferenceType, _reference, reaching(_behind), subclasses=True),
        Entry(weakref.ProxyType, _proxy, _reach_proxy),
        Entry(weakref.CallableProxyType, _proxy, _reach_proxy),
        Entry(weakref.finalize, _finalizer, reaching(called_at_the_end)),
    ]
