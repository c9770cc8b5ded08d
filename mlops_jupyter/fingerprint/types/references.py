"""Weak references: what they lead to is reached like any attribute, though nothing of it is kept alive.

A reference is what it points at, or that it points at nothing any more; a finalizer what it will call. The object behind a
proxy is asked from CPython, since every way through the proxy itself would run the object's own code.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable
from typing import cast

from mlops_jupyter.fingerprint.types.instances import attribute_digests
from mlops_jupyter.fingerprint.walk import Entry, Found, Trace, Walk, combine, dict_of, exactly, leaf, name_of

_PROXIES = exactly(weakref.ProxyType, weakref.CallableProxyType)


def referent(value: object) -> object:
    """What a weak reference or a proxy leads to now; None if it is gone."""
    if id(type(value)) in _PROXIES:
        function = ctypes.pythonapi.PyWeakref_GetObject
        function.argtypes, function.restype = [ctypes.py_object], ctypes.py_object  # it lends the object; ctypes takes its own
        return cast(object, function(value))
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
    return referent(value), getattr(value, "__callback__", None) if id(type(value)) not in _PROXIES else None


def entries() -> list[Entry]:
    """The table's rows for weak references."""
    return [
        Entry(weakref.ReferenceType, _reference, _reach(_behind), subclasses=True),
        Entry(weakref.ProxyType, _reference, _reach(_behind)),
        Entry(weakref.CallableProxyType, _reference, _reach(_behind)),
        Entry(weakref.finalize, _finalizer, _reach(called_at_the_end)),
    ]
