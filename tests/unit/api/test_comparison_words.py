"""What `%mlops diff` says of data, from the fingerprints of two runs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mlops_jupyter.api.comparisons import comparison_sheet
from mlops_jupyter.entities import Dataset, Fingerprint, Run
from mlops_jupyter.fingerprint import fingerprint
from mlops_jupyter.lineage.compare import compare


def flights(rows: int = 200_000) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    delays, carriers = rng.normal(size=rows), [f"c{n % 16}" for n in range(rows)]
    return pd.DataFrame({"dep_delay": delays, "carrier": carriers, "hour": np.arange(rows) % 24})


def said(a: object, b: object) -> tuple[str, str]:
    """Kind and words of the line about the data."""
    marks = [one if isinstance(one, Fingerprint) else fingerprint(one) for one in (a, b)]
    held = [[Dataset("X", mark)] for mark in marks]
    runs = [Run(f"r{at}", "e", "e", "s", "finished", 1.0, number=at, datasets=each) for at, each in enumerate(held)]
    sheet = comparison_sheet(*runs, compare(*runs))
    (block,) = [block for block in sheet.blocks if block.title == "data"]
    ((name, kind, words),) = block.rows
    assert name == "X"
    return kind, words


def test_changed_rows_are_named_by_column() -> None:
    after = flights()
    after.loc[70_000:120_000, "dep_delay"] = 0
    assert said(flights(), after) == ("changed", "dep_delay: rows 65,536–122,879 changed")


def test_a_column_of_another_type() -> None:
    kind, words = said(flights(), flights().astype({"carrier": "category"}))
    assert (kind, words) == ("changed", "column carrier: string → category")


def test_columns_that_came_and_went() -> None:
    kind, words = said(flights(), flights().drop(columns="hour").assign(minute=1))
    assert (kind, words) == ("changed", "added minute; removed hour")


def test_appended_rows() -> None:
    whole = flights(348_776)
    kind, words = said(whole.iloc[:336_776], whole)
    assert kind == "grown"
    assert words == ("+12,000 rows appended, the first 327,680 unchanged, the next 9,096 not comparable from the record; "
                     "336776×3 → 348776×3")
    kind, words = said(whole, whole.iloc[:327_680])
    assert (kind, words) == ("cut", "−21,096 rows at the end, the first 327,680 unchanged; 348776×3 → 327680×3")


def test_a_table_with_other_rows_names_no_columns_it_cannot_know() -> None:
    assert said(flights(300), flights(312).iloc[::-1]) == ("changed", "300×3 → 312×3")


def test_the_same_table_held_by_another_library() -> None:
    polars = pytest.importorskip("polars", reason="Polars frames")
    kind, words = said(flights(100), polars.from_pandas(flights(100)))
    assert (kind, words) == ("held differently", "the same content, held by another library or as other types")


def test_changed_rows_of_an_array() -> None:
    after = np.zeros((100_000, 2))
    after[5] = 1
    kind, words = said(np.zeros((100_000, 2)), after)
    assert kind == "changed"
    assert words.startswith("rows 0–")


def test_unknown_content_says_so() -> None:
    assert said(Fingerprint("opaque"), Fingerprint("opaque"))[0] == "unknown"
