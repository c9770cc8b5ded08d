"""The story of a review: a notebook is changed, and before anybody merges it a page says what that does.

Real notebooks and real kernels, through the function that the `mlops` script calls. The base is tracked once for the whole file.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import pytest

from mlops_jupyter.cli import execute
from mlops_jupyter.config import Settings

CELLS = {
    "imports": "%load_ext mlops_jupyter\nimport pandas as pd\nfrom sklearn.metrics import accuracy_score, recall_score",
    "goal": "%mlops goal 'find them' --metric accuracy --at-least 0.5",
    "cut": "cut = 5",
    "load": "rows = pd.read_csv('rows.csv')\nassert cut >= 0, 'a cut below 0 finds all'",
    "judge": "found = rows['size'] > cut\naccuracy = accuracy_score(rows['large'], found)",
    "look": "rows.describe()",
}
ROWS = "size,large\n" + "".join(f"{at},{int(at >= 6)}\n" for at in range(12))
NEW_COLUMN = "size,large,colour\n" + "".join(f"{at},{int(at >= 6)},red\n" for at in range(12))


def write_notebook(file: Path, **other: str) -> Path:
    cells = [nbformat.v4.new_code_cell(source, id=name) for name, source in {**CELLS, **other}.items()]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), file)
    return file


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkout")
    (folder / "rows.csv").write_text(ROWS)
    write_notebook(folder / "base.ipynb")
    return folder


@pytest.fixture
def here(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(checkout)
    monkeypatch.setenv("MLOPS_STORE", str(checkout / "store"))
    monkeypatch.setenv("MLOPS_STATE", str(checkout / "state"))
    Settings.clear_instance()
    return checkout


def test_nothing_changed_and_the_page_says_so(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_notebook(here / "same.ipynb", judge="# the same\n" + CELLS["judge"])
    assert execute(["review", "same.ipynb", "--base", "base.ipynb"]) == 0
    told = capsys.readouterr()
    assert "**Nothing changed:** code, parameters, inputs, environment and metrics are equal." in told.out
    assert "**✓ Objective met:** `accuracy ≥ 0.5`; `accuracy` is 1" in told.out
    assert "Making a job from base.ipynb" in told.err
    assert "### " not in told.out.replace("### Metrics", "")


def test_code_a_default_and_a_metric_that_changed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_notebook(here / "changed.ipynb", cut="cut = 6", look="rows.tail()", goal=CELLS["goal"].replace("0.5", "0.4"),
                   judge="found = rows['size'] > cut  # | <b> ```\naccuracy = accuracy_score(rows['large'], found)\n"
                         "recall = recall_score(rows['large'], found)")
    assert execute(["review", "changed.ipynb", "--base", "base.ipynb", "-o", "out/summary.md"]) == 0
    told = capsys.readouterr().out
    assert "| code | 1 changed |" in told
    assert "| `cut` | changed | `default 5 → 6` |" in told
    assert "| `accuracy` | 1 | 0.916667 | -0.08333 | ▼ worse |" in told
    assert "| `recall` | – | 0.833333 |  | new |" in told
    assert "<details><summary>cell <code>judge</code> changed</summary>\n\n````diff\n" in told
    assert "+recall = recall_score(rows['large'], found)" in told
    assert "cells that the results do not need changed too: goal, look" in told
    assert "the objective was accuracy ≥ 0.5" in told
    written = (here / "out" / "summary.md").read_text(encoding="utf-8")
    assert "<img" not in told  # printed, it goes where no file lies beside it
    assert '<img src="summary.md.files/metrics.svg" alt="accuracy&#58; 1 → 0&#46;916667; recall' in written.replace("&#59;", ";")
    assert written.replace(next(line + "\n\n" for line in written.splitlines() if line.startswith("<img")), "") == told
    assert ElementTree.parse(here / "out" / "summary.md.files" / "metrics.svg").getroot().tag.endswith("svg")
    assert {file.name for file in (here / "out").iterdir()} == {"summary.md", "summary.md.files"}


def test_an_input_with_a_new_column_and_a_job_that_the_notebook_moved_on_from(
        here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = ["--term", "cut.range=0..9", "--term", "cut.rename=threshold", "--policy", "rows=fail"]  # which is in no notebook
    assert execute(["convert", "base.ipynb", "-o", str(tmp_path / "job"), "--yes", *said]) == 0
    write_notebook(tmp_path / "base.ipynb")
    (tmp_path / "rows.csv").write_text(NEW_COLUMN)
    capsys.readouterr()
    review = ["review", str(tmp_path / "base.ipynb"), "--base", str(tmp_path / "job")]
    assert execute([*review, "--strict"]) == 1
    told = capsys.readouterr()
    assert "The notebook moved on from the job" in told.out
    assert "`columns: with colour`" in told.out
    assert "| code | – |\n| parameters | – |\n| inputs | 1 changed |" in told.out
    assert "| metrics | 1 equal |" in told.out
    assert f"the job {tmp_path / 'job'} is not what {tmp_path / 'base.ipynb'} makes now" in told.err
    assert execute([*review, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["moved"], found["base_kind"], found["base_ran"], found["changes"]["code"]) == (True, "job", False, [])
    assert found["changes"]["inputs"][0]["details"][0] == "columns: with colour"


def test_both_run_on_what_is_given_and_the_small_input_is_checked(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_notebook(here / "other.ipynb", judge=CELLS["judge"].replace(">", ">="))
    (here / "small.csv").write_text("\n".join(NEW_COLUMN.splitlines()[:8]) + "\n")
    sessions = len(list_sessions(capsys))
    given = ["-i", "rows=small.csv", "-p", "cut=6"]
    assert execute(["review", "other.ipynb", "--base", "base.ipynb", *given, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["base_ran"]
    assert [(one["name"], one["word"], one["base"], one["now"]) for one in found["changes"]["metrics"]] == [
        ("accuracy", "better", pytest.approx(6 / 7), 1.0)]
    assert [(one["side"], one["check"]["state"], one["check"]["detail"]) for one in found["checks"]] == [
        (side, "schema changed", "with colour") for side in ("base", "now")]
    assert len(list_sessions(capsys)) == sessions + 1  # the notebook; the jobs of a review leave no run


def list_sessions(capsys: pytest.CaptureFixture[str]) -> list[object]:
    capsys.readouterr()
    assert execute(["sessions", "list", "--json"]) == 0
    return list(json.loads(capsys.readouterr().out))


def test_a_module_beside_the_notebook_is_code_too_also_where_the_notebook_was_tracked_before(
        here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    imports = CELLS["imports"] + "\nfrom parts import larger"
    for folder in (tmp_path / "before", tmp_path / "now"):
        folder.mkdir()
        shutil.copy(here / "rows.csv", folder)
        (folder / "parts.py").write_text("def larger(sizes, cut):\n    return sizes > cut\n")
        judge = CELLS["judge"].replace("rows['size'] > cut", "larger(rows['size'], cut)")
        write_notebook(folder / "work.ipynb", imports=imports, judge=judge)
    now = str(tmp_path / "now" / "work.ipynb")
    assert execute(["track", now]) == 0
    (tmp_path / "now" / "parts.py").write_text("def larger(sizes, cut):\n    return sizes >= cut\n")
    capsys.readouterr()
    assert execute(["review", now, "--base", str(tmp_path / "before" / "work.ipynb")]) == 0
    told = capsys.readouterr().out
    assert "<details><summary>module <code>parts&#46;py</code> changed</summary>" in told
    assert "| `accuracy` | 1 | 0.916667 | -0.08333 | ▼ worse |" in told


def test_a_missed_objective_is_exit_1_with_the_page_written(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_notebook(here / "missed.ipynb", judge=CELLS["judge"].replace("> cut", "< cut"))
    assert execute(["review", "missed.ipynb", "--base", "base.ipynb", "-o", "missed.md"]) == 1
    told = capsys.readouterr()
    assert "the objective is missed: find them (accuracy ≥ 0.5)" in told.err
    assert "**✗ Objective missed:** `accuracy ≥ 0.5`; `accuracy` is 0.0833333 (`find them`)." in (here / "missed.md").read_text()


def test_a_notebook_that_fails_is_exit_1_and_the_page_says_in_which_cell(
        here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("SHOP_API_TOKEN", "kV7pQ2xLm9Tz4Rw8")
    write_notebook(here / "fails.ipynb", judge="import os\nraise ValueError('refused: ' + os.environ['SHOP_API_TOKEN'])")
    assert execute(["review", "fails.ipynb", "--base", "base.ipynb"]) == 1
    told = capsys.readouterr()
    assert "**✗ Failed:** the notebook did not run." in told.out
    assert "fails.ipynb failed in cell 5: ValueError: refused: [redacted:" in told.out
    assert "```python\nimport os\nraise ValueError('refused: ' + os.environ['SHOP_API_TOKEN'])\n```" in told.out
    assert "kV7pQ2xLm9Tz4Rw8" not in told.out + told.err
    assert "Nothing changed" not in told.out
    assert execute(["review", "base.ipynb", "--base", "fails.ipynb"]) == 0  # the change is what mends it
    assert "### What failed in the base" in capsys.readouterr().out


def test_jobs_that_fail_on_what_is_given_name_the_cell(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_notebook(here / "same.ipynb", judge="# the same\n" + CELLS["judge"])
    assert execute(["review", "same.ipynb", "--base", "base.ipynb", "-p", "cut=-1"]) == 1
    told = capsys.readouterr().out
    assert "**✗ Failed:** the base did not run and the notebook did not run." in told
    assert told.count("AssertionError: a cut below 0 finds all") == 2
    assert "### What failed in the base" in told


def test_bad_input_is_exit_2_and_writes_nothing(here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    review, output = ["review", "base.ipynb"], ["-o", str(tmp_path / "summary.md")]
    shutil.copy(here / "base.ipynb", here / "copy.ipynb")
    bad = {
        "there is no notebook gone.ipynb": [*review, "--base", "gone.ipynb"],
        "--base base.ipynb is the notebook itself": [*review, "--base", "base.ipynb"],
        "Missing option '--base'": review,
        f"there is no job in {tmp_path}": [*review, "--base", str(tmp_path)],
        "neither job has an input 'raws'": [*review, "--base", "copy.ipynb", "-i", "raws=rows.csv"],
        "neither job has a parameter 'cat'": [*review, "--base", "copy.ipynb", "-p", "cat=1"],
        "parameter cut: 'many' is not an integer": [*review, "--base", "copy.ipynb", "-p", "cut=many"],
        "there is no file": [*review, "--base", "copy.ipynb", "-i", "rows=gone.csv"],
    }
    for words, command in bad.items():
        assert execute([*command, *output]) == 2, command
        assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    assert execute([*review, "--base", "copy.ipynb", "-o", str(tmp_path)]) == 2
    (tmp_path / "mine.md.files").mkdir()
    (tmp_path / "mine.md.files" / "thesis.txt").write_text("mine")
    assert execute([*review, "--base", "copy.ipynb", "-o", str(tmp_path / "mine.md")]) == 2
    assert [file.name for file in tmp_path.rglob("*")] == ["mine.md.files", "thesis.txt"]
