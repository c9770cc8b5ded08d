"""The statistics of a file's version, as small pictures: taken when somebody looks, from the file if it is still what was read.

What was taken once stays beside the outboxes, under the fingerprint of the content, so that a version can be looked at and laid
over another one when the file has long changed. That is a memory and no record: `forget` empties it whole, and without it
nothing but a picture is missing. Values in memory, queries and addresses have none: their content was never written anywhere.
"""

from __future__ import annotations

import contextlib
import math
import os
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import msgspec

from mlops_jupyter.api.datasets import Found, found_dataset
from mlops_jupyter.api.slices import redactor
from mlops_jupyter.config import Settings
from mlops_jupyter.entities import Column, ColumnProfile, Fingerprint, Profile
from mlops_jupyter.entities.codec import from_json, to_json
from mlops_jupyter.fingerprint import fingerprint_file
from mlops_jupyter.fingerprint.profile import value_of
from mlops_jupyter.fingerprint.tables import ENDINGS, MOST_BYTES, centred_table
from mlops_jupyter.jobs.inputs import where

BINS = 24
TOP = 6
_LARGEST = 0x7F7F
"""Key of the largest numbers, without the sign."""
KEPT = 300
"""Contents whose statistics stay."""
_WHOLE = 40
"""Whole numbers over a range up to this one get a bin each."""


class TopValue(msgspec.Struct, frozen=True):
    """A value of a text column and how often it occurs."""

    text: str
    count: int


class ColumnPicture(msgspec.Struct, omit_defaults=True):
    """One column: what is known in figures, and the bars to draw. `low` and `high` are the ends of the bins."""

    name: str
    type: str
    kind: str
    """number, moment (days since 2000-01-01), text; "" has no more than its nulls."""
    count: int
    nulls: int = 0
    zeros: int = 0
    infinities: int = 0
    distinct: int | None = None
    minimum: float | None = None
    maximum: float | None = None
    low: float = 0.0
    high: float = 0.0
    bins: list[int] = []
    top: list[TopValue] = []
    others: int = 0
    """Rows whose value is none of `top`."""


class DatasetProfile(msgspec.Struct, frozen=True):
    """The profile of a version, and of the one it is laid over, in the same bins. `missing`: why there is none."""

    version: str
    against: str
    rows: int | None
    columns: list[ColumnPicture]
    missing: str
    remedy: str
    rows_against: int | None
    columns_against: list[ColumnPicture]
    missing_against: str


class _Kept(msgspec.Struct, frozen=True):
    """What is kept of one content."""

    digest: str
    columns: tuple[Column, ...]
    profile: Profile


def profile(key: str, version: str, against: str = "", kernel: str = "", paths: Sequence[str] = ()) -> DatasetProfile:
    """The profile of a dataset's version, beside that of the version `against`, where they are known."""
    one = found_dataset(key, kernel, paths)
    found = _look(one, version)
    other = _look(one, against) if against else _Missing("")
    why, remedy = (found.why, found.remedy) if isinstance(found, _Missing) else ("", "")
    return DatasetProfile(
        version, against, _rows(found), _pictures(found, other), why, remedy,
        _rows(other), _pictures(other, found), other.why if isinstance(other, _Missing) else "",
    )


def _rows(kept: _Kept | _Missing) -> int | None:
    return kept.profile.rows if isinstance(kept, _Kept) else None


class _Missing(msgspec.Struct, frozen=True):
    """Why there is no profile, and what helps."""

    why: str
    remedy: str = ""


def _look(one: Found, version: str) -> _Kept | _Missing:
    """The profile that is kept, else as the file has it now."""
    mark = one.mark(version)
    if one.kind != "file":
        words = {"value": "It is a value in memory, and its content is not kept",
                 "url": "It was read from a URL, and what came from there is not kept",
                 "query": f"It is what a query{f' of {one.source}' if one.source else ''} gave, and that is not kept"}
        frame = one.name if one.kind == "value" else "df"
        write = f"{frame}.to_parquet('{frame}.parquet')"
        return _Missing(words[one.kind], f"write it to a file in a tracked cell, and look at that: {write}")
    if mark.digest is None or mark.coverage < 1.0:
        return _Missing("The content of the file is not known in full", "read it again under %mlops track")
    return _kept(mark.digest) or _from_file(one, version, mark)


def _from_file(one: Found, version: str, mark: Fingerprint) -> _Kept | _Missing:
    """The profile of the file, if it is there and still what was read."""
    place = one.places.get(version)
    file = where(place.access, Path(place.folder)) if place is not None else None
    if not one.name.lower().endswith(ENDINGS):
        return _Missing("Not a table: statistics are taken of CSV, JSON lines, Parquet, Feather, Arrow and ORC files")
    if file is None:
        return _Missing("Only older runs used this version, so its file is not looked for", "read it again under %mlops track")
    if not file.is_file():
        return _Missing("The file is no longer there, and nobody looked while it was", f"put it back at {file}")
    if not fingerprint_file(file).same_as(mark):
        return _Missing("The file has changed since, and nobody looked while it was so", "its newest version has statistics")
    return _taken(file, mark.digest or "")


def _taken(file: Path, digest: str) -> _Kept | _Missing:
    if find_spec("pyarrow") is None:
        return _Missing("Arrow, which reads tables from files, is not installed beside the server", "pip install pyarrow")
    if file.stat().st_size > MOST_BYTES:
        return _Missing(f"The file is larger than {MOST_BYTES // 2**20} MiB, and is not read for a picture")
    table = centred_table(file)
    if table is None or table.profile is None or table.schema is None:
        return _Missing(f"The file cannot be read as a table: {table.error if table else 'nothing here reads it'}")
    found = _Kept(digest, table.schema.columns, _without_secrets(table.profile))
    _keep(found)
    return found


def _without_secrets(profile: Profile) -> Profile:
    """The profile with the values of text as capture would write them down."""
    redact = redactor()
    columns = []
    for column in profile.columns:
        top: dict[str, int] = {}
        for text, count in column.top.items():
            shown = redact(text)
            top[shown] = top.get(shown, 0) + count
        columns.append(msgspec.structs.replace(column, top=top))
    return msgspec.structs.replace(profile, columns=tuple(columns))


def _file(digest: str) -> Path:
    return Settings.current().profiles_folder() / f"{digest.replace(':', '-')}.json"


def _kept(digest: str) -> _Kept | None:
    try:
        found = from_json(_file(digest).read_bytes(), _Kept)
    except (OSError, msgspec.MsgspecError):
        return None
    return found if found.digest == digest else None


def _keep(found: _Kept) -> None:
    """For the next time; where it cannot be written, it is taken again then."""
    with contextlib.suppress(OSError):
        folder = Settings.current().profiles_folder()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=folder, suffix=".part")
        with os.fdopen(handle, "wb") as part:
            part.write(to_json(found))
        Path(name).replace(_file(found.digest))
        for old in sorted(folder.iterdir(), key=lambda file: file.stat().st_mtime)[:-KEPT]:
            old.unlink()


def _pictures(kept: _Kept | _Missing, beside: _Kept | _Missing) -> list[ColumnPicture]:
    if isinstance(kept, _Missing):
        return []
    others = {column.name: column for column in beside.profile.columns} if isinstance(beside, _Kept) else {}
    types = {column.name: column.type for column in kept.columns}
    return [_picture(column, types.get(column.name, ""), others.get(column.name)) for column in kept.profile.columns]


def _picture(column: ColumnProfile, type: str, other: ColumnProfile | None) -> ColumnPicture:
    found = ColumnPicture(
        column.name, type, column.kind, column.count, column.nulls, column.zeros,
        infinities=column.positive_infinities + column.negative_infinities, distinct=column.distinct,
        minimum=_number(column.minimum), maximum=_number(column.maximum),
    )
    if column.kind == "text":
        beside = set(_most(other.top)) if other is not None and other.kind == "text" else set()
        shown = list(dict.fromkeys([*_most(column.top), *sorted(beside & column.top.keys())]))
        found.top = [TopValue(text, column.top[text]) for text in shown]
        found.others = column.count - column.nulls - sum(value.count for value in found.top)
        return found
    ends = [side for side in (column, other) if side is not None and side.kind == column.kind]
    lows, highs = [_number(side.minimum) for side in ends], [_number(side.maximum) for side in ends]
    known = [value for value in (*lows, *highs) if value is not None]
    if column.histogram and known:
        found.low, found.high = min(known), max(known)
        if type.startswith(("int", "uint")) and found.high - found.low <= _WHOLE:
            found.bins = whole_bins(column, round(found.low), round(found.high - found.low) + 1)
        else:
            found.bins = bins_of(column, found.low, found.high, BINS)
    return found


def _most(top: dict[str, int]) -> list[str]:
    return sorted(top, key=lambda text: (-top[text], text))[:TOP]


def _number(value: float | str | None) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def bins_of(column: ColumnProfile, low: float, high: float, count: int) -> list[int]:
    """The histogram in `count` bins of one width from `low` to `high`: what lies in a bucket is spread evenly over it."""
    width = (high - low) / count or 1.0
    found = [0.0] * count
    for key, mass in column.histogram.items():
        edge = value_of(key, column)
        further = value_of(key + 1, column) if key & 0x7FFF < _LARGEST else edge
        start, end = max(low, min(edge, further)), min(high, max(edge, further))
        first, last = (min(count - 1, max(0, int((value - low) / width))) for value in (start, end))
        if first >= last or not start < end:
            found[first] += mass
            continue
        for at in range(first, last + 1):
            inside = min(end, low + (at + 1) * width) - max(start, low + at * width)
            found[at] += mass * inside / (end - start)
    return [round(value) for value in found]


def whole_bins(column: ColumnProfile, least: int, count: int) -> list[int]:
    """A bin for each whole number from `least` on: a bucket's edge is close to the number that lies in it."""
    found = [0] * count
    for key, mass in column.histogram.items():
        found[min(count - 1, max(0, round(value_of(key, column)) - least))] += mass
    return found
