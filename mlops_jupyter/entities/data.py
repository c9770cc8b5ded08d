"""What data is: its identity (fingerprint), its shape (schema), its statistics (profile), its source (dataset). Never mixed.

A digest is text with a versioned prefix, `fp1:xxh3-128:<32 hex>`, so that the algorithm can change without two algorithms
ever being compared. A digest that covers only part of the bytes says so in its prefix (`fp1~`) and never equals anything.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Scalar = str | int | float | bool | None
Value = Scalar | list[Scalar]

FingerprintKind = Literal[
    "scalar", "container", "array", "frame", "series", "index", "model", "function", "class", "module", "instance",
    "iterator", "figure", "lazy", "file", "query", "opaque",
]


class Fingerprint(msgspec.Struct, frozen=True, omit_defaults=True):
    """Identity of content. `digest` is None when the content cannot be known (`opaque`, or over budget)."""

    kind: FingerprintKind
    digest: str | None = None
    type_name: str = ""
    shape: tuple[int, ...] | None = None
    nbytes: int | None = None
    coverage: float = 1.0
    columns: dict[str, str] | None = None
    """Digest of each column of a frame, by its label as text; None for anything else."""

    def same_as(self, other: Fingerprint) -> bool:
        """True only if both cover every byte and agree. Unknown or sampled content is never the same."""
        known = self.digest is not None and self.coverage == 1.0 and other.coverage == 1.0
        return known and self.digest == other.digest


class Column(msgspec.Struct, frozen=True, omit_defaults=True):
    """One column of a table: its label as text and its logical type (`int64`, `float64`, `string`, `timestamp[us, UTC]` …)."""

    name: str
    type: str
    nullable: bool = True


class Schema(msgspec.Struct, frozen=True, omit_defaults=True):
    """Columns and types of a table, in order."""

    columns: tuple[Column, ...]


class ColumnProfile(msgspec.Struct, frozen=True, omit_defaults=True):
    """Statistics of one column, integers only where they are merged, so that merging is exact and free of order."""

    name: str
    count: int
    nulls: int = 0
    zeros: int = 0
    positive_infinities: int = 0
    negative_infinities: int = 0
    minimum: float | str | None = None
    maximum: float | str | None = None
    center: float = 0.0
    scale: float = 1.0
    histogram: dict[int, int] = {}
    """Numeric: top 16 bits of float32((x - center) / scale) → count."""
    top: dict[str, int] = {}
    distinct: int | None = None


class Profile(msgspec.Struct, frozen=True, omit_defaults=True):
    """Statistics of a table; `version` names the format."""

    rows: int
    columns: tuple[ColumnProfile, ...]
    version: str = "pf1"


class Dataset(msgspec.Struct, frozen=True, omit_defaults=True):
    """A fingerprinted input with its source: a frame or array by name, a file by path, a query, a URL."""

    name: str
    fingerprint: Fingerprint
    source: str = ""
    """Where it came from: a path as the user wrote it, a URL or a query with secrets removed, or "" for a value in memory."""
    role: str = ""
    """What it was used for, when known: `X`, `y`, `input`, `output`."""
    schema: Schema | None = None
