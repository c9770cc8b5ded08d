"""Module `random`."""

from __future__ import annotations

import random

import msgspec

from mlops_jupyter.capture.memory import twister


class PythonSource:
    """Python's Mersenne Twister. Implements Source."""

    name = "python"

    def loaded(self) -> bool:
        """Always."""
        return True

    def mark(self, *, between: bool) -> tuple[object, ...]:
        """The state itself, as it lies in memory."""
        return twister(random._inst)

    def untouched(self, mark: object) -> bool:
        """See Source."""
        return True

    def serialize(self) -> bytes:
        """As `random.getstate()` says it."""
        return msgspec.json.encode(random.getstate())

    def restore(self, data: bytes) -> None:
        """See Source."""
        random.setstate(msgspec.json.decode(data, type=tuple[int, tuple[int, ...], float | None]))
