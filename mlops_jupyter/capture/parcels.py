"""Values of a cell as one pickle: what they share among each other stays shared, and what they share with others is told.

An object that another variable holds is written as the name of that variable. Anything deeper that is shared with one, or memory
that two arrays share, cannot be brought back as it was: such values are refused, and so are those that carry a known secret.
"""

from __future__ import annotations

import importlib
import io
import pickle
import time
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import cast

from mlops_jupyter.fingerprint import Footprint, footprint

_NODES = 200_000
_LOOK = 256
"""Objects between two looks at the clock."""


class RefusedError(Exception):
    """Why these values cannot be kept, in words."""


class Parcel:
    """A pickle and the memory that it refers to. `nbytes` of all."""

    def __init__(self, pickled: bytes, buffers: Sequence[memoryview]) -> None:
        self.pickled = pickled
        self.buffers = buffers
        self.nbytes = len(pickled) + sum(buffer.nbytes for buffer in buffers)


class _Packer(pickle.Pickler):
    def __init__(self, file: io.BytesIO, names: Mapping[int, str], forbidden: frozenset[int], end: float,
                 buffers: list[pickle.PickleBuffer]) -> None:
        super().__init__(file, protocol=5, buffer_callback=buffers.append)
        self._names = names
        self._forbidden = forbidden
        self._end = end
        self._count = 0

    def persistent_id(self, value: object) -> tuple[str, str] | None:
        """Asked for each object that is met."""
        self._count += 1
        if not self._count % _LOOK and time.monotonic() > self._end:
            raise RefusedError("it takes too long beside what the cell took")
        if type(value) is ModuleType:
            return "module", value.__name__
        place = id(value)
        if place in self._names:
            return "name", self._names[place]
        if place in self._forbidden:
            raise RefusedError(f"a {type(value).__name__} in it is also in another variable")
        return None


class _Unpacker(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, buffers: Sequence[bytearray], namespace: Mapping[str, object]) -> None:
        super().__init__(file, buffers=buffers)
        self._namespace = namespace

    def persistent_load(self, told: object) -> object:
        """The module or the variable of that name."""
        kind, name = cast("tuple[str, str]", told)
        return importlib.import_module(name) if kind == "module" else self._namespace[name]


def pack(values: Mapping[str, object], others: Mapping[str, object], seconds: float) -> Parcel:
    """`values` as they are now beside `others`, the variables that could share something with them. RefusedError if not."""
    shared = _shared(values, others)
    names = {id(value): name for name, value in others.items() if shared[name].ids or shared[name].ranges}
    forbidden = frozenset(one for name, found in shared.items() for one in found.ids if one not in names)
    file, buffers = io.BytesIO(), list[pickle.PickleBuffer]()
    packer = _Packer(file, names, forbidden, time.monotonic() + seconds, buffers)
    try:
        packer.dump(dict(values))
        return Parcel(file.getvalue(), [buffer.raw() for buffer in buffers])
    except RefusedError:
        raise
    except Exception as error:  # noqa: BLE001 (whatever a value's own pickling raises)
        raise RefusedError(f"{type(error).__name__}: {error}"[:200]) from None


def unpack(pickled: bytes, buffers: Sequence[bytearray], namespace: Mapping[str, object]) -> dict[str, object]:
    """The values again. Raises what their own unpickling raises."""
    found = _Unpacker(io.BytesIO(pickled), buffers, namespace).load()
    assert isinstance(found, dict)
    return found


def _shared(values: Mapping[str, object], others: Mapping[str, object]) -> dict[str, Footprint]:
    """What each of the others holds. RefusedError where memory is shared with one of them, or among the values."""
    mine = {name: footprint(value, _NODES, others.values()) for name, value in values.items()}
    theirs = {name: footprint(value, _NODES) for name, value in others.items()}
    for name, found in mine.items():
        if any(one < 0 for one in found.ids):
            raise RefusedError(f"{name} lies in a mapped file")
        for other, known in [*((one, known) for one, known in mine.items() if one > name), *theirs.items()]:
            holder = values[other] if other in values else others[other]
            if found.ranges and known.ranges and holder is not values[name] and not (
                    _copies_on_write(values[name]) and _copies_on_write(holder)) and _overlap(found, known):
                raise RefusedError(f"{name} and {other} share memory")
    cut = [name for name, found in theirs.items() if not found.complete]
    if cut:
        raise RefusedError(f"{cut[0]} holds too much to tell whether it shares something")
    return theirs


def _overlap(one: Footprint, other: Footprint) -> bool:
    return any(a < d and c < b for a, b in one.ranges for c, d in other.ranges)


def _copies_on_write(value: object) -> bool:
    """True for a table that takes memory of its own before it is changed: those of pandas 3, Polars and Arrow."""
    library = type(value).__module__.partition(".")[0]
    if library == "pandas":
        return int(importlib.import_module("pandas").__version__.partition(".")[0]) >= 3
    return library in {"polars", "pyarrow"}
