"""Each example notebook goes the whole way: tracked, made a job that reproduces, run with another value, by us and by papermill.

One story per notebook, told once, through the command. Kernels differ in their hash seeds, so what comes out identical does not
rest on the order of a set. The tests are named after what a job promises: its parameters, inputs and environment are contracts …
"""

from __future__ import annotations

import ast
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import nbformat
import pytest

from mlops_jupyter.jobs.parameters import as_text
from tests.integration.killing import killed_and_resumed
from tests.integration.test_cli import Place

FOLDER = Path(__file__).parents[2] / "example_notebooks"
WITHOUT_US = "import sys; sys.modules['mlops_jupyter'] = None; from ipykernel.kernelapp import launch_new_instance as go; go()"

ONE_THREAD = {"OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}
"""Two threads that wait for a busy core cost more than they bring."""


class Example(NamedTuple):
    """What is expected of a notebook: its parameters and inputs, and a metric that moves when a parameter is `given`."""

    name: str
    parameters: dict[str, str]
    inputs: list[str]
    given: str
    metric: str


EXAMPLES = [
    Example("flight_delays", {"train_months": "array", "test_month": "integer", "late_after": "integer"}, ["flights.parquet"],
            "late_after=30", "auc"),
    Example("diabetes_progression", {"test_share": "number", "split_seed": "integer", "folds": "integer", "trees": "integer"},
            ["diabetes.csv"], "test_share=0.4", "mae"),
    Example("wine_clusters", {"cluster_counts": "array", "components": "integer", "seed": "integer"},
            ["wines.csv"], "components=2", "adjusted_rand"),
    Example("co2_forecast", {"train_from": "date", "first_year": "integer", "horizon": "integer"},
            ["co2_weekly.csv"], "train_from=1985-01-01", "mae"),
    Example("docstring_topics", {"shortest": "integer", "keep_names": "boolean", "test_share": "number", "NAMES": "string"},
            ["descriptions.csv"], "keep_names=True", "accuracy"),
    Example("weather_delays_polars", {"late_after": "integer", "bad_share": "number", "test_every": "integer", "CLOCK": "array",
                                      "WEATHER": "array"},
            ["nyc_flights.parquet", "nyc_weather.parquet"], "late_after=60", "auc"),
]


class Story(NamedTuple):
    """An example that was tracked, made a job, and run as a job with the given value."""

    example: Example
    place: Place
    tracked: dict[str, object]
    converted: dict[str, object]
    ran: dict[str, object]

    @property
    def job(self) -> Path:
        return self.place.folder / "job"


@pytest.fixture(scope="session", params=EXAMPLES, ids=lambda example: example.name)
def story(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Story:
    example: Example = request.param
    place = Place(tmp_path_factory.mktemp(example.name))
    for file in [FOLDER / f"{example.name}.ipynb", *FOLDER.glob("*.py")]:
        shutil.copy(file, place.folder)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ONE_THREAD.items():
            patch.setenv(name, value)
        patch.delenv("PYTHONHASHSEED", raising=False)
        tracked = place.json("track", f"{example.name}.ipynb", "-o", "executed.ipynb")
        converted = place.json("convert", f"{example.name}.ipynb", "-o", "job", "--yes")
        ran = place.json("run", "job", "-p", example.given, "-o", "ran.ipynb")
    return Story(example, place, tracked, converted, ran)


def outputs(notebook: Path) -> list[nbformat.NotebookNode]:
    return [output for cell in nbformat.read(notebook, as_version=4).cells for output in cell.get("outputs", [])]


def printed(notebook: Path) -> str:
    return "".join(output.text for output in outputs(notebook) if output.output_type == "stream")


def metrics(runs: object) -> dict[str, float]:
    assert isinstance(runs, list)
    return {metric["name"]: metric["value"] for run in runs for metric in run["metrics"] if not metric.get("key")}


def test_an_example_runs_from_top_to_bottom_and_warns_of_nothing(story: Story) -> None:
    assert story.tracked["outcome"]["state"] == "succeeded"
    shown = outputs(story.place.folder / "executed.ipynb")
    assert [output for output in shown if output.output_type == "error" or output.get("name") == "stderr"] == []
    assert any("image/png" in output.get("data", {}) for output in shown)
    assert story.example.metric in metrics(story.tracked["runs"])


def test_verified_its_job_brings_back_the_recorded_numbers_to_the_last_digit(story: Story) -> None:
    assert story.converted["session"] == story.tracked["session"]  # as it stood: not executed again
    assert {one["verdict"] for one in story.converted["compared"]} == {"identical"}
    assert story.example.metric in {one["name"] for one in story.converted["compared"]}
    manifest = story.place.json("inspect", "job")
    assert manifest == story.converted["manifest"]
    assert (manifest["verified"], manifest["verdict"]) == (True, "identical")
    story.place.mlops("inspect", "job", "--against", f"{story.example.name}.ipynb")


def test_parameters_are_a_contract(story: Story) -> None:
    manifest = story.converted["manifest"]
    assert {one["name"]: one["type"] for one in manifest["parameters"]} == story.example.parameters
    name = story.example.given.partition("=")[0]
    for given, says in {"nobody=1": "no parameter 'nobody'", f"{name}=[[": name, f"{name}=__import__('os')": name}.items():
        assert says in story.place.mlops("run", "job", "-p", given, code=2).stderr


def test_inputs_are_a_contract(story: Story) -> None:
    manifest = story.converted["manifest"]
    assert [one["path"] for one in manifest["inputs"]] == story.example.inputs
    for one in manifest["inputs"]:
        assert one["fingerprint"]["digest"], one
        assert (one["schema"]["columns"], one["rows"] > 0) != ([], False), one
        assert "there is no file" in story.place.mlops("run", "job", "-i", f"{one['name']}=gone.csv", code=2).stderr
    assert {one["state"] for one in story.ran["checks"]} == {"same"}


def test_the_environment_is_a_contract(story: Story) -> None:
    assert story.ran.get("differs", []) == []
    pinned = (story.job / "requirements.txt").read_text()
    assert all(f"{name}==" in pinned for name in ("ipykernel", "papermill")), pinned
    assert (story.job / "Containerfile").is_file()


def test_typed_outputs(story: Story) -> None:
    run = story.ran["runs"][-1]
    code = "import sys, mlops_jupyter as m; r = m.results(sys.argv[1]); print({n: type(r[n]).__name__ for n in r})"
    told = subprocess.run([sys.executable, "-c", code, run["id"]], env=story.place.environment, capture_output=True, text=True,
                          check=True)
    types = ast.literal_eval(told.stdout.strip().splitlines()[-1])
    assert types.items() >= {metric["name"]: "float" for metric in run["metrics"] if not metric.get("key")}.items()
    assert types != {}


def test_its_job_leaves_exploration_and_pictures_out(story: Story) -> None:
    manifest = story.converted["manifest"]
    notebook = nbformat.read(FOLDER / f"{story.example.name}.ipynb", as_version=4)
    assert manifest["cells"] < manifest["cells_total"] == sum(cell.cell_type == "code" for cell in notebook.cells)
    text = (story.job / "notebook.ipynb").read_text(encoding="utf-8")
    assert "plt." not in text
    assert "mlops" not in text


def test_execution_with_another_value_gives_another_metric(story: Story) -> None:
    assert story.ran["outcome"]["state"] == "succeeded"
    name = story.example.metric
    assert metrics(story.ran["runs"])[name] != metrics(story.tracked["runs"])[name]


def test_resume_where_it_was_killed_at_a_random_cell(story: Story) -> None:
    resumed = killed_and_resumed(story.place, story.example.given, random.Random(story.example.name))
    assert resumed["outcome"]["state"] == "succeeded"
    assert metrics(resumed["runs"]) == metrics(story.ran["runs"])
    assert printed(story.place.folder / "resumed.ipynb") == printed(story.place.folder / "ran.ipynb")


def test_sweeps_and_fleets(story: Story) -> None:
    name, _, given = story.example.given.partition("=")
    default = next(one["default"] for one in story.converted["manifest"]["parameters"] if one["name"] == name)
    swept = story.place.json("sweep", "job", "--grid", f"{name}={given},{as_text(default)}", "--warm", "-o", "swept")
    found = {as_text(child["parameters"][name]): child["metrics"][story.example.metric] for child in swept["children"]}
    assert found == {given.replace("True", "true"): metrics(story.ran["runs"])[story.example.metric],
                     as_text(default): metrics(story.tracked["runs"])[story.example.metric]}


def test_in_the_users_own_ci(story: Story) -> None:
    page = story.place.mlops("review", f"{story.example.name}.ipynb", "--base", "job", "--strict").stdout
    assert "**Nothing changed:**" in page


def test_papermill_runs_its_job_to_the_same_numbers_where_we_are_not_installed(story: Story) -> None:
    kernel = story.place.folder / "share" / "kernels" / "bare"
    kernel.mkdir(parents=True)
    spec = {"argv": [sys.executable, "-c", WITHOUT_US, "-f", "{connection_file}"], "display_name": "bare", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec))
    name, _, value = story.example.given.partition("=")
    words = ["notebook.ipynb", str(story.place.folder / "plain.ipynb"), "--cwd", str(story.job), "-k", "bare", "-p", name, value]
    environment = {**os.environ, **ONE_THREAD, "JUPYTER_PATH": str(story.place.folder / "share")}
    ran = subprocess.run([sys.executable, "-m", "papermill", *words, "--no-progress-bar"], cwd=story.job, env=environment,
                         capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert "unknown parameter" not in ran.stderr
    assert printed(story.place.folder / "plain.ipynb") == printed(story.place.folder / "ran.ipynb") != ""
