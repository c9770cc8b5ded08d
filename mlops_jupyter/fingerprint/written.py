"""A value as bytes, and the value again: by the format of the library that made it where that brings back exactly what it was.

A table is Parquet and an array NumPy's own file, which other tools read too; plain values are JSON; anything else, and whatever
comes back from its format with another fingerprint, is pickled (by joblib where it is loaded). Reading a pickle runs code: only
what one's own store holds is read.
"""

from __future__ import annotations

import importlib
import io
import json
import pickle
import sys
from typing import NamedTuple

from mlops_jupyter import plugins
from mlops_jupyter.entities.errors import InputError
from mlops_jupyter.fingerprint.core import fingerprint
from mlops_jupyter.fingerprint.profile import ask

TABLES = frozenset({"parquet"})
PICKLES = frozenset({"pickle", "joblib"})
_PLAIN = (str, int, float, bool, type(None))


class Written(NamedTuple):
    """Bytes, their format (`parquet`, `npy`, `json`, `joblib`, `pickle`) and the type that they bring back."""

    data: bytes
    how: str
    type: str


def write(value: object) -> Written:
    """The value as bytes. Raises what its own pickling raises."""
    name = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    if _is_plain(value):
        return Written(json.dumps(value).encode(), "json", name)
    found = _by_its_library(value)
    if found is not None:
        made = Written(*found, name)
        if fingerprint(read(made)).same_as(fingerprint(value)):
            return made
    return Written(*pickled(value), name)


def read(written: Written) -> object:
    """The value again. Raises InputError for a format that is not known here."""
    data, how, name = written
    if how == "json":
        return json.loads(data)
    if how == "pickle":
        return pickle.loads(data)  # noqa: S301 (of one's own store)
    if how == "joblib":
        return importlib.import_module("joblib").load(io.BytesIO(data))
    library = name.partition(".")[0]
    reader = getattr(plugins.load(plugins.FINGERPRINT, library), "restored", None) if library in plugins.available(
        plugins.FINGERPRINT) else None
    if reader is None:
        raise InputError(f"nothing here reads a {name} that was kept as {how}", "pip install -U mlops_jupyter")
    return reader(data, how, name.rpartition(".")[2])


def _by_its_library(value: object) -> tuple[bytes, str] | None:
    """What the library of the value's class writes; None if it has no format for it, or cannot hold it."""
    try:
        found = ask("saved", value)
    except Exception:  # noqa: BLE001 (a column that Parquet has no type for, and the like: it is pickled)
        return None
    return found if isinstance(found, tuple) else None


def pickled(value: object) -> tuple[bytes, str]:
    """(bytes, `joblib` where it is loaded, else `pickle`). Raises what the value's own pickling raises."""
    if "joblib" in sys.modules:
        buffer = io.BytesIO()
        importlib.import_module("joblib").dump(value, buffer)
        return buffer.getvalue(), "joblib"
    return pickle.dumps(value, protocol=5), "pickle"


def _is_plain(value: object, depth: int = 0) -> bool:
    """True for what JSON brings back as exactly what it was."""
    kind = type(value)
    if kind in _PLAIN:
        return value == value and value not in {float("inf"), float("-inf")}  # noqa: PLR0124 (JSON has no word for nan)
    if kind is list and depth < 20:
        return all(_is_plain(item, depth + 1) for item in value)  # type: ignore[attr-defined] # it is a list
    if kind is dict and depth < 20:
        return all(type(key) is str and _is_plain(item, depth + 1) for key, item in value.items())  # type: ignore[attr-defined]
    return False
