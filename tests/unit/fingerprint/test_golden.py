"""Digests that every version of every library must reproduce: `tests/data/digests.json` is never regenerated.

Whoever has to change a digest changes its prefix, and adds a second file. `python -m tests.unit.fingerprint.test_golden` prints
what this environment makes.
"""

import datetime
import decimal
import json
import sys
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pytest

from mlops_jupyter.entities import Profile
from mlops_jupyter.fingerprint import fingerprint, merge, profile_of

DATA = Path(__file__).parents[2] / "data"


def values():
    """Values whose exact digest is fixed."""
    return {
        "int": 7, "big": 2**70, "float": 0.5, "nan": float("nan"), "text": "é", "bytes": b"ab", "none": None,
        "list": [1, "a", None],
        "dict": {"a": [1.5], "b": {"c": (True,)}}, "set": {3, "x"}, "date": datetime.date(2020, 2, 3),
        "moment": datetime.datetime(2020, 2, 3, 4, tzinfo=datetime.UTC), "floats": [float(n) for n in range(100)],
        "array": np.arange(5.0), "matrix": np.arange(6, dtype="int16").reshape(2, 3), "long": np.arange(100_000, dtype="int32"),
        "days": np.array(["2020-01-01", "NaT"], "datetime64[D]"), "bools": np.array([True, False]),
    }  # fmt: skip


def columns(rows):
    """Columns whose logical digest is fixed, whatever holds them."""
    numbers = [((n * 2_654_435_761) % 1_000_003) / 8 - 50_000 for n in range(rows)]
    hole = [n % 5 == 3 for n in range(rows)]
    words = ["", "a", "é", "日本", "long " * 9]
    made = {
        "int": [n * 3 - rows for n in range(rows)],
        "float": [np.nan if empty else number for number, empty in zip(numbers, hole, strict=True)],
        "text": [None if empty else words[n % 5] for n, empty in enumerate(hole)],
        "bool": [n % 3 == 0 for n in range(rows)],
        "day": [None if empty else datetime.date(2020, 1, 1) + datetime.timedelta(n % 999) for n, empty in enumerate(hole)],
        "price": [None if empty else decimal.Decimal(n * 7 - 50).scaleb(-2) for n, empty in enumerate(hole)],
        "items": [None if empty else list(range(n % 4)) for n, empty in enumerate(hole)],
    }
    frame = pd.DataFrame({name: pd.Series(column, dtype=object if name in {"day", "price", "items"} else None)
                          for name, column in made.items()})
    moments = pd.Series(np.array([1_577_836_800 + n * 61 for n in range(rows)], "int64").view("datetime64[s]"))
    frame["moment"] = moments.mask(pd.Series(hole, dtype=bool)) if rows else moments
    frame["zoned"] = moments.dt.tz_localize("UTC").dt.tz_convert("Europe/Paris")
    frame["length"] = moments - pd.Timestamp("2020-01-01")
    frame["word"] = pd.Categorical([words[n % 5] for n in range(rows)])
    frame["nullable"] = pd.array([None if empty else n for n, empty in enumerate(hole)], dtype="Int64")
    return frame


def made():
    found = {"values": {name: fingerprint(value).digest for name, value in values().items()}, "tables": {}}
    for rows in (0, 3, 5_000, 70_000):
        mark = fingerprint(columns(rows))
        found["tables"][str(rows)] = {"logical": mark.logical, "columns": mark.columns, "types": list(mark.types)}
    labelled = columns(3).set_index(pd.Index(["x", "y", "z"], name="key"))[["int"]]
    found["tables"]["labelled"] = {"logical": fingerprint(labelled).logical}
    return found


def test_digests_are_those_of_every_other_version():
    golden = json.loads((DATA / "digests.json").read_text())
    found = made()
    assert found["values"] == golden["values"]
    for name, table in golden["tables"].items():
        assert found["tables"][name] == table, name


@pytest.mark.parametrize("library", ["pyarrow", "polars"])
def test_other_libraries_reproduce_the_tables(library):
    pytest.importorskip("pyarrow", reason="Arrow tables")
    pytest.importorskip(library, reason="another library's tables")
    golden = json.loads((DATA / "digests.json").read_text())
    for rows in (3, 5_000):
        expected = golden["tables"][str(rows)]
        found = fingerprint(held_by(library, columns(rows)))
        differing = [name for name in expected["columns"] if found.columns[name] != expected["columns"][name]]
        assert differing == []
        assert found.logical == expected["logical"]


def held_by(library, frame):
    import pyarrow as pa

    table = pa.Table.from_pandas(frame, preserve_index=False)
    if library == "pyarrow":
        return table
    import polars as pl

    return pl.from_arrow(table)


def profiled():
    """The profile of a table, in parts that were merged, and as a whole."""
    table = columns(400)
    return profile_of(table), merge(profile_of(table.iloc[300:]), profile_of(table.iloc[:300]))


def test_the_format_of_profiles_is_fixed():
    golden = (DATA / "profile_pf1.json").read_bytes()
    whole, parts = profiled()
    assert msgspec.json.decode(golden, type=Profile) == whole
    assert msgspec.json.encode(whole) == golden.strip() == msgspec.json.encode(parts)


if __name__ == "__main__":
    if sys.argv[1:] == ["profile"]:
        print(msgspec.json.encode(profiled()[0]).decode())
    else:
        print(json.dumps(made(), indent=1))
