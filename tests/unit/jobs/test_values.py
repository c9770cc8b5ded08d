"""Tables are compared value by value; what cannot be read is left out, never called equal."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from mlops_jupyter.entities import CallSite, CellExecution, JobResult, Observation
from mlops_jupyter.jobs.values import Compared, compare, expression, read, watched, write


def kept(folder: Path, **tables: object) -> dict[str, dict[str, list[object]]]:
    write(tables, str(folder))
    return read(folder)


def compared(folder: Path, before: object, after: object, tolerance: float = 1e-9) -> Compared:
    (folder / "after").mkdir()
    return compare(kept(folder, x=before)["x"], kept(folder / "after", x=after)["x"], tolerance)


MOMENTS = pd.Series(pd.to_datetime(["2020-01-01", None]))
TABLES = [
    np.array([0.1, 0.2, math.nan]), np.array([[1, 2], [3, 4]]), np.array(["a", "b"]),
    np.array([np.float64(0.5), None], dtype=object), pd.Series([0.1, None]), MOMENTS,
    pd.DataFrame({"a": [1, 2], 3: ["x", None]}), pl.Series([1, None]),
    pl.DataFrame({"a": [0.5], "b": ["x"]}), pa.table({"a": [1.5, None]}),
]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: f"{type(table).__module__.partition('.')[0]}-{type(table).__name__}")
def test_a_table_is_identical_to_itself(tmp_path: Path, table: object) -> None:
    found = compared(tmp_path, table, table)
    assert (found.verdict, found.differing, found.largest) == ("identical", 0, None)
    assert found.values > 0


def test_how_many_values_differ_and_by_how_much(tmp_path: Path) -> None:
    before = np.array([[0.1, 0.2], [0.3, math.nan]])
    after = np.array([[0.1, 0.25], [0.2, math.nan]])
    found = compared(tmp_path, before, after)
    assert (found.verdict, found.values, found.differing) == ("different", 4, 2)
    assert found.largest == pytest.approx(0.1)


@pytest.mark.parametrize(("before", "after", "verdict"), [
    (np.array([1.0, 2.0]), np.array([1.0 + 1e-12, 2.0]), "within tolerance"),
    (np.array([1e-20, 2.0]), np.array([3e-20, 2.0]), "within tolerance"),  # noise beside values of another size
    (np.array([1.0, math.nan]), np.array([1.0, 2.0]), "different"), (np.array(["a", "b"]), np.array(["a", "c"]), "different"),
    (np.array([1, 0]), np.array([1.0, 0.0]), "identical"), (pd.Series([1]), pd.Series([1, 2]), "different"),
    (pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]}), "different"), (np.array([math.inf]), np.array([-math.inf]), "different"),
])
def test_verdicts(tmp_path: Path, before: object, after: object, verdict: str) -> None:
    assert compared(tmp_path, before, after).verdict == verdict


class Mine(np.ndarray):  # type: ignore[type-arg]
    """A type that is not known: it may do anything when it is asked."""


def test_what_is_no_table_of_a_known_class_is_left_out(tmp_path: Path) -> None:
    opaque = np.array([object()])
    assert kept(tmp_path, number=1, text="a", items=[1], mine=np.zeros(2).view(Mine), opaque=opaque, scalar=np.array(1.0)) == {}


def test_a_run_that_did_not_come_to_its_end_left_nothing(tmp_path: Path) -> None:
    assert read(tmp_path) == {}


def test_what_is_watched_are_results_predictions_and_what_metrics_were_given() -> None:
    cells = [CellExecution("s", n, source, "ok") for n, source in enumerate([
        "flags = model.predict(X) > threshold", "auc = roc_auc_score(y_test, model.predict_proba(late)[:, 1])",
        "told = len(unrelated)", "%%bash\nls"], 1)]
    site = CallSite("sklearn.metrics._ranking.roc_auc_score")
    seen = [Observation("s", 2, 0, 0.0, "metric", "auc", 0.5, site=site)]
    results = [JobResult("auc", "metric", 0.5, variable="auc"), JobResult("weights", "variable", variable="weights"),
               JobResult("out.csv", "file")]
    assert watched(results, cells, seen) == ["auc", "flags", "late", "model", "weights", "y_test"]  # no table: left out later


def test_the_kernel_writes_what_is_there_of_the_names(tmp_path: Path) -> None:
    eval(expression(["there", "gone"], tmp_path), {"there": np.array([1, 2])})
    assert read(tmp_path) == {"there": {"": [1, 2]}}
