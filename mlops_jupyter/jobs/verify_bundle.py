"""Clean runs of a bundle: as it is on disk, it must bring back what was recorded. The first one ends a conversion.

A job whose draws nobody seeded may not bring back the recorded values: then its first clean run becomes its reference, says so,
and a second one must repeat it. Several clean runs tell how far apart two of them are, and so what to tolerate.
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
from mlops_jupyter.jobs import values
from mlops_jupyter.jobs.environments import Where
from mlops_jupyter.jobs.progress import Progress
from mlops_jupyter.jobs.recording import Recorded, private_folder, private_options, read_recorded
from mlops_jupyter.jobs.reference import (
    WORST_LAST,
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
from mlops_jupyter.jobs.tolerances import Spread, spreads, tolerances

HOLDS = frozenset({"identical", "within tolerance"})


class CleanOptions(msgspec.Struct, kw_only=True):
    """How to run clean: so often, where, heard by whom."""

    repeat: int = 1
    where: Where = Where()
    progress: Callable[[Progress], None] | None = None
    cancel: threading.Event | None = None
    values: bool = False
    """Whether to keep the values of the tables that tell what the job does."""


class BundleVerdict(msgspec.Struct):
    """What the clean runs of a bundle found. The manifest is that on disk afterwards; `spreads` where there were several."""

    verdict: VerdictWord
    results: list[ResultVerdict]
    outcome: Outcome
    manifest: JobManifest
    spreads: list[Spread] = []
    differs: list[str] = []
    """How the environment differed from the lock."""

    @property
    def reproduced(self) -> bool:
        """True if every result came back."""
        return self.verdict in HOLDS


class Clean(msgspec.Struct):
    """One clean run: what was recorded, how it ended, the values of the tables that tell what the job does."""

    found: Recorded
    outcome: Outcome
    differs: list[str]
    values: dict[str, values.Columns] = {}


def verify_bundle(folder: str | Path, options: CleanOptions | None = None) -> BundleVerdict:
    """Run the bundle clean, compare, and write the verdict, and the tolerances that several runs propose, into its job.yaml."""
    bundle = bundles.load(folder)
    options = options or CleanOptions()
    runs = _clean_runs(bundle, options, options.repeat)
    outcome = runs[-1].outcome
    found: list[Spread] = []
    if outcome.state == "succeeded" and options.repeat > 1:
        found = spreads([metrics_of(run.found.observations) for run in runs], Settings.current().tolerance)
        bundle.manifest = msgspec.structs.replace(bundle.manifest, tolerances=tolerances(found))
    results = _judged(bundle, runs)
    # a reference that a clean run once gave is kept: another one would make every later verification hold
    first = bundle.manifest.seed is not None and bundle.manifest.verified_at is None
    if first and outcome.state == "succeeded" and worst(results) not in HOLDS:
        _adopt(bundle, runs[0].found)
        runs = runs[1:] or _clean_runs(bundle, options, 1)
        outcome = runs[-1].outcome
        results = [msgspec.structs.replace(one, detail=one.detail or "against its own first run")
                   for one in _judged(bundle, runs)]
    verdict: VerdictWord = worst(results) if results else "identical"
    if outcome.state != "cancelled":  # which is no verdict
        bundles.set_verdict(bundle, verdict, time.time(), verified=verdict in HOLDS)
    return BundleVerdict(verdict, results, outcome, bundle.manifest, found, runs[-1].differs)


def _clean_runs(bundle: bundles.Bundle, options: CleanOptions, count: int) -> list[Clean]:
    """So many clean runs; fewer if one did not succeed, which then is the last."""
    runs: list[Clean] = []
    while len(runs) < count and (not runs or runs[-1].outcome.state == "succeeded"):
        runs.append(clean_run(bundle, options))
    return runs


def clean_run(bundle: bundles.Bundle, options: CleanOptions) -> Clean:
    """Run the bundle once, recorded for the comparison only."""
    with private_folder() as folder:
        def after() -> str:
            so_far = read_recorded(folder)
            return values.expression(values.watched(bundle.manifest.results, so_far.executions, so_far.observations), folder)

        track = private_options(folder, Origin(job=bundle.manifest.digest, run=bundle.manifest.made_from_run))
        ran = run_bundle(bundle.folder, options=RunOptions(
            output=folder / "output.ipynb", work=folder / "work", progress=options.progress, cancel=options.cancel, track=track,
            where=options.where, after=after if options.values else None,
        ))
        return Clean(read_recorded(folder), ran.outcome, ran.differs, values.read(folder))


def _judged(bundle: bundles.Bundle, runs: Sequence[Clean]) -> list[ResultVerdict]:
    """Each result's verdict in the run in which it is worst; those of the last run, if that failed."""
    if runs[-1].outcome.state != "succeeded":
        return compare_clean(bundle, runs[-1])
    found = zip(*(compare_clean(bundle, run) for run in runs), strict=True)
    return [max(each, key=lambda one: WORST_LAST.index(one.verdict)) for each in found]


def compare_clean(bundle: bundles.Bundle, run: Clean) -> list[ResultVerdict]:
    """What one clean run brought back, beside the bundle's reference."""
    if run.outcome.state != "succeeded":
        names = [result.name for result in bundle.manifest.results] or [bundle.manifest.name]
        return [ResultVerdict(name, "failed", detail=run.outcome.error) for name in names]
    reference = bundle.reference()
    expected = {(each.name, each.key): each.values for each in reference.metrics}
    own = {name: tolerance.value for name, tolerance in bundle.manifest.tolerances.items()}
    verdicts = compare_metrics(expected, metrics_of(run.found.observations), Settings.current().tolerance, own)
    return verdicts + [compare_content(result.name, reference.contents.get(result.name), content(result, run.found))
                       for result in contents(bundle.manifest.results)]


def content(result: JobResult, found: Recorded) -> Fingerprint | None:
    """What a clean run gave for a result that is no metric; None if it did not make it."""
    last = max((execution.n for execution in found.executions), default=0)
    read = recorded_file if result.kind == "file" else recorded_fingerprint
    return read(result.name, last, found.executions)


def contents(results: Sequence[JobResult]) -> list[JobResult]:
    """The results that are compared by content."""
    return [result for result in results if result.kind != "metric"]


def _adopt(bundle: bundles.Bundle, found: Recorded) -> None:
    """Take the reference, and the values of the results, from the job's own first clean run."""
    metrics = metrics_of(found.observations)
    marks: dict[str, str] = {}
    for result in contents(bundle.manifest.results):
        mark = content(result, found)
        if mark is not None and mark.digest and mark.coverage == 1.0:
            marks[result.name] = mark.digest
    reference = Reference([ExpectedMetric(name, key, series) for (name, key), series in metrics.items()], marks)
    results = [msgspec.structs.replace(result, value=metrics[result.name, result.key][-1], digest="")
               if (result.name, result.key) in metrics and result.kind == "metric"
               else msgspec.structs.replace(result, digest=marks.get(result.name, "")) for result in bundle.manifest.results]
    bundles.set_reference(bundle, msgspec.structs.replace(bundle.manifest, results=results), encode_reference(reference))
