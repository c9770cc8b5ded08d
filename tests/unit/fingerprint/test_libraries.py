"""Identity of arrays, frames, matrices and estimators: logical content, every byte."""

import copy
import dataclasses
import io
import logging
import sys
import threading

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlops_jupyter.fingerprint import fingerprint, footprint, profile_of, schema_of
from mlops_jupyter.fingerprint.profile import merge


def digest(value):
    found = fingerprint(value)
    assert found.digest is not None
    assert found.coverage == 1.0
    return found.digest


def logical(value):
    found = fingerprint(value)
    assert found.logical is not None
    return found.logical


def arrays():
    rng = np.random.default_rng(0)
    yield rng.random(200_000)
    yield rng.random((1_000, 70))
    yield rng.integers(0, 9, (300, 300), dtype=np.int8)
    yield np.arange(5, dtype=">i4")
    yield np.array(["2020-01-01", "NaT"], "datetime64[s]")
    yield np.array(["ab", "c"])
    yield np.array([("a", 1, 2.5), ("b", 3, 4.5)], dtype=[("n", "U4"), ("i", "i1"), ("x", "f8")])
    yield np.array([1, "a", None], dtype=object)
    yield np.zeros((0, 3))


@pytest.mark.parametrize("values", list(arrays()), ids=lambda values: f"{values.dtype}{values.shape}")
def test_memory_layout_is_not_content(values):
    assert digest(values) == digest(values.copy()) == digest(np.asfortranarray(values))
    if values.ndim == 1:
        assert digest(values) == digest(np.repeat(values, 2)[::2])


def test_every_byte_of_an_array_matters():
    values = np.zeros(300_000, np.uint8)
    first = digest(values)
    for place in (0, 1, 65_535, 65_536, 200_000, 299_999):
        values[place] = 1
        assert digest(values) != first
        values[place] = 0
    assert digest(values) == first


def test_type_and_shape_of_an_array_matter():
    values = np.zeros(6, np.int64)
    variants = [values, values.astype(np.uint64), values.reshape(2, 3), values.reshape(3, 2), np.array(3.0), np.array(4.0)]
    assert len({digest(variant) for variant in variants}) == len(variants)


def test_generator_state_is_content():
    rng = np.random.default_rng(1)
    before = digest(rng)
    assert before == digest(np.random.default_rng(1))
    rng.random()
    assert digest(rng) != before
    state = np.random.RandomState(1)
    before = digest(state)
    state.rand()
    assert digest(state) != before


TEXTS = [["a", "bé", None, "", "x" * 300], ["a", "b"], [None, None], [], [f"t{n}" for n in range(70_000)] + [None]]


@pytest.mark.parametrize("texts", TEXTS, ids=range(len(TEXTS)))
def test_strings_are_the_same_however_pandas_holds_them(texts):
    held = ["object", "str", "string[python]", "string[pyarrow]"]
    held = held if int(pd.__version__.split(".")[0]) >= 3 else ["object", "string[python]", "string[pyarrow]"]
    digests = {logical(pd.Series(texts, dtype=dtype)) for dtype in held}
    assert len(digests) == 1
    assert len({digest(pd.Series(texts, dtype=dtype)) for dtype in held}) == len(held)
    sliced = pd.Series(["before", *texts], dtype="string[pyarrow]").iloc[1:].reset_index(drop=True)
    assert logical(sliced) in digests
    if texts:
        assert logical(pd.Series(["other", *texts[1:]], dtype="object")) not in digests


def frame():
    return pd.DataFrame({
        "i": [1, 2, 3], "f": [0.5, np.nan, 1.0], "s": ["a", None, "c"], "c": pd.Categorical(["x", "y", "x"]),
        "t": pd.to_datetime(["2020-01-01", None, "2020-01-03"]), "z": pd.date_range("2020", periods=3, tz="UTC"),
        "n": pd.array([1, None, 3], dtype="Int64"), "b": [True, False, True], "p": pd.period_range("2020", periods=3, freq="D"),
        "d": pd.to_timedelta([1, 2, 3], unit="s"),
    })  # fmt: skip


def test_a_change_of_one_value_shows_in_its_column_only():
    first, second = frame(), frame()
    assert digest(first) == digest(second)
    second.loc[1, "f"] = 0.25
    changed = {name for name, text in fingerprint(first).columns.items() if text != fingerprint(second).columns[name]}
    assert changed == {"f"}


@pytest.mark.parametrize("change", [
    lambda f: f.rename(columns={"i": "j"}), lambda f: f[list(reversed(f.columns))], lambda f: f.set_index("i"),
    lambda f: f.iloc[:2],
    lambda f: f.astype({"i": "int32"}), lambda f: f.set_axis([1, 2, 3]), lambda f: f.assign(c=f["c"].cat.as_ordered()),
])  # fmt: skip
def test_labels_order_index_and_types_of_a_frame_matter(change):
    assert digest(change(frame())) != digest(frame())


def test_blocks_are_not_content():
    one = pd.DataFrame(np.arange(12.0).reshape(4, 3), columns=list("abc"))
    other = pd.DataFrame({name: one[name].to_numpy().copy() for name in "abc"})
    assert digest(one) == digest(other) == digest(one.copy())


def test_nullable_without_nulls_is_the_plain_column():
    assert len({logical(pd.Series([1, 2], dtype=dtype)) for dtype in ("int64", "Int64", "int64[pyarrow]")}) == 1
    holes = [logical(pd.Series([1, None], dtype=dtype)) for dtype in ("Int64", "int64[pyarrow]")]
    assert holes[0] == holes[1] != logical(pd.Series([1, 0]))


def test_indexes_of_every_kind_have_a_digest():
    made = [
        pd.Index([1, 2]), pd.RangeIndex(5), pd.Index(["a", "b"]), pd.MultiIndex.from_product([["a", "b"], [1, 2]]),
        pd.date_range("2020", periods=3), pd.CategoricalIndex(["a", "b"]), pd.interval_range(0, 3),
        pd.Index([1, "a"], dtype=object),
    ]  # fmt: skip
    assert len({digest(index) for index in made}) == len(made)
    assert digest(pd.Timestamp("2020")) != digest(pd.Timestamp("2021"))
    assert digest(pd.NaT) != digest(pd.NA)


def test_over_budget_an_array_is_sampled_and_never_equal():
    values = np.random.default_rng(0).random(1_000_000)
    found = fingerprint(values, budget=1_000_000)
    assert 0 < found.coverage < 1
    assert not found.same_as(fingerprint(values, budget=1_000_000))
    assert fingerprint(pd.DataFrame({"a": values}), budget=1_000_000).coverage < 1


def test_views_share_memory_ranges_and_copies_do_not():
    def overlap(a, b):
        return any(x < v and u < y for x, y in footprint(a).ranges for u, v in footprint(b).ranges)

    values = np.arange(100.0)
    assert overlap(values, values[3:5])
    assert overlap(values, pd.DataFrame({"a": values}, copy=False))
    assert not overlap(values, values.copy())
    assert footprint([values]).ids & footprint({"k": values}).ids
    labels = pd.Index(values, copy=False)
    assert overlap(values, labels)
    assert overlap(values, pd.Series(1, index=labels))


def test_sparse_matrices():
    dense = np.eye(4)
    for form in ("csr", "csc", "coo", "lil", "dok", "dia", "bsr"):
        first, second = sp.csr_matrix(dense).asformat(form), sp.csr_matrix(dense).asformat(form)
        assert digest(first) == digest(second)
    assert digest(sp.csr_matrix(dense)) != digest(sp.csr_matrix(dense * 2))


X, Y = make_classification(200, 6, random_state=0)
MODELS = [
    LogisticRegression(), RandomForestClassifier(5, random_state=0), HistGradientBoostingClassifier(max_iter=5, random_state=0),
    make_pipeline(StandardScaler(), KNeighborsClassifier()), GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=2),
]  # fmt: skip


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_an_estimator_is_its_params_and_what_it_learned(model):
    from sklearn.base import clone

    first, second = clone(model), clone(model)
    unfitted = digest(first)
    first.fit(X, Y)
    second.fit(X, Y)
    assert fingerprint(first).kind == "model"
    assert digest(first) == digest(second) != unfitted
    first.predict(X)
    assert digest(first) == digest(second)
    assert digest(clone(model).fit(X[:150], Y[:150])) != digest(second)


def test_an_unknown_part_inside_an_estimator_is_said():
    model = LogisticRegression()
    model.strange_ = iter([])
    assert fingerprint(model).coverage < 1


def test_a_figure_has_no_digest():
    figure = pytest.importorskip("matplotlib.figure").Figure()
    assert (fingerprint(figure).kind, fingerprint(figure).digest) == ("figure", None)


def test_schema_names_logical_types():
    first = {column.name: column.type for column in schema_of(frame()).columns}
    assert first["i"] == "int64"
    assert first["f"] == "float64"
    assert first["z"].endswith("UTC]")
    assert [column.type for column in schema_of(np.zeros((3, 2))).columns] == ["float64", "float64"]
    assert schema_of(3) is None


def test_profiles_merge_exactly():
    values = pd.DataFrame({"x": np.random.default_rng(0).normal(size=1_000), "s": ["a", "b"] * 500})
    values.loc[3, "x"] = np.nan
    values.loc[4, "x"] = np.inf
    whole, parts = profile_of(values), merge(profile_of(values[600:]), profile_of(values[:600]))
    assert whole.columns[0] == parts.columns[0]
    assert whole.columns[1].top == parts.columns[1].top
    assert (whole.columns[0].nulls, whole.columns[0].positive_infinities) == (1, 1)


class Measured(pd.DataFrame):
    _metadata = ("unit",)

    @property
    def _constructor(self):
        raise AssertionError("called")


def test_what_a_subclass_of_a_frame_keeps_is_content():
    one, other = Measured({"a": [1]}), Measured({"a": [1]})
    assert digest(one) == digest(other) != digest(pd.DataFrame({"a": [1]}))
    assert logical(one) == logical(pd.DataFrame({"a": [1]}))
    object.__setattr__(one, "unit", "kg")
    assert digest(one) != digest(other)


# logging, statsmodels, values without content


def test_a_logger_is_its_settings_and_not_what_it_logged():
    logger, text = logging.Logger("mine"), io.StringIO()
    handler = logging.StreamHandler(sys.stderr)
    logger.addHandler(handler)
    before = fingerprint(logger)
    logger.error("something")
    assert fingerprint(logger).same_as(before)
    logger.setLevel(10)
    assert not fingerprint(logger).same_as(before)
    before = fingerprint(handler)
    handler.setFormatter(logging.Formatter("%(message)s"))
    assert not fingerprint(handler).same_as(before)
    logger.addHandler(logging.StreamHandler(text))
    assert id(text) in footprint(logger).ids, "logging changes the user's own stream"


def test_a_result_of_statsmodels_is_what_was_estimated():
    sm = pytest.importorskip("statsmodels.api")
    x = sm.add_constant(np.arange(12.0))
    y = np.arange(12.0) ** 1.5
    fitted = sm.OLS(y, x).fit()
    before = fingerprint(fitted)
    assert before.coverage == 1.0
    assert fingerprint(sm.OLS(y, x).fit()).same_as(before)
    fitted.summary()
    fitted.rsquared  # noqa: B018 (worked out when it is asked first)
    assert fingerprint(fitted).same_as(before), "to ask is no change"
    fitted.model.endog[0] = 7.0
    assert not fingerprint(fitted).same_as(before)
    assert not fingerprint(sm.OLS(y, x).fit(cov_type="HC1")).same_as(before)


def test_a_library_s_object_without_attributes_is_known_by_its_class():
    assert fingerprint(dataclasses.MISSING).same_as(fingerprint(copy.copy(dataclasses.MISSING)))
    assert fingerprint(dataclasses.field).coverage == 1.0
    assert fingerprint(threading.Lock()).coverage == 0.0
