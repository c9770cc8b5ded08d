"""The doors of libraries that read and write past Python's audit events, as one table: what `readers.py` watches.

Arrow, Polars, DuckDB and HDF5 open files in C++, C and Rust. A door is a function or method, and what its arguments tell:
which file is read or written, which files a query's text names, what came back. A new door is one line here and one in its
test, which calls it with the real library and fails where a library is there and its door is gone.
"""

from __future__ import annotations

from typing import Literal

import msgspec

How = Literal[
    "read", "write", "mode", "remote", "scan", "collect", "sql files", "attach",  # told by the arguments, before the call
    "query", "execute", "rows", "pending rows", "relation", "answer", "buffer",  # told by the result, after it
]


class Door(msgspec.Struct, frozen=True):
    """One thing that a call tells. `name` and `position` of the argument (methods count `self`); `more` as `how` needs it."""

    how: How
    name: str
    position: int = 0
    more: str = ""
    scans: bool = False
    """The function looks its caller's variables up by walking Python's frames: no frame of ours may stand between."""


def _read(name: str, position: int = 0) -> Door:
    return Door("read", name, position)


def _write(name: str, position: int = 1) -> Door:
    return Door("write", name, position)


def _mode(name: str, position: int, default: str) -> Door:
    """The argument after the path says how it is opened."""
    return Door("mode", name, position, default)


_ARROW: dict[str, dict[str, Door]] = {
    "pyarrow": {
        "memory_map": _mode("path", 0, "r"), "create_memory_map": _write("path", 0), "input_stream": _read("source"),
        "output_stream": _write("source", 0),
    },
    "pyarrow.parquet.core": {
        "read_table": _read("source"), "read_schema": _read("where"), "read_metadata": _read("where"),
        "ParquetFile.__init__": _read("source", 1), "ParquetDataset.__init__": _read("path_or_paths", 1),
        "ParquetWriter.__init__": _write("where"), "write_to_dataset": _write("root_path"), "write_metadata": _write("where"),
    },
    "pyarrow.csv": {"read_csv": _read("input_file"), "open_csv": _read("input_file"), "write_csv": _write("output_file")},
    "pyarrow.json": {"read_json": _read("input_file"), "open_json": _read("input_file")},
    "pyarrow.feather": {
        "read_table": _read("source"), "read_feather": _read("source"), "write_feather": _write("dest"),
    },
    "pyarrow.orc": {
        "read_table": _read("source"), "ORCFile.__init__": _read("source", 1), "write_table": _write("where"),
        "ORCWriter.__init__": _write("where"),
    },
    "pyarrow.dataset": {
        "dataset": _read("source"), "parquet_dataset": _read("metadata_path"), "write_dataset": _write("base_dir"),
    },
}
_PANDAS: dict[str, dict[str, Door]] = {
    # pandas hands Arrow a file that it opened through Arrow's own C++ class
    "pandas.io.parquet": {
        "PyArrowImpl.read": _read("path", 1), "PyArrowImpl.write": _write("path", 2),
        "FastParquetImpl.read": _read("path", 1), "FastParquetImpl.write": _write("path", 2),
    },
    "pandas.io.orc": {"read_orc": _read("path"), "to_orc": _write("path")},
    "pandas.io.pytables": {"HDFStore.__init__": _mode("path", 1, "a")},
    "pandas.io.common": {"_get_filepath_or_buffer": Door("buffer", "filepath_or_buffer")},
    "pandas.io.sql": {
        "read_sql": Door("query", "sql", more="con"), "read_sql_query": Door("query", "sql", more="con"),
        "read_sql_table": Door("query", "table_name", more="con"),
    },
}
_POLARS: dict[str, dict[str, Door]] = {
    "polars.io.csv.functions": {"read_csv": _read("source"), "scan_csv": Door("scan", "source")},
    "polars.io.parquet.functions": {
        "read_parquet": _read("source"), "scan_parquet": Door("scan", "source"), "read_parquet_metadata": _read("source"),
        "read_parquet_schema": _read("source"),
    },
    "polars.io.ipc.functions": {
        "read_ipc": _read("source"), "scan_ipc": Door("scan", "source"), "read_ipc_stream": _read("source"),
        "read_ipc_schema": _read("source"),
    },
    "polars.io.ndjson": {"read_ndjson": _read("source"), "scan_ndjson": Door("scan", "source")},
    "polars.io.json.read": {"read_json": _read("source")},
    "polars.io.avro": {"read_avro": _read("source")},
    "polars.io.lines": {"read_lines": _read("source"), "scan_lines": Door("scan", "source")},
    "polars.io.spreadsheet.functions": {"read_excel": _read("source"), "read_ods": _read("source")},
    "polars.io.delta.functions": {"read_delta": _read("source"), "scan_delta": Door("scan", "source")},
    "polars.io.database.functions": {
        "read_database": Door("query", "query", more="connection"), "read_database_uri": Door("query", "query", more="uri"),
    },
    "polars.dataframe.frame": {
        "DataFrame.write_parquet": _write("file"), "DataFrame.write_csv": _write("file"), "DataFrame.write_ipc": _write("file"),
        "DataFrame.write_ipc_stream": _write("file"), "DataFrame.write_ndjson": _write("file"),
        "DataFrame.write_json": _write("file"), "DataFrame.write_avro": _write("file"),
        "DataFrame.write_excel": _write("workbook"), "DataFrame.write_delta": _write("target"),
        "DataFrame.serialize": _write("file"), "DataFrame.deserialize": _read("source"),
    },
    "polars.lazyframe.frame": {
        "LazyFrame.collect": Door("collect", "self"), "LazyFrame.collect_async": Door("collect", "self"),
        "LazyFrame.collect_batches": Door("collect", "self"), "LazyFrame.sink_batches": Door("collect", "self"),
        "LazyFrame.sink_parquet": _write("path"), "LazyFrame.sink_csv": _write("path"), "LazyFrame.sink_ipc": _write("path"),
        "LazyFrame.sink_ndjson": _write("path"), "LazyFrame.sink_delta": _write("target"),
    },
    "polars.functions.lazy": {"collect_all": Door("collect", "lazy_frames")},
}
_DUCKDB_TEXT = Door("sql files", "query", 0, scans=True)
_DUCKDB_METHOD = Door("sql files", "query", 1, scans=True)
_DUCKDB: dict[str, dict[str, Door]] = {
    "duckdb": {
        "sql": _DUCKDB_TEXT, "query": _DUCKDB_TEXT, "from_query": _DUCKDB_TEXT,
        "execute": Door("execute", "query", 0, "duckdb", scans=True),
        "connect": Door("attach", "database", 0, "read_only"),
        "read_csv": _read("path_or_buffer"), "read_json": _read("path_or_buffer"), "read_parquet": _read("file_globs"),
        "from_csv_auto": _read("path_or_buffer"), "from_parquet": _read("file_globs"),
        "df": Door("pending rows", "self", -1), "fetchdf": Door("pending rows", "self", -1),
        "fetch_df": Door("pending rows", "self", -1), "fetchall": Door("pending rows", "self", -1),
        "DuckDBPyConnection.sql": _DUCKDB_METHOD, "DuckDBPyConnection.query": _DUCKDB_METHOD,
        "DuckDBPyConnection.from_query": _DUCKDB_METHOD,
        "DuckDBPyConnection.execute": Door("execute", "query", 1, "duckdb", scans=True),
        "DuckDBPyConnection.read_csv": _read("path_or_buffer", 1), "DuckDBPyConnection.from_csv_auto": _read("path_or_buffer", 1),
        "DuckDBPyConnection.read_json": _read("path_or_buffer", 1), "DuckDBPyConnection.read_parquet": _read("file_globs", 1),
        "DuckDBPyConnection.from_parquet": _read("file_globs", 1),
        "DuckDBPyConnection.df": Door("pending rows", "self"), "DuckDBPyConnection.fetchdf": Door("pending rows", "self"),
        "DuckDBPyConnection.fetch_df": Door("pending rows", "self"), "DuckDBPyConnection.fetchall": Door("pending rows", "self"),
        "DuckDBPyConnection.to_arrow_table": Door("pending rows", "self"),
        "DuckDBPyRelation.df": Door("relation", "self"), "DuckDBPyRelation.to_df": Door("relation", "self"),
        "DuckDBPyRelation.fetchdf": Door("relation", "self"), "DuckDBPyRelation.fetchall": Door("relation", "self"),
        "DuckDBPyRelation.pl": Door("relation", "self"), "DuckDBPyRelation.to_arrow_table": Door("relation", "self"),
        "DuckDBPyRelation.arrow": Door("relation", "self"), "DuckDBPyRelation.fetch_arrow_table": Door("relation", "self"),
        "DuckDBPyRelation.write_csv": _write("file_name"), "DuckDBPyRelation.to_csv": _write("file_name"),
        "DuckDBPyRelation.write_parquet": _write("file_name"), "DuckDBPyRelation.to_parquet": _write("file_name"),
    },
}
_OTHERS: dict[str, dict[str, Door]] = {
    "h5py._hl.files": {"File.__init__": _mode("name", 1, "r")},
    "fsspec.spec": {"AbstractFileSystem.open": Door("remote", "path", 1, "rb")},
    "fsspec.implementations.http": {
        "HTTPFileSystem._cat_file": _read("url", 1), "HTTPFileSystem._get_file": _read("rpath", 1),
    },
    "sqlalchemy.engine.base": {"Connection.execute": Door("execute", "statement", 1, "sqlalchemy")},
    "sqlalchemy.engine.result": {"Result.all": Door("rows", "self"), "Result.fetchall": Door("rows", "self")},
    "requests.sessions": {"Session.send": Door("answer", "request", 1)},
    "httpx._client": {"Client.send": Door("answer", "request", 1), "AsyncClient.send": Door("answer", "request", 1)},
}
DOORS: dict[str, dict[str, Door]] = {**_ARROW, **_PANDAS, **_POLARS, **_DUCKDB, **_OTHERS}
"""Module → function or method → what it tells."""

OPTIONAL = frozenset({
    "FastParquetImpl.read", "FastParquetImpl.write",  # gone with the engine
    "DuckDBPyRelation.to_df", "DuckDBPyRelation.fetchdf", "DuckDBPyRelation.fetch_arrow_table",  # DuckDB 1
    "read_lines", "scan_lines", "open_json",  # newer versions only
})
"""Doors that some supported versions of their library do not have."""
