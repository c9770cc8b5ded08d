"""A slice may be too large, never too small: each case is checked by running the slice in a fresh namespace."""

from __future__ import annotations

import random

import pytest

from mlops_jupyter.entities import CellExecution, FileAccess, Fingerprint, NotFoundError, Output, Read, VariableVersion
from mlops_jupyter.lineage.slice import Result, Slice, find_results, slice_digest, slice_of, whole
from tests.unit.lineage.played_notebook import Notebook, content, metric, model, replay


def needed(book: Notebook, name: str) -> Slice:
    """The slice of the newest result called `name`, proved by running it."""
    result = find_results(name, book.executions, book.observations)[0]
    found = slice_of(result, book.executions, book.observations)
    if not found.incomplete and result.kind == "variable":
        assert content(replay(book, found.cells)[name]) == content(book.namespace[name])
    return found


def test_exploration_is_left_out(book: Notebook) -> None:
    book.run("a", "data = [3, 1, 2]")
    book.run("b", "sorted(data)")
    book.run("c", "other = len(data)")
    book.run("d", "total = sum(data)")
    found = needed(book, "total")
    assert found.cells == [1, 4]
    assert found.because == {1: ["defines data"], 4: ["defines total"]}


def test_change_in_place_belongs(book: Notebook) -> None:
    book.run("a", "data = [3, 1, 2]")
    book.run("b", "data.append(4)")
    book.run("c", "top = max(data)")
    found = needed(book, "top")
    assert found.cells == [1, 2, 3]
    assert found.because[2] == ["changed data in place"]


def test_change_in_place_after_the_read_does_not(book: Notebook) -> None:
    book.run("a", "data = [3, 1, 2]")
    book.run("b", "top = max(data)")
    book.run("c", "data.append(4)")
    assert slice_of(Result("top", "variable", 2, ["top"]), book.executions).cells == [1, 2]


def test_change_through_an_alias_belongs(book: Notebook) -> None:
    book.run("a", "data = [1]")
    book.run("b", "view = data")
    book.run("c", "view.append(2)")
    book.run("d", "total = sum(data)")
    assert needed(book, "total").cells == [1, 2, 3, 4]


def test_globals_of_a_helper_function_as_of_the_call(book: Notebook) -> None:
    book.run("a", "k = 2")
    book.run("b", "def scale(x):\n    return inner(x) * k")
    book.run("c", "def inner(x):\n    return x + 1")
    book.run("d", "k = 10")
    book.run("e", "y = scale(1)")
    book.run("f", "k = 100")
    assert needed(book, "y").cells == [2, 3, 4, 5]


def test_two_versions_of_one_cell_may_both_be_needed(book: Notebook) -> None:
    book.run("a", "rows = []")
    book.run("b", "rows.append(len(rows))")
    book.run("b", "rows.append(len(rows))")
    book.run("c", "count = len(rows)")
    assert needed(book, "count").cells == [1, 2, 3, 4]


def test_a_cell_run_again_replaces_its_first_run(book: Notebook) -> None:
    book.run("a", "x = 5")
    book.run("b", "y = x + 1")
    book.run("a", "x = 5")
    book.run("b", "y = x + 1")
    assert needed(book, "y").cells == [3, 4]


def test_edited_cell_the_version_that_ran_counts(book: Notebook) -> None:
    book.run("a", "x = 5")
    book.run("b", "y = x + 1")
    book.run("a", "x = 7")
    found = needed(book, "y")
    assert found.cells == [1, 2]


def test_deleted_cells_are_still_needed(book: Notebook) -> None:
    book.run("gone", "x = [1]")
    book.run("b", "y = sum(x)")
    book.run("c", "del x")
    book.run("d", "z = y + 1")
    assert needed(book, "z").cells == [1, 2, 4]


def test_read_then_rebind_reads_the_version_before(book: Notebook) -> None:
    book.run("a", "df = [1, None, 2]")
    book.run("b", "df = [v for v in df if v]")
    book.run("c", "df = [v * 2 for v in df]")
    assert needed(book, "df").cells == [1, 2, 3]


def test_loop_variables_of_another_cell_do_not_count(book: Notebook) -> None:
    book.run("a", "for name in ['x', 'y']:\n    pass")
    book.run("b", "labels = [name.upper() for name in ['u', 'v']]")
    assert needed(book, "labels").cells == [2]


def test_a_binding_in_a_branch_rests_on_the_one_before(book: Notebook) -> None:
    book.run("a", "x = [1]")
    book.run("b", "if len(x) > 5:\n    x = []")
    book.run("c", "y = sum(x)")
    assert 1 in needed(book, "y").cells


def test_imports_come_along(book: Notebook) -> None:
    book.run("a", "import math")
    book.run("b", "import json")
    book.run("c", "root = math.sqrt(2)")
    assert needed(book, "root").cells == [1, 3]


def test_options_of_a_module_come_along(book: Notebook) -> None:
    book.run("a", "import decimal")
    book.run("b", "decimal.getcontext().prec = 3")
    book.run("c", "third = str(decimal.Decimal(1) / 3)")
    assert needed(book, "third").cells == [1, 2, 3]
    decimal = __import__("decimal")
    decimal.getcontext().prec = 28


def test_state_of_the_process_comes_along(book: Notebook) -> None:
    book.run("a", "import os")
    book.run("b", "os.environ['MLOPS_TEST_FLAG'] = '1'")
    book.run("c", "x = 3")
    assert needed(book, "x").cells == [1, 2, 3]


def test_opaque_cells_touch_everything(book: Notebook) -> None:
    book.run("a", "x = 1")
    book.run("b", "y = 2")
    book.run("c", "exec('x = 10')", opaque=True)
    book.run("d", "z = x")
    assert needed(book, "z").cells == [1, 2, 3, 4]


def test_what_lists_all_names_needs_what_deleted_those_that_the_slice_makes(book: Notebook) -> None:
    """`%who_ls` found a name in the slice that a cell outside it had deleted (notebook 30193 of slices.py)."""
    book.run("a", "x = gone = 1")
    book.run("b", "other = 2")
    book.run("c", "del gone, other")
    book.run("d", "names = sorted(globals())", opaque=True)
    book.run("e", "del x")
    assert needed(book, "names").cells == [1, 2, 3, 4]


def test_a_name_that_was_deleted_before_needs_no_cell(book: Notebook) -> None:
    book.run("a", "x = 1")
    book.run("b", "gone = 2")
    book.run("c", "del gone")
    book.run("d", "names = sorted(globals())", opaque=True)
    assert needed(book, "names").cells == [1, 4]


def test_cells_before_tracking_make_a_slice_incomplete(book: Notebook) -> None:
    book.before_tracking("a", "x = 1")
    book.before_tracking("b", "print")
    book.run("c", "y = x + 1")
    found = needed(book, "y")
    assert found.cells == [1, 3]
    assert found.incomplete
    assert "before tracking" in found.notes[0]


def test_a_name_that_nothing_made_is_said(book: Notebook) -> None:
    book.executions.append(CellExecution("s1", 1, "y = ghost + len('a')", "ok", reads=[Read("ghost"), Read("len")],
                                         writes=[VariableVersion("y", "created", Fingerprint("scalar", "1"))]))
    found = slice_of(Result("y", "variable", 1, ["y"]), book.executions)
    assert found.incomplete
    assert found.notes == ["cell execution 1 uses 'ghost', and no recorded cell made it"]


def test_an_output_used_again_leads_to_its_cell() -> None:
    executions = [
        CellExecution("s1", 1, "1 + 1", "ok", prompt=7, outputs=[Output("result", text="2")]),
        CellExecution("s1", 2, "y = _7", "ok", reads=[Read("_7")],
                      writes=[VariableVersion("y", "created", Fingerprint("scalar", "1"))]),
    ]
    found = slice_of(Result("y", "variable", 2, ["y"]), executions)
    assert found.cells == [1, 2]
    assert found.incomplete


def test_a_failed_first_try_gives_way_to_the_whole_one(book: Notebook) -> None:
    book.run("a", "table = {}")
    book.run("b", "table['x'] = 1\nundefined_name")
    book.run("b", "table['x'] = 1\ny = 2")
    book.run("c", "z = len(table)")
    found = needed(book, "z")
    assert found.cells == [1, 3, 4]
    assert found.failed == []


def test_a_failed_try_that_left_something_stays(book: Notebook) -> None:
    book.run("a", "rows = []")
    book.run("b", "rows.append(1)\nundefined_name")
    book.run("b", "rows.append(1)")
    book.run("c", "z = len(rows)")
    found = needed(book, "z")
    assert found.cells == [1, 2, 3, 4]
    assert found.failed == [2]


def test_a_dict_that_cells_only_fill(book: Notebook) -> None:
    book.run("a", "scores = {}")
    book.run("b", "scores['one'] = 1", metric("one", 1.0))
    book.run("c", "scores['two'] = 2", metric("two", 2.0))
    assert needed(book, "scores").cells == [1, 2, 3]
    assert slice_of(Result("two", "metric", 3), book.executions).cells == [1, 3]


def test_a_seed_and_the_draws_between_belong(book: Notebook) -> None:
    book.run("i", "import random")
    book.run("a", "random.seed(0)")
    book.run("b", "noise = random.random()")
    book.run("c", "x = random.random()")
    found = needed(book, "x")
    assert found.cells == [1, 2, 3, 4]
    assert (found.seed_cells, found.unseeded) == ([2], [])
    assert found.because[2] == ["seeds python"]
    assert "draws from python" in found.because[3]


def test_without_a_seed_draws_do_not_widen(book: Notebook) -> None:
    random.seed(1)
    book.run("i", "import random")
    book.run("b", "noise = random.random()")
    book.run("c", "x = random.random()")
    found = slice_of(Result("x", "variable", 3, ["x"]), book.executions)
    assert found.cells == [1, 3]
    assert (found.seed_cells, found.unseeded) == ([], ["python"])


def test_a_file_written_then_read_links_the_cells(book: Notebook) -> None:
    book.run("a", "data = 'abc'")
    book.run("b", "write_file('x.txt', data)")
    book.run("c", "back = read_file('x.txt').upper()")
    assert needed(book, "back").cells == [1, 2, 3]


def test_a_file_that_changed_while_a_cell_ran_was_written_by_it() -> None:
    data = Fingerprint("file", "d1")
    executions = [
        CellExecution("s1", 1, "table.to_parquet('f')", "ok", started=10.0, ended=20.0),
        CellExecution("s1", 2, "x = load('f')", "ok", started=30.0, ended=31.0,
                      files=[FileAccess("f", "read", data, modified=15.0)],
                      writes=[VariableVersion("x", "created", Fingerprint("frame", "1"))]),
    ]
    assert slice_of(Result("x", "variable", 2, ["x"]), executions).cells == [1, 2]


def test_the_cell_of_a_metric_is_always_in(book: Notebook) -> None:
    book.run("a", "x = [0.5]")
    book.run("b", "print(x)", metric("auc[x]", 0.5))
    result = find_results("auc[x]", book.executions, book.observations)[0]
    assert result.kind == "metric"
    assert slice_of(result, book.executions).because[2] == ["computes auc[x]"]


def test_results_are_found_newest_first_and_close_names_are_named(book: Notebook) -> None:
    book.run("a", "auc = 0.5", metric("auc", 0.5))
    book.run("a", "auc = 0.7", metric("auc", 0.7))
    book.run("m", "clf = 1", model("clf"))
    book.run("w", "write_file('out/report.csv', 'a')")
    assert [(one.kind, one.n) for one in find_results("auc", book.executions, book.observations)] == [
        ("metric", 2), ("variable", 2), ("metric", 1), ("variable", 1)]
    assert find_results("clf", book.executions, book.observations)[0].kind == "model"
    assert find_results("report.csv", book.executions, book.observations)[0].name == "out/report.csv"
    with pytest.raises(NotFoundError, match="auc"):
        find_results("aux", book.executions, book.observations)


def test_digest_is_blind_to_layout_and_sees_code_and_inputs(book: Notebook) -> None:
    book.run("a", "x=1  # one")
    book.run("a", "x = 1")
    book.run("a", "x = 2")
    one, two, three = (slice_digest(book.executions, [n]) for n in (1, 2, 3))
    assert one == two != three


CELLS = [
    "{a} = [{k}]", "{a} = {b}", "{a}.append({k})", "{a} = {b} + [{k}]", "def f{k}(x):\n    return x + {a}", "{a} = f{k}([{k}])",
    "len({a})", "{a} += {b}", "if len({a}) > 3:\n    {b} = [{k}]", "{a}[0] = {k}", "for {b} in [[1], [2]]:\n    {a} = {a} + {b}",
    "{a}, {b} = {b}, {a}", "{a} = [v for {b} in [{c}] for v in {b}]", "{a} = [{k}]\n{a}.append(len({b}))", "{a}.append(1)\n1 / 0",
    "del {a}", "with_it = {a}[:]\n{c} = with_it", "def g{k}():\n    {a}.append({k})", "g{k}()",
    "{a} = [{b}, {b}]\n{a}[0].append({k})",
]


def random_notebook(seed: int, steps: int = 14) -> Notebook:
    """A notebook of small cells, some run again, some edited, some failing."""
    draw = random.Random(seed)
    book = Notebook()
    for name in "pqr":
        book.run(f"start-{name}", f"{name} = [0]")
    pool: dict[str, str] = {}
    for _ in range(steps):
        if pool and draw.random() < 0.25:
            cell = draw.choice(sorted(pool))
        else:
            cell = f"c{len(pool)}"
            a, b, c = draw.sample("pqr", 3)
            pool[cell] = draw.choice(CELLS).format(a=a, b=b, c=c, k=draw.randint(1, 3))
        book.run(cell, pool[cell])
    return book


@pytest.mark.parametrize("seed", range(300))
def test_any_slice_reproduces_its_variable(seed: int) -> None:
    book = random_notebook(seed)
    for name in "pqr":
        if name in book.namespace:
            found = slice_of(Result(name, "variable", len(book.executions), [name]), book.executions)
            assert content(replay(book, found.cells)[name]) == content(book.namespace[name]), found.because


def test_the_whole_of_a_session_is_every_execution_in_its_order() -> None:
    book = Notebook()
    for cell, source in (("a", "x = [1]"), ("b", "y = 2"), ("b", "y = 3"), ("c", "x.append(y)"), ("d", "del y")):
        book.run(cell, source)
    assert whole(book.executions).cells == [1, 2, 3, 4, 5]
    assert whole(book.executions).result.variables == ["x"]
    assert whole(book.executions, 3).cells == [1, 2, 3]
    assert whole(book.executions, 3).result.variables == ["x", "y"]
    with pytest.raises(NotFoundError):
        whole([])
