"""NumPy's legacy generator: what `np.random.seed` seeds and `np.random.rand` draws from."""

from __future__ import annotations

import ctypes
import importlib
import sys
from typing import Protocol, cast

import msgspec

_MT19937_BYTES = 624 * 4 + 4
_NEW = 623


class _Key(Protocol):
    def tobytes(self) -> bytes: ...
    def tolist(self) -> list[int]: ...


class _NumpyRandom(Protocol):
    def get_state(self) -> tuple[str, _Key, int, int, float]: ...
    def set_state(self, state: tuple[str, list[int], int, int, float]) -> None: ...


def _module() -> _NumpyRandom:
    return cast(_NumpyRandom, importlib.import_module("numpy.random"))


def _raw_state() -> bytes | None:
    """The bytes of the Mersenne Twister's key and position, at a fiftieth of the cost of `get_state`; None if unknown.

    They leave out a cached normal deviate, so they tell that nothing was drawn only where no cell ran.
    """
    try:
        generator = _module().get_bit_generator()  # type: ignore[attr-defined] # NumPy ≥ 1.24
        if type(generator).__name__ != "MT19937":
            return None
        return ctypes.string_at(generator.ctypes.state_address, _MT19937_BYTES)
    except (AttributeError, ImportError, TypeError):
        return None


class NumpySource:
    """Implements Source."""

    name = "numpy"

    def __init__(self) -> None:
        self._mark: object = None
        self._raw: bytes | None = None
        self._no_gauss = False

    def loaded(self) -> bool:
        """True once `numpy.random` is fully imported."""
        return hasattr(sys.modules.get("numpy.random"), "get_state")

    def mark(self, *, between: bool) -> object:
        """The raw memory is looked at first: the same means that nobody drew, unless a cell used up the deviate that was kept."""
        raw = _raw_state()
        if not (between or self._no_gauss) or raw is None or raw != self._raw or self._mark is None:
            name, key, position, has_gauss, cached = _module().get_state()
            self._mark = (name, hash(key.tobytes()), position, has_gauss, cached)
            self._no_gauss = not has_gauss
            self._raw = raw
        return self._mark

    def untouched(self, mark: object) -> bool:
        """See Source. One that is new, with entropy as its key, stands one place before where each draw and `seed` lead."""
        _, _, position, has_gauss, _ = cast("tuple[str, int, int, int, float]", mark)
        return position == _NEW and not has_gauss

    def serialize(self) -> bytes:
        """As `np.random.get_state()` says it."""
        name, key, position, has_gauss, cached = _module().get_state()
        return msgspec.json.encode((name, key.tolist(), position, has_gauss, cached))

    def restore(self, data: bytes) -> None:
        """See Source."""
        _module().set_state(msgspec.json.decode(data, type=tuple[str, list[int], int, int, float]))
