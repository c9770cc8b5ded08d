"""What is remembered of a namespace between two looks at it, and what their difference says. Values are never among it, but for
those that are read after their cell.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from mlops_jupyter.capture.closure import Brought
from mlops_jupyter.capture.figures import Drawn
from mlops_jupyter.capture.snapshot import Snapshot
from mlops_jupyter.entities.data import Fingerprint
from mlops_jupyter.entities.sessions import Read, VariableVersion


@dataclass(slots=True)
class Held:
    """What is remembered of a name: never the value."""

    place: int
    fingerprint: Fingerprint | None
    ids: frozenset[int] = frozenset()
    ranges: tuple[tuple[int, int], ...] = ()
    complete: bool = True
    """False if the walk through the value was cut: it may share more than is known."""
    kind: str | None = None
    """Place and digest of the class, where it is the user's and no name of the namespace holds it."""
    slow: bool = False
    """True if the value took too long to read on a cell's path."""


@dataclass
class Before:
    """The namespace as a cell found it."""

    snapshot: Snapshot
    touched: set[str]
    brought: Brought
    results: list[str]
    modules: set[str] = field(default_factory=set)
    drawn: Drawn = field(default_factory=Drawn)


class Later(NamedTuple):
    """A value that is read after its cell; `known`: what it was before, where that matters."""

    value: object
    known: Fingerprint | None


@dataclass
class Difference:
    """What a cell did, in records."""

    reads: list[Read] = field(default_factory=list)
    writes: list[VariableVersion] = field(default_factory=list)
    deletes: list[str] = field(default_factory=list)
    opaque: list[str] = field(default_factory=list)
    seeds: set[str] = field(default_factory=set)
    later: dict[str, Later] = field(default_factory=dict)
    """Written names whose values are still to be read."""
