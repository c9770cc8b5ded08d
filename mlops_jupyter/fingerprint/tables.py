"""Tables that lie in files: which columns, how many rows, and their statistics, whatever library will read them.

By its ending a file is a table (`.csv`, `.tsv`, `.parquet`, `.feather`, `.arrow`, `.orc`, `.jsonl`, those of text also `.gz`).
What reads them needs Arrow; without it, and for any other file, nothing but the bytes is known.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import msgspec

from mlops_jupyter.entities.data import Profile, Schema
from mlops_jupyter.fingerprint.profile import centers_of, profile_of, schema_of

_TEXTS = (".csv", ".tsv", ".jsonl", ".ndjson")
ENDINGS = (*_TEXTS, *(f"{ending}.gz" for ending in _TEXTS), ".parquet", ".pq", ".feather", ".arrow", ".ipc", ".orc")
MOST_BYTES = 256 * 2**20
"""A larger file is not read as a table: its bytes tell whether it is the same."""


class TableFile(msgspec.Struct, frozen=True):
    """A file as a table. `error`: why it cannot be read as one, though its ending says that it is; then nothing else is known."""

    schema: Schema | None = None
    rows: int | None = None
    profile: Profile | None = None
    error: str = ""


def table_file(path: Path, *, statistics: bool = False) -> TableFile | None:
    """The table in `path`, with `statistics` its profile too; None if it is no table, or too large, or nothing here reads it."""
    return _read(path, profile_of if statistics else None)


def centred_table(path: Path) -> TableFile | None:
    """As `table_file` with statistics, centred on what the columns hold: finer, to be looked at and not to be merged."""
    def centred(table: object) -> Profile | None:
        rough = profile_of(table)
        return rough and profile_of(table, centers_of(rough))

    return _read(path, centred)


def _read(path: Path, statistics: Callable[[object], Profile | None] | None) -> TableFile | None:
    if not str(path).lower().endswith(ENDINGS) or find_spec("pyarrow") is None or path.stat().st_size > MOST_BYTES:
        return None
    from mlops_jupyter.fingerprint.types.table_files import read

    table, error = read(path)
    if table is None:
        return TableFile(error=error)
    return TableFile(schema_of(table), len(table), statistics(table) if statistics is not None else None)


def changes(before: Schema, after: Schema) -> list[str]:
    """What differs in columns and in what they hold: `without tail`, `with note`, `delay: string, was int64`.

    Whole and broken numbers are both numbers: one null makes the one of the other in many a file.
    """
    old, new = ({column.name: column.type for column in schema.columns} for schema in (before, after))
    found = [f"without {name}" for name in old if name not in new] + [f"with {name}" for name in new if name not in old]
    return found + [f"{name}: {new[name]}, was {old[name]}" for name in old
                    if name in new and "" not in {_kind(old[name]), _kind(new[name])} and _kind(old[name]) != _kind(new[name])]


def _kind(type_name: str) -> str:
    """What a column holds; "" where all are null."""
    word = type_name.partition("[")[0].partition("(")[0].partition("<")[0].lower()
    if word.startswith(("int", "uint", "float", "double", "decimal", "halffloat")):
        return "number"
    if word.startswith(("string", "large_string", "category", "str", "object")):
        return "text"
    return "moment" if word.startswith(("timestamp", "date", "datetime")) else "" if word in {"null", "na"} else word
