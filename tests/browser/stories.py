"""What lies in the folder that JupyterLab opens: the example as it is shipped, and a notebook in which no score is known."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import nbformat

EXAMPLE = Path(__file__).resolve().parents[2] / "example_notebooks"
FLIGHTS = "flight_delays.ipynb"

MARGINS = """
# %% [markdown]
# Margins
Nothing here is a model, and no function that we know computes a score.
# %%
prices = [12.5, 14.0, 13.2, 15.9]
costs = [9.1, 9.9, 10.4, 11.0]
# %%
margin = sum(p - c for p, c in zip(prices, costs)) / sum(prices)
margin
"""


def notebook(text: str, kernel: str = "python3") -> nbformat.NotebookNode:
    """A notebook of text in the percent format, each cell with an id that says where it stands."""
    cells = []
    for place, part in enumerate(text.strip().removeprefix("# %%").split("\n# %%")):
        head, _, source = part.partition("\n")
        if head.strip() == "[markdown]":
            cells.append(nbformat.v4.new_markdown_cell(source.strip(), id=f"text-{place}"))
        else:
            cells.append(nbformat.v4.new_code_cell(source.strip(), id=f"code-{place}"))
    spec = {"kernelspec": {"name": kernel, "display_name": kernel, "language": "python"}}
    return nbformat.v4.new_notebook(cells=cells, metadata=spec)


def write_stories(folder: Path) -> None:
    """The example with its helper module, and the margins."""
    for name in (FLIGHTS, "flight_features.py"):
        shutil.copyfile(EXAMPLE / name, folder / name)
    nbformat.write(notebook(MARGINS), folder / "margins.ipynb")


def write_notebook(path: Path, sources: Sequence[str]) -> None:
    """A notebook of these code cells."""
    nbformat.write(notebook("\n# %%\n".join(["", *sources])), path)


def code_cells(path: Path) -> int:
    """How many code cells a notebook has."""
    return sum(cell.cell_type == "code" for cell in nbformat.read(path, as_version=4).cells)
