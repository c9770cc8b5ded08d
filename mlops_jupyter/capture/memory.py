"""Marks read from CPython's own memory, where its interface costs a hundred times as much at every cell; and how much there is.

`id` of each of a thousand names makes a thousand numbers, and an audit event each; `random.getstate()` makes 625. The bytes
that hold them are copied in one go. How CPython lays them out is looked at once, against the documented way; where it does not
hold (another implementation, a build without a global lock) the documented way is used. Nothing is ever written.
"""

from __future__ import annotations

import ctypes
import random
import struct
import sys
from array import array
from collections.abc import Iterable
from contextlib import suppress

from mlops_jupyter.capture.kinds import identity

with suppress(ImportError):  # Windows has none
    import resource

WIDTH = 8
"""Bytes of each mark of `addresses`."""
_HEAD = object.__basicsize__
_ITEMS = tuple.__basicsize__
_TWISTER = 4 + 624 * 4


def _reads(address: int, known: bytes) -> bool:
    """True if these bytes are there. Only asked of memory that belongs to a living object as large as that."""
    return sys.implementation.name == "cpython" and ctypes.string_at(address, len(known)) == known


def _addresses_read() -> bool:
    example: tuple[object, ...] = (object(), None, "text")
    return struct.calcsize("P") == WIDTH and _reads(id(example) + _ITEMS, struct.pack("3P", *map(id, example)))


def _twister_reads() -> bool:
    example = random.Random(1)  # noqa: S311 (an example of the layout)
    if type(example).__base__.__basicsize__ < _HEAD + _TWISTER:  # type: ignore[union-attr]
        return False
    state = example.getstate()[1]
    return _reads(id(example) + _HEAD, struct.pack("i624I", state[-1], *state[:-1]))


_known: dict[str, bool] = {}


def _holds(name: str) -> bool:
    """Whether a layout is what is expected; looked at once."""
    if name not in _known:
        _known[name] = _addresses_read() if name == "tuple" else _twister_reads()
    return _known[name]


def addresses(values: Iterable[object]) -> bytes:
    """A mark of WIDTH bytes for each value: the same for the same object, another for another one alive at the time."""
    held = tuple(values)
    if not _holds("tuple"):
        return array("q", map(identity, held)).tobytes()
    return ctypes.string_at(id(held) + _ITEMS, WIDTH * len(held))


def twister(generator: random.Random) -> tuple[object, ...]:
    """A comparable mark of the state of a Mersenne Twister, of exactly this class or one without slots of its own."""
    if not _holds("twister"):
        return generator.getstate()
    return ctypes.string_at(id(generator) + _HEAD, _TWISTER), generator.gauss_next  # type: ignore[attr-defined]


def state_of(mark: tuple[object, ...]) -> tuple[object, ...]:
    """What `getstate()` said when `twister` made this mark."""
    if len(mark) != 2 or type(mark[0]) is not bytes:
        return mark
    index, *words = struct.unpack("i624I", mark[0])
    return random.Random.VERSION, (*words, index), mark[1]


def held() -> int | None:
    """The most bytes of memory that this process has held so far; None where the system does not say. Half a microsecond."""
    if "resource" not in globals():
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(most) if sys.platform == "darwin" else 1024 * int(most)  # getrusage(2): bytes on macOS, else kilobytes
