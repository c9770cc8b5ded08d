"""Which names of a namespace were bound, rebound, deleted between two looks, at the speed of C.

A look keeps the names and a mark of each object behind them, never a value. A namespace grows by a name or two with each cell
(IPython's history), and names keep their place, so that two looks are mostly compared side by side, many marks at a time. An
address that is used again for another object hides a rebinding: whoever rests on a name's content must look at the content.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from itertools import compress
from operator import ne
from typing import NamedTuple

from mlops_jupyter.capture.memory import WIDTH, addresses

_BLOCK = 64 * WIDTH


class Changes(NamedTuple):
    """Names bound at the later look only, at both to different objects, at the earlier one only."""

    created: list[str]
    rebound: list[str]
    deleted: list[str]


class Snapshot(NamedTuple):
    """Names in their order, and WIDTH bytes for the object behind each."""

    names: list[str]
    places: bytes

    @classmethod
    def of(cls, namespace: Mapping[str, object]) -> Snapshot:
        """How it is now."""
        while True:
            try:
                names, places = list(namespace), addresses(namespace.values())
            except RuntimeError:  # another thread of the user's bound or deleted a name while we looked
                continue
            if WIDTH * len(names) == len(places):
                return cls(names, places)

    def changes(self, later: Snapshot) -> Changes:
        """What happened until `later`."""
        known = len(self.names)
        if later.names[:known] == self.names:
            return Changes(later.names[known:], [self.names[at] for at in _differing(self.places, later.places)], [])
        before, after = self._by_name(), later._by_name()
        rebound = [name for name, place in after.items() if before.get(name, place) != place]
        return Changes([name for name in after if name not in before], rebound, [name for name in before if name not in after])

    def _by_name(self) -> dict[str, int]:
        return dict(zip(self.names, array("q", self.places), strict=True))


def _differing(one: bytes, other: bytes) -> Iterator[int]:
    """Positions of the marks of `one` at which `other`, which may be longer, has another."""
    if other.startswith(one):
        return
    for start in range(0, len(one), _BLOCK):
        end = min(start + _BLOCK, len(one))
        if one[start:end] != other[start:end]:
            pair = array("q", one[start:end]), array("q", other[start:end])
            yield from compress(range(start // WIDTH, end // WIDTH), map(ne, *pair))
