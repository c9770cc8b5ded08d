"""The `mlops` command as a user meets it: the main job by commands, exit codes, and one clear error for each bad input.

Commands run in this process, through the function that the script calls and that decides the exit code; `as_process` runs the
script itself, so that each exit code is also seen from outside. All who only look share one tracked notebook and its job.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import nbformat
import pytest

from mlops_jupyter.cli import execute
from mlops_jupyter.config import Settings

MLOPS = [sys.executable, "-c", "from mlops_jupyter.cli import main; main()"]
SOURCES = {
    "imports": "import numpy as np\nfrom sklearn.datasets import make_classification\nfrom sklearn.linear_model import "
               "LogisticRegression\nfrom sklearn.metrics import roc_auc_score\nfrom helper import split",
    "parameters": "C = 0.1\nsamples = 400",
    "data": "X, y = make_classification(n_samples=samples, random_state=0)\nX_train, X_test, y_train, y_test = split(X, y)",
    "look": "print(X.mean(axis=0)[:3])\nnp.corrcoef(X.T)[0, 1]",
    "fit": "model = LogisticRegression(C=C, max_iter=500).fit(X_train, y_train)",
    "score": "auc = roc_auc_score(y_test, model.predict_proba(X_test)[:, 1])\nprint(f'AUC {auc:.3f}')",
}
HELPER = "def split(X, y, share=0.75):\n    cut = int(len(X) * share)\n    return X[:cut], X[cut:], y[:cut], y[cut:]\n"


def write_notebook(path: Path, sources: dict[str, str]) -> Path:
    cells = [nbformat.v4.new_code_cell(source, id=name) for name, source in sources.items()]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)
    return path


class Place:
    """A folder with a notebook, a store of its own, and the command run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "MLOPS_STORE": str(folder / "store"), "MLOPS_STATE": str(folder / "state"),
                            "IPYTHONDIR": str(folder / "ipython")}
        self.environment.pop("MLOPS_TESTING", None)

    def mlops(self, *arguments: str, code: int | None = 0, as_process: bool = False) -> subprocess.CompletedProcess[str]:
        done = self._process(arguments) if as_process else self._here(arguments)
        assert "Traceback" not in done.stderr, done.stderr
        if code is not None:
            assert done.returncode == code, f"{arguments} exited {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def _process(self, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*MLOPS, *arguments], cwd=self.folder, env=self.environment, capture_output=True, text=True,
                              check=False, stdin=subprocess.DEVNULL)

    def _here(self, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
        out, error = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, contextlib.chdir(self.folder):
            for name in ("MLOPS_STORE", "MLOPS_STATE", "IPYTHONDIR"):
                patch.setenv(name, self.environment[name])
            patch.delenv("MLOPS_TESTING", raising=False)
            patch.setattr(sys, "stdin", io.StringIO())
            Settings.clear_instance()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
                code = execute(arguments)
        Settings.clear_instance()
        return subprocess.CompletedProcess([*MLOPS, *arguments], code, out.getvalue(), error.getvalue())

    def json(self, *arguments: str) -> object:
        return json.loads(self.mlops(*arguments, "--json").stdout)


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A notebook that was tracked once and made a job."""
    place = Place(tmp_path_factory.mktemp("cli"))
    write_notebook(place.folder / "nb.ipynb", SOURCES)
    (place.folder / "helper.py").write_text(HELPER)
    before = (place.folder / "nb.ipynb").read_bytes()
    place.mlops("track", "nb.ipynb", as_process=True)
    assert (place.folder / "nb.ipynb").read_bytes() == before
    place.mlops("convert", "nb.ipynb", "-o", "job")
    return place


def test_version_and_help_answer_without_loading_the_house() -> None:
    code = ("import sys; from mlops_jupyter.cli import execute; execute(['--help']); "
            "print([name for name in ('rich', 'msgspec', 'sqlalchemy', 'nbformat', 'papermill', 'IPython') "
            "if name in sys.modules])")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_runs_list_as_json_gives_whole_runs(tracked: Place) -> None:
    (run,) = [run for run in tracked.json("runs", "list", "--notebook", "nb.ipynb") if run["origin"] is None]
    assert [metric["name"] for metric in run["metrics"]] == ["auc"]
    assert {"C": 0.1, "max_iter": 500}.items() <= {param["name"]: param["value"] for param in run["params"]}.items()
    assert run["models"][0]["class_name"].endswith("LogisticRegression")
    assert run["datasets"]
    assert run["environment"]
    assert run["python"] == ".".join(str(part) for part in sys.version_info[:3])
    assert run["packages"] > 10
    assert run["state"] == "finished"


def test_why_leaves_exploration_out(tracked: Place) -> None:
    answer = tracked.json("why", "auc", "--notebook", "nb.ipynb")
    assert answer["result"] == "auc"
    assert [cell["id"] for cell in answer["cells"]] == ["imports", "parameters", "data", "fit", "score"]
    assert set(answer["cells"][0]) == {"id", "n", "source"}


def test_sessions_show_lists_executions_in_the_promised_shape(tracked: Place) -> None:
    session = tracked.json("sessions", "list", "--notebook", "nb.ipynb")[-1]
    rows = tracked.json("sessions", "show", session["id"])
    assert [row["cell"] for row in rows] == list(SOURCES)
    assert all(set(row) == {"n", "cell", "source", "state", "started", "seconds"} for row in rows)
    assert {row["state"] for row in rows} == {"ok"}


def test_nothing_is_stale_until_a_cell_is_edited(tracked: Place) -> None:
    edited = write_notebook(tracked.folder / "copy.ipynb", SOURCES)
    tracked.mlops("track", "copy.ipynb")
    assert tracked.json("stale", "copy.ipynb") == []
    write_notebook(edited, {**SOURCES, "parameters": "C = 0.2\nsamples = 400"})
    found = {cell["id"]: cell["reason"] for cell in tracked.json("stale", "copy.ipynb")}
    assert {"parameters", "fit", "score"} <= set(found)
    assert all(found.values())


def test_the_environment_is_exported_as_lock_and_as_requirements(tracked: Place) -> None:
    session = tracked.json("sessions", "list")[0]["id"]
    tracked.mlops("sessions", "export", session, "-o", "pylock.toml")
    tracked.mlops("sessions", "export", session, "-o", "requirements.txt")
    assert 'lock-version = "1.0"' in (tracked.folder / "pylock.toml").read_text()
    assert "numpy==" in (tracked.folder / "requirements.txt").read_text()
    tracked.mlops("sessions", "export", session, "-o", "pylock.toml", code=2)


def test_a_session_is_replayed_whole_or_up_to_an_execution(tracked: Place) -> None:
    session = tracked.json("sessions", "list", "--notebook", "nb.ipynb")[-1]["id"]
    again = tracked.json("sessions", "replay", session, "-o", "again.ipynb")
    assert again["verdict"] == "identical"
    assert {"auc", "X", "y_test", "model", "C"} <= {result["name"] for result in again["results"]}
    sources = [cell.source for cell in nbformat.read(tracked.folder / "again.ipynb", 4).cells]
    assert [source for source in sources if source] == list(SOURCES.values())
    half = tracked.json("sessions", "replay", session, "--to", "3")
    assert {result["name"] for result in half["results"]} >= {"X", "samples"}
    assert "model" not in {result["name"] for result in half["results"]}
    tracked.mlops("sessions", "replay", session, "-o", "again.ipynb", code=2)


def test_verify_says_identical_and_keeps_the_verdict(tracked: Place) -> None:
    run = next(run for run in tracked.json("runs", "list") if run["origin"] is None and run["notebook"].endswith("nb.ipynb"))
    assert tracked.json("verify", run["id"])["verdict"] == "identical"
    assert tracked.json("runs", "show", run["id"])["verification"]["verdict"] == "identical"


def test_the_job_keeps_fewer_cells_and_was_verified(tracked: Place) -> None:
    manifest = tracked.json("inspect", "job")
    assert manifest["cells"] < manifest["cells_total"] == len(SOURCES)
    assert manifest["verified"] is True
    assert {parameter["name"] for parameter in manifest["parameters"]} == {"C", "samples"}
    assert "helper" in manifest["modules"]


def test_a_run_is_starred_tagged_and_pinned(tracked: Place) -> None:
    key = tracked.json("runs", "list")[0]["id"]
    assert tracked.json("runs", "star", key)["starred"] is True
    assert tracked.json("runs", "tag", key, "paper", "kind=best")["tags"] == {"paper": "", "kind": "best"}
    assert tracked.json("runs", "baseline", key)["baseline"] is True
    assert [one["id"] for one in tracked.json("runs", "list", "--starred")] == [key]
    assert "★ baseline" in tracked.mlops("runs", "list").stdout
    assert tracked.json("runs", "tag", key, "--remove", "paper", "--remove", "kind")["tags"] == {}
    tracked.mlops("runs", "baseline", key, "--off")
    tracked.mlops("runs", "star", key, "--off")
    assert tracked.json("runs", "list", "--starred") == []


def test_a_job_runs_with_other_parameters_and_gives_other_metrics(tracked: Place) -> None:
    done = tracked.json("run", "job", "-p", "samples=200")
    assert done["outcome"]["state"] == "succeeded"
    assert Path(done["output"]).exists()
    shown = tracked.json("runs", "show", done["runs"][0]["id"])
    assert shown["origin"]["parameters"] == {"C": 0.1, "samples": 200}
    assert shown["change"] == "samples 400→200"
    assert shown["metrics"][0]["value"] != tracked.json("inspect", "job")["results"][0]["value"]


def test_a_run_is_deleted_restored_and_compared(tracked: Place) -> None:
    tracked.mlops("run", "job", "-p", "C=5.0")
    run = tracked.json("runs", "list")[0]
    tracked.mlops("runs", "delete", run["id"])
    assert run["id"] not in [one["id"] for one in tracked.json("runs", "list")]
    assert run["id"] in [one["id"] for one in tracked.json("runs", "list", "--deleted")]
    tracked.mlops("runs", "restore", run["id"])
    found = tracked.json("runs", "diff", tracked.json("runs", "list")[-1]["id"], run["id"])
    assert "C" in [change["name"] for change in found["params"]]
    tracked.mlops("forget", run["id"], code=2)
    tracked.mlops("forget", run["id"], "--yes")
    tracked.mlops("runs", "show", run["id"], code=2)


def test_the_newest_run_is_first_everywhere(tracked: Place) -> None:
    found = tracked.json("runs", "list")
    assert [run["number"] for run in found] == sorted((run["number"] for run in found), reverse=True)


def test_inspect_says_whether_the_job_is_still_what_the_notebook_says(tracked: Place, tmp_path: Path) -> None:
    assert tracked.json("inspect", "job", "--against", "nb.ipynb") == []
    edited = write_notebook(tmp_path / "edited.ipynb", {**SOURCES, "look": "1", "fit": SOURCES["fit"].replace("500", "600")})
    done = tracked.mlops("inspect", "job", "--against", str(edited), "--json", code=1)
    assert "fit" in {cell["id"] for cell in json.loads(done.stdout)}
    assert "look" not in done.stdout
    assert "mlops convert" in done.stderr


def test_a_job_handed_to_this_machine_is_watched_to_its_end(tracked: Place) -> None:
    made = json.loads(tracked.mlops("submit", "job", "--to", "local", "-p", "samples=200", "--json").stdout)
    for _ in range(600):
        shown = tracked.json("submissions", "show", made["id"][:14])
        if shown["state"] not in {"queued", "running"}:
            break
        time.sleep(0.1)
    assert shown["state"] == "succeeded", shown
    assert shown["parameters"] == {"samples": 200}
    assert "auc" in tracked.mlops("submissions", "logs", made["id"]).stdout
    assert [one["state"] for one in tracked.json("submissions", "list")] == ["succeeded"]
    assert "succeeded" in tracked.mlops("submissions", "cancel", made["id"], code=2).stderr


def test_a_forgotten_dataset_leaves_no_trace_of_its_content(tracked: Place, tmp_path: Path) -> None:
    place = Place(tmp_path)
    shutil.copytree(tracked.folder / "store", tmp_path / "store")
    session = place.json("sessions", "list")[-1]["id"]
    place.mlops("forget", "X", code=2)
    place.mlops("forget", "X", "--yes")
    with closing(sqlite3.connect(tmp_path / "store" / "ledger.db")) as database:
        bodies = [json.loads(body) for (body,) in database.execute("select body from executions where session = ?", [session])]
    made = [version for body in bodies for version in body.get("writes", []) if version["name"] == "X"]
    assert made
    assert not [version for version in made if "digest" in version["fingerprint"]]
    assert not [body for body in bodies if body["cell"] in {"look", "score"} and body.get("outputs")]


def test_doctor_finds_store_outboxes_and_kernels(tracked: Place) -> None:
    found = {check["name"]: check for check in tracked.json("doctor")["checks"]}
    assert found["store"]["state"] == "ok"
    assert "outboxes" in found
    assert any(name.startswith("kernel ") for name in found)


def broken(text: bytes | str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())

    return write


def notebook_text(**fields: object) -> str:
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": "x = 1", "outputs": [], "execution_count": None}
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell], **fields})


TWICE = [{"cell_type": "code", "id": "same", "metadata": {}, "source": "1", "outputs": [], "execution_count": None}] * 2
BAD_NOTEBOOKS = {
    "no JSON": (broken("just text"), "not a notebook"),
    "other JSON": (broken("[1, 2]"), "not a notebook"),
    "version 3": (broken(notebook_text(nbformat=3, worksheets=[])), "format 3"),
    "duplicate ids": (broken(notebook_text(cells=TWICE)), "same"),
    "invalid UTF-8": (broken(notebook_text().encode().replace(b"x = 1", b"x = '\xff'")), "UTF-8"),
    "asks for input": (broken(notebook_text().replace("x = 1", "name = input()")), "input()"),
}


@pytest.mark.parametrize("command", ["track", "convert"])
@pytest.mark.parametrize("kind", BAD_NOTEBOOKS)
def test_a_bad_notebook_is_one_error_and_leaves_nothing(tmp_path: Path, kind: str, command: str) -> None:
    place = Place(tmp_path)
    write, said = BAD_NOTEBOOKS[kind]
    write(tmp_path / "bad.ipynb")
    done = place.mlops(command, "bad.ipynb", *(["-o", "job"] if command == "convert" else []), code=2)
    assert said in done.stderr
    assert "→" in done.stderr
    assert not (tmp_path / "job").exists()
    assert place.json("sessions", "list") == []


@pytest.mark.parametrize(("arguments", "said"), [
    (["track", "gone.ipynb"], "gone.ipynb"),
    (["convert", "gone.ipynb", "-o", "new"], "gone.ipynb"),
    (["convert", "nb.ipynb", "-o", "new", "--result", "acu"], "auc"),
    (["convert", "nb.ipynb", "-o", "new", "--parameter", "nope"], "'nope'"),
    (["convert", "-o", "new"], "NOTEBOOK"),
    (["convert", "nb.ipynb", "-o", "job"], "job"),
    (["convert", "nb.ipynb", "-o", "helper.py"], "helper.py"),
    (["inspect", "nowhere"], "nowhere"),
    (["run", "nowhere"], "nowhere"),
    (["run", "job", "-p", "nope=1"], "'nope'"),
    (["run", "job", "-p", "samples=many"], "many"),
    (["run", "job", "-p", "samples=__import__('os').getpid()"], "samples"),
    (["run", "job", "-p", "not an identifier=1"], "not an identifier"),
    (["run", "job", "-p", "samples"], "samples"),
    (["run", "job", "-p", "C=1", "-p", "C=2"], "twice"),
    (["run", "job", "-i", "nope=file"], "nope"),
    (["runs", "show", "nope"], "nope"),
    (["runs", "diff", "nope", "nope"], "nope"),
    (["runs", "restore", "nope"], "nope"),
    (["sessions", "show", "nope"], "nope"),
    (["sessions", "export", "nope"], "nope"),
    (["verify", "acu"], "auc"),
    (["why", "acu"], "auc"),
    (["submit", "job", "--to", "mars"], "mars"),
    (["nope"], "nope"),
    (["runs", "list", "--limit", "0"], "limit"),
    (["submissions", "show", "nope"], "nope"),
    (["submissions", "cancel", "nope"], "nope"),
    (["inspect", "job", "--against", "gone.ipynb"], "gone.ipynb"),
    (["forget", "nope", "--yes"], "nope"),
])
def test_bad_input_is_one_error_with_a_remedy(tracked: Place, arguments: list[str], said: str) -> None:
    before = sorted(path for path in tracked.folder.iterdir())
    done = tracked.mlops(*arguments, code=2)
    assert said in done.stderr
    assert "→" in done.stderr
    assert done.stdout == ""
    assert sorted(path for path in tracked.folder.iterdir()) == before


def test_a_bundle_that_was_edited_is_refused(tracked: Place, tmp_path: Path) -> None:
    shutil.copytree(tracked.folder / "job", tmp_path / "job")
    notebook = tmp_path / "job" / "notebook.ipynb"
    notebook.write_text(notebook.read_text().replace("max_iter=500", "max_iter=5"))
    for command in ("run", "inspect"):
        done = tracked.mlops(command, str(tmp_path / "job"), code=2)
        assert "digest" in done.stderr


def test_a_notebook_that_fails_says_which_cell_and_exits_1(tmp_path: Path) -> None:
    place = Place(tmp_path)
    write_notebook(tmp_path / "bad.ipynb", {"a": "x = 1", "b": "x / 0"})
    done = place.mlops("track", "bad.ipynb", code=1, as_process=True)
    assert "cell 2" in done.stderr
    assert "ZeroDivisionError: division by zero" in done.stderr
    done = place.mlops("convert", "bad.ipynb", "-o", "job", "--result", "x", code=1)
    assert "ZeroDivisionError" in done.stderr
    assert not (tmp_path / "job").exists()


def test_a_job_that_does_not_reproduce_exits_1_and_is_marked(tmp_path: Path) -> None:
    place = Place(tmp_path)
    source = "import time\nfrom sklearn.metrics import mean_squared_error\nscore = mean_squared_error([0.0], [time.time()])"
    write_notebook(tmp_path / "nb.ipynb", {"a": source})
    done = place.mlops("convert", "nb.ipynb", "-o", "job", code=1)
    assert "score" in done.stderr
    assert place.json("inspect", "job")["verified"] is False


def test_an_unverified_job_is_not_submitted_without_a_flag(tracked: Place, tmp_path: Path) -> None:
    job, before = str(tmp_path / "job"), tracked.json("submissions", "list")
    tracked.mlops("convert", "nb.ipynb", "-o", job, "--no-verify")
    assert tracked.json("inspect", job)["verdict"] == "unverified"
    assert "unverified" in tracked.mlops("submit", job, "--to", "local", code=2).stderr
    assert tracked.json("submissions", "list") == before


def test_a_store_that_is_a_file_exits_3(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("no folder")
    done = Place(tmp_path).mlops("runs", "list", code=3, as_process=True)
    assert str(tmp_path / "store") in done.stderr


def test_the_store_option_names_another_store(tracked: Place, tmp_path: Path) -> None:
    done = tracked.mlops("--store", str(tmp_path / "other"), "runs", "list", "--json")
    assert json.loads(done.stdout) == []


def test_something_unexpected_is_said_in_one_line(tracked: Place) -> None:
    done = tracked.mlops("runs", "list", "--experiment", "\udcff", code=None)
    assert done.returncode in {1, 2}
    assert done.stderr.startswith("mlops: ")


def test_a_store_of_a_newer_schema_exits_3_before_anything_runs(tmp_path: Path) -> None:
    place = Place(tmp_path)
    write_notebook(tmp_path / "nb.ipynb", {"a": "open('ran', 'w').close()"})
    place.mlops("runs", "list")
    with closing(sqlite3.connect(tmp_path / "store" / "ledger.db")) as database, database:
        database.execute("update alembic_version set version_num = '9999'")
    for arguments in (["track", "nb.ipynb"], ["runs", "list"], ["doctor"]):
        assert "9999" in place.mlops(*arguments, code=3, as_process=True).stderr
    assert not (tmp_path / "ran").exists()
