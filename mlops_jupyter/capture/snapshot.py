"""Which names of a namespace were bound, rebound, deleted between two looks, at the speed of C.

A look keeps the names and the ids behind them, never a value. A namespace grows by a name or two with each cell (IPython's
history), and names keep their place, so that two looks are mostly compared side by side. An id that is used again for another
object hides a rebinding: whoever rests on a name's content must look at the content.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import compress
from operator import ne
from typing import NamedTuple

from mlops_jupyter.capture.kinds import identity


class Changes(NamedTuple):
    """Names bound at the later look only, at both to different objects, at the earlier one only."""

    created: list[str]
    rebound: list[str]
    deleted: list[str]


class Snapshot(NamedTuple):
    """Names in their order, and the id behind each."""

    names: list[str]
    places: list[int]

    @classmethod
    def of(cls, namespace: Mapping[str, object]) -> Snapshot:
        """How it is now."""
        while True:
            try:
                names, places = list(namespace), list(map(identity, namespace.values()))
            except RuntimeError:  # another thread of the user's bound or deleted a name while we looked
                continue
            if len(names) == len(places):
                return cls(names, places)

    def changes(self, later: Snapshot) -> Changes:
        """What happened until `later`."""
        known = len(self.names)
        if later.names[:known] == self.names:
            return Changes(later.names[known:], list(compress(self.names, map(ne, self.places, later.places))), [])
        before, after = dict(zip(*self, strict=True)), dict(zip(*later, strict=True))
        rebound = [name for name, place in after.items() if before.get(name, place) != place]
        return Changes([name for name in after if name not in before], rebound, [name for name in before if name not in after])
