"""Planning a sweep: every child named and checked before anything starts, each refusal with what was wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_jupyter.entities import InputError, JobParameter
from mlops_jupyter.jobs.sweep import Axes, plan

PARAMETERS = [JobParameter("rate", "number", 0.5), JobParameter("depth", "integer", 3), JobParameter("name", "string", "a")]


def rows(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    file = folder / "segments.csv"
    file.write_text(text, encoding=encoding)
    return file


def test_rows_times_grid_times_draws_with_what_is_fixed_in_each(tmp_path: Path) -> None:
    axes = Axes(fixed={"rate": "1"}, grid={"depth": "1,2"}, rows=rows(tmp_path, 'name\n"x, y"\n\nz\n'))
    children, varied = plan(PARAMETERS, axes)
    assert [child.parameters for child in children] == [
        {"rate": 1.0, "name": name, "depth": depth} for name in ("x, y", "z") for depth in (1, 2)]
    assert ([child.number for child in children], varied) == ([1, 2, 3, 4], ["name", "depth"])
    assert {child.state for child in children} == {"waiting"}


def test_each_combination_gets_the_same_draws() -> None:
    children, varied = plan(PARAMETERS, Axes(grid={"depth": "1,2"}, random=3, ranges={"rate": "0..1"}, seed=7))
    rates = [child.parameters["rate"] for child in children]
    assert rates[:3] == rates[3:]
    assert len(set(rates)) == 3
    assert varied == ["depth", "rate"]


def test_a_parameter_with_bounds_of_its_own_is_drawn_from_them_unless_it_is_set() -> None:
    bounded = [JobParameter("depth", "integer", 3, {"type": "integer", "minimum": 1, "maximum": 9}), *PARAMETERS[:1]]
    children, _ = plan(bounded, Axes(random=20, seed=1))
    assert all(set(child.parameters) == {"depth"} and 1 <= int(str(child.parameters["depth"])) <= 9 for child in children)
    with pytest.raises(InputError, match="nothing to draw from"):
        plan(bounded, Axes(fixed={"depth": "3"}, random=20))


@pytest.mark.parametrize(("axes", "says", "helps"), [
    (Axes(grid={"dept": "1"}), "no parameter 'dept'", "did you mean depth?"),
    (Axes(grid={"depth": "1,x"}), "'x' is not an integer", "-p depth="),
    (Axes(fixed={"rate": "x"}, grid={"depth": "1"}), "'x' is not a number", "-p rate="),
    (Axes(fixed={"depth": "1"}, grid={"depth": "1"}), "depth is given twice: by -p and by --grid", "leave"),
    (Axes(grid={"rate": "1"}, random=2, ranges={"rate": "0..1"}), "by --grid and by --random-range", "leave"),
    (Axes(random=2), "has nothing to draw from", "--random-range rate=0.01..10"),
    (Axes(ranges={"rate": "0..1"}), "draws nothing", "--random 50"),
    (Axes(random=2, ranges={"rat": "0..1"}), "no parameter 'rat'", "did you mean rate?"),
    (Axes(grid={"depth": ",".join(["1"] * 400), "name": ",".join("a" * 400)}), "160,000 children", "fewer"),
])
def test_what_is_wrong_is_said_with_what_helps(axes: Axes, says: str, helps: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        plan(PARAMETERS, axes)
    assert helps in caught.value.remedy


@pytest.mark.parametrize(("text", "says"), [
    ("depth\n1\n\n2.5\n", "line 4: parameter depth: '2.5' is not an integer"), ("depth,segment\n1,a\n", "a column 'segment'"),
    ("depth,rate\n1\n", "line 2: 1 values, but the header has 2"), ("depth;rate\n1;2\n", "a column 'depth;rate'"),
    ("depth\n", "holds no row"), ("", "holds no row"), ("depth,depth\n1,2\n", "two columns 'depth'"),
    ('depth\n"1\n', "is no CSV file"),
])
def test_a_file_of_rows_is_refused_by_line_or_column(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        plan(PARAMETERS, Axes(rows=rows(tmp_path, text)))
    assert says in caught.value.what
    assert str(tmp_path) in caught.value.what
    assert caught.value.remedy


def test_a_file_of_rows_that_a_spreadsheet_wrote_is_read_and_one_that_is_no_text_is_refused(tmp_path: Path) -> None:
    children, _ = plan(PARAMETERS, Axes(rows=rows(tmp_path, "depth,name\r\n1,é\r\n", "utf-8-sig")))
    assert [child.parameters for child in children] == [{"depth": 1, "name": "é"}]
    with pytest.raises(InputError, match="is not UTF-8: byte 0xe9"):
        plan(PARAMETERS, Axes(rows=rows(tmp_path, "name\né\n", "latin-1")))
    with pytest.raises(InputError, match="cannot be read"):
        plan(PARAMETERS, Axes(rows=tmp_path / "gone.csv"))
