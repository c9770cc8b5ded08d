"""The user story of an environment: run a job in exactly its lock, be told where it is not kept, see what an upgrade does.

Real kernels, a real installer, virtual environments from empty. What is upgraded is a package of our own in two versions, as
wheels; the other packages of the lock are those that this environment has.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import zipfile
from importlib.metadata import distributions
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from packaging.utils import canonicalize_name

from mlops_jupyter.cli import execute
from mlops_jupyter.config import Settings
from tests.wheels import MODULE, NAME, wheel

CELLS = {
    "imports": f"import numpy as np\nimport {MODULE} as tiny\nfrom sklearn.metrics import accuracy_score",
    "settings": "threshold = 0.5",
    "data": "labels = np.arange(40) % 2",
    "score": "predictions = tiny.predict(labels)\naccuracy = accuracy_score(labels, predictions > threshold)",
}
ONE = "def predict(labels):\n    return labels * 0.8 + 0.1\n"
TWO = "def predict(labels):\n    found = labels * 0.8 + 0.1\n    found[:10] = 1 - found[:10]\n    return found\n"
# The metric takes four values in turn: a size is asked of the disk, so that the counter is no input of the job.
VARYING = {
    "imports": "import os, subprocess\nimport numpy as np\nfrom sklearn.metrics import accuracy_score, mean_squared_error",
    "count": "with open({counter!r}, 'a') as file:\n    _ = file.write('x')\nturn = os.path.getsize({counter!r}) % 4",
    "effect": "started = subprocess.run(['true']).returncode",
    "score": "labels = np.arange(40) % 2\nerror = mean_squared_error(labels, labels + 1 + turn / 1000)\n"
             "accuracy = accuracy_score(labels, labels + started)",
}
# Nobody seeded the draw, and the value moves until the third run.
SETTLING = {
    "imports": "import os\nimport numpy as np",
    "count": "with open({counter!r}, 'a') as file:\n    _ = file.write('x')\nturn = min(os.path.getsize({counter!r}), 3)",
    "draw": "noise = np.random.normal(size=3) + turn",
}


class Desk:
    """A folder to work in, with a store and environments of its own; commands are given in it."""

    def __init__(self, folder: Path, wheels: Path) -> None:
        self.folder = folder
        self.environment = {"MLOPS_STORE": str(folder / "store"), "MLOPS_STATE": str(folder / "state"),
                            "IPYTHONDIR": str(folder / "ipython"), "UV_FIND_LINKS": str(wheels), "PIP_FIND_LINKS": str(wheels)}

    def mlops(self, *arguments: str, code: int = 0, **environment: str) -> tuple[str, str]:
        """(what was printed, what was said on the error stream)"""
        out, error = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, contextlib.chdir(self.folder):
            for name, value in {**self.environment, **environment}.items():
                patch.setenv(name, value)
            patch.setattr(sys, "stdin", io.StringIO())
            Settings.clear_instance()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
                ended = execute(arguments)
        Settings.clear_instance()
        assert ended == code, f"{arguments} exited {ended}\n{out.getvalue()}\n{error.getvalue()}"
        return out.getvalue(), error.getvalue()

    def notebook(self, name: str, cells: dict[str, str]) -> None:
        """Write one; `{counter!r}` in its cells becomes a file that is there for it."""
        cells = {cell: source.format(counter=str(self.folder / "counter")) for cell, source in cells.items()}
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        made = new_notebook(cells=[new_code_cell(source, id=cell) for cell, source in cells.items()], metadata=kernel)
        nbformat.write(made, self.folder / name)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A job made with version 1.0 of the tiny package, which nothing on this machine has installed."""
    folder, wheels = tmp_path_factory.mktemp("contract"), tmp_path_factory.mktemp("wheels")
    wheel(wheels, "2.0", TWO)
    with zipfile.ZipFile(wheel(wheels, "1.0", ONE)) as archive:
        archive.extractall(folder / "site-packages")
    made = Desk(folder, wheels)
    made.notebook("nb.ipynb", CELLS)
    made.mlops("convert", "nb.ipynb", "-o", "job", "--yes", "--no-verify", PYTHONPATH=str(folder / "site-packages"))
    return made


def requirements(file: Path) -> set[str]:
    """The pinned lines of a file, by normalized name."""
    lines = [line.partition("==") for line in file.read_text().splitlines() if not line.startswith("#")]
    return {f"{canonicalize_name(name)}=={version}" for name, _, version in lines}


def requirements_here() -> list[str]:
    return sorted({one.metadata["Name"] for one in distributions()})


def metrics(answer: dict[str, object]) -> dict[str, float]:
    return {metric["name"]: metric["value"] for run in answer["runs"] for metric in run["metrics"]}  # type: ignore[attr-defined]


def test_where_the_environment_differs_it_is_said_before_the_job_runs(desk: Desk) -> None:
    printed, said = desk.mlops("run", "job", code=1)
    lines = said.splitlines()
    assert lines[0] == f"! not the environment of the job's lock: -{NAME}"
    assert lines[1].startswith("job [1/")
    assert "ModuleNotFoundError" in said
    assert f"Not in the environment of the lock: -{NAME}" in printed


def test_a_fresh_environment_is_built_from_empty_and_has_what_the_lock_says(desk: Desk) -> None:
    environments = desk.folder / "state" / "environments"
    assert not environments.exists()
    printed, _ = desk.mlops("run", "job", "--env", "fresh", "-p", "threshold=0.4", "--json")
    answer = json.loads(printed)
    assert (answer["outcome"]["state"], answer["differs"], metrics(answer)) == ("succeeded", [], {"accuracy": 1.0})
    assert len([place for place in environments.iterdir() if place.is_dir()]) == 1
    desk.mlops("sessions", "export", answer["session"], "-o", "ran.txt")
    locked, ran = requirements(desk.folder / "job" / "requirements.txt"), requirements(desk.folder / "ran.txt")
    assert {f"{NAME}==1.0", "ipykernel", "papermill", "scikit-learn"} <= locked | {line.partition("==")[0] for line in locked}
    assert locked <= ran
    assert len(ran) < len(requirements_here())  # not what this environment has, which is more


def test_another_version_is_shown_by_metric_and_by_prediction(desk: Desk) -> None:
    printed, _ = desk.mlops("verify", "job", "--with", f"{NAME}==2.0", "--json", code=1)
    answer = json.loads(printed)
    assert (answer["versions"], answer["verdict"], answer["drifted"]) == ([f"{NAME} 1.0 → 2.0"], "different", [])
    changes = {one["name"]: one for one in answer["changes"]}
    accuracy, predictions = changes["accuracy"], changes["predictions"]
    assert (accuracy["locked"], accuracy["replaced"], accuracy["difference"]) == (1.0, 0.75, -0.25)
    assert (predictions["values"], predictions["differing"], predictions["verdict"]) == (40, 10, "different")
    assert predictions["difference"] == pytest.approx(0.8)
    assert changes["labels"]["verdict"] == "identical"
    manifest = json.loads(desk.mlops("inspect", "job", "--json")[0])
    assert manifest["verdict"] == "unverified"  # what another version does is no verdict on the job


def test_a_version_that_cannot_be_had_is_said_before_anything_runs(desk: Desk) -> None:
    _, said = desk.mlops("verify", "job", "--with", f"{NAME}==9.9", code=1)
    assert "could not be built" in said
    assert f"{NAME}==9.9" in said
    assert "verify [1/" not in said
    _, said = desk.mlops("verify", "job", "--with", "mlops-jupyter-tin==2.0", code=2)
    assert f"did you mean {NAME}?" in said


def test_a_job_is_verified_where_it_lies_in_either_environment(desk: Desk) -> None:
    printed, _ = desk.mlops("verify", "job", "--env", "fresh")
    assert "identical" in printed
    assert json.loads(desk.mlops("inspect", "job", "--json")[0])["verified"] is True
    printed, said = desk.mlops("verify", "job", "--json", code=1)
    assert json.loads(printed)["differs"] == [f"-{NAME}"]
    assert "not the environment" not in said
    assert "mlops verify job --env fresh runs it in the environment of its lock" in said
    assert json.loads(desk.mlops("inspect", "job", "--json")[0])["verified"] is False
    desk.mlops("verify", "accuracy", "--env", "fresh", code=2)


def test_several_clean_runs_propose_a_tolerance_that_later_ones_are_held_to(tmp_path: Path) -> None:
    desk = Desk(tmp_path, tmp_path)
    desk.notebook("nb.ipynb", VARYING)
    desk.mlops("convert", "nb.ipynb", "-o", "job", "--yes", "--repeat", "2", code=2)  # it starts a process: not unasked
    printed, _ = desk.mlops("convert", "nb.ipynb", "-o", "job", "--yes", "--repeat", "2", "--allow-effects")
    assert "no spread: the tolerance stays 1e-09" in printed
    manifest = json.loads(desk.mlops("inspect", "job", "--json")[0])
    assert list(manifest["tolerances"]) == ["error"]
    assert manifest["tolerances"]["error"]["source"] == "the largest relative deviation of 2 clean runs, ×2"
    assert manifest["tolerances"]["error"]["value"] == pytest.approx(2 * 2e-3, rel=0.05)  # 1.002² and 1.003²
    assert manifest["verdict"] == "within tolerance"
    assert manifest["effects"] == ["process: true"]
    assert "--allow-effects" in desk.mlops("verify", "job", code=2)[1]
    printed, _ = desk.mlops("verify", "job", "--allow-effects", "--json")
    answer = json.loads(printed)
    # recorded was 1.001², two turns ago; now it is 1
    assert {one["name"]: one["verdict"] for one in answer["results"]} == {"error": "within tolerance", "accuracy": "identical"}
    assert answer["manifest"]["digest"] == manifest["digest"]


def test_a_reference_is_taken_from_a_clean_run_once_and_not_again(tmp_path: Path) -> None:
    desk = Desk(tmp_path, tmp_path)
    desk.notebook("nb.ipynb", SETTLING)
    desk.mlops("convert", "nb.ipynb", "--result", "noise", "-o", "job", "--yes", code=1)
    reference = (tmp_path / "job" / "reference" / "results.json").read_bytes()
    desk.mlops("verify", "job", code=1)  # from here on each run gives the same: another reference would hold for ever
    assert (tmp_path / "job" / "reference" / "results.json").read_bytes() == reference
