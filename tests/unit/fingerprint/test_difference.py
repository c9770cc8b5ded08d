"""What two fingerprints tell of two tables: columns, types, ranges of rows, rows appended."""

import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_jupyter.entities import Fingerprint
from mlops_jupyter.fingerprint import continues, fingerprint
from mlops_jupyter.fingerprint.difference import ColumnChange, Difference, difference
from mlops_jupyter.fingerprint.tree import FIRST_ROWS, KEPT, LEAF_ROWS, edges


def table(rows, columns=3, seed=7):
    rng = np.random.default_rng(seed)
    made = {f"c{at}": rng.normal(size=rows) for at in range(columns)} | {"s": [f"t{n % 91}" for n in range(rows)]}
    return pd.DataFrame(made)


def stored(value):
    """The fingerprint as it comes back from the store."""
    return msgspec.json.decode(msgspec.json.encode(fingerprint(value)), type=Fingerprint)


def test_leaves_end_in_the_same_places_whatever_the_length():
    assert edges(0) == (0,)
    assert edges(5) == (0, 5)
    for rows in (1_024, 1_025, 8_192, 70_000, 600_000):
        assert edges(2_000_000)[: len(edges(rows)) - 1] == edges(rows)[:-1]
    sizes = np.diff(edges(2_000_000))
    assert (sizes[0], sizes[-2]) == (FIRST_ROWS, LEAF_ROWS)


def test_a_change_is_told_by_column_and_rows():
    before, after = table(200_000), table(200_000)
    after.loc[150_000, "c1"] = 0.0
    found = difference(stored(before), stored(after))
    (change,) = found.changed
    assert (change.name, change.type_a, change.type_b) == ("c1", "float64", "float64")
    ((start, stop),) = change.rows
    assert start <= 150_000 < stop
    assert stop - start <= LEAF_ROWS
    assert found == Difference(changed=(change,))


@pytest.mark.parametrize(
    ("row", "rows"), [(0, (0, 1_024)), (1_023, (0, 1_024)), (1_024, (1_024, 2_048)), (2_999, (2_048, 3_000))])
def test_small_tables_are_told_in_finer_steps(row, rows):
    before, after = table(3_000), table(3_000)
    after.loc[row, "s"] = "other"
    assert difference(stored(before), stored(after)).changed == (ColumnChange("s", "string", "string", (rows,)),)


def test_neighbouring_ranges_are_one():
    before, after = np.zeros(10_000), np.zeros(10_000)
    after[1_000:3_000] = 1
    after[9_000] = 1
    (change,) = difference(stored(before), stored(after)).changed
    assert change.rows == ((0, 3_072), (8_192, 9_216))


def test_columns_added_removed_and_retyped():
    before, after = table(2_000), table(2_000).drop(columns="c0").assign(new=1).astype({"s": "category"})
    found = difference(stored(before), stored(after))
    assert (found.added, found.removed) == (("new",), ("c0",))
    assert found.changed == (ColumnChange("s", "string", "category<string>"),)


@pytest.mark.parametrize(("old", "new", "unchanged"), [
    (336_776, 348_776, 327_680), (2_048, 2_050, 2_048), (65_536, 65_537, 65_536), (2_000, 70_000, 1_024),
    (1_500_000, 1_500_001, None),
])  # fmt: skip
def test_appended_rows_are_told_with_how_far_that_is_certain(old, new, unchanged):
    whole = np.random.default_rng(1).normal(size=new)
    found = difference(stored(pd.DataFrame({"a": whole[:old]})), stored(pd.DataFrame({"a": whole})))
    assert found.appended == new - old
    assert found.changed == ()
    assert found.unchanged + found.open == old
    assert unchanged is None or found.unchanged == unchanged
    assert found.open <= max(old / 8, FIRST_ROWS) + 1


def test_rows_cut_off_are_told():
    whole = table(50_000)
    found = difference(stored(whole), stored(whole.iloc[:40_000]))
    assert found.appended == -10_000
    assert found.unchanged + found.open == 40_000


def test_appended_and_changed_is_not_called_appended():
    after = table(60_000)
    before = after.iloc[:50_000].copy()
    after.loc[10, "c1"] = 0
    found = difference(stored(before), stored(after))
    assert found.appended == 0
    assert found.changed == (ColumnChange("c1", "float64", "float64", ((0, 1_024),)),)


def test_of_tables_too_small_to_tell_nothing_is_claimed():
    found = difference(stored(table(300)), stored(table(312)))
    assert found.appended == 0


def test_the_record_stays_small():
    for rows, columns in ((2_000_000, 1), (300_000, 19), (20_000, 200), (5_000, 2_000)):
        frame = pd.DataFrame(np.zeros((rows, columns)))
        leaves = fingerprint(frame).leaves
        assert leaves is None or len(leaves.digests) <= KEPT * 11
        assert (leaves is None) == (columns * 2 > KEPT)


@given(st.integers(2_000, 90_000), st.integers(2_000, 90_000), st.integers(1, 120), st.data())
@settings(max_examples=40, deadline=None)
def test_tables_kept_in_different_steps_are_compared_in_the_coarser(old, new, width, data):
    whole = np.random.default_rng(0).integers(0, 9, (max(old, new), 1))
    rows = min(old, new)
    place = data.draw(st.integers(0, rows - 1))
    first = pd.DataFrame({f"c{at}": whole[:old, 0] for at in range(width)})
    second = pd.DataFrame({"c0": whole[:new, 0].copy()})
    same = difference(fingerprint(first[["c0"]] if width == 1 else first), fingerprint(second))
    assert all(column.rows == () for column in same.changed)
    assert same.appended in {new - old, 0}
    second.loc[place, "c0"] += 1
    changed = difference(fingerprint(first), fingerprint(second))
    assert changed.appended == 0 or place >= changed.unchanged
    for column in changed.changed:
        assert all(start <= place < stop for start, stop in column.rows)


def test_arrays_and_series_are_one_column():
    before = np.zeros((100_000, 3))
    after = before.copy()
    after[70_000, 1] = 1
    (change,) = difference(stored(before), stored(after)).changed
    assert change.name == ""
    ((start, stop),) = change.rows
    assert start <= 70_000 < stop
    assert difference(stored(before), stored(np.zeros((100_000, 4)))) is None
    assert difference(stored(before[:70_000]), stored(before)).appended == 30_000
    assert difference(stored(pd.Series(range(5_000))), stored(pd.Series(range(6_000)))).appended == 1_000


def test_what_is_no_table_is_not_compared():
    assert difference(fingerprint(3), fingerprint(4)) is None
    assert difference(fingerprint([1]), fingerprint(table(3))) is None


def test_a_column_that_was_not_read_is_said_to_be_unknown():
    before = pd.DataFrame({"a": [1, 2], "o": pd.Series([iter([]), 1], dtype=object)})
    after = before.assign(a=[1, 3])
    found = difference(fingerprint(before), fingerprint(after))
    assert found.unknown == ("o",)
    assert [column.name for column in found.changed] == ["a"]


def test_an_old_record_without_leaves_still_decodes_and_compares():
    old = msgspec.json.decode(
        b'{"kind":"frame","digest":"fp1:xxh3-128:aa","shape":[10,2],"columns":{"a":"fp1:xxh3-128:01","b":"fp1:xxh3-128:02"}}',
        type=Fingerprint)
    new = msgspec.structs.replace(old, digest="fp1:xxh3-128:bb", columns={"a": "fp1:xxh3-128:01", "b": "fp1:xxh3-128:03"})
    assert difference(old, new).changed == (ColumnChange("b"),)


@pytest.mark.parametrize("kind", ["frame", "series", "array", "matrix", "polars", "arrow"])
def test_where_the_value_is_at_hand_an_append_is_exact(kind):
    def made(rows, seed=7):
        whole = table(rows, seed=seed)
        if kind == "polars":
            return pytest.importorskip("polars", reason="Polars").from_pandas(whole)
        if kind == "arrow":
            return pytest.importorskip("pyarrow", reason="pyarrow").Table.from_pandas(whole)
        forms = {"frame": whole, "series": whole["c0"], "array": whole["c0"].to_numpy(), "matrix": whole[["c0", "c1"]].to_numpy()}
        return forms[kind]

    old = fingerprint(made(300))
    longer, other = made(300), made(312, seed=8)
    assert continues(old, longer) is True
    assert continues(old, other) is False
    if kind == "frame":
        grown = pd.concat([longer, other], ignore_index=True)
        assert continues(old, grown) is True
        grown.loc[299, "s"] = "x"
        assert continues(old, grown) is False
    assert continues(old, made(200)) is False
    assert continues(old, 3) is None
    assert continues(Fingerprint("opaque"), longer) is None


def held_in_every_way(rows):
    """A table with a column for each way to hold values."""
    numbers = np.arange(rows)
    texts = [f"t{n}" for n in numbers]
    return pd.DataFrame({
        "int8": numbers.astype("int8"), "float32": numbers.astype("float32"),
        "holes": np.where(numbers % 3 == 0, np.nan, numbers),
        "bool": numbers % 2 == 0, "Int64": pd.array(numbers, "Int64"), "boolean": pd.array(numbers % 2 == 0, "boolean"),
        "object": pd.Series(texts, dtype=object), "mixed": pd.Series([n if n % 2 else "x" for n in range(rows)]),
        "string": pd.array(texts, "string[python]"), "arrow": pd.array(texts, "string[pyarrow]"),
        "moment": pd.date_range("2020", periods=rows, freq="h"), "zoned": pd.date_range("2020", periods=rows, freq="h", tz="UTC"),
        "length": pd.to_timedelta(numbers, unit="s"), "category": pd.Categorical([f"c{n % 7}" for n in numbers]),
        "period": pd.period_range("2020", periods=rows, freq="h"),
        "interval": pd.IntervalIndex.from_breaks(np.arange(rows + 1)),
        "sparse": pd.arrays.SparseArray(numbers % 5), "complex": numbers * 1j,
    })  # fmt: skip


BEFORE = held_in_every_way(3_000)


@given(st.sampled_from(list(BEFORE.columns)), st.integers(0, 2_998), st.booleans())
@settings(max_examples=150, deadline=None)
def test_any_one_changed_value_is_told_by_column_and_rows(name, row, to_null):
    column = list(BEFORE[name])
    if to_null and name not in {"int8", "bool", "complex", "sparse", "interval"}:
        column[row] = None
    else:
        column[row] = next(other for other in column[row + 1 :] + column[:row] if other == other and other != column[row])
    changed = pd.Series(column, dtype=BEFORE[name].dtype)
    after = BEFORE.assign(**{name: changed})
    if after[name].equals(BEFORE[name]):
        return  # a null made null
    mark, now = fingerprint(BEFORE), fingerprint(after)
    assert mark.coverage == now.coverage == 1.0
    assert not mark.same_content(now)
    (change,) = difference(mark, now).changed
    assert (change.name, change.type_a) == (name, change.type_b)
    assert change.rows == () or any(start <= row < stop for start, stop in change.rows)
