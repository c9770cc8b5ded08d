"""The state of the global random generators around each cell: enough to say who drew, and to put the state back.

Two sources: `python` (module `random`) and `numpy` (the legacy global; only if the user has imported numpy). A state is kept as
JSON, never as a pickle, so that restoring one runs nothing. It is written as a blob only when it differs from the last one.
Reading a state draws nothing.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from typing import Protocol, cast

import msgspec

from mlops_jupyter.capture.memory import state_of, twister
from mlops_jupyter.entities.errors import InputError
from mlops_jupyter.entities.sessions import RandomState

_MT19937_BYTES = 624 * 4 + 4


class _Key(Protocol):
    def tobytes(self) -> bytes: ...
    def tolist(self) -> list[int]: ...


class _NumpyRandom(Protocol):
    def get_state(self) -> tuple[str, _Key, int, int, float]: ...
    def set_state(self, state: tuple[str, list[int], int, int, float]) -> None: ...


def _numpy_random() -> _NumpyRandom | None:
    """`numpy.random` if the user has it, fully imported."""
    module = sys.modules.get("numpy.random")
    return cast(_NumpyRandom, module) if hasattr(module, "get_state") else None


_DRAW_AT_IMPORT = {"rich.style": 24}
"""Libraries that draw bits from `random` when they are imported, and how many. scikit-learn ≥ 1.9 imports rich."""


def _raw_state(numpy: _NumpyRandom) -> bytes | None:
    """The bytes of the legacy Mersenne Twister's key and position, at a fiftieth of the cost of `get_state`; None if unknown.

    They leave out a cached normal deviate, so they tell that nothing was drawn only where no cell ran.
    """
    try:
        generator = numpy.get_bit_generator()  # type: ignore[attr-defined] # NumPy ≥ 1.24
        if type(generator).__name__ != "MT19937":
            return None
        import ctypes

        return ctypes.string_at(generator.ctypes.state_address, _MT19937_BYTES)
    except (AttributeError, ImportError, TypeError):
        return None


class Generators:
    """Follows the sources across cells. `keep` stores the bytes of a state and returns the blob's name."""

    def __init__(self, keep: Callable[[bytes], str]) -> None:
        self._keep = keep
        self._kept: dict[str, tuple[object, str]] = {}
        self._numpy: object = None
        self._raw: bytes | None = None
        self._no_gauss = False
        self._last: dict[str, object] = {}
        self._now: dict[str, object] | None = None
        self._python: tuple[object, frozenset[str]] | None = None

    def marks(self, *, between: bool = False) -> dict[str, object]:
        """A comparable mark of each source's state now.

        The raw memory of numpy's state is looked at first: where it is the same nobody drew, unless a cell used up the normal
        deviate that was kept from an earlier draw.
        """
        found: dict[str, object] = {"python": twister(random._inst)}
        numpy = _numpy_random()
        if numpy is not None:
            raw = _raw_state(numpy)
            if not (between or self._no_gauss) or raw is None or raw != self._raw or self._numpy is None:
                name, key, position, has_gauss, cached = numpy.get_state()
                self._numpy = (name, hash(key.tobytes()), position, has_gauss, cached)
                self._no_gauss = not has_gauss
                self._raw = raw
            found["numpy"] = self._numpy
        return found

    def between(self) -> RandomState | None:
        """Who drew since the last cell; None if nobody did. Called right before `before`, which then need not look again."""
        self._now = now = self.marks(between=True)
        drew = tuple(source for source, mark in now.items() if self._last.get(source, mark) != mark)
        return RandomState({source: self._kept[source][1] for source in drew if source in self._kept}, drew) if drew else None

    def before(self) -> tuple[dict[str, object], dict[str, str]]:
        """(marks, source → blob name of the state). Called before a cell runs."""
        marks, self._now = self.marks(between=True) if self._now is None else self._now, None
        names: dict[str, str] = {}
        for source, mark in marks.items():
            kept = self._kept.get(source)
            if kept is None or kept[0] != mark:
                kept = (mark, self._keep(serialize(source)))
                self._kept[source] = kept
            names[source] = kept[1]
        missing = _not_imported()
        self._python = (marks["python"], missing) if missing else None
        return marks, names

    def after(self, before: tuple[dict[str, object], dict[str, str]], seeded: tuple[str, ...]) -> RandomState:
        """What the cell did to the sources. A source that first appeared in the cell counts as drawn only if it was seeded."""
        marks, names = before
        now = self._last = self.marks()
        drew = tuple(source for source, mark in now.items() if source in marks and marks[source] != mark)
        by_import = ("python",) if "python" in drew and self._drawn_by_import() else ()
        return RandomState(before=names, drew=drew, seeded=seeded, by_import=by_import)

    def _drawn_by_import(self) -> bool:
        """True if libraries imported since `before` account for every draw: theirs are done again and compared."""
        if self._python is None:
            return False
        mark, missing = self._python
        again = random.Random()  # noqa: S311 (a copy of the user's generator, to compare)
        again.setstate(state_of(cast("tuple[object, ...]", mark)))
        imported = missing - _not_imported()
        for name in sorted(imported):
            again.getrandbits(_DRAW_AT_IMPORT[name])
        return bool(imported) and again.getstate() == random.getstate()


def _not_imported() -> frozenset[str]:
    return frozenset(name for name in _DRAW_AT_IMPORT if name not in sys.modules)


def serialize(source: str) -> bytes:
    """The state of `source` now, as JSON."""
    if source == "python":
        return msgspec.json.encode(random.getstate())
    numpy = _numpy_random()
    if source != "numpy" or numpy is None:
        raise InputError(f"no random source {source!r} here", "known: python, numpy (when imported)")
    name, key, position, has_gauss, cached = numpy.get_state()
    return msgspec.json.encode((name, key.tolist(), position, has_gauss, cached))


def restore(source: str, data: bytes) -> None:
    """Put the state of `source` back to what `serialize` wrote. Raises InputError for an unknown source or malformed bytes."""
    try:
        if source == "python":
            random.setstate(msgspec.json.decode(data, type=tuple[int, tuple[int, ...], float | None]))
            return
        if source == "numpy":
            import importlib

            numpy = cast(_NumpyRandom, importlib.import_module("numpy.random"))
            numpy.set_state(msgspec.json.decode(data, type=tuple[str, list[int], int, int, float]))
            return
    except (msgspec.DecodeError, ValueError, TypeError) as error:
        raise InputError(f"not a state of the random source {source!r}: {error}", "record the session again") from error
    raise InputError(f"no random source {source!r}", "known: python, numpy")
