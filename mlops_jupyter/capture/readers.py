"""The doors of libraries that read and write in C++, past Python's audit events: Arrow and Polars.

Each listed function or method is replaced by a wrapper of the same name, signature and documentation that reports the
path and calls the original. It happens right after the library's module was executed (`imports.py`), so that the very
cell that imports pandas is covered. `remove()` puts the originals back.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Literal

from mlops_jupyter.capture.imports import ImportHooks

Mode = Literal["read", "write"]
Report = Callable[[str, Mode], None]

DOORS: dict[str, dict[str, tuple[int, str, Mode]]] = {
    # module → function → (position of the path, its name, mode); methods count `self`
    "pyarrow.parquet.core": {
        "read_table": (0, "source", "read"), "read_schema": (0, "where", "read"), "read_metadata": (0, "where", "read"),
        "ParquetFile.__init__": (1, "source", "read"), "ParquetDataset.__init__": (1, "path_or_paths", "read"),
        "ParquetWriter.__init__": (1, "where", "write"), "write_to_dataset": (1, "root_path", "write"),
    },
    # pandas hands Arrow a file that it opened through Arrow's own C++ class
    "pandas.io.parquet": {
        "PyArrowImpl.read": (1, "path", "read"), "PyArrowImpl.write": (2, "path", "write"),
        "FastParquetImpl.read": (1, "path", "read"), "FastParquetImpl.write": (2, "path", "write"),
    },
    "pyarrow.csv": {
        "read_csv": (0, "input_file", "read"), "open_csv": (0, "input_file", "read"), "write_csv": (1, "output_file", "write"),
    },
    "pyarrow.json": {"read_json": (0, "input_file", "read")},
    "pyarrow.feather": {"read_table": (0, "source", "read"), "write_feather": (1, "dest", "write")},
    "pyarrow.dataset": {"dataset": (0, "source", "read"), "write_dataset": (1, "base_dir", "write")},
    "polars.io.csv.functions": {"read_csv": (0, "source", "read"), "scan_csv": (0, "source", "read")},
    "polars.io.parquet.functions": {"read_parquet": (0, "source", "read"), "scan_parquet": (0, "source", "read")},
    "polars.io.ipc.functions": {"read_ipc": (0, "source", "read"), "scan_ipc": (0, "source", "read")},
    "polars.io.ndjson": {"read_ndjson": (0, "source", "read"), "scan_ndjson": (0, "source", "read")},
    "polars.dataframe.frame": {
        "DataFrame.write_parquet": (1, "file", "write"), "DataFrame.write_csv": (1, "file", "write"),
        "DataFrame.write_ipc": (1, "file", "write"), "DataFrame.write_ndjson": (1, "file", "write"),
    },
}
_MOST = 1000


class Readers:
    """Reports each path that goes through a door. One per process."""

    def __init__(self, report: Report, imports: ImportHooks) -> None:
        self._report = report
        self._imports = imports
        self._originals: list[tuple[object, str, object]] = []

    def install(self) -> None:
        """Wrap the doors of what is imported already, and of what will be."""
        for name in DOORS:
            self._imports.after(name, self.wrap)

    def remove(self) -> None:
        """Put the originals back."""
        for owner, name, original in reversed(self._originals):
            setattr(owner, name, original)
        self._originals.clear()

    def wrap(self, module: ModuleType) -> None:
        """Wrap the doors of one module, wherever the package above it re-exports them."""
        for door, (position, keyword, mode) in DOORS.get(module.__name__, {}).items():
            owner: object = module
            *classes, name = door.split(".")
            for part in classes:
                owner = getattr(owner, part, None)
            original = getattr(owner, name, None)
            if owner is None or not callable(original):
                continue
            wrapper = self._wrapper(original, position, keyword, mode)
            places = [owner] if classes else [other for other in _exporters(module.__name__) if vars(other).get(name) is original]
            for place in places:
                self._originals.append((place, name, original))
                setattr(place, name, wrapper)

    def _wrapper(self, original: Callable[..., object], position: int, keyword: str, mode: Mode) -> Callable[..., object]:
        report = self._report

        @functools.wraps(original)
        def door(*args: object, **kwargs: object) -> object:
            where = kwargs.get(keyword, args[position] if len(args) > position else None)
            for path in paths_of(where):
                report(path, mode)
            return original(*args, **kwargs)

        return door


def paths_of(where: object) -> list[str]:
    """Local files that an argument names: a path, a list of paths, or a folder with all in it. URLs and open files: none."""
    if type(where) in (list, tuple):
        return [path for part in where[:_MOST] for path in paths_of(part)]  # type: ignore[index]
    if not isinstance(where, str | os.PathLike):
        return []
    text = os.fspath(where)
    if not isinstance(text, str) or "://" in text:
        return []
    folder = Path(text).expanduser()
    if not folder.is_dir():
        return [str(folder)]
    return [str(file) for file, _ in zip((file for file in folder.rglob("*") if file.is_file()), range(_MOST), strict=False)]


def _exporters(name: str) -> list[ModuleType]:
    """The module itself and the packages above it, as far as they are loaded."""
    parts = name.split(".")
    names = [".".join(parts[:count]) for count in range(len(parts), 0, -1)]
    return [module for module in map(sys.modules.get, names) if module is not None]
