"""A value that is kept comes back as exactly what it was, in a format that other tools read where there is one."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pytest

from mlops_jupyter.entities import InputError
from mlops_jupyter.fingerprint import fingerprint
from mlops_jupyter.fingerprint.written import Written, read, write

pl = pytest.importorskip("polars")
VALUES = [
    ("json", 3), ("json", {"a": [1, 2.5, None, True, "x"]}), ("pickle", float("nan")), ("pickle", (1, 2)), ("pickle", {1: 2}),
    ("parquet", pd.DataFrame({"a": [1, 2], "b": ["x", None]})), ("parquet", pd.Series([1.0, 2.0], name="s")),
    ("parquet", pd.DataFrame({"a": pd.Categorical(["x", "y"]), "t": pd.to_datetime(["2013-01-01", None])}, index=[5, 7])),
    ("pickle", pd.DataFrame({"a": [1, "x"]})), ("pickle", pd.Series([1, 2])), ("parquet", pd.DataFrame({1: [1]})),
    ("parquet", pl.DataFrame({"a": [1, 2], "d": [datetime.date(2013, 1, 1), None]})), ("parquet", pl.Series("s", [1, 2])),
    ("npy", np.arange(6.0).reshape(2, 3)), ("npy", np.array(["a", "bc"])), ("pickle", np.array([1, "x"], dtype=object)),
    ("pickle", datetime.date(2013, 1, 1)), ("pickle", np.float64(0.5)),
]


@pytest.mark.parametrize(("how", "value"), VALUES, ids=[f"{how} {type(value).__name__} {place}" for place, (how, value) in
                                                        enumerate(VALUES)])
def test_it_comes_back_as_what_it_was(how: str, value: object) -> None:
    made = write(value)
    back = read(made)
    assert made.how == how or (how == "pickle" and made.how == "joblib")
    assert type(back) is type(value)
    assert fingerprint(back).same_as(fingerprint(value))


def test_a_format_that_nothing_reads_is_refused() -> None:
    with pytest.raises(InputError, match=r"nowhere\.Thing"):
        read(Written(b"", "thing", "nowhere.Thing"))
