"""The same logical table has the same logical digest in NumPy, pandas (every way of holding it), Arrow and Polars."""

import datetime
import decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_jupyter.fingerprint import fingerprint, profile_of
from mlops_jupyter.fingerprint.tree import FIRST_ROWS

pa = pytest.importorskip("pyarrow", reason="Arrow-backed columns")
pl = pytest.importorskip("polars", reason="Polars columns")
PANDAS_3 = int(pd.__version__.split(".")[0]) >= 3


def logical(value):
    found = fingerprint(value)
    assert found.digest is not None, type(value)
    assert found.coverage == 1.0, type(value)
    assert found.logical is not None, type(value)
    return found.logical


def arrow_ways(array):
    """One Arrow array in other buffers: at an offset, with garbage under nulls, in chunks."""
    yield array
    longer = pa.concat_arrays([array, array])
    yield longer.slice(len(array))
    yield pa.chunked_array([array.slice(0, len(array) // 3), array.slice(len(array) // 3)], array.type)
    yield pa.Table.from_arrays([array], names=["0"]).column(0)


def ways(values, kind):
    """Every way to hold the column that we know. `kind` is the Arrow type."""
    array = pa.array(values, kind)
    yield from arrow_ways(array)
    yield pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([array])))
    series = pl.Series("", array)
    yield series
    yield pl.concat([series.slice(0, 1), series.slice(1)], rechunk=False)
    yield pl.concat([series, series]).slice(len(values))
    whole = [value for value in values if value is not None]
    complete = len(whole) == len(values)
    if pa.types.is_floating(kind):
        dtype = kind.to_pandas_dtype()
        yield np.array([np.nan if value is None else value for value in values], dtype)
        yield pd.Series([np.nan if value is None else value for value in values], dtype=dtype)
        yield pd.Series(np.repeat(np.array([np.nan if value is None else value for value in values], dtype), 2)[::2])
        if dtype is not np.float16:
            yield pd.Series(pd.array(values, dtype=pd.Series([], dtype=dtype).dtype.name.capitalize()))
    elif pa.types.is_integer(kind):
        if complete:
            yield np.array(values, kind.to_pandas_dtype())
            yield pd.Series(values, dtype=kind.to_pandas_dtype())
        name = np.dtype(kind.to_pandas_dtype()).name
        yield pd.Series(pd.array(values, dtype=name.replace("uint", "UInt") if name[0] == "u" else name.capitalize()))
        if name == "int64" and whole:
            yield pd.Series(values, dtype=object)
    elif pa.types.is_boolean(kind):
        yield pd.Series(values, dtype="boolean")
        yield pd.Series(values, dtype=object)
        if complete:
            yield pd.Series(values, dtype=bool)
    elif pa.types.is_large_string(kind):
        for other in (pa.string(), pa.string_view()):
            yield from arrow_ways(pa.array(values, other))
        yield pd.Series(values, dtype=object)
        yield pd.Series([np.nan if value is None else value for value in values], dtype=object)
        yield pd.Series(values, dtype="string[python]")
        yield pd.Series(values, dtype="string[pyarrow]")
        if PANDAS_3:
            yield pd.Series(values, dtype="str")
    elif pa.types.is_binary(kind) or pa.types.is_date(kind) or pa.types.is_time(kind) or pa.types.is_decimal(kind):
        yield pd.Series(values, dtype=object)


def texts():
    return st.text(st.characters(codec="utf-8"), max_size=6)


KINDS = {
    "int64": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "int8": (pa.int8(), st.integers(-128, 127)),
    "uint32": (pa.uint32(), st.integers(0, 2**32 - 1)),
    "float64": (pa.float64(), st.floats(allow_nan=False)),
    "float32": (pa.float32(), st.floats(width=32, allow_nan=False)),
    "bool": (pa.bool_(), st.booleans()),
    "string": (pa.large_string(), texts()),
    "binary": (pa.binary(), st.binary(max_size=5)),
    "date": (pa.date32(), st.dates()),
    "time": (pa.time64("us"), st.times().map(lambda time: time.replace(fold=0))),
    "decimal": (pa.decimal128(30, 4), st.decimals(-(10**12), 10**12, places=4)),
}


@pytest.mark.parametrize("name", KINDS)
@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_column_is_the_same_in_every_library(name, data):
    kind, strategy = KINDS[name]
    values = data.draw(st.lists(st.one_of(strategy, strategy, st.none()), max_size=12))
    found = {}
    for way in ways(values, kind):
        found.setdefault(logical(way), []).append(f"{type(way).__module__}.{type(way).__name__} {getattr(way, 'dtype', '')}")
    assert len(found) == 1, found


@pytest.mark.parametrize("rows", [0, 1, FIRST_ROWS - 1, FIRST_ROWS, FIRST_ROWS + 1, 8_191, 70_000])
@pytest.mark.parametrize("holes", [False, True])
def test_long_columns_are_the_same_in_every_library(rows, holes):
    rng = np.random.default_rng(rows)
    null = rng.random(rows) < 0.3 if holes else np.zeros(rows, bool)
    columns = {
        "i": (pa.int64(), rng.integers(-9, 9, rows).tolist()),
        "f": (pa.float64(), rng.normal(size=rows).tolist()),
        "b": (pa.bool_(), (rng.random(rows) < 0.5).tolist()),
        "s": (pa.large_string(), [f"é{n % 7}" * (n % 3) for n in range(rows)]),
    }
    for kind, full in columns.values():
        values = [None if hole else value for value, hole in zip(full, null, strict=True)]
        assert len({logical(way) for way in ways(values, kind)}) == 1


def test_different_content_is_told_apart():
    columns = [
        [1, 2], [2, 1], [1, None], [None, 1], [1.0, 2.0], [1.0, None], [0.0, 1.0], [-0.0, 1.0], [True, False], [True, None],
        ["1", "2"], ["12", ""], ["", "12"], ["1", None], [b"1", b"2"], [datetime.date(1970, 1, 2), datetime.date(1970, 1, 3)],
        [datetime.datetime(1970, 1, 2), None], [datetime.timedelta(1), None], [decimal.Decimal("1.1"), None],
        [[1, 2], [3]], [[1], [2, 3]], [[1], None], [[1], []], [{"a": 1}, {"a": 2}], [{"b": 1}, {"b": 2}], [{"a": 1}, None], [1],
    ]  # fmt: skip
    found = [logical(pa.array(values)) for values in columns]
    assert len(set(found)) == len(columns)
    assert logical(pa.array(["1", "2"]).dictionary_encode()) not in found
    assert logical(pa.array([1, 2], pa.int32())) not in found


def test_what_lies_under_a_null_is_not_content():
    validity = pa.array([True, False, True]).buffers()[1]
    one = pa.Array.from_buffers(pa.int64(), 3, [validity, pa.py_buffer(np.array([1, 7, 3]))])
    two = pa.Array.from_buffers(pa.int64(), 3, [validity, pa.py_buffer(np.array([1, 8, 3]))])
    assert logical(one) == logical(two)
    offsets = pa.py_buffer(np.array([0, 1, 3, 4], np.int32))
    text = pa.Array.from_buffers(pa.string(), 3, [validity, offsets, pa.py_buffer(b"axxc")])
    assert logical(text) == logical(pa.array(["a", None, "c"]))
    mask = pa.array([False, True, False])
    lists = pa.ListArray.from_arrays(pa.array([0, 1, 3, 4], pa.int32()), pa.array([1, 8, 8, 3]), mask=mask)
    assert logical(lists) == logical(pa.array([[1], None, [3]]))
    struct = pa.StructArray.from_arrays([pa.array([1, 8, 3])], names=["a"], mask=mask)
    assert logical(struct) == logical(pa.array([{"a": 1}, None, {"a": 3}]))


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_moments_are_the_same_in_every_unit(unit):
    values = [datetime.datetime(2020, 1, 2, 3, 4, 5), None, datetime.datetime(1905, 1, 1)]
    reference = logical(pa.array(values, pa.timestamp("us")))
    array = pa.array(values, pa.timestamp(unit))
    assert {logical(way) for way in arrow_ways(array)} == {reference}
    assert logical(np.array(values, f"datetime64[{unit}]")) == reference
    assert logical(pd.Series(np.array(values, f"datetime64[{unit}]"))) == reference
    if unit != "s":
        assert logical(pl.Series(values, dtype=pl.Datetime(unit))) == reference
    assert logical(np.array(values[:1], "datetime64[us]") - np.array(values[2:], f"datetime64[{unit}]")) == logical(
        pa.array([values[0] - values[2]]))


def test_moments_out_of_the_range_of_nanoseconds():
    far = [datetime.datetime(9_000, 1, 1), datetime.datetime(2020, 1, 1)]
    found = {logical(pa.array(far, pa.timestamp(unit))) for unit in ("s", "ms", "us")}
    assert len(found) == 1
    assert logical(pl.Series(far, dtype=pl.Datetime("ms"))) in found
    assert logical(np.array(far, "datetime64[s]")) in found


def test_time_zones_count_by_name():
    naive = pd.Series(pd.date_range("2020-01-01", periods=3))
    for zone, other in (("UTC", datetime.UTC), ("Europe/Paris", "Europe/Paris"), ("+01:00", "UTC+01:00")):
        held = naive.dt.tz_localize("UTC").dt.tz_convert(other)
        array = pa.array(naive.to_numpy()).cast(pa.timestamp("us")).cast(pa.timestamp("us", zone))
        assert logical(held) == logical(array)
        assert logical(held) != logical(naive)
    assert logical(naive.dt.tz_localize("UTC")) == logical(pl.Series(naive.to_list()).dt.replace_time_zone("UTC"))


def test_categories_are_their_values():
    values = ["b", None, "a", "b"]
    reference = logical(pa.array(values).dictionary_encode())
    assert logical(pd.Series(values, dtype="category")) == reference
    assert logical(pd.Series(pd.Categorical(values, ["z", "b", "a"], ordered=True))) == reference
    assert logical(pl.Series(values, dtype=pl.Categorical)) == reference
    assert logical(pl.Series(values, dtype=pl.Enum(["a", "q", "b"]))) == reference
    other_dictionary = pa.DictionaryArray.from_arrays(pa.array([1, None, 0, 1], pa.int8()), pa.array(["a", "b", "c"]))
    assert logical(other_dictionary) == reference
    assert logical(pa.chunked_array([other_dictionary.slice(0, 2), pa.DictionaryArray.from_arrays(
        pa.array([0, 1], pa.int8()), pa.array(["a", "b"]))])) == reference
    assert logical(pd.Series(values)) != reference
    assert logical(pa.array([3, 1, 3]).dictionary_encode()) == logical(pd.Series([3, 1, 3], dtype="category"))
    first, second = (pd.Series(pd.Categorical(values, order, ordered=True)) for order in (["a", "b"], ["b", "a"]))
    assert not fingerprint(first).same_as(fingerprint(second))


NESTED = [
    [[1, 2], [], None, [3, None]], [[["a"], []], None, [], [[]]], [{"a": 1, "b": "x"}, None, {"a": None, "b": "y"}],
    [{"a": [1, 2]}, {"a": None}, {"a": []}], [[{"a": 1}], None, [{"a": 2}, {"a": 3}]],
]  # fmt: skip


@pytest.mark.parametrize("values", NESTED, ids=range(len(NESTED)))
def test_nested_columns(values):
    array = pa.array(values)
    found = {logical(way) for way in arrow_ways(array)}
    found |= {logical(pd.Series(values, dtype=object)), logical(pl.Series(values))}
    if values not in NESTED[::2]:  # Arrow hands pandas ints with nulls among them as floats
        found |= {logical(array.to_pandas())}
    if pa.types.is_list(array.type):
        found |= {logical(array.cast(pa.large_list(array.type.value_type)))}
    assert len(found) == 1


def test_other_layouts_of_lists():
    plain = pa.array([[1, 2], None, [3, 4]])
    assert logical(plain.cast(pa.list_(pa.int64(), 2))) == logical(plain)
    assert logical(pl.Series([[1, 2], None, [3, 4]], dtype=pl.Array(pl.Int64, 2))) == logical(plain)
    entries = pa.array([[("a", 1)], None, [("b", 2), ("c", None)]], pa.map_(pa.string(), pa.int64()))
    assert logical(entries) == logical(pa.concat_arrays([entries, entries]).slice(3))
    assert logical(entries) != logical(entries.slice(0, 2))


def test_decimals_are_numbers_at_any_scale():
    values = [decimal.Decimal("1.10"), None, decimal.Decimal("-2")]
    found = {logical(pa.array(values, pa.decimal128(precision, scale))) for precision, scale in ((5, 2), (30, 10), (38, 2))}
    found |= {logical(pd.Series(values, dtype=object)), logical(pl.Series(values, dtype=pl.Decimal(20, 3)))}
    assert len(found) == 1
    large = [decimal.Decimal(10**30) + decimal.Decimal("0.5"), decimal.Decimal(1)]
    assert logical(pa.array(large)) == logical(pd.Series(large, dtype=object))
    odd = pd.Series([decimal.Decimal("1E+999999"), decimal.Decimal("NaN")], dtype=object)
    assert fingerprint(odd).digest is not None


def frame():
    return pd.DataFrame({
        "i": [1, 2, 3], "f": [0.5, None, 1.5], "s": ["a", None, "ç"], "b": [True, False, True],
        "t": pd.to_datetime(["2020-01-01", None, "2020-01-03"]), "c": pd.Categorical(["x", "y", "x"]),
    })  # fmt: skip


def test_a_table_is_the_same_in_every_library():
    table = pa.Table.from_pandas(frame())
    forms = [frame(), frame().convert_dtypes(), table, table.to_batches()[0], pl.from_pandas(frame()), pl.from_arrow(table),
             table.to_pandas(types_mapper=pd.ArrowDtype), frame().set_axis([0, 1, 2]), table.slice(0, 3)]  # fmt: skip
    forms[1]["f"], forms[1]["c"] = frame()["f"], frame()["c"]  # convert_dtypes makes neither of them what it was
    found = [fingerprint(form) for form in forms]
    assert len({each.logical for each in found}) == 1
    assert len({tuple(each.columns.items()) for each in found}) == 1
    assert all(found[0].same_content(each) for each in found)
    assert not found[0].same_as(found[4])
    assert len({each.types for each in found}) == 1
    assert found[0].columns["s"] == logical(pl.Series("s", ["a", None, "ç"])) == logical(frame()["s"])


@pytest.mark.parametrize("change", [
    lambda f: f.rename(columns={"i": "j"}), lambda f: f[list(reversed(f.columns))], lambda f: f.set_axis([1, 2, 3]),
    lambda f: f.iloc[:2], lambda f: f.iloc[::-1], lambda f: f.astype({"i": "int32"}), lambda f: f.drop(columns="i"),
    lambda f: f.set_index("s"), lambda f: f.astype({"c": str}),
])  # fmt: skip
def test_labels_order_rows_and_types_of_a_table_count(change):
    assert logical(change(frame())) != logical(frame())


def test_tables_without_rows_or_columns():
    assert logical(pd.DataFrame()) == logical(pl.DataFrame()) == logical(pa.table({}))
    assert logical(pd.DataFrame(index=range(3))) != logical(pd.DataFrame())
    empty = pd.DataFrame({"a": pd.Series([], dtype="int64"), "s": pd.Series([], dtype="object")})
    assert logical(empty) == logical(pl.DataFrame({"a": [], "s": []}, schema={"a": pl.Int64, "s": pl.String}))
    assert logical(empty) != logical(pd.DataFrame())


def test_nan_and_null_are_one_in_the_logical_digest_and_two_in_the_exact_one():
    nan, null = pl.Series([1.0, float("nan")]), pl.Series([1.0, None])
    assert logical(nan) == logical(null) == logical(pd.Series([1.0, np.nan]))
    assert not fingerprint(nan).same_as(fingerprint(null))
    both = [pa.array([float("nan"), None, 1.0]), pa.array([None, float("nan"), 1.0])]
    assert logical(both[0]) == logical(both[1])
    assert fingerprint(both[0]).digest != fingerprint(both[1]).digest
    masked = pd.Series(pd.arrays.FloatingArray(np.array([np.nan, 1.0]), np.array([False, False])))
    assert logical(masked) == logical(pd.Series([np.nan, 1.0]))


def test_another_nan_is_null_too_but_not_the_same_bytes():
    strange = np.array([1.0, -np.nan, 2.0])
    strange.view(np.uint64)[1] |= 5
    plain = np.array([1.0, np.nan, 2.0])
    assert logical(strange) == logical(plain) == logical(pl.Series([1.0, None, 2.0]))
    assert fingerprint(strange).digest != fingerprint(plain).digest
    block, other = pd.DataFrame({"a": strange, "b": plain}), pd.DataFrame({"a": plain, "b": plain})
    assert logical(block) == logical(other)
    assert fingerprint(block).digest != fingerprint(other).digest
    wide = np.column_stack([strange, plain])
    assert logical(pd.DataFrame(wide, columns=["a", "b"])) == logical(other)


def test_which_null_stands_in_a_column_of_objects_is_how_it_is_held():
    forms = [pd.Series(["a", null], dtype=object) for null in (None, np.nan, pd.NA, pd.NaT)]
    assert len({logical(form) for form in forms}) == 1
    assert len({fingerprint(form).digest for form in forms}) == len(forms)
    mixed = [pd.Series(["a", None, np.nan], dtype=object), pd.Series(["a", np.nan, None], dtype=object)]
    assert fingerprint(mixed[0]).digest != fingerprint(mixed[1]).digest


def test_values_of_several_types_are_told_apart_one_by_one():
    first = pd.Series([1, "a", None, (1, 2)], dtype=object)
    assert logical(first) == logical(first.copy())
    assert logical(first) != logical(pd.Series([1, "a", None, (1, 3)], dtype=object))
    late = [*(["x"] * 5_000), 7]
    assert logical(pd.Series(late, dtype=object)) != logical(pd.Series([*late[:-1], "7"], dtype=object))


def test_a_list_that_holds_itself_ends():
    ring = [1]
    ring.append(ring)
    assert fingerprint(pd.Series([ring, [ring, ring]], dtype=object)).kind == "series"


class Meta(type):
    def __hash__(cls):
        raise AssertionError("called")


class Trap(metaclass=Meta):
    def __bool__(self):
        raise AssertionError("called")

    __eq__ = __hash__ = __len__ = __iter__ = __bool__


def test_objects_in_columns_are_not_asked():
    trap = Trap()
    column = pd.Series([trap, [trap], {"a": trap}, "a"], dtype=object)
    for each in (column, pd.DataFrame({"a": column}), pd.Series([{"a": 1}, {"b": trap}], dtype=object)):
        assert fingerprint(each).digest is not None
    assert profile_of(pd.DataFrame({"n": [1]})) is not None
