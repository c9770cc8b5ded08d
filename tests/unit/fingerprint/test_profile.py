"""Statistics that merge exactly: in any order and grouping to the same bytes, equal in every library."""

import datetime
import random
from itertools import pairwise

import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_jupyter.entities import ColumnProfile, Profile
from mlops_jupyter.fingerprint import merge, profile_of, schema_of
from mlops_jupyter.fingerprint.profile import KEPT, centers_of, text_profile, value_of

ROWS = 20_000


def table():
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=ROWS) * 10.0 ** rng.integers(-30, 30, ROWS)
    numbers[rng.random(ROWS) < 0.1] = np.nan
    numbers[[5, 6, 7, 8]] = [np.inf, -np.inf, 0.0, -0.0]
    return pd.DataFrame({
        "number": numbers, "small": rng.integers(-9, 9, ROWS).astype("int8"), "flag": rng.random(ROWS) < 0.3,
        "word": pd.Series([None if n % 7 == 0 else f"w{n % 50}" for n in range(ROWS)]),
        "id": [f"é{n * 7919 % 15_013}" for n in range(ROWS)], "long": ["x" * (n % 400) for n in range(ROWS)],
        "moment": pd.Series(pd.date_range("1960-01-01", periods=ROWS, freq="7h")).mask(rng.random(ROWS) < 0.2),
        "length": pd.to_timedelta(rng.integers(0, 9_999, ROWS), unit="s"),
        "kind": pd.Categorical([f"k{n % 9}" for n in range(ROWS)]),
        "void": pd.Series([None] * ROWS, dtype=object),
    })  # fmt: skip


def encoded(profile):
    return msgspec.json.encode(profile)


def merged_in_any_order(parts, seed):
    """Two of the parts at a time, any two, until one is left."""
    rng = random.Random(seed)
    left = list(parts)
    while len(left) > 1:
        first, second = left.pop(rng.randrange(len(left))), left.pop(rng.randrange(len(left)))
        left.append(merge(first, second))
    return left[0]


def test_a_hundred_parts_in_any_order_and_grouping_are_the_whole():
    whole = table()
    ends = sorted({0, ROWS, *random.Random(1).sample(range(ROWS), 98), 700})
    ends.append(ROWS)  # and one part without rows
    parts = [profile_of(whole.iloc[start:stop]) for start, stop in pairwise(ends)]
    assert len(parts) >= 100
    found = {encoded(merged_in_any_order(parts, seed)) for seed in range(5)}
    assert found == {encoded(profile_of(whole))}


COUNTS = st.lists(st.tuples(st.integers(0, 3_000), st.integers(1, 5)), max_size=900)


@given(st.lists(COUNTS, min_size=2, max_size=6), st.randoms())
@settings(max_examples=25, deadline=None)
def test_text_of_any_cardinality_merges_to_the_whole(parts, rng):
    profiles = [Profile(0, (text_profile("t", ((str(value), count) for value, count in part), 0, 0),)) for part in parts]
    whole = text_profile("t", ((str(value), count) for part in parts for value, count in part), 0, 0)
    rng.shuffle(profiles)
    assert encoded(merged_in_any_order(profiles, 0)) == encoded(Profile(0, (whole,)))


def test_distinct_values_are_counted_up_to_a_thousand():
    few, many = profile_of(pd.DataFrame({"a": list("aab")})), profile_of(pd.DataFrame({"a": [f"t{n}" for n in range(5_000)]}))
    assert (few.columns[0].distinct, few.columns[0].top, few.columns[0].histogram) == (2, {"a": 2, "b": 1}, {})
    assert (many.columns[0].distinct, len(many.columns[0].top)) == (None, KEPT)
    assert sum(many.columns[0].histogram.values()) == 5_000
    assert merge(few, few).columns[0].distinct == 2


def test_a_profile_is_the_same_in_every_library():
    pa = pytest.importorskip("pyarrow", reason="Arrow tables")
    pl = pytest.importorskip("polars", reason="Polars tables")
    frame = table()
    frame["day"] = [datetime.date(2020, 1, 1) + datetime.timedelta(n % 400) for n in range(ROWS)]
    arrow = pa.Table.from_pandas(frame, preserve_index=False)
    forms = [arrow, pl.from_arrow(arrow), arrow.to_pandas(types_mapper=pd.ArrowDtype), frame.astype({"word": "string"}),
             frame.assign(moment=frame["moment"].astype("datetime64[s]"))]  # fmt: skip
    expected = profile_of(frame)
    for form in forms:
        found = profile_of(form)
        differing = [one.name for one, other in zip(found.columns, expected.columns, strict=True) if one != other]
        assert differing == [], type(form)
        assert encoded(found) == encoded(expected)


def test_the_type_names_of_a_schema_are_the_same_in_every_library():
    pa = pytest.importorskip("pyarrow", reason="Arrow tables")
    pl = pytest.importorskip("polars", reason="Polars tables")
    frame = table().drop(columns="void")
    arrow = pa.Table.from_pandas(frame, preserve_index=False)
    found = [{column.name: column.type for column in schema_of(form).columns}
             for form in (frame, arrow, pl.from_arrow(arrow), arrow.to_pandas(types_mapper=pd.ArrowDtype))]  # fmt: skip
    assert all(each == found[1] for each in found)
    assert schema_of(pl.LazyFrame({"a": [1]})) is None


def test_zeros_nulls_and_infinities_are_counted():
    number = profile_of(table()).columns[0]
    assert (number.positive_infinities, number.negative_infinities, number.zeros) == (1, 1, 2)
    assert number.count == ROWS == number.nulls + 2 + sum(number.histogram.values())


def test_minus_zero_does_not_make_the_order_matter():
    parts = [profile_of(pd.DataFrame({"a": [value]})) for value in (0.0, -0.0)]
    assert encoded(merge(parts[0], parts[1])) == encoded(merge(parts[1], parts[0]))


def test_half_of_a_surrogate_pair_can_be_stored():
    assert encoded(profile_of(pd.DataFrame({"a": pd.Series(["\ud800", "b"], dtype=object)})))


def test_profiles_that_do_not_fit_are_not_merged():
    numbers, words = profile_of(pd.DataFrame({"a": [1]})), profile_of(pd.DataFrame({"a": ["x"]}))
    with pytest.raises(ValueError, match="number and text"):
        merge(numbers, words)
    with pytest.raises(ValueError, match="different center"):
        merge(numbers, profile_of(pd.DataFrame({"a": [1]}), {"a": (5.0, 1.0)}))
    with pytest.raises(ValueError, match="different columns"):
        merge(numbers, profile_of(pd.DataFrame({"b": [1]})))


def test_centers_tell_values_apart_that_lie_far_from_zero():
    years = pd.DataFrame({"year": np.repeat([2_013, 2_014, 2_015], 100), "word": ["a"] * 300})
    plain = profile_of(years)
    assert len(plain.columns[0].histogram) == 1
    centers = centers_of(plain)
    centred = profile_of(years, centers)
    assert len(centred.columns[0].histogram) == 3
    assert sorted(round(value_of(key, centred.columns[0])) for key in centred.columns[0].histogram) == [2_013, 2_014, 2_015]
    assert list(centers) == ["year"]
    assert centers == centers_of(profile_of(years.iloc[::-1]))


def test_a_key_stands_for_its_value_to_less_than_one_per_cent():
    values = np.concatenate([-(10.0 ** np.arange(-37, 38, 0.37)), 10.0 ** np.arange(-37, 38, 0.37)])
    for value in values:
        (column,) = profile_of(np.array([value])).columns
        (key,) = column.histogram
        assert abs(value_of(key, column) - value) <= abs(value) / 100


def test_an_old_profile_still_decodes():
    old = b'{"rows":2,"columns":[{"name":"x","count":2,"histogram":{"16256":2},"minimum":1.0,"maximum":1.0}]}'
    assert msgspec.json.decode(old, type=Profile).columns[0] == ColumnProfile(
        "x", 2, histogram={16_256: 2}, minimum=1.0, maximum=1.0)
