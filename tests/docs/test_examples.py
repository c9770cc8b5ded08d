"""The table of the example notebooks is true, and the notebooks are as a reader wants them: no outputs, cells with names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mlops_jupyter.jobs.notebook import check_runs_unattended, read_notebook
from tests.integration.test_examples import EXAMPLES

FOLDER = Path(__file__).resolve().parents[2] / "example_notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
ROW = re.compile(r"^\| \[(\w+)\]\((\S+)\) \| ([^|]+) \| .* \| `([^`]+)` \|$", re.MULTILINE)


def rows() -> dict[str, tuple[str, str, str]]:
    """Name → file, question, another value."""
    table = ROW.findall((FOLDER / "README.md").read_text(encoding="utf-8"))
    return {name: (file, question, value) for name, file, question, value in table}


def test_the_table_lists_the_notebooks_that_there_are() -> None:
    assert sorted(file for file, _, _ in rows().values()) == [notebook.name for notebook in NOTEBOOKS]
    assert all(file == f"{name}.ipynb" for name, (file, _, _) in rows().items())


def test_the_values_of_the_table_are_those_that_were_tried() -> None:
    tried = {example.name: example.given for example in EXAMPLES} | {"flight_delays": "test_month=7"}  # in test_readme.py
    assert {name: value for name, (_, _, value) in rows().items()} == tried


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_asks_the_question_of_the_table_and_is_stored_without_outputs(notebook: Path) -> None:
    content = read_notebook(notebook)
    check_runs_unattended(content, notebook.name)
    assert content.cells[0].source.splitlines()[0] == f"# {rows()[notebook.stem][1]}"
    for cell in content.cells:
        assert re.fullmatch(r"[a-z][a-z0-9-]{2,20}", cell.id)
        assert (cell.get("outputs", []), cell.get("execution_count")) == ([], None)
    assert "mlops" not in notebook.read_text(encoding="utf-8")
