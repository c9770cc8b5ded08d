"""Each example notebook goes the whole way: tracked, made a job that reproduces, run with another value, by us and by papermill.

One story per notebook, told once, through the command. Kernels differ in their hash seeds, so what comes out identical does not
rest on the order of a set. `flight_delays` is the story of the README's test.
"""

from __future__ import annotations

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


def test_its_job_brings_back_the_recorded_numbers_to_the_last_digit(story: Story) -> None:
    assert story.converted["session"] == story.tracked["session"]  # as it stood: not executed again
    assert {one["verdict"] for one in story.converted["compared"]} == {"identical"}
    assert story.example.metric in {one["name"] for one in story.converted["compared"]}


def test_its_job_is_what_inspect_says(story: Story) -> None:
    manifest = story.place.json("inspect", "job")
    assert manifest == story.converted["manifest"]
    assert (manifest["verified"], manifest["verdict"]) == (True, "identical")
    assert {one["name"]: one["type"] for one in manifest["parameters"]} == story.example.parameters
    assert [(one["path"], one["carried"]) for one in manifest["inputs"]] == [(path, True) for path in story.example.inputs]


def test_its_job_leaves_exploration_and_pictures_out(story: Story) -> None:
    manifest = story.converted["manifest"]
    notebook = nbformat.read(FOLDER / f"{story.example.name}.ipynb", as_version=4)
    assert manifest["cells"] < manifest["cells_total"] == sum(cell.cell_type == "code" for cell in notebook.cells)
    text = (story.job / "notebook.ipynb").read_text(encoding="utf-8")
    assert "plt." not in text
    assert "mlops" not in text


def test_its_job_gives_another_metric_with_another_value(story: Story) -> None:
    assert story.ran["outcome"]["state"] == "succeeded"
    name = story.example.metric
    assert metrics(story.ran["runs"])[name] != metrics(story.tracked["runs"])[name]


def test_its_job_killed_at_a_random_cell_goes_on_from_there(story: Story) -> None:
    resumed = killed_and_resumed(story.place, story.example.given, random.Random(story.example.name))
    assert resumed["outcome"]["state"] == "succeeded"
    assert metrics(resumed["runs"]) == metrics(story.ran["runs"])
    assert printed(story.place.folder / "resumed.ipynb") == printed(story.place.folder / "ran.ipynb")


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
