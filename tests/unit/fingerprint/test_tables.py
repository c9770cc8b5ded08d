"""A table's file is read by its ending, and two schemas differ only where the columns or what they hold do."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_jupyter.entities import Column, Schema
from mlops_jupyter.fingerprint import tables
from mlops_jupyter.fingerprint.tables import changes, table_file

pd = pytest.importorskip("pandas")
pytest.importorskip("pyarrow")


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "tsv", "parquet", "feather", "orc", "jsonl", "CSV"])
def test_each_ending_gives_columns_rows_and_statistics(tmp_path: Path, ending: str) -> None:
    frame = pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "y"]})
    file = tmp_path / f"t.{ending}"
    write = {"parquet": frame.to_parquet, "feather": frame.to_feather, "orc": frame.to_orc,
             "jsonl": lambda path: frame.to_json(path, orient="records", lines=True)}
    write.get(ending, lambda path: frame.to_csv(path, index=False, sep="\t" if ending == "tsv" else ","))(file)
    found = table_file(file, statistics=True)
    assert found is not None
    assert found.schema is not None
    assert found.profile is not None
    assert ([column.name for column in found.schema.columns], found.rows) == (["a", "b"], 3)
    assert [column.count for column in found.profile.columns] == [3, 3]


def test_what_is_no_table_is_told_from_a_broken_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "notes.txt").write_text("a,b\n1,2\n")
    (tmp_path / "cut.parquet").write_bytes(b"PAR1....")
    (tmp_path / "ragged.csv").write_text("a,b\n1,2\n1,2,3\n")
    assert table_file(tmp_path / "notes.txt") is None
    for name in ("cut.parquet", "ragged.csv"):
        found = table_file(tmp_path / name)
        assert found is not None
        assert found.error
    monkeypatch.setattr(tables, "MOST_BYTES", 3)
    assert table_file(tmp_path / "ragged.csv") is None


@pytest.mark.parametrize(("before", "after", "said"), [
    ({"a": "int64"}, {"a": "int64"}, []), ({"a": "int64"}, {"a": "double"}, []), ({"a": "string"}, {"a": "category"}, []),
    ({"a": "timestamp[us]"}, {"a": "timestamp[ns, UTC]"}, []), ({"a": "null"}, {"a": "string"}, []),
    ({"a": "int64", "b": "bool"}, {"b": "bool", "a": "int64"}, []), ({"a": "int64"}, {"a": "string"}, ["a: string, was int64"]),
    ({"a": "int64", "b": "bool"}, {"a": "int64", "c": "bool"}, ["without b", "with c"]), ({"a": "bool"}, {"a": "int64"},
                                                                                        ["a: int64, was bool"]),
])
def test_columns_and_what_they_hold_make_a_schema(before: dict[str, str], after: dict[str, str], said: list[str]) -> None:
    one, two = (Schema(tuple(Column(name, kind) for name, kind in each.items())) for each in (before, after))
    assert changes(one, two) == said
