"""Reads a table from a file with Arrow, by the file's ending."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.json
import pyarrow.orc
import pyarrow.parquet


def read(path: Path) -> tuple[pa.Table | None, str]:
    """(the table, why it cannot be read)."""
    name = path.name.lower().removesuffix(".gz")
    try:
        if name.endswith((".csv", ".tsv")):
            tab = pa.csv.ParseOptions(delimiter="\t") if name.endswith(".tsv") else None
            return pa.csv.read_csv(str(path), parse_options=tab), ""
        if name.endswith((".parquet", ".pq")):
            return pa.parquet.read_table(path), ""
        if name.endswith((".jsonl", ".ndjson")):
            return pa.json.read_json(str(path)), ""
        if name.endswith(".orc"):
            return pa.orc.read_table(path), ""
        return pa.feather.read_table(path), ""
    except (pa.ArrowException, OSError, ValueError) as error:
        return None, next(iter(str(error).splitlines()), type(error).__name__)[:200]
