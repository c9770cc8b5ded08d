"""`mlops export --to mlflow`: runs as MLflow keeps them, for a team that looks there. Doing it again doubles nothing.

A run of ours is known there by the tag `mlops.run`; the tag `mlops.exported` comes last, so a run that lacks it was cut short and
is written anew. What MLflow cannot take (a character in a name, a text that is too long) is made to fit.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, TypeVar

import msgspec

from mlops_jupyter.api.display import Block, Sheet
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.api.reports import page
from mlops_jupyter.api.runs import find_run
from mlops_jupyter.api.words import model_names, plural, without_password
from mlops_jupyter.entities import Dataset, InputError, Ledger, NotFoundError, Run, StoreError
from mlops_jupyter.store.database import DATABASE_ERROR

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput
    from mlflow.entities import Metric as TheirMetric

STATES = {"finished": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}
NAME, PARAM, TAG, BATCH = 250, 6_000, 5_000, 100
"""Most characters of a name, a param's value and a tag's, and most of them in one request: what every MLflow server takes."""
_Item = TypeVar("_Item")
_REFUSED = re.compile(r"[^\w\-. :/]", re.ASCII)


class Exported(msgspec.Struct):
    """Runs that were written, and runs that were there already, of which only the verdict may be new."""

    to: str
    written: int = 0
    known: int = 0
    artifacts: int = 0
    missing: list[str] = []
    """Artifacts whose bytes the store does not have."""


def to_mlflow(runs: Sequence[str], uri: str) -> Exported:
    """Write runs (id, prefix, `#number`; all of the store if none is named) into the MLflow at `uri`."""
    ledger = open_ledger()
    found = [find_run(ledger, run) for run in runs] if runs else list(reversed(ledger.runs()))
    try:
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
    except ImportError:
        raise InputError("mlflow is not installed here", "pip install mlflow") from None
    done = Exported(without_password(uri))
    try:
        client = MlflowClient(tracking_uri=uri)
        for run in found:
            _write(client, ledger, run, done)
    except (MlflowException, OSError, DATABASE_ERROR) as error:
        words = str(error).splitlines()[0].replace(uri, done.to)[:300] if str(error) else ""
        after = f" after {plural(done.written, 'run')}" if done.written else ""
        raise StoreError(f"MLflow at {done.to} did not take it{after}: {words}",
                         "the same command again writes what is missing") from None
    return done


def exported_sheet(done: Exported) -> Sheet:
    """What was written, in words."""
    rows = [["written", plural(done.written, "run")], ["there already", plural(done.known, "run")],
            ["artifacts", str(done.artifacts)]]
    notes = [f"{name}: the store does not have its bytes" for name in done.missing]
    if not done.to.startswith("http"):
        notes.append(f"See it: mlflow ui --backend-store-uri {done.to}")
    return Sheet(f"Exported to {done.to}", [Block(columns=["", ""], rows=rows)], notes)


def _write(client: MlflowClient, ledger: Ledger, run: Run, done: Exported) -> None:
    from mlflow.entities import Param, RunTag

    experiment = client.get_experiment_by_name(run.experiment)
    home = experiment.experiment_id if experiment is not None else client.create_experiment(run.experiment)
    verdict = run.verification.verdict if run.verification is not None else ""
    for other in client.search_runs([home], f"tags.`mlops.run` = '{run.id}'"):
        if other.data.tags.get("mlops.exported"):
            if verdict and other.data.tags.get("mlops.verdict") != verdict:
                client.set_tag(other.info.run_id, "mlops.verdict", verdict)
            done.known += 1
            return
        client.delete_run(other.info.run_id)  # an export that was cut short
    made = client.create_run(home, start_time=_milliseconds(run.started), tags={"mlops.run": run.id}, run_name=_name_of(run))
    target = made.info.run_id
    for some in _some([RunTag(_fit(name), value[:TAG]) for name, value in _tags(run, verdict).items() if value]):
        client.log_batch(target, tags=some)
    for params in _some([Param(_fit(name), str(value)[:PARAM]) for name, value in _params(run).items()]):
        client.log_batch(target, params=params)
    for metrics in _some(list(_metrics(run))):
        client.log_batch(target, metrics=metrics)
    inputs = [_input(dataset) for dataset in run.datasets]
    if inputs:
        client.log_inputs(target, inputs)
    _artifacts(client, ledger, run, target, done)
    if run.state in STATES:
        client.set_terminated(target, STATES[run.state], _milliseconds(run.ended or run.started))
    client.set_tag(target, "mlops.exported", "1")
    done.written += 1


def _name_of(run: Run) -> str:
    return (run.name or f"#{run.number} {run.change or model_names(run)}").strip()[:NAME]


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)


def _fit(name: str) -> str:
    """A name that MLflow takes: it refuses most signs, and paths that lead elsewhere."""
    kept = _REFUSED.sub("_", name)[:NAME].strip()
    parts = [part for part in kept.split("/") if part.strip(". ")]
    return "/".join(parts) or "_"


def _tags(run: Run, verdict: str) -> dict[str, str]:
    models = ", ".join(dict.fromkeys(model.class_name for model in run.models))
    return {
        **run.tags, "mlflow.user": run.user, "mlflow.source.name": run.notebook, "mlflow.source.type": "NOTEBOOK",
        "mlflow.source.git.commit": run.git_commit, "mlops.session": run.session, "mlops.number": str(run.number),
        "mlops.verdict": verdict, "mlops.models": models, "mlops.slice": run.slice_digest, "mlops.environment": run.environment,
        "mlops.change": run.change,
    }  # fmt: skip


def _params(run: Run) -> dict[str, object]:
    """By names that are all different after they were made to fit: of two that become one, the later gets a number."""
    found: dict[str, object] = {}
    for param in run.params:
        name, number = _fit(param.name), 1
        while name in found and found[name] != param.value:
            number += 1
            name = f"{_fit(param.name)[:NAME - 5]}_{number}"
        found[name] = param.value
    return found


def _metrics(run: Run) -> Iterator[TheirMetric]:
    from mlflow.entities import Metric

    at = _milliseconds(run.ended or run.started)
    for metric in run.metrics:
        name = _fit(f"{metric.name}/{metric.key}" if metric.key else metric.name)
        values = metric.series or (metric.value,)
        for step, value in zip(metric.steps or range(len(values)), values, strict=True):
            yield Metric(name, float(value), at, step)


def _input(dataset: Dataset) -> DatasetInput:
    from mlflow.entities import Dataset as TheirDataset
    from mlflow.entities import DatasetInput, InputTag

    mark = dataset.fingerprint
    digest = (mark.digest or "unknown").rpartition(":")[2][:36]
    columns = {} if mark.columns is None else {"columns": list(mark.columns)}
    shape = {} if mark.shape is None else {"shape": list(mark.shape)}
    described = msgspec.json.encode({**shape, **columns}).decode()
    theirs = TheirDataset(
        (dataset.name or dataset.source or "data")[:500], digest, "url" if "://" in dataset.source else "local",
        dataset.source or f"in memory: {dataset.name}", profile=described[:16_000_000],
    )  # fmt: skip
    return DatasetInput(theirs, [InputTag("mlflow.data.context", dataset.role or "input")])


def _artifacts(client: MlflowClient, ledger: Ledger, run: Run, target: str, done: Exported) -> None:
    """What the run kept, and the page that tells how its numbers came about."""
    kept = [(f"{number}-{_file(artifact.name)}", artifact.digest) for number, artifact in enumerate(run.artifacts, 1)]
    for number, model in enumerate(run.models, 1):
        name = f"model-{_file(model.name)}"
        if model.blob:  # of two models of one name, the later has its number
            kept.append((name if name not in dict(kept) else f"model-{number}-{_file(model.name)}", model.blob))
    with tempfile.TemporaryDirectory(prefix="mlops-export-") as folder:
        for name, digest in kept:
            file = Path(folder) / name
            try:
                file.write_bytes(ledger.get_blob(digest))
            except NotFoundError:
                done.missing.append(f"{run.experiment} #{run.number} {name}")
                continue
            client.log_artifact(target, str(file))
            done.artifacts += 1
        report = Path(folder) / "mlops-report.html"
        report.write_text(page(ledger, run.id), encoding="utf-8", errors="backslashreplace")
        client.log_artifact(target, str(report))


def _file(name: str) -> str:
    """The last part of a name, as a file of any system can be called."""
    return _REFUSED.sub("_", PurePosixPath(name.replace("\\", "/")).name)[-100:].replace("/", "_").replace(":", "_") or "artifact"


def _some(items: list[_Item]) -> Iterator[list[_Item]]:
    for start in range(0, len(items), BATCH):
        yield items[start:start + BATCH]
