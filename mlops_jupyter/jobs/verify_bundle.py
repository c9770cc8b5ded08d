"""The clean run that ends a conversion: the bundle, as it is on disk, must bring back what was recorded.

A job whose draws nobody seeded may not bring back the recorded values: then its first clean run becomes its reference, says so,
and a second one must repeat it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from mlops_jupyter.config import Settings
from mlops_jupyter.entities import Fingerprint, JobManifest, JobResult, Origin, Outcome, ResultVerdict
from mlops_jupyter.entities.runs import VerdictWord
from mlops_jupyter.jobs import bundle as bundles
from mlops_jupyter.jobs.progress import Progress
from mlops_jupyter.jobs.recording import Recorded, private_folder, private_options, read_recorded
from mlops_jupyter.jobs.reference import (
    ExpectedMetric,
    Reference,
    compare_content,
    compare_metrics,
    encode_reference,
    metrics_of,
    recorded_file,
    recorded_fingerprint,
    worst,
)
from mlops_jupyter.jobs.run import RunOptions, run_bundle


class BundleVerdict(msgspec.Struct):
    """What the clean run of a bundle found. The manifest is that on disk afterwards."""

    verdict: VerdictWord
    results: list[ResultVerdict]
    outcome: Outcome
    manifest: JobManifest

    @property
    def reproduced(self) -> bool:
        """True if every result came back."""
        return self.verdict in {"identical", "within tolerance"}


def verify_bundle(folder: str | Path, *, progress: Callable[[Progress], None] | None = None,
                  cancel: threading.Event | None = None) -> BundleVerdict:
    """Run the bundle clean, compare, and write the verdict into its job.yaml."""
    bundle = bundles.load(folder)
    made = _run_and_compare(bundle, progress, cancel)
    if made.outcome.state == "succeeded" and not made.reproduced and bundle.manifest.seed is not None:
        _adopt(bundle, made.found)
        made = _run_and_compare(bundle, progress, cancel)
        made.results = [msgspec.structs.replace(one, detail=one.detail or "against its own first run") for one in made.results]
    manifest = bundles.set_verdict(bundle, made.verdict, time.time(), verified=made.reproduced)
    return BundleVerdict(made.verdict, made.results, made.outcome, manifest)


class _Clean(msgspec.Struct):
    """One clean run, compared."""

    verdict: VerdictWord
    results: list[ResultVerdict]
    outcome: Outcome
    found: Recorded

    @property
    def reproduced(self) -> bool:
        return self.verdict in {"identical", "within tolerance"}


def _run_and_compare(bundle: bundles.Bundle, progress: Callable[[Progress], None] | None,
                     cancel: threading.Event | None) -> _Clean:
    found, outcome = _run(bundle, progress, cancel)
    if outcome.state != "succeeded":
        names = [result.name for result in bundle.manifest.results] or [bundle.manifest.name]
        return _Clean("failed", [ResultVerdict(name, "failed", detail=outcome.error) for name in names], outcome, found)
    results = _compare(bundle, found)
    return _Clean(worst(results) if results else "identical", results, outcome, found)


def _run(bundle: bundles.Bundle, progress: Callable[[Progress], None] | None,
         cancel: threading.Event | None) -> tuple[Recorded, Outcome]:
    with private_folder() as folder:
        track = private_options(folder, Origin(job=bundle.manifest.digest, run=bundle.manifest.made_from_run))
        ran = run_bundle(bundle.folder, options=RunOptions(
            output=folder / "output.ipynb", work=folder / "work", progress=progress, cancel=cancel, track=track,
        ))
        return read_recorded(folder), ran.outcome


def _compare(bundle: bundles.Bundle, found: Recorded) -> list[ResultVerdict]:
    reference = bundle.reference()
    expected = {(each.name, each.key): each.values for each in reference.metrics}
    verdicts = compare_metrics(expected, metrics_of(found.observations), Settings.current().tolerance)
    return verdicts + [compare_content(result.name, reference.contents.get(result.name), _content(result, found))
                       for result in _contents(bundle.manifest.results)]


def _content(result: JobResult, found: Recorded) -> Fingerprint | None:
    last = max((execution.n for execution in found.executions), default=0)
    read = recorded_file if result.kind == "file" else recorded_fingerprint
    return read(result.name, last, found.executions)


def _contents(results: Sequence[JobResult]) -> list[JobResult]:
    return [result for result in results if result.kind != "metric"]


def _adopt(bundle: bundles.Bundle, found: Recorded) -> None:
    """Take the reference, and the values of the results, from the job's own first clean run."""
    metrics = metrics_of(found.observations)
    contents: dict[str, str] = {}
    for result in _contents(bundle.manifest.results):
        mark = _content(result, found)
        if mark is not None and mark.digest and mark.coverage == 1.0:
            contents[result.name] = mark.digest
    reference = Reference([ExpectedMetric(name, key, values) for (name, key), values in metrics.items()], contents)
    results = [msgspec.structs.replace(result, value=metrics[result.name, result.key][-1], digest="")
               if (result.name, result.key) in metrics and result.kind == "metric"
               else msgspec.structs.replace(result, digest=contents.get(result.name, "")) for result in bundle.manifest.results]
    bundles.set_reference(bundle, msgspec.structs.replace(bundle.manifest, results=results), encode_reference(reference))
