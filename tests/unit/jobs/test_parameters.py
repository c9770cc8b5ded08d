"""Parameters are data: what is unknown, ill-typed, no identifier or code is refused before anything starts."""

from __future__ import annotations

import pytest

from mlops_jupyter.entities import InputError, JobParameter
from mlops_jupyter.jobs.parameters import schema_for, validate

PARAMETERS = [
    JobParameter("month", "integer", 6, schema_for("integer", 6)),
    JobParameter("threshold", "number", 0.5, schema_for("number", 0.5)),
    JobParameter("carrier", "string", "UA", schema_for("string", "UA")),
    JobParameter("fast", "boolean", False, schema_for("boolean", False)),
    JobParameter("since", "date", "2013-01-01", schema_for("date", "2013-01-01")),
    JobParameter("months", "array", [1, 2], schema_for("array", [1, 2])),
    JobParameter("carriers", "array", ["UA"], schema_for("array", ["UA"])),
    JobParameter("rates", "array", [0.1, 1], schema_for("array", [0.1, 1])),
    JobParameter("depth", "integer", 3, {"type": "integer", "minimum": 1, "maximum": 9}),
]


@pytest.mark.parametrize(("name", "given", "value"), [
    ("month", "7", 7), ("month", "-7", -7), ("month", 7, 7), ("threshold", "0.25", 0.25), ("threshold", "1", 1.0),
    ("threshold", "1e-3", 0.001), ("threshold", 2, 2.0), ("carrier", "7", "7"),
    ("carrier", "', __import__('os')", "', __import__('os')"),
    ("carrier", "", ""), ("fast", "true", True), ("fast", "False", False), ("fast", True, True),
    ("since", "2013-06-30", "2013-06-30"),
    ("months", "[3, 4]", [3, 4]), ("months", "3,4", [3, 4]), ("months", [3], [3]), ("carriers", "UA,B6", ["UA", "B6"]),
    ("carriers", '["UA"]', ["UA"]), ("rates", "0.5,2", [0.5, 2.0]), ("depth", "9", 9), ("month", "9" * 50, int("9" * 50)),
])
def test_a_value_of_the_right_type_is_parsed(name: str, given: object, value: object) -> None:
    assert validate(PARAMETERS, {name: given}) == {name: value}
    assert type(validate(PARAMETERS, {name: given})[name]) is type(value)


@pytest.mark.parametrize(("name", "given"), [
    ("month", "7x"), ("month", "7.0"), ("month", 7.0), ("month", True), ("month", "true"), ("month", ""), ("month", "0x10"),
    ("month", "1_000"), ("month", "__import__('os').system('true')"), ("month", None), ("month", [7]), ("month", "٧x"),
    ("threshold", "nan"), ("threshold", "inf"), ("threshold", "-inf"), ("threshold", float("nan")), ("threshold", "1,5"),
    ("threshold", True), ("threshold", "1_0.5"), ("carrier", 7), ("carrier", None), ("fast", "yes"), ("fast", 1), ("fast", "1"),
    ("since", "2013-02-30"), ("since", "30.06.2013"), ("since", "2013-6-1"), ("since", 20130630), ("since", "20130630"),
    ("months", "[1, 'a']"), ("months", "a,b"), ("months", "[1"), ("months", "{}"), ("months", '["a"]'), ("months", "[NaN]"),
    ("rates", "nan"), ("depth", "0"), ("depth", "10"), ("carriers", [1]),
])
def test_an_ill_typed_value_is_refused_with_the_value_and_an_example(name: str, given: object) -> None:
    with pytest.raises(InputError) as caught:
        validate(PARAMETERS, {name: given})
    assert name in caught.value.what
    assert f"-p {name}=" in caught.value.remedy


def test_an_unknown_name_is_refused_with_the_nearest_and_the_list() -> None:
    with pytest.raises(InputError) as caught:
        validate(PARAMETERS, {"mnth": "7"})
    assert "'mnth'" in caught.value.what
    assert "did you mean month?" in caught.value.remedy
    assert "threshold" in caught.value.remedy


@pytest.mark.parametrize("name", ["a b", "1x", "class", "", "x=1;import os"])
def test_what_is_no_identifier_is_refused_as_such(name: str) -> None:
    with pytest.raises(InputError, match="identifier"):
        validate(PARAMETERS, {name: "1"})
