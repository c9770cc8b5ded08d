"""What the files beside this one have in common."""

from __future__ import annotations

from typing import Protocol


class Source(Protocol):
    """One global generator."""

    name: str

    def loaded(self) -> bool:
        """True if the user has it."""
        ...

    def mark(self, *, between: bool) -> object:
        """A comparable mark of its state now. `between`: no cell has run since the last one."""
        ...

    def untouched(self, mark: object) -> bool:
        """True if nobody can have drawn from it since it was loaded, or what it gives from then on is the same each time."""
        ...

    def serialize(self) -> bytes:
        """Its state now, as JSON."""
        ...

    def restore(self, data: bytes) -> None:
        """Put the state back to what `serialize` wrote. Raises ValueError, TypeError or msgspec.DecodeError for anything else."""
        ...
