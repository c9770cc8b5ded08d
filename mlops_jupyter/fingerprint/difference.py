"""What differs between two tables, told from their fingerprints alone: columns, types, ranges of rows, rows appended.

A fingerprint keeps the leaves of its hash tree. Leaves end in the same places whatever the number of rows, so those of two
tables can be laid side by side. Only the last leaf of a table that has grown cannot: it ended early. `Difference` says how
many rows that leaves open; `continues` settles it where the new value is at hand.
"""

from __future__ import annotations

import msgspec

from mlops_jupyter.entities.data import Fingerprint, Leaves
from mlops_jupyter.fingerprint.core import fingerprint
from mlops_jupyter.fingerprint.profile import ask
from mlops_jupyter.fingerprint.tree import SAMPLED, coarser, edges, stored_leaves

Rows = tuple[int, int]


class ColumnChange(msgspec.Struct, frozen=True, omit_defaults=True):
    """One column that both tables have, and whose content differs. `rows`: [start, stop) of each stretch, empty if not known."""

    name: str
    type_a: str = ""
    type_b: str = ""
    rows: tuple[Rows, ...] = ()


class Difference(msgspec.Struct, frozen=True, omit_defaults=True):
    """What differs from table `a` to table `b`. For an array or a series, `changed` holds one column without a name."""

    changed: tuple[ColumnChange, ...] = ()
    """Rows that both have, or types, differ."""
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    """Columns that were not read in full on one side."""
    appended: int = 0
    """Rows that `b` has more at its end (below zero: fewer), while all that can be compared of the others are the same."""
    unchanged: int = 0
    """With `appended`: so many rows from the first are the same."""
    open: int = 0
    """With `appended`: so many rows after those are on both sides but cannot be compared from the fingerprints."""


class _Column(msgspec.Struct, frozen=True):
    digest: str
    type: str
    leaves: list[bytes]


def difference(a: Fingerprint, b: Fingerprint) -> Difference | None:
    """What differs; None where the fingerprints do not tell."""
    left, right = _columns(a), _columns(b)
    if left is None or right is None or a.shape is None or b.shape is None:
        return None
    if (a.columns is None) != (b.columns is None) or (a.columns is None and a.shape[1:] != b.shape[1:]):
        return None
    common = [name for name in left if name in right]
    unknown = tuple(name for name in common if any(side[name].digest.startswith(SAMPLED) for side in (left, right)))
    compared = [name for name in common if name not in unknown and left[name].digest != right[name].digest]
    retyped = [name for name in compared if left[name].type != right[name].type]
    rows_a, rows_b = a.shape[0], b.shape[0]
    grown = _grown(a, b, [(left[name], right[name]) for name in common]) if not unknown and not retyped else None
    added = tuple(name for name in right if name not in left)
    removed = tuple(name for name in left if name not in right)
    if grown is not None:
        return Difference(added=added, removed=removed, appended=rows_b - rows_a, unchanged=grown,
                          open=min(rows_a, rows_b) - grown)
    changed = []
    for name in compared:
        rows = () if name in retyped else _ranges(a, b, left[name], right[name])
        if rows != () or rows_a == rows_b or name in retyped:
            changed.append(ColumnChange(name, left[name].type, right[name].type, rows or ()))
    return Difference(tuple(changed), added, removed, unknown)


def _columns(mark: Fingerprint) -> dict[str, _Column] | None:
    """The columns of a fingerprint with their types and leaves; an array or a series is one column without a name."""
    if mark.columns is not None:
        digests = dict(mark.columns)
    elif mark.kind in {"array", "series"} and mark.digest is not None and mark.shape:
        digests = {"": mark.logical or mark.digest}
    else:
        return None
    types = mark.types or ()
    types = types * len(digests) if len(types) == 1 else types or ("",) * len(digests)
    leaves = stored_leaves(mark.leaves) if mark.leaves is not None else []
    count = len(leaves) // max(len(digests), 1)
    parts = [leaves[at * count : (at + 1) * count] for at in range(len(digests))]
    return {name: _Column(digest, kind, part) for (name, digest), kind, part in zip(digests.items(), types, parts, strict=True)}


def _aligned(a: Leaves | None, b: Leaves | None, left: _Column,
             right: _Column) -> tuple[list[bytes], list[bytes], int, int] | None:
    """The leaves of both at the coarser of the two levels, that level, and the step; None if they cannot be laid side by side."""
    if a is None or b is None or a.step != b.step:
        return None
    sides = [left.leaves, right.leaves]
    level = max(a.level, b.level)
    for at, mark in enumerate((a, b)):
        for _ in range(level - mark.level):
            sides[at] = coarser(sides[at])
    return sides[0], sides[1], level, a.step


def _ends(rows: int, level: int, step: int) -> list[int]:
    """Where the leaves of a level begin, and the end."""
    return [*edges(rows, step)[:-1][:: 1 << level], rows]


def _ranges(a: Fingerprint, b: Fingerprint, left: _Column, right: _Column) -> tuple[Rows, ...] | None:
    """Stretches of the rows that both have in which two columns differ; None where no leaf can be compared."""
    aligned = _aligned(a.leaves, b.leaves, left, right)
    if aligned is None or a.shape is None or b.shape is None:
        return None
    rows = min(a.shape[0], b.shape[0])
    ends = _ends(rows, aligned[2], aligned[3])
    count = len(ends) - 1 if a.shape[0] == b.shape[0] else _whole(rows, aligned[2], aligned[3])
    if not count:
        return None
    found: list[Rows] = []
    for at in range(count):
        if aligned[0][at] != aligned[1][at]:
            start = found.pop()[0] if found and found[-1][1] == ends[at] else ends[at]
            found.append((start, ends[at + 1]))
    return tuple(found)


def _grown(a: Fingerprint, b: Fingerprint, pairs: list[tuple[_Column, _Column]]) -> int | None:
    """How many first rows are certainly the same where one side has more rows; None unless all that can be compared are."""
    if a.shape is None or b.shape is None or a.shape[0] == b.shape[0] or not pairs:
        return None
    rows = min(a.shape[0], b.shape[0])
    same = rows
    for left, right in pairs:
        aligned = _aligned(a.leaves, b.leaves, left, right)
        if aligned is None:
            return None
        whole = _whole(rows, aligned[2], aligned[3])
        if not whole or aligned[0][:whole] != aligned[1][:whole]:
            return None
        same = min(same, _ends(rows, aligned[2], aligned[3])[whole])
    return same


def _whole(rows: int, level: int, step: int) -> int:
    """How many leaves of a table end where they would in a longer one: all but the last, and that where it is full."""
    count = len(_ends(rows, level, step)) - 1
    further = edges(rows + 1, step)  # one more row begins a new leaf only where the last one was full
    full = further[-2] == rows and (len(further) - 2) % (1 << level) == 0
    return count if full else count - 1


def continues(old: Fingerprint, value: object) -> bool | None:
    """Whether `value` begins with exactly the rows that `old` identifies. None where that cannot be told. Never raises."""
    if old.shape is None or not old.shape or old.digest is None or old.coverage < 1.0:
        return None
    try:
        first = ask("head", value, old.shape[0])
    except Exception:  # noqa: BLE001 (what cannot be cut cannot be compared)
        return None
    if first is None:
        return None
    now = fingerprint(first)
    if now.shape is None or now.shape[0] != old.shape[0] or now.coverage < 1.0:
        return None if now.coverage < 1.0 else False
    if old.columns is not None and now.columns is not None:
        return all(now.columns.get(name) == digest for name, digest in old.columns.items())
    return old.same_content(now)
