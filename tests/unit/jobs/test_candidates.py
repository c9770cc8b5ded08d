"""Which literals become parameters, and what is left of their cells."""

from __future__ import annotations

import pytest

from mlops_jupyter.entities import Param, Run
from mlops_jupyter.jobs.candidates import candidates, parameters_cell
from mlops_jupyter.jobs.source import apply
from tests.unit.jobs.job_facts import Cells


@pytest.mark.parametrize(("source", "kind", "value"), [
    ("x = 3", "integer", 3), ("x = -3", "integer", -3), ("x = 0.5", "number", 0.5), ("x = True", "boolean", True),
    ("x = 'UA'", "string", "UA"), ("x: int = 3", "integer", 3), ("x = '2013-06-30'", "date", "2013-06-30"),
    ("x = [1, 2]", "array", [1, 2]), ("x = ['a', 'b']", "array", ["a", "b"]), ("x = date(2013, 6, 30)", "date", "2013-06-30"),
    ("x = [\n    1,\n    2,\n]", "array", [1, 2]),
    ("x = (8, 4)", "array", [8, 4]), ("x = {1, 2}", "array", [1, 2]), ("x = frozenset(['a'])", "array", ["a"]),
    ("x = Decimal('0.10')", "decimal", "0.10"), ("x = decimal.Decimal(3)", "decimal", "3"),
    ("x = datetime(2013, 6, 30, 12)", "datetime", "2013-06-30T12:00:00"),
    ("x = pd.Timestamp('2013-06-30')", "date", "2013-06-30"),
    ("x = dt.datetime.fromisoformat('2013-06-30T12:00')", "datetime", "2013-06-30T12:00"), ("x = Path('out')", "path", "out"),
    ("x = np.float32(0.5)", "number", 0.5), ("x = np.int64(-3)", "integer", -3),
])
def test_a_literal_assigned_once_is_a_candidate(cells: Cells, source: str, kind: str, value: object) -> None:
    [found] = candidates(cells(source, "print(x)"))
    assert (found.parameter.name, found.parameter.type, found.parameter.default) == ("x", kind, value)


@pytest.mark.parametrize("sources", [
    ("x = 3\nx = 4", "print(x)"), ("x = 3", "x += 1\nprint(x)"), ("x = 3", "for x in range(3): print(x)"),
    ("x = None", "print(x)"),
    ("x = y = 3", "print(x)"), ("x, y = 1, 2", "print(x)"), ("if True:\n    x = 3", "print(x)"),
    ("def f():\n    x = 3\n    return x", "f()"),
    ("x = 3",), ("x = []", "x.append(1)\nprint(x)"), ("x = [1]", "x.append(2)\nprint(x)"), ("x = [1]", "x[0] = 2\nprint(x)"),
    ("x = [1, 'a']", "print(x)"), ("figsize = (8, 4)", "print(figsize)"), ("figsize = 8", "print(figsize)"),
    ("x = 8", "plt.plot(y, linewidth=x)"),
    ("_x = 3", "print(_x)"), ("x = 3", "def f():\n    global x\n    x = 4\nf(); print(x)"), ("x = '''a\nb'''", "print(x)"),
    ("x = 3", "import x\nprint(x)"), ("x = 3", "del x\nprint(x)"), ("x = f'{1}'", "print(x)"), ("f(x=3)", "print(1)"),
    ("x = 3", "print((x := 4))\nprint(x)"), ("x = 1e999", "print(x)"), ("x = b'a'", "print(x)"),
    ("x = Decimal(0.1)", "print(x)"), ("x = datetime(2013, 13, 1)", "print(x)"), ("x = np.int64(0.5)", "print(x)"),
    ("x = Decimal('1e')", "print(x)"), ("x = Path('a', 'b')", "print(x)"), ("x = date(2013, 6, day=1)", "print(x)"),
    ("x = ()", "print(x)"), ("x = np.zeros(3)", "print(x)"), ("x = pd.Timestamp('soon')", "print(x)"),
    ("x = 'data/f.csv'", "open(x)"),
])
def test_anything_else_is_not(cells: Cells, sources: tuple[str, ...]) -> None:
    assert candidates(cells(*sources), paths=["data/f.csv"]) == []


def test_a_cell_that_stands_twice_counts_once(cells: Cells) -> None:
    [found] = candidates(cells("x = 3\nprint(x)", "x = 3\nprint(x)"))
    assert [n for n, _ in found.edits] == [1, 2]


def test_those_that_differed_between_runs_come_first(cells: Cells) -> None:
    run = Run("r", "x", "e", "s", "finished", 1.0, params=[Param("b", 5, source="literal")])
    found = candidates(cells("a = 1\nb = 2", "print(a, b)"), runs=[run])
    assert [(each.parameter.name, each.parameter.varied) for each in found] == [("b", True), ("a", False)]


def test_an_earlier_version_of_the_cell_counts_as_having_differed(cells: Cells) -> None:
    history = cells("a = 1", "a = 2", "print(a)")
    [found] = candidates(history[1:], history=history)
    assert found.parameter.varied


@pytest.mark.parametrize(("source", "left"), [
    ("import os\nx = 3  # how many\ny = os", "import os\ny = os"),
    ("x = 3; y = 4", "y = 4"),
    ("y = f(); x = 3", "y = f()"),
    ("y = f(); x = 3; z = g()", "y = f(); z = g()"),
    ("# why\nx = 3\n\nprint(x)", "# why\n\nprint(x)"),
    ("é = f('é'); x = 3; z = 'é'.upper()", "é = f('é'); z = 'é'.upper()"),
    ("%matplotlib inline\nx = 3\n!ls\nfiles = !ls -la", "%matplotlib inline\n!ls\nfiles = !ls -la"),
    ("%%time\nx = 3\nprint(x)", "%%time\nprint(x)"),
    ("x = date(2013, 6, 30)\nprint(x)", "x = date.fromisoformat(x)\nprint(x)"),
    ("x = (1, 2)  # days", "x = tuple(x)  # days"), ("x: set = {1}", "x: set = set(x)"),
    ("x = Decimal('1')", "x = Decimal(str(x))"),
    ("x = np.float64(0.5); y = 1", "x = np.float64(x); y = 1"),
])
def test_the_cut_leaves_the_rest_as_it_was_typed(cells: Cells, source: str, left: str) -> None:
    found = next(each for each in candidates(cells(source, "print(x)")) if each.parameter.name == "x")
    assert apply(source, [edit for n, edit in found.edits if n == 1]) == left


def test_the_parameters_cell_is_what_papermill_reads(cells: Cells) -> None:
    found = candidates(cells("a = 1  # how many\nb = 'x\"y'\nc = [1, 2]", "print(a, b, c)"))
    text = parameters_cell([each.parameter for each in found])
    assert text == "a: int = 1  # how many\nb: str = 'x\"y'\nc: list = [1, 2]"
