"""The README does what it says: its cells run under tracking, its commands run on the example, CI runs its test command."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MLOPS = str(Path(sys.executable).parent / "mlops")


def blocks(language: str) -> list[str]:
    """The fenced blocks of one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def test_ci_runs_the_test_command_of_the_readme() -> None:
    command = next(block.strip() for block in blocks("bash") if "pytest" in block)
    assert command in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_ci_runs_the_demo_command_of_the_readme() -> None:
    command = next(block.strip() for block in blocks("bash") if "mlops demo" in block)
    assert command in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#\s]+)\)|(?:src|srcset)=\"([^\"]+)\"", page.read_text(encoding="utf-8"))
    missing = [target for pair in targets for target in pair if target and not (page.parent / target).exists()]
    assert not missing


def test_the_cells_of_the_readme_do_what_it_says(tmp_path: Path) -> None:
    cells = [nbformat.v4.new_code_cell(block.strip()) for block in blocks("python")]
    asked = "assert get_ipython().run_line_magic('mlops', 'why auc --json') is None"
    notebook = nbformat.v4.new_notebook(cells=[*cells, nbformat.v4.new_code_cell(asked)])
    nbformat.write(notebook, tmp_path / "readme.ipynb")
    command = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "--output", "done.ipynb", "readme.ipynb"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    last = nbformat.read(tmp_path / "done.ipynb", as_version=4).cells[-1]
    why = json.loads("".join(output["text"] for output in last.outputs if output.output_type == "stream"))
    sources = [cell["source"].splitlines()[0] for cell in why["cells"]]
    assert len(sources) == 2, sources
    verified = "".join(str(output) for output in notebook_outputs(tmp_path / "done.ipynb"))
    assert "identical" in verified


def notebook_outputs(path: Path) -> list[object]:
    """All outputs of a notebook."""
    return [output for cell in nbformat.read(path, as_version=4).cells for output in cell.get("outputs", [])]


@pytest.mark.slow
def test_the_commands_of_the_readme_run_on_the_example(tmp_path: Path) -> None:
    for name in ("flight_delays.ipynb", "flight_features.py"):
        shutil.copy(ROOT / "example_notebooks" / name, tmp_path)
    commands = next(block for block in blocks("bash") if block.startswith("mlops track")).strip().splitlines()
    printed = {}
    for line in commands:
        words = shlex.split(line)
        done = subprocess.run([MLOPS, *words[1:]], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{line}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        printed[line] = done.stdout + done.stderr
    assert (tmp_path / "job" / "job.yaml").exists()
