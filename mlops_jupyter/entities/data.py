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


class Leaves(msgspec.Struct, frozen=True, omit_defaults=True):
    """The hash tree under a table's columns, to tell later which rows changed. Not part of its identity."""

    digests: str
    """Base64 of eight bytes for each leaf, the columns one after the other."""
    level: int = 0
    """How often neighbours were joined in pairs to keep the record small."""
    step: int = 0
    """Rows in each leaf; 0: leaves that grow with the distance from the first row."""


class Fingerprint(msgspec.Struct, frozen=True, omit_defaults=True):
    """Identity of content. `digest` is None when the content cannot be known (`opaque`, or over budget)."""

    kind: FingerprintKind
    digest: str | None = None
    type_name: str = ""
    shape: tuple[int, ...] | None = None
    nbytes: int | None = None
    coverage: float = 1.0
    columns: dict[str, str] | None = None
    """Digest of each column of a frame, by its label as text; None for anything else. Equal in every library."""
    logical: str | None = None
    """Digest of the table or column whatever library holds it, and as which of its types; None for anything else."""
    types: tuple[str, ...] | None = None
    """Logical type of each column; a single one if all are the same."""
    leaves: Leaves | None = None

    def same_as(self, other: Fingerprint) -> bool:
        """True only if both cover every byte and agree. Unknown or sampled content is never the same."""
        known = self.digest is not None and self.coverage == 1.0 and other.coverage == 1.0
        return known and self.digest == other.digest

    def same_content(self, other: Fingerprint) -> bool:
        """True also if two libraries, or two types of one, hold the same table: pandas and Polars, NumPy and Arrow."""
        return self.same_as(other) or (self.logical is not None and self.logical == other.logical)


class Column(msgspec.Struct, frozen=True, omit_defaults=True):
    """One column of a table: its label as text and its logical type (`int64`, `float64`, `string`, `timestamp[us, UTC]` …)."""

    name: str
    type: str
    nullable: bool = True


class Schema(msgspec.Struct, frozen=True, omit_defaults=True):
    """Columns and types of a table, in order."""

    columns: tuple[Column, ...]


class ColumnProfile(msgspec.Struct, frozen=True, omit_defaults=True):
    """Statistics of one column. What is added up is integers, so that merging is exact and free of order."""

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
    """Numbers and moments: top 16 bits of float32((x - center) / scale) → count. Text with more than a thousand distinct
    values: the low ten bits of xxh3-64 of the value → count, so that two profiles can still be compared in full."""
    top: dict[str, int] = {}
    """Text: the count of each value; of more than a thousand distinct ones, of those whose xxh3-64 is smallest."""
    distinct: int | None = None
    """Text: how many values there are; None for more than a thousand."""
    kind: str = ""
    """number, moment (days since 2000-01-01), text, or "" for what has no statistics but its nulls."""


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
