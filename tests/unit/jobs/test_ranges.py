"""Values listed and ranges drawn from: what is written is what comes out, and what cannot be read is said."""

from __future__ import annotations

import math

import pytest

from mlops_jupyter.entities import InputError, JobParameter
from mlops_jupyter.jobs.ranges import Range, draw, own_range, read_range, values

NUMBER = JobParameter("rate", "number", 0.5)
INTEGER = JobParameter("depth", "integer", 3)
WORD = JobParameter("word", "string", "a")
DAY = JobParameter("since", "date", "2013-01-01")
LIST = JobParameter("months", "array", [1])


@pytest.mark.parametrize(("parameter", "text", "found"), [
    (INTEGER, "1,2, 4", ["1", "2", "4"]), (WORD, "a", ["a"]), (WORD, '["a,b","c"]', ["a,b", "c"]), (INTEGER, "[1,2]", [1, 2]),
    (LIST, "[1,2],[3]", [[1, 2], [3]]), (LIST, "[1,2]", [[1, 2]]),
])
def test_listed_values(parameter: JobParameter, text: str, found: list[object]) -> None:
    assert values(parameter, text, "--grid") == found


@pytest.mark.parametrize(("parameter", "text"), [(INTEGER, ""), (INTEGER, "1,,2"), (LIST, "1,2"), (WORD, "[a"), (WORD, "[]")])
def test_a_list_that_does_not_say_where_values_end_is_refused(parameter: JobParameter, text: str) -> None:
    with pytest.raises(InputError, match=parameter.name) as caught:
        values(parameter, text, "--grid")
    assert f"--grid '{parameter.name}" in caught.value.remedy or f"--grid {parameter.name}" in caught.value.remedy


@pytest.mark.parametrize(("parameter", "text", "found"), [
    (NUMBER, "0.01..10", Range(0.01, 10.0)), (NUMBER, "log:0.001..10", Range(0.001, 10.0, log=True)),
    (INTEGER, "-3..4", Range(-3.0, 4.0)), (NUMBER, "1e-3..1", Range(0.001, 1.0)), (WORD, "a,b", Range(choices=("a", "b"))),
    (DAY, "2013-01-01..2013-01-31", Range(734869.0, 734899.0)),
])
def test_ranges(parameter: JobParameter, text: str, found: Range) -> None:
    assert read_range(parameter, text, "--random-range") == found


@pytest.mark.parametrize(("parameter", "text", "says"), [
    (NUMBER, "10..0.01", "is greater than"), (NUMBER, "log:0..1", "no logarithm"), (NUMBER, "log:-1..1", "no logarithm"),
    (NUMBER, "a..b", "no range"), (NUMBER, "nan..1", "no range"), (NUMBER, "0..inf", "no range"), (INTEGER, "0.5..2", "no range"),
    (WORD, "a..b", "no range"), (NUMBER, "log:1,2", "no range"), (DAY, "1..2", "no range"), (NUMBER, "1..", "no range"),
])
def test_a_range_that_is_none_is_refused_with_one_that_would_do(parameter: JobParameter, text: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        read_range(parameter, text, "--random-range")
    assert caught.value.remedy


def test_draws_lie_in_their_range_and_the_same_seed_gives_the_same() -> None:
    parameters = [NUMBER, INTEGER, WORD, DAY]
    ranges = {"rate": Range(0.001, 10.0, log=True), "depth": Range(1.0, 3.0), "word": Range(choices=("a", "b")),
              "since": Range(734869.0, 734871.0)}
    drawn = draw(parameters, ranges, 300, 1)
    assert drawn == draw(parameters, dict(reversed(ranges.items())), 300, 1)
    assert drawn != draw(parameters, ranges, 300, 2)
    rates = [point["rate"] for point in drawn]
    assert all(isinstance(rate, float) and 0.001 <= rate <= 10 for rate in rates)
    below = sum(math.log(float(str(rate))) < (math.log(0.001) + math.log(10)) / 2 for rate in rates)
    assert 100 < below < 200  # even in the logarithm: of even draws nearly all lie above
    assert {point["depth"] for point in drawn} == {1, 2, 3}
    assert {type(point["depth"]) for point in drawn} == {int}
    assert {point["word"] for point in drawn} == {"a", "b"}
    assert {point["since"] for point in drawn} == {"2013-01-01", "2013-01-02", "2013-01-03"}


def test_a_rounded_draw_does_not_leave_its_range() -> None:
    ends = Range(1.00000049, 1.0000005)
    assert all(ends.low <= float(str(point["rate"])) <= ends.high for point in draw([NUMBER], {"rate": ends}, 20, 0))


def test_a_schema_with_bounds_is_a_range() -> None:
    assert own_range(JobParameter("d", "integer", 3, {"minimum": 1, "maximum": 9})) == Range(1.0, 9.0)
    assert own_range(JobParameter("d", "string", "a", {"enum": ["a", "b"]})) == Range(choices=("a", "b"))
    assert own_range(JobParameter("d", "integer", 3, {"minimum": 1})) is None
