"""The picture shows what the results need, each cell as it ran last; a slice found in it is never smaller than the true one."""

from __future__ import annotations

import random

import msgspec

from mlops_jupyter.entities import CellExecution, FileAccess, Fingerprint, Read, VariableVersion
from mlops_jupyter.lineage.picture import EARLIER, LineageNode, Picture, picture
from mlops_jupyter.lineage.slice import Result, slice_of
from tests.unit.lineage.played_notebook import Notebook, metric, model


def drawn(found: Picture) -> list[tuple[str, str]]:
    """The edges, as pairs of ids."""
    return sorted((found.nodes[edge.a].id, found.nodes[edge.b].id) for edge in found.edges)


def node(found: Picture, id: str) -> LineageNode:
    return next(one for one in found.nodes if one.id == id)


def cells(found: Picture) -> list[int]:
    return [one.n for one in found.nodes if one.kind == "cell"]


def upstream(found: Picture, id: str) -> set[int]:
    """The executions that lead to a node, faint edges included, as the panel finds them."""
    places = {one.id: at for at, one in enumerate(found.nodes)}
    reached, queue = {places[id]}, [places[id]]
    while queue:
        here = queue.pop()
        before = [edge.a for edge in found.edges if edge.b == here]
        if found.nodes[here].opaque:
            before += [at for at, one in enumerate(found.nodes) if one.kind == "cell" and one.n < found.nodes[here].n]
        for at in before:
            if at not in reached:
                reached.add(at)
                queue.append(at)
    return {found.nodes[at].n for at in reached if found.nodes[at].kind == "cell"}


def test_cells_pass_versions_of_variables_to_each_other(book: Notebook) -> None:
    book.run("a", "data = [3, 1, 2]")
    book.run("b", "total = sum(data)")
    book.run("c", "unread = 1")
    found = picture(book.executions, everything=True)
    assert drawn(found) == [("cell 1", "data@1"), ("data@1", "cell 2")]
    assert node(found, "cell 3").unread == ["unread"]
    assert node(found, "data@1").detail == "list"


def test_a_change_in_place_is_a_version_that_rests_on_the_one_before(book: Notebook) -> None:
    book.run("a", "data = [3]")
    book.run("b", "data.append(4)")
    book.run("c", "top = max(data)")
    assert drawn(picture(book.executions, everything=True)) == [
        ("cell 1", "data@1"), ("cell 2", "data@2"), ("data@1", "cell 2"), ("data@2", "cell 3")]


def test_only_what_the_results_need_unless_everything_is_asked_for(book: Notebook) -> None:
    book.run("a", "data = [3]")
    book.run("b", "print(data)")
    book.run("c", "score = sum(data) / 10", metric("score", 0.3))
    found = picture(book.executions, book.observations)
    assert cells(found) == [1, 3]
    assert (node(found, "score@3").kind, node(found, "score@3").detail) == ("metric", "0.3")
    assert cells(picture(book.executions, book.observations, everything=True)) == [1, 2, 3]


def test_a_cell_that_ran_again_is_drawn_as_it_ran_last_and_says_how_often(book: Notebook) -> None:
    book.run("a", "data = [3]")
    for value in range(5):
        book.run("b", f"k = {value}")
    book.run("c", "score = data[0] * k", metric("score", 12.0))
    found = picture(book.executions, book.observations)
    assert cells(found) == [1, 6, 7]
    assert node(found, "cell 6").times == 5


def test_of_a_run_only_its_cells_or_all_with_them_marked(book: Notebook) -> None:
    book.run("a", "data = [3]")
    book.run("b", "other = 2")
    book.run("c", "score = data[0]")
    assert cells(picture(book.executions, cells=[1, 3])) == [1, 3]
    whole = picture(book.executions, cells=[1, 3], everything=True)
    assert {one.id: one.needed for one in whole.nodes} == {"cell 1": True, "data@1": True, "cell 2": False, "cell 3": True}


def test_imports_link_faintly_and_have_no_node(book: Notebook) -> None:
    book.run("a", "import math\nfrom textwrap import dedent")
    book.run("b", "x = dedent(str(math.pi))")
    found = picture(book.executions, everything=True)
    assert [one.kind for one in found.nodes] == ["cell", "cell"]
    assert [(edge.a, edge.b, edge.faint) for edge in found.edges] in ([(0, 1, "math")], [(0, 1, "dedent")])


def test_files_are_data_read_from_outside_or_made_by_a_cell() -> None:
    raw, clean = Fingerprint("file", "fp1:raw", nbytes=10), Fingerprint("file", "fp1:clean", nbytes=5)
    executions = [
        CellExecution("s", 1, "export()", "ok", cell="a",
                      files=[FileAccess("raw.csv", "read", raw), FileAccess("clean.csv", "write", clean)]),
        CellExecution("s", 2, "df = read()", "ok", cell="b", files=[FileAccess("clean.csv", "read", clean)],
                      writes=[VariableVersion("df", "created", Fingerprint("frame", "fp1:df", "pandas.DataFrame", (9, 2)))]),
        CellExecution("s", 3, "df.describe()", "ok", cell="c", reads=[Read("df")]),
    ]
    found = picture(executions, everything=True)
    assert drawn(found) == [("$file clean.csv@1", "cell 2"), ("$file raw.csv:fp1:raw", "cell 1"), ("cell 1", "$file clean.csv@1"),
                            ("cell 2", "df@2"), ("df@2", "cell 3")]
    assert (node(found, "df@2").detail, node(found, "df@2").source) == ("DataFrame 9 × 2", "value")


def test_a_long_session_draws_its_older_cells_as_one(book: Notebook) -> None:
    book.run("a", "x = 0")
    for at in range(30):
        book.run(f"c{at}", f"x = x + {at}")
    found = picture(book.executions, everything=True, most=10)
    assert found.nodes[0].id == EARLIER
    assert (found.cells, found.earlier, len(cells(found))) == (31, 21, 11)
    assert (EARLIER, "x@21") in drawn(found)


def test_models_are_nodes_of_their_own_kind(book: Notebook) -> None:
    book.run("a", "model = {'fitted': 1}", model("model"))
    book.run("b", "auc = model['fitted']", metric("auc", 1.0))
    found = picture(book.executions, book.observations)
    kinds = {one.id: one.kind for one in found.nodes}
    assert kinds == {"cell 1": "cell", "model@1": "model", "cell 2": "cell", "auc@2": "metric"}


def test_what_leads_to_a_node_holds_its_slice(book: Notebook) -> None:
    """For random notebooks: focusing on a result in the picture never shows fewer cells than it needs."""
    draw = random.Random(3)
    names = ["a", "b", "c", "d"]
    book.run("start", "\n".join(f"{name} = [{at}]" for at, name in enumerate(names)))
    for at in range(60):
        left, right = draw.choice(names), draw.choice(names)
        book.run(f"c{draw.randrange(20)}", draw.choice([f"{left} = {right} + [{at}]", f"{left}.append({at})", f"len({left})",
                                                         f"{left} = list({right})[-3:]"]))
        last = book.executions[-1]
        made = [write.name for write in last.writes]
        if made:
            found = picture(book.executions, [msgspec.structs.replace(metric(made[0], 1.0), n=last.n)], everything=True)
            needed = slice_of(Result(made[0], "variable", last.n, [made[0]]), book.executions)
            assert set(needed.cells) <= upstream(found, f"{made[0]}@{last.n}")
