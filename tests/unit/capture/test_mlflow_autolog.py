"""The user's own `mlflow.log_*` calls are seen; what MLflow does of its own accord is not; `mlflow.autolog()` breaks nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.capture.autolog_notebook import FUNCTIONS, Notebook, kinds

pytest.importorskip("mlflow", reason="MLflow is not installed")

SETUP = """
import mlflow, numpy as np
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
X, y = make_classification(200, 4, random_state=0)
"""


@pytest.fixture(scope="module")
def tracking_store(tmp_path_factory):
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"  # made once: that takes seconds


@pytest.fixture
def notebook(tracking_store, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.chdir(tmp_path)
    made = Notebook()
    made.run(SETUP)
    made.run(f"mlflow.set_tracking_uri({tracking_store!r})\nexperiment = mlflow.set_experiment({tmp_path.name!r})")
    yield made
    made.run("while mlflow.active_run(): mlflow.end_run()")
    made.close()


def test_what_the_user_logs_is_logged(notebook, tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    drafts = notebook.run("""
        mlflow.start_run(run_name="first", tags={"team": "a"})
        mlflow.log_param("lr", 0.1)
        mlflow.log_params({"depth": 3, "kind": "tree"})
        for step in range(2):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        mlflow.log_metrics({"auc": np.float64(0.9), "f1": 0.8})
        mlflow.set_tag("state", "good")
        mlflow.log_artifact("notes.txt")
        mlflow.log_text("x", "more.txt")
        mlflow.end_run()
    """)
    assert [(draft.kind, draft.name, draft.value) for draft in drafts] == [
        ("start-run", "first", None), ("tag", "team", "a"), ("param", "lr", 0.1), ("param", "depth", 3),
        ("param", "kind", "tree"), ("metric", "loss", 1.0), ("metric", "loss", 0.5), ("metric", "auc", 0.9),
        ("metric", "f1", 0.8), ("tag", "state", "good"),
        ("artifact", "notes.txt", None), ("artifact", "more.txt", None), ("end-run", "", None)]  # fmt: skip
    assert [draft.step for draft in drafts if draft.name == "loss"] == [0, 1]
    assert all(draft.logged for draft in drafts)
    assert next(draft for draft in drafts if draft.name == "notes.txt").fingerprint.nbytes == 5


def test_a_block_is_a_run_that_ends_before_what_follows(notebook):
    drafts = notebook.run("""
        with mlflow.start_run(run_name="one"):
            m = LogisticRegression().fit(X, y)
            mlflow.log_metric("auc", roc_auc_score(y, m.predict_proba(X)[:, 1]))
        other = LogisticRegression(C=2).fit(X, y)
        with mlflow.start_run() as run:
            mlflow.log_param("a", 1)
    """)
    made_up = notebook.shell.user_ns["run"].info.run_name
    assert kinds(drafts) == [
        ("start-run", "one"), ("model", "m"), ("metric", "roc_auc_score[y]"), ("metric", "auc"), ("end-run", ""),
        ("model", "other"), ("start-run", made_up), ("param", "a"), ("end-run", "")]  # fmt: skip
    assert drafts[3].models == [notebook.key(drafts[1])]


def test_a_block_that_fails_has_ended_too(notebook):
    with pytest.raises(ZeroDivisionError):
        notebook.run("with mlflow.start_run(run_name='bad'):\n    1 / 0")
    assert kinds(notebook.drafts) == [("start-run", "bad"), ("end-run", "")]


def test_nested_runs_say_so(notebook):
    drafts = notebook.run("""
        with mlflow.start_run(run_name="parent"):
            for depth in (1, 2):
                with mlflow.start_run(run_name=f"child {depth}", nested=True):
                    mlflow.log_metric("auc", depth / 10)
            mlflow.log_metric("best", 0.2)
    """)
    assert kinds(drafts) == [
        ("start-run", "parent"), ("start-run", "child 1"), ("metric", "auc"), ("end-run", ""), ("start-run", "child 2"),
        ("metric", "auc"), ("end-run", ""), ("metric", "best"), ("end-run", "")]  # fmt: skip
    assert [draft.details.get("nested", "") for draft in drafts if draft.kind == "start-run"] == ["", "yes", "yes"]


def test_a_logged_model_belongs_to_its_fit(notebook):
    drafts = notebook.run("""
        m = LogisticRegression().fit(X, y)
        with mlflow.start_run(run_name="kept"):
            mlflow.sklearn.log_model(m, name="clf", pip_requirements=[], serialization_format="pickle")
    """)
    fit, _, kept, _ = drafts
    assert [(kept.kind, kept.name, kept.logged), kept.models] == [("model", "m", True), [notebook.key(fit)]]
    assert kept.details["uri"].startswith("models:/")


def test_autolog_breaks_nothing_and_doubles_nothing():
    """In a process of its own: what MLflow has patched stays patched."""
    cases = Path(__file__).with_name("mlflow_patches.py")
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", str(cases)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


def test_logging_from_a_function_is_seen_where_the_interpreter_can(notebook):
    drafts = notebook.run("""
        def report(value):
            mlflow.log_metric("auc", value)
        with mlflow.start_run(run_name="f"):
            report(0.7)
    """)
    assert ("metric", "auc") in kinds(drafts) if FUNCTIONS else kinds(drafts) == [("start-run", "f"), ("end-run", "")]
