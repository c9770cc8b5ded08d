"""Python's own values: scalars, containers, dates, paths. Each is read by its builtin type's own methods, never the value's.

A subclass of a builtin container (a named tuple, a `Bunch`) is its content as the builtin sees it, plus its class's name and
its own attributes. Order counts in lists and dicts; sets are sorted by the digests of their members, because the order of a
set follows the hash seed.
"""

from __future__ import annotations

import array
import collections
import datetime
import decimal
import pathlib
import random
import re
import struct
import types
import uuid
import zoneinfo
from collections.abc import Callable, Iterable

from mlops_jupyter.fingerprint.types.instances import attribute_digests, attributes
from mlops_jupyter.fingerprint.walk import Entry, Found, Trace, Walk, combine, leaf, name_of

_double = struct.Struct("<d").pack
_MANY = 32  # from here on a list of one scalar type is packed and hashed as one buffer


def _int(value: object) -> bytes:
    number: int = value  # type: ignore[assignment]
    return b"int:" + number.to_bytes((number.bit_length() + 8) // 8, "little", signed=True)


def scalar_encoders() -> dict[int, Callable[[object], bytes]]:
    """Exact scalar type, by id → its canonical bytes with a type tag. The quick path: no walk, no memory."""
    encoders: dict[type, Callable[[object], bytes]] = {
        int: _int,
        float: lambda value: b"float:" + _double(value),
        bool: lambda value: b"bool:1" if value else b"bool:0",
        str: lambda value: b"str:" + value.encode("utf-8", "surrogatepass"),  # type: ignore[attr-defined]
        bytes: lambda value: b"bytes:" + value,  # type: ignore[operator]
        type(None): lambda value: b"none:",
        type(...): lambda value: b"ellipsis:",
        type(NotImplemented): lambda value: b"notimplemented:",
        complex: lambda value: b"complex:" + _double(value.real) + _double(value.imag),  # type: ignore[attr-defined]
    }
    return {id(cls): encode for cls, encode in encoders.items()}


def _packed(items: list[object]) -> tuple[bytes, bytes] | None:
    """Tag and bytes of a long list that holds one scalar type; None otherwise."""
    kinds = set(map(id, map(type, items)))
    if kinds == {id(float)}:
        return b"float", struct.pack(f"<{len(items)}d", *items)
    if kinds == {id(int)}:
        try:
            return b"int", struct.pack(f"<{len(items)}q", *items)
        except struct.error:
            return None
    if kinds == {id(str)}:
        texts: list[bytes] = [item.encode("utf-8", "surrogatepass") for item in items]  # type: ignore[attr-defined]
        return b"str", struct.pack(f"<{len(texts)}q", *map(len, texts)) + b"".join(texts)
    return None


def _sequence(tag: bytes, items: list[object], walk: Walk) -> bytes:
    if len(items) >= _MANY:
        packed = _packed(items) if walk.remaining is None or len(items) * 8 <= walk.remaining else None
        if packed is not None:
            kind, data = packed
            whole = walk.spend(len(data))
            return leaf(b"%b of %b:%d" % (tag, kind, len(items)), data if whole else b"")
    return combine(tag, walk.digests(items))


def _with_own(value: object, builtin: type, digest: bytes, walk: Walk) -> Found:
    """The found content, together with what a subclass adds: its name and attributes."""
    if type(value) is builtin:
        return Found("container", digest, _length(value, builtin))
    own = attribute_digests(value, walk, base=builtin)
    parts = [leaf(b"class", name_of(type(value)).encode()), digest, *own]
    return Found("container", combine(b"subclass", parts), _length(value, builtin))


def _length(value: object, builtin: type) -> tuple[int, ...]:
    return (builtin.__len__(value),)  # type: ignore[attr-defined]


def _list(value: object, walk: Walk) -> Found:
    return _with_own(value, list, _sequence(b"list", list(list.__iter__(value)), walk), walk)  # type: ignore[arg-type]


def _tuple(value: object, walk: Walk) -> Found:
    return _with_own(value, tuple, _sequence(b"tuple", list(tuple.__iter__(value)), walk), walk)  # type: ignore[arg-type]


def _deque(value: object, walk: Walk) -> Found:
    queue: collections.deque[object] = value  # type: ignore[assignment]
    limit = collections.deque.__dict__["maxlen"].__get__(queue)
    digest = combine(b"deque", [walk.digest(limit), *walk.digests(list(collections.deque.__iter__(queue)))])
    return _with_own(value, collections.deque, digest, walk)


def _pairs(tag: bytes, items: Iterable[tuple[object, object]], walk: Walk) -> bytes:
    return combine(tag, [part for key, item in items for part in (walk.digest(key), walk.digest(item))])


def _dict(value: object, walk: Walk) -> Found:
    digest = _pairs(b"dict", list(dict.items(value)), walk)  # type: ignore[arg-type]
    return _with_own(value, dict, digest, walk)


def _defaultdict(value: object, walk: Walk) -> Found:
    factory = collections.defaultdict.__dict__["default_factory"].__get__(value)
    parts = [walk.digest(factory), _pairs(b"dict", list(dict.items(value)), walk)]  # type: ignore[arg-type]
    return Found("container", combine(b"defaultdict", parts), _length(value, dict))


def _ordered(value: object, walk: Walk) -> Found:
    items: list[tuple[object, object]] = list(collections.OrderedDict.items(value))  # type: ignore[arg-type]
    return _with_own(value, collections.OrderedDict, _pairs(b"OrderedDict", items, walk), walk)


def _set(value: object, walk: Walk) -> Found:
    return _with_own(value, set, combine(b"set", sorted(walk.digests(list(set.__iter__(value))))), walk)  # type: ignore[arg-type]


def _frozenset(value: object, walk: Walk) -> Found:
    members: list[object] = list(frozenset.__iter__(value))  # type: ignore[arg-type]
    return _with_own(value, frozenset, combine(b"frozenset", sorted(walk.digests(members))), walk)


def _bytearray(value: object, walk: Walk) -> Found:
    size = bytearray.__len__(value)  # type: ignore[arg-type]
    whole = walk.spend(size)
    return Found("scalar", leaf(b"bytearray", bytes(memoryview(value))) if whole else None, (size,), size)  # type: ignore[arg-type]


def _view(value: object, walk: Walk) -> Found:
    """A memoryview by what it shows."""
    view: memoryview = value  # type: ignore[assignment]
    try:
        size = view.nbytes
    except ValueError:
        return Found("scalar", leaf(b"memoryview", b"released"))
    shape = f"{view.format} {view.shape}".encode()
    return Found("array", leaf(b"memoryview " + shape, view.tobytes()) if walk.spend(size) else None, view.shape, size)


def _reach_view(value: object, trace: Trace) -> None:
    trace.hold(value)
    try:
        trace.follow((value.obj,))  # type: ignore[attr-defined]
    except ValueError:
        return  # released


def _array(value: object, walk: Walk) -> Found:
    numbers: array.array[int] = value  # type: ignore[assignment]
    size = len(numbers) * numbers.itemsize
    whole = walk.spend(size)
    digest = leaf(b"array:" + numbers.typecode.encode(), numbers.tobytes()) if whole else None
    return Found("array", digest, (len(numbers),), size)


def _range(value: object, walk: Walk) -> Found:
    bounds: range = value  # type: ignore[assignment]
    return Found("scalar", combine(b"range", walk.digests((bounds.start, bounds.stop, bounds.step))), (len(bounds),))


def _slice(value: object, walk: Walk) -> Found:
    cut: slice = value  # type: ignore[assignment]
    return Found("scalar", combine(b"slice", walk.digests((cut.start, cut.stop, cut.step))))


def _text(tag: bytes, text: Callable[[object], str]) -> Callable[[object, Walk], Found]:
    def describe(value: object, walk: Walk) -> Found:
        return Found("scalar", leaf(tag, text(value).encode("utf-8", "surrogatepass")))

    return describe


def _moment(value: object, walk: Walk) -> Found:
    """Date and time without its zone, then the zone: `isoformat` of an aware value would call the zone's own code."""
    moment: datetime.datetime = value  # type: ignore[assignment]
    bare = moment.replace(tzinfo=None).isoformat().encode() + b"/%d" % moment.fold
    return Found("scalar", combine(b"moment", [leaf(name_of(type(value)).encode(), bare), walk.digest(moment.tzinfo)]))


def _zone(value: object, walk: Walk) -> Found:
    key = zoneinfo.ZoneInfo.__dict__["key"].__get__(value)
    return Found("scalar", combine(b"zone", [walk.digest(key)])) if key is not None else Found("opaque")


def _timezone(value: object, walk: Walk) -> Found:
    offset, label = datetime.timezone.utcoffset(value, None), datetime.timezone.tzname(value, None)  # type: ignore[arg-type]
    return Found("scalar", leaf(b"timezone", f"{offset.total_seconds()} {label}".encode()))


def _pattern(value: object, walk: Walk) -> Found:
    pattern: re.Pattern[str] = value  # type: ignore[assignment]
    return Found("scalar", combine(b"pattern", walk.digests((pattern.pattern, pattern.flags))))


def _random(value: object, walk: Walk) -> Found:
    return Found("instance", combine(b"random.Random", [walk.digest(random.Random.getstate(value))]))  # type: ignore[arg-type]


def _namespace(value: object, walk: Walk) -> Found:
    items = sorted(types.SimpleNamespace.__dict__["__dict__"].__get__(value).items())
    return Found("instance", _pairs(b"namespace", items, walk))


def _hold_items(builtin: type) -> Callable[[object, Trace], None]:
    def reach(value: object, trace: Trace) -> None:
        trace.hold(value)
        trace.follow(list(builtin.__iter__(value)))  # type: ignore[attr-defined]
        trace.follow(attributes(value).values())

    return reach


def _hold_values(value: object, trace: Trace) -> None:
    trace.hold(value)
    trace.follow(list(dict.values(value)))  # type: ignore[arg-type]
    trace.follow(attributes(value).values())


def _tuple_items(value: object, trace: Trace) -> None:
    trace.follow(list(tuple.__iter__(value)))  # type: ignore[arg-type]
    trace.follow(attributes(value).values())


def _hold(value: object, trace: Trace) -> None:
    trace.hold(value)


def _hold_namespace(value: object, trace: Trace) -> None:
    trace.hold(value)
    trace.follow(types.SimpleNamespace.__dict__["__dict__"].__get__(value).values())


def _paths() -> list[Entry]:
    found = (pathlib.PurePosixPath, pathlib.PureWindowsPath, pathlib.PosixPath, pathlib.WindowsPath)
    return [Entry(cls, _text(name_of(cls).encode(), str)) for cls in found]


def entries() -> list[Entry]:
    """The table's rows for Python's own types."""
    return [
        Entry(list, _list, _hold_items(list), subclasses=True),
        Entry(tuple, _tuple, _tuple_items, subclasses=True),
        Entry(dict, _dict, _hold_values, subclasses=True),
        Entry(collections.OrderedDict, _ordered, _hold_values, subclasses=True),
        Entry(collections.defaultdict, _defaultdict, _hold_values),
        Entry(set, _set, _hold_items(set), subclasses=True),
        Entry(frozenset, _frozenset, None, subclasses=True),
        Entry(collections.deque, _deque, _hold_items(collections.deque), subclasses=True),
        Entry(bytearray, _bytearray, _hold),
        Entry(array.array, _array, _hold),
        Entry(memoryview, _view, _reach_view),
        Entry(range, _range),
        Entry(slice, _slice),
        Entry(datetime.datetime, _moment),
        Entry(datetime.time, _moment),
        Entry(datetime.date, _text(b"date", lambda value: value.isoformat())),  # type: ignore[attr-defined]
        Entry(datetime.timedelta, _text(b"timedelta", lambda value: f"{value.days}/{value.seconds}/{value.microseconds}")),  # type: ignore[attr-defined]
        Entry(datetime.timezone, _timezone),
        Entry(zoneinfo.ZoneInfo, _zone),
        Entry(decimal.Decimal, _text(b"decimal", str)),
        Entry(uuid.UUID, _text(b"uuid", lambda value: value.hex)),  # type: ignore[attr-defined]
        Entry(re.Pattern, _pattern),
        Entry(random.Random, _random, _hold),
        Entry(types.SimpleNamespace, _namespace, _hold_namespace),
        *_paths(),
    ]
