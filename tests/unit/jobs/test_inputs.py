"""Which files are inputs, how they are named, and where a job looks for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_jupyter.entities import CellExecution
from mlops_jupyter.jobs.inputs import external_reads, find_inputs
from mlops_jupyter.jobs.source import apply
from tests.unit.jobs.job_facts import access


def cell(n: int, source: str, *files: tuple[str, str], relative: str | None = None) -> CellExecution:
    return CellExecution("s", n, source, "ok", files=[access(path, mode, relative=relative) for path, mode in files])


def test_a_file_read_and_never_written_is_an_input(tmp_path: Path) -> None:
    [found] = find_inputs([cell(1, "pd.read_csv('data/my flights-2013.csv')", ("data/my flights-2013.csv", "read"))], tmp_path)
    assert (found.input.name, found.input.path, found.input.fixed) == ("my_flights_2013", "data/my flights-2013.csv", False)
    assert found.edits == []


@pytest.mark.parametrize(("cells", "inputs"), [
    ([cell(1, "a", ("x.csv", "write")), cell(2, "b", ("x.csv", "read"))], []),
    ([cell(1, "a", ("x.csv", "read")), cell(2, "b", ("x.csv", "write"))], ["x.csv"]),
    ([cell(1, "if not p.exists():\n    export(p)", ("x.csv", "write")), cell(2, "b", ("x.csv", "read"))], ["x.csv"]),
    ([cell(1, "if os.path.isfile(p): pass\nelse: export(p)", ("x.csv", "write"), ("x.csv", "read"))], ["x.csv"]),
    ([cell(1, "a", ("x.csv", "read")), cell(2, "b", ("x.csv", "read"))], ["x.csv"]),
    ([cell(1, "a", ("x.csv", "write"), ("x.csv", "read"))], []),
    ([cell(1, "a", ("x.csv", "read"), ("x.csv", "write"))], []),
])
def test_what_the_slice_makes_itself_is_none_unless_only_when_absent(cells: list[CellExecution], inputs: list[str]) -> None:
    assert [found.path for found in external_reads(cells)] == inputs


def test_a_guard_in_a_helper_module_counts(tmp_path: Path) -> None:
    cells = [cell(1, "load()", ("x.csv", "write"), ("x.csv", "read"))]
    modules = {"h": "def load():\n  if not p.exists(): w()"}
    assert [found.input.path for found in find_inputs(cells, tmp_path, modules=modules)] == ["x.csv"]


def test_two_files_of_one_stem_and_a_stem_that_is_no_name(tmp_path: Path) -> None:
    cells = [cell(1, "", ("a/x.csv", "read"), ("b/x.csv", "read"), ("2013.csv", "read"))]
    assert [found.input.name for found in find_inputs(cells, tmp_path)] == ["x", "x_2", "input_2013"]


def test_a_literal_path_outside_is_made_relative_and_a_computed_one_is_fixed(tmp_path: Path) -> None:
    literal = cell(1, "df = read('/data/x.csv')\ny = f'/data/x.csv'", ("/data/x.csv", "read"), relative="")
    [found] = find_inputs([literal], tmp_path)
    assert (found.input.path, found.input.fixed, found.input.source) == ("inputs/x.csv", False, "/data/x.csv")
    assert apply(literal.source, [edit for _, edit in found.edits]) == "df = read('inputs/x.csv')\ny = f'/data/x.csv'"
    [fixed] = find_inputs([cell(1, "df = read(HOME + 'x.csv')", ("/data/x.csv", "read"), relative="")], tmp_path)
    assert (fixed.input.path, fixed.input.fixed) == ("/data/x.csv", True)


def test_an_absolute_literal_inside_the_folder_becomes_relative(tmp_path: Path) -> None:
    path = str(tmp_path / "x.csv")
    here = CellExecution("s", 1, f"read({path!r})", "ok", files=[access(path, "read", relative="x.csv")])
    [found] = find_inputs([here], tmp_path)
    assert (found.input.path, found.inside) == ("x.csv", True)
    assert apply(here.source, [edit for _, edit in found.edits]) == "read('x.csv')"
