"""Polars, pyarrow, SciPy, boosters, xarray, lazy values: what they are, what they share, and that looking changes nothing."""

import copy
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from mlops_jupyter.fingerprint import fingerprint, footprint
from mlops_jupyter.fingerprint.core import fingerprint_unless

pa = pytest.importorskip("pyarrow", reason="Arrow values")
pl = pytest.importorskip("polars", reason="Polars values")


def digest(value):
    found = fingerprint(value)
    assert found.digest is not None
    assert found.coverage == 1.0
    return found.digest


def overlap(a, b):
    return any(x < v and u < y for x, y in footprint(a).ranges for u, v in footprint(b).ranges)


# Polars and pyarrow


def test_a_change_in_place_of_a_polars_frame_is_seen():
    frame = pl.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    before = digest(frame)
    frame[0, "a"] = 5
    assert digest(frame) != before
    assert fingerprint(frame).kind == "frame"
    assert fingerprint(frame).shape == (2, 2)


def test_names_and_types_are_content():
    series = pl.Series("a", [1, 2])
    assert digest(series) != digest(series.alias("b"))
    assert digest(series) != digest(series.cast(pl.Int32))
    plain = pa.table({"a": [1, 2]})
    assert digest(plain) != digest(plain.replace_schema_metadata({"k": "v"}))
    assert digest(plain) == digest(pa.concat_tables([plain.slice(0, 1), plain.slice(1)]))
    values = [
        pa.scalar(1), pa.scalar(2), pa.scalar(1, pa.int8()), pa.scalar(None, pa.int64()), pa.int64(), pa.field("a", pa.int64()),
        pa.schema([("a", pa.int64())]), pa.py_buffer(b"ab"), pa.py_buffer(b"ac"), pl.Int64, pl.Int64(), pl.List(pl.Int8),
    ]  # fmt: skip
    assert len({digest(value) for value in values}) == len(values)


def test_arrow_data_with_the_same_name_twice():
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    assert list(fingerprint(table).columns) == ["a", "a#1"]


def test_memory_shared_with_numpy_is_seen():
    values = np.arange(1_000.0)
    for held in (pa.array(values), pa.chunked_array([pa.array(values)]), pa.table({"a": pa.array(values)}),
                 pl.Series("a", pl.from_arrow(pa.array(values))), pl.DataFrame({"a": pl.from_arrow(pa.array(values))}),
                 pd.Series(pd.arrays.ArrowExtensionArray(pa.array(values)))):  # fmt: skip
        assert overlap(values, held), type(held)
    frame = pl.DataFrame({"a": values})
    assert overlap(frame, frame["a"].to_numpy())
    assert not overlap(values, pa.array(values.copy()))


def test_a_lazy_frame_is_its_plan_and_is_never_collected(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,2\n")
    called = []
    scan = pl.scan_csv(path)
    plan = scan.filter(pl.col("a") > 0)
    assert fingerprint(plan).kind == "lazy"
    assert digest(plan) == digest(pl.scan_csv(path).filter(pl.col("a") > 0)) != digest(scan)
    hooked = pl.LazyFrame({"a": [1]}).map_batches(lambda frame: called.append(1) or frame)
    for value in (hooked, pl.LazyFrame({"a": [1]}), pl.col("a").map_elements(called.append, return_dtype=pl.Int64)):
        found = fingerprint(value)
        assert found.kind == "lazy"
        assert not found.same_as(found)  # neither the data in memory nor the function can be seen in the plan
    assert called == []


def test_a_polars_frame_of_objects_is_read_as_objects():
    first, second = object(), [1]
    frame = pl.DataFrame({"a": pl.Series([second, second], dtype=pl.Object)})
    assert fingerprint(frame).digest is not None
    assert fingerprint(pl.DataFrame({"a": pl.Series([first], dtype=pl.Object)})).coverage < 1


def test_without_pyarrow_plain_polars_columns_are_the_same(monkeypatch):
    from mlops_jupyter.fingerprint.types import polars as reader

    frame = pl.DataFrame({"i": [1, None], "s": ["a", None], "c": pl.Series(["x", "y"], dtype=pl.Categorical), "l": [[1], [2]]})
    before = fingerprint(frame)
    monkeypatch.setattr(reader, "find_spec", lambda name: None)
    after = fingerprint(frame)
    assert {name: before.columns[name] for name in "isc"} == {name: after.columns[name] for name in "isc"}
    assert after.coverage < 1
    assert after.columns["l"].startswith("fp1~")


def test_duckdb_relations_are_never_executed():
    duckdb = pytest.importorskip("duckdb", reason="DuckDB relations")
    relation = duckdb.sql("select 1 as x")
    found = fingerprint(relation)
    assert (found.kind, found.digest) == ("lazy", None)


# SciPy


FORMS = ("csr", "csc", "coo", "lil", "dok", "dia", "bsr")


def test_a_sparse_matrix_is_the_same_in_every_format_logically():
    dense = np.array([[0, 1.5, 0], [2, 0, 0], [0, 0, 0]])
    marks = [fingerprint(sp.csr_matrix(dense).asformat(form)) for form in FORMS]
    assert len({mark.logical for mark in marks}) == 1
    assert len({mark.digest for mark in marks}) == len(FORMS)
    assert fingerprint(sp.csr_array(dense * 2)).logical != marks[0].logical


def test_order_and_duplicates_are_normalised_on_a_copy():
    untidy = sp.coo_matrix(([1.0, 2.0, 3.0], ([0, 0, 0], [2, 0, 2])), shape=(1, 3)).tocsr()
    raw = sp.csr_matrix((np.array([1.0, 2.0, 3.0]), np.array([2, 0, 2]), np.array([0, 3])), shape=(1, 3))
    tidy = sp.csr_matrix(np.array([[2.0, 0, 4.0]]))
    before = (raw.data.copy(), raw.indices.copy(), dict(raw.__dict__))
    assert fingerprint(raw).logical == fingerprint(tidy).logical == fingerprint(untidy).logical
    assert not fingerprint(raw).same_as(fingerprint(tidy))
    assert (raw.data == before[0]).all()
    assert (raw.indices == before[1]).all()
    assert raw.__dict__.keys() == before[2].keys()


# models


def boosters():
    xgboost = pytest.importorskip("xgboost", reason="XGBoost models")
    lightgbm = pytest.importorskip("lightgbm", reason="LightGBM models")
    rng = np.random.default_rng(0)
    x, y = rng.random((200, 4)), rng.integers(0, 2, 200)
    yield lambda rounds: xgboost.train({}, xgboost.DMatrix(x, y), rounds), lambda model: model.inplace_predict(x)
    yield lambda rounds: xgboost.XGBClassifier(n_estimators=rounds).fit(x, y), lambda model: model.predict(x)
    yield lambda rounds: lightgbm.train({"verbose": -1}, lightgbm.Dataset(x, y), rounds), lambda model: model.predict(x)
    yield lambda rounds: lightgbm.LGBMRegressor(n_estimators=rounds, verbose=-1).fit(x, y), lambda model: model.predict(x)


def test_boosters_are_their_models():
    for make, predict in boosters():
        first = make(5)
        assert fingerprint(first).kind == "model"
        assert digest(first) == digest(make(5)) != digest(make(6))
        before = predict(first)
        seen = digest(first)
        assert (predict(first) == before).all()
        assert digest(first) == seen


# xarray


def test_xarray_is_read_by_its_attributes():
    xr = pytest.importorskip("xarray", reason="xarray values")
    values = np.arange(6.0).reshape(2, 3)

    def made(data):
        return xr.Dataset({"t": (("x", "y"), data, {"unit": "K"})}, coords={"x": [1, 2]})

    assert digest(made(values)) == digest(made(values.copy()))
    assert digest(made(values)) != digest(made(values + 1))
    assert digest(made(values)["t"]) != digest(made(values)["t"].assign_attrs(unit="C"))
    assert overlap(xr.DataArray(values), values)


# all


def everything():
    frame = pd.DataFrame({
        "i": [1, 2, 3], "s": ["a", None, "b"], "c": pd.Categorical(["x", "y", "x"]), "t": pd.date_range("2020", periods=3),
    })  # fmt: skip
    frame.index = pd.MultiIndex.from_product([["k"], [1, 2, 3]], names=["p", "q"])
    yield frame
    yield frame["s"]
    yield frame.index
    yield pd.interval_range(0, 3)
    yield frame.reset_index().astype({"s": "string"})
    yield pl.from_pandas(frame.reset_index())
    yield pa.Table.from_pandas(frame)
    yield sp.random(5, 5, 0.5, random_state=0).tocsr()


@pytest.mark.parametrize("value", list(everything()), ids=lambda value: type(value).__name__)
def test_looking_changes_nothing_and_warns_of_nothing(value):
    def state(each):
        """The instance dictionaries of a value, its index and its columns, with what is in their caches."""
        found = []
        for part in (each, getattr(each, "index", None), getattr(each, "columns", None)):
            own = getattr(part, "__dict__", None)
            if isinstance(own, dict):
                found.append({key: sorted(item) if key == "_cache" else id(item) for key, item in own.items()})
        return found

    before, filters = state(value), list(warnings.filters)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fingerprint(value)
        footprint(value)
    assert caught == []
    assert state(value) == before
    assert warnings.filters == filters
    assert digest(value) == digest(copy.deepcopy(value) if not isinstance(value, pa.Table) else value)


def long_values():
    numbers = np.arange(1_000_000.0)
    texts = [f"t{n}" for n in range(300_000)]
    yield pd.DataFrame({"a": numbers})
    yield pd.DataFrame(np.arange(2_000_000.0).reshape(-1, 2), copy=False)
    yield pd.Series(texts, dtype=object)
    yield pd.Series(texts, dtype="category")
    yield pd.Series(numbers.astype("datetime64[us]"))
    yield pa.array(texts)
    yield pl.DataFrame({"a": numbers, "b": numbers})
    yield sp.random(2_000, 2_000, 0.1, random_state=0).tocsr()


@pytest.mark.parametrize("value", list(long_values()), ids=lambda value: type(value).__name__)
def test_a_long_reading_can_be_stopped_anywhere(value):
    asked = []
    assert fingerprint_unless(lambda: asked.append(1), value) == fingerprint(value)
    assert len(asked) > 8
    for limit in (0, 1, len(asked) // 2, len(asked) - 1):
        left = iter(range(limit))
        assert fingerprint_unless(lambda left=left: next(left, None) is None, value) is None
