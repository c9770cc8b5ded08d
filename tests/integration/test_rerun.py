"""A person edits, deletes and moves cells, saves, and lets `%mlops rerun` make the kernel as a fresh run would leave it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nbformat import v4

from tests.integration.real_kernel import Kernel

Page = list[tuple[str, str]]


class Notebook:
    """A saved notebook and its tracked kernel."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "work.ipynb"
        self.page: Page = []
        self.save([])
        self.kernel = Kernel(folder, Path(os.environ["MLOPS_STATE"]))
        self.kernel.track(f"notebook_path={str(self.file)!r}")
        self.kernel.run("%load_ext mlops_jupyter")

    def save(self, page: Page, *, notes: bool = True) -> None:
        cells = [v4.new_code_cell(source, id=cell) for cell, source in page]
        if notes:
            cells.insert(0, v4.new_markdown_cell("# x = 3 is text here", id="title"))
        made = v4.new_notebook(cells=cells)
        self.file.write_text(json.dumps(made), encoding="utf-8")  # as a front end saves, also where an id stands twice
        self.page = page

    def play(self, *page: tuple[str, str]) -> None:
        self.save(list(page))
        for cell, source in page:
            self.kernel.run(source, cell=cell)

    def edit(self, **sources: str) -> None:
        self.save([(cell, sources.get(cell, source)) for cell, source in self.page])

    def stale(self) -> dict[str, str]:
        return {one["id"]: one["reason"] for one in json.loads(self.say("%mlops stale --json"))}

    def rerun(self, options: str = "--json") -> Any:
        said = self.say(f"%mlops rerun {options}")
        return json.loads(said[max(said.find("{\n"), 0):])  # what the cells print comes first

    def say(self, line: str) -> str:
        shown = self.kernel.run(line)
        texts = [str(one["text"]) for one in shown if one["type"] == "stream" and one["name"] == "stdout"]
        return texts[-1] if texts else str(shown)

    def value(self, expression: str) -> str:
        return self.kernel.ask({"v": expression})


@pytest.fixture
def notebook(own_home: Path, tmp_path: Path) -> Iterator[Notebook]:
    opened = Notebook(tmp_path)
    yield opened
    opened.kernel.close()


def test_an_edit_runs_what_rests_on_it_and_nothing_else(notebook: Notebook) -> None:
    notebook.play(("a", "rate = 2"), ("b", "other = 5"), ("c", "total = rate * 10"), ("d", "print(total)"))
    assert notebook.stale() == {}
    notebook.edit(a="rate = 3")
    assert list(notebook.stale()) == ["a", "c", "d"]
    assert notebook.rerun("--dry-run --json") == ["a", "c", "d"]
    assert notebook.value("total") == "20"
    assert notebook.rerun()["ran"] == ["a", "c", "d"]
    assert notebook.value("total") == "30"
    assert notebook.stale() == {}


def test_an_edit_that_changes_nothing_stops_there(notebook: Notebook) -> None:
    notebook.play(("a", "rows = [1, 2]"), ("b", "total = sum(rows)"), ("c", "print(total)"))
    notebook.edit(a="rows = list((1, 2))")
    assert list(notebook.stale()) == ["a", "b", "c"]
    assert notebook.rerun()["ran"] == ["a"]
    assert notebook.stale() == {}


def test_state_changed_in_place_since_is_made_again_first(notebook: Notebook) -> None:
    notebook.play(("load", "rows = [1]"), ("add", "rows.append(2)"), ("late", "rows.append(9)"), ("show", "total = sum(rows)"))
    notebook.edit(late="rows.append(10)")
    assert notebook.rerun()["ran"] == ["load", "add", "late", "show"]
    assert notebook.value("(rows, total)") == "([1, 2, 10], 13)"


def test_what_a_deleted_cell_made_is_forgotten_and_its_users_fail(notebook: Notebook) -> None:
    notebook.play(("gone", "k = 5"), ("a", "x = 1"), ("b", "y = x + k"), ("c", "z = y"))
    notebook.save([one for one in notebook.page if one[0] != "gone"])
    assert notebook.stale()["b"] == "uses k, which a deleted cell made"
    done = notebook.kernel.run("%mlops rerun")
    assert any(one["type"] == "error" and one["ename"] == "NameError" for one in done)
    assert "cell b failed" in str(done)
    notebook.edit(b="y = x + 1")
    assert notebook.rerun()["ran"] == ["b", "c"]
    assert notebook.value("(y, z)") == "(2, 2)"
    assert notebook.stale() == {}


def test_a_deleted_cell_that_nobody_used_leaves_nothing(notebook: Notebook) -> None:
    notebook.play(("gone", "k = 5"), ("a", "x = 1"))
    notebook.save([("a", "x = 1")])
    assert notebook.stale() == {}
    assert notebook.rerun() == {"ran": [], "failed": "", "forgot": ["k"], "restless": [], "remains": []}
    assert notebook.value("'k' in globals()") == "False"


def test_cells_run_out_of_order(notebook: Notebook) -> None:
    page = [("a", "x = 1"), ("b", "y = x"), ("c", "x = 3")]
    notebook.play(*page)
    notebook.kernel.run("y = x", cell="b")
    assert notebook.stale()["b"] == "ran out of order: a cell below it had changed x"
    notebook.rerun()
    assert notebook.value("(x, y)") == "(3, 1)"


def test_it_stops_at_the_first_error(notebook: Notebook) -> None:
    notebook.play(("a", "x = 1"), ("b", "y = 10 / x"), ("c", "z = y"))
    notebook.edit(a="x = 0")
    done = notebook.kernel.run("%mlops rerun")
    assert "cell b failed; what comes after it was not run" in str(done)
    assert notebook.value("z") == "10.0"
    notebook.edit(a="x = 2")
    notebook.rerun()
    assert notebook.value("z") == "5.0"


def test_a_file_that_changed_on_disk(notebook: Notebook) -> None:
    data = notebook.file.parent / "data.txt"
    data.write_text("1")
    notebook.play(("read", "text = open('data.txt').read()"), ("use", "n = int(text)"))
    data.write_text("2")
    assert notebook.stale() == {"read": "read data.txt, which has changed since",
                                "use": "upstream changed: text comes from a cell that read a file that has changed"}
    notebook.rerun()
    assert notebook.value("n") == "2"
    assert notebook.stale() == {}


def test_an_id_that_stands_twice(notebook: Notebook) -> None:
    notebook.play(("a", "x = 1"), ("a", "y = x + 1"), ("b", "z = y"))
    assert notebook.stale() == {}
    notebook.save([("a", "x = 1"), ("a", "y = x + 2"), ("b", "z = y")])
    assert notebook.stale()["b"].startswith("upstream changed")
    notebook.rerun()
    assert notebook.value("(x, y, z)") == "(1, 3, 3)"


def test_a_skipped_cell_makes_what_rests_on_it_incomplete(notebook: Notebook) -> None:
    notebook.play(("a", "rows = [1]\nother = 2"),
                  ("s", "%%mlops skip\nrows.append(5)"), ("b", "total = sum(rows)"), ("c", "n = other"))
    executions = notebook.kernel.executions()
    from mlops_jupyter.lineage.slice import find_results, slice_of

    through = slice_of(find_results("total", executions, [])[0], executions)
    beside = slice_of(find_results("n", executions, [])[0], executions)
    assert through.incomplete
    assert "skip" in through.notes[0]
    assert not beside.incomplete
    assert notebook.stale() == {}
    notebook.edit(a="rows = [2]\nother = 2")
    notebook.rerun()
    assert notebook.value("total") == "7"
