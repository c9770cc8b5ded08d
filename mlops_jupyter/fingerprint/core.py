"""`fingerprint(value)`: identity of any Python value by content, and `footprint(value)`: what it shares with other values.

The idea is a table from exact type to a reader (see `walk`). Scalars take a quick path of a few microseconds; libraries join
by the plugin door when a value of theirs first appears. Neither function raises, evaluates a lazy value, consumes an
iterator or calls a method of a class that the table does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache

import msgspec
from xxhash import xxh3_128_hexdigest

from mlops_jupyter.entities.data import Fingerprint
from mlops_jupyter.fingerprint.tree import PREFIX, SAMPLED, kept_leaves
from mlops_jupyter.fingerprint.types import functions, instances, python, references
from mlops_jupyter.fingerprint.walk import Stopped, Table, Trace, Walk, name_of

_SCALARS = python.scalar_encoders()
_NAMES = {id(cls): name_of(cls) for cls in (int, float, bool, str, bytes, complex, type(None), type(...), type(NotImplemented))}
_UNSHARED = frozenset(_SCALARS) | {id(cls) for cls in (range, slice)}


class Footprint(msgspec.Struct, frozen=True):
    """What a value could share: ids of mutable holders, memory ranges [start, stop). `complete` False if the walk was cut."""

    ids: frozenset[int]
    ranges: tuple[tuple[int, int], ...]
    complete: bool = True


@cache
def table() -> Table:
    """The readers of this process."""
    known = (python, instances, functions, references)
    return Table([entry for module in known for entry in module.entries()], instances.entry_for_unknown)


def fingerprint(value: object, budget: int | None = None) -> Fingerprint:
    """Identity of `value` by content. `budget`: most bytes to hash (None: all); over it, coverage < 1 or no digest."""
    return _fingerprint(value, budget, None)


def fingerprint_unless(stop: Callable[[], bool], value: object, budget: int | None = None) -> Fingerprint | None:
    """As `fingerprint`; None as soon as `stop`, asked every tenth of a millisecond or so, says True."""
    try:
        return _fingerprint(value, budget, stop)
    except Stopped:
        return None


def _fingerprint(value: object, budget: int | None, stop: Callable[[], bool] | None) -> Fingerprint:
    encode = _SCALARS.get(id(type(value)))
    if encode is not None:
        data = encode(value)
        if budget is None or len(data) <= budget:
            return Fingerprint("scalar", PREFIX + xxh3_128_hexdigest(data), _NAMES[id(type(value))], None, len(data))
        return Fingerprint("scalar", None, _NAMES[id(type(value))], None, len(data), 0.0)
    walk = Walk(table(), _SCALARS, budget, stop)
    found = walk.find(value)
    name = name_of(type(value))
    if found.digest is None:
        return Fingerprint(found.kind, None, name, found.shape, found.nbytes, 0.0)
    if walk.missed:
        coverage = min(walk.covered / (walk.covered + walk.missed), 0.999_999)
        return Fingerprint(found.kind, SAMPLED + found.digest.hex(), name, found.shape, found.nbytes, coverage, found.columns)
    logical = None if found.logical is None else PREFIX + found.logical.hex()
    leaves = None if found.leaves is None else kept_leaves(found.leaves, found.step)
    return Fingerprint(found.kind, PREFIX + found.digest.hex(), name, found.shape, found.nbytes, 1.0, found.columns, logical,
                       found.types, leaves)


def footprint(value: object, nodes: int = 5_000, without: Iterable[object] = ()) -> Footprint:
    """Mutable holders and memory that `value` reaches within a walk of so many nodes, to tell which variables are aliases.

    What is reached only through one of the objects `without` is left out.
    """
    if id(type(value)) in _UNSHARED:
        return Footprint(frozenset(), ())
    trace = Trace(table(), _UNSHARED, nodes, without)
    trace.run(value)
    return Footprint(frozenset(trace.ids), tuple(trace.ranges), trace.complete)
