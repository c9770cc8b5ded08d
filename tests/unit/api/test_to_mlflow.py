"""`mlops export --to mlflow`: what its own client then finds there, once."""

# ruff: noqa: E501 (facts of a run, a kind to a line)

from __future__ import annotations

import math
from pathlib import Path

import pytest

from mlops_jupyter.api.to_mlflow import to_mlflow
from mlops_jupyter.cli import execute
from mlops_jupyter.entities import (
    Column,
    Dataset,
    Fingerprint,
    Metric,
    ModelRef,
    Observation,
    Param,
    Schema,
    StoreError,
)
from mlops_jupyter.entities.runs import Artifact
from mlops_jupyter.store import Store, open_store
from tests.unit.store.story import append, cell, run, session, verdict

mlflow = pytest.importorskip("mlflow", reason="a real MLflow")


@pytest.fixture
def store(own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Two runs: one with all that a run can have, one that is still open."""
    monkeypatch.chdir(tmp_path)  # MLflow puts artifacts into `mlruns` of the folder that it is in
    store = open_store(str(own_home / "store"))
    append(store, session("s1"), cell(1), cell(2), Observation("s1", 2, 0, 1.0, "metric", "auc", value=0.5), verdict("v1", "full", 300.0))
    kept, model = store.put_blob(b"<h1>report</h1>"), store.put_blob(b"weights")
    data = Dataset("flights", Fingerprint("frame", "fp1:xxh3-128:" + "ab" * 16, shape=(3, 1), columns={"delay": "c1"}), "data/f.csv",
                   "X", Schema((Column("delay", "float64"),)))
    full = run(
        "full", started=100.0, ended=200.0, state="finished", name="weekly", user="ann", notebook="a.ipynb", git_commit="abc",
        params=[Param("C", 1.5), Param("C<", "a"), Param("C>", "b"), Param("long", "x" * 9_000), Param("../up", None)],
        metrics=[Metric("auc", 0.9), Metric("loss", 0.1, series=(0.3, 0.2, 0.1)), Metric("f1", 0.5, key="test"), Metric("bad", math.nan)],
        models=[ModelRef("o1", "clf", "sklearn.linear_model.LogisticRegression", blob=model), ModelRef("o2", "clf", "C", blob=kept)], datasets=[data],
        artifacts=[Artifact("../../etc/report.html", kept, 15), Artifact("gone.txt", "sha256:" + "0" * 64)],
        tags={"team": "air", "": "nameless"}, cells=[1, 2], slice_digest="d1",
    )  # fmt: skip
    store.save_runs("s1", [full, run("later", started=300.0)], store.revision("s1"))
    return store


def test_a_run_is_there_as_mlflow_has_it(store: Store, tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/m.db"
    done = to_mlflow([], uri)
    assert (done.written, done.known, done.artifacts) == (2, 0, 3)
    assert done.missing == ["a #1 2-gone.txt"]
    client = mlflow.MlflowClient(uri)
    home = client.get_experiment_by_name("a").experiment_id
    full, later = client.search_runs([home], order_by=["attributes.start_time ASC"])
    assert (full.info.run_name, full.info.status, full.info.start_time, full.info.end_time) == ("weekly", "FINISHED", 100_000, 200_000)
    assert later.info.status == "RUNNING"
    assert full.data.params == {"C": "1.5", "C_": "a", "C__2": "b", "long": "x" * 6_000, "up": "None"}
    assert {name: value for name, value in full.data.metrics.items() if name != "bad"} == {"auc": 0.9, "loss": 0.1, "f1/test": 0.5}
    assert math.isnan(full.data.metrics["bad"])
    assert [one.value for one in client.get_metric_history(full.info.run_id, "loss")] == [0.3, 0.2, 0.1]
    tags = full.data.tags
    assert (tags["team"], tags["mlflow.user"], tags["mlops.run"], tags["mlops.verdict"]) == ("air", "ann", "full", "identical")
    [given] = full.inputs.dataset_inputs
    assert (given.dataset.name, given.dataset.digest, given.dataset.source) == ("flights", "ab" * 16, "data/f.csv")
    assert given.tags[0].value == "X"
    files = {one.path for one in client.list_artifacts(full.info.run_id)}
    assert files == {"1-report.html", "model-clf", "model-2-clf", "mlops-report.html"}
    assert Path(client.download_artifacts(full.info.run_id, "1-report.html")).read_bytes() == b"<h1>report</h1>"


def test_again_doubles_nothing_and_brings_a_new_verdict(store: Store, tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/m.db"
    to_mlflow(["full"], uri)
    append(store, verdict("v2", "full", 400.0, "different"))
    done = to_mlflow(["full", "later"], uri)
    assert (done.written, done.known) == (1, 1)
    client = mlflow.MlflowClient(uri)
    found = client.search_runs([client.get_experiment_by_name("a").experiment_id])
    assert sorted(one.data.tags["mlops.run"] for one in found) == ["full", "later"]
    assert [one.data.tags["mlops.verdict"] for one in found if "mlops.verdict" in one.data.tags] == ["different"]
    assert len(client.get_metric_history(found[-1].info.run_id, "loss")) == 3


@pytest.mark.parametrize("after", ["log_batch", "log_inputs", "log_artifact", "set_terminated", "set_tag"])
def test_an_export_that_was_cut_short_is_written_anew(store: Store, tmp_path: Path, after: str, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = f"sqlite:///{tmp_path}/m.db"

    def cut(*_: object, **__: object) -> None:
        raise ConnectionError("the line broke")

    with monkeypatch.context() as patch:
        patch.setattr(mlflow.MlflowClient, after, cut)
        with pytest.raises(StoreError, match="the line broke"):
            to_mlflow(["full"], uri)
    assert to_mlflow(["full"], uri).written == 1
    client = mlflow.MlflowClient(uri)
    [only] = client.search_runs([client.get_experiment_by_name("a").experiment_id])
    assert len(client.get_metric_history(only.info.run_id, "loss")) == 3


def test_the_command_says_what_it_did_and_what_it_could_not(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    uri = f"sqlite:///{tmp_path}/m.db"
    assert execute(["export", "full", "--to", "mlflow", uri]) == 0
    assert "1 run" in capsys.readouterr().out
    for arguments in (["export"], ["export", "full"], ["export", "--to", "elsewhere", uri], ["export", "--to", "mlflow", uri, "-o", "x"]):
        assert execute(arguments) == 2, arguments
        assert "mlops export" in capsys.readouterr().err, arguments


def test_a_server_that_is_not_there_is_named_without_the_password(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(StoreError, match=r"127\.0\.0\.1:1") as caught:
        to_mlflow([], "http://ann:hunter2@127.0.0.1:1")
    assert "hunter2" not in str(caught.value)
