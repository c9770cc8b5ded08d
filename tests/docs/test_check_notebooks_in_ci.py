"""The page on CI is done, line by line, in a git repository with an example notebook; what its YAML runs is known to exist."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import nbformat
import pytest
import yaml

from mlops_jupyter.cli import app

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "how-to" / "check-notebooks-in-ci.md").read_text(encoding="utf-8")
NOTEBOOK = "wine_clusters.ipynb"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_the_page_does_what_it_says(tmp_path: Path) -> None:
    environment = {**os.environ, "MLOPS_STORE": str(tmp_path / "store"), "MLOPS_STATE": str(tmp_path / "state"),
                   "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                   "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    repository = tmp_path / "repository"
    repository.mkdir()
    said: dict[str, str] = {}

    def run(line: str) -> None:
        done = subprocess.run(["bash", "-c", line], cwd=repository, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        said[line] = done.stdout

    shutil.copy(ROOT / "example_notebooks" / NOTEBOOK, repository)
    run("git init -q . && git add . && git -c user.name=Ann -c user.email=ann@example.org commit -qm 'The wines'")
    change(repository / NOTEBOOK)
    for block in blocks("bash"):
        for line in block.strip().splitlines():
            run(line)
    page = said["cat review/summary.md"]
    assert page.startswith(f"## Review of `{NOTEBOOK}`\n\n**✓ Objective met:** `adjusted_rand ≥ 0.6`")
    assert "| `components` | changed | `default 5 → 2` |" in page
    assert re.search(r"^\| `adjusted_rand` \| 0\.\d+ \| 0\.\d+ \| [+-]0\.\d+ \| [▲▼] \w+ \|$", page, re.MULTILINE)
    assert "<summary>cell <code>best</code> changed</summary>" in page
    assert "the objective was not set" in page
    assert (repository / "review" / "summary.md.files" / "metrics.svg").is_file()
    small = said[f"mlops review {NOTEBOOK} --base base.ipynb -i wines=small.csv -p components=4"]
    assert "Both ran with `components=4`, `wines=small.csv`." in small
    assert "**Nothing changed:**" in said[f"mlops review {NOTEBOOK} --base job --strict"]


def change(file: Path) -> None:
    """The change that is reviewed: another default, another line of code, the objective of the page."""
    notebook = nbformat.read(file, as_version=4)
    for cell in notebook.cells:
        cell.source = cell.source.replace("components = 5", "components = 2")
        if cell.id == "best":
            cell.source += "\nworst_count = min(silhouettes, key=silhouettes.get)"
    [goal] = blocks("python")
    notebook.cells.insert(1, nbformat.v4.new_code_cell(goal.strip(), id="objective"))
    nbformat.write(notebook, file)


def test_the_workflows_are_yaml_and_what_they_run_of_ours_exists() -> None:
    github, gitlab = (yaml.safe_load(block) for block in blocks("yaml"))
    [steps] = [job["steps"] for job in github["jobs"].values()]
    told = [step["run"] for step in steps if "run" in step]
    assert "pull_request" in github[True]  # what YAML makes of `on`
    assert any("$GITHUB_STEP_SUMMARY" in line for line in told)
    told += [*gitlab["review"]["script"], *gitlab["review"]["after_script"]]
    ours = [command for line in told for command in commands_of(line)]
    assert len(ours) == 2
    for words in ours:
        check_command(words)
    assert not [line for line in told if "${{" in line]  # no text of a pull request becomes part of a command


def commands_of(line: str) -> list[list[str]]:
    """The words of a command of ours, without where its output goes."""
    return [shlex.split(re.split(r"\s>>?\s", line)[0])[1:]] if line.startswith("mlops ") else []


def check_command(words: list[str]) -> None:
    """Parse it as the command does; nothing is run."""
    with click.Context(app) as context:
        command = app.get_command(context, words[0])
        assert command is not None, words
        parsed = command.make_context(words[0], words[1:], parent=context)
        assert parsed.params["notebook"] == Path(NOTEBOOK)
