"""What another version of a package does to a job: one clean run in an environment of its lock, one with the version replaced.

Both environments are built from the lock, so that nothing else differs between the two runs. Metrics are laid side by side, and
so are the tables that they were computed on (predictions, say), value by value.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from mlops_jupyter.config import Settings
from mlops_jupyter.entities import InputError, JobFailedError, Outcome, ResultVerdict, Scalar
from mlops_jupyter.entities.runs import VerdictWord
from mlops_jupyter.jobs import bundle as bundles
from mlops_jupyter.jobs.environments import Where
from mlops_jupyter.jobs.locked import read_lock, replaced
from mlops_jupyter.jobs.reference import WORST_LAST, compare_content, compare_metrics, metrics_of
from mlops_jupyter.jobs.values import compare
from mlops_jupyter.jobs.venvs import environment_of
from mlops_jupyter.jobs.verify_bundle import HOLDS, Clean, CleanOptions, clean_run, compare_clean, content, contents


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """One result under both: of a metric the two values and their difference; of a table how many values differ, by how much."""

    name: str
    kind: Literal["metric", "values", "content"]
    verdict: VerdictWord
    locked: Scalar = None
    replaced: Scalar = None
    difference: float | None = None
    """With the new version less with the lock; of a table the largest one, without its sign."""
    differing: int = 0
    values: int = 0
    detail: str = ""


class Upgrade(msgspec.Struct):
    """What a replaced version does. `versions`: what was replaced, in words; `failed`: how the run with it ended, if not well."""

    versions: list[str]
    verdict: VerdictWord
    changes: list[Change]
    outcome: Outcome
    drifted: list[ResultVerdict] = []
    """Results that do not come out as recorded in the environment of the lock either."""

    @property
    def holds(self) -> bool:
        """True if everything came out as before, within tolerance."""
        return self.verdict in HOLDS


def try_versions(folder: str | Path, given: Sequence[str], options: CleanOptions) -> Upgrade:
    """Run the job with its lock and with other versions, each `NAME==VERSION`. JobFailedError if it fails with its own lock."""
    bundle = bundles.load(folder)
    if not given:
        raise InputError("no other version was named", f"mlops verify {folder} --with NAME==VERSION")
    lock = read_lock(bundle)
    other = replaced(lock, given)
    versions = [f"{name} {lock.versions[name]} → {version}" for name, version in other.versions.items()
                if lock.versions[name] != version]
    for wanted in (lock, other):  # what cannot be installed is said before anything runs
        environment_of(wanted, options.where.told)
    before = _run(bundle, options, (), "with the lock")
    if before.outcome.state != "succeeded":
        raise JobFailedError(f"the job does not run in an environment of its own lock: {before.outcome.error}",
                             f"mlops run {folder} --env fresh")
    after = _run(bundle, options, given, f"with {', '.join(given)}")
    drifted = [one for one in compare_clean(bundle, before) if one.verdict not in HOLDS]
    if after.outcome.state != "succeeded":
        return Upgrade(versions, "failed", [], after.outcome, drifted)
    changes = [*_metrics(bundle, before, after), *_tables(before, after), *_contents(bundle, before, after)]
    verdict: VerdictWord = max((each.verdict for each in changes), key=WORST_LAST.index, default="failed")
    return Upgrade(versions, verdict, changes, after.outcome, drifted)


def _run(bundle: bundles.Bundle, options: CleanOptions, given: Sequence[str], what: str) -> Clean:
    told = options.where.told
    if told is not None:
        told(what)
    where = Where(fresh=True, replace=given, told=told)  # that the second is not the lock's own was asked for, and warns nobody
    return clean_run(bundle, msgspec.structs.replace(options, where=where, values=True))


def _metrics(bundle: bundles.Bundle, before: Clean, after: Clean) -> list[Change]:
    own = {name: tolerance.value for name, tolerance in bundle.manifest.tolerances.items()}
    verdicts = compare_metrics(metrics_of(before.found.observations), metrics_of(after.found.observations),
                               Settings.current().tolerance, own)
    return [Change(one.name, "metric", one.verdict, one.expected, one.found, _difference(one.expected, one.found),
                   detail=one.detail) for one in verdicts]


def _difference(before: Scalar, after: Scalar) -> float | None:
    if not isinstance(before, int | float) or not isinstance(after, int | float):
        return None
    difference = after - before
    return difference if math.isfinite(difference) else None


def _tables(before: Clean, after: Clean) -> list[Change]:
    found = []
    for name, columns in before.values.items():
        if name not in after.values:
            found.append(Change(name, "values", "different", detail="the run with the new version did not make it"))
            continue
        one = compare(columns, after.values[name], Settings.current().tolerance)
        found.append(Change(name, "values", one.verdict, None, None, one.largest, one.differing, one.values, one.detail))
    return found


def _contents(bundle: bundles.Bundle, before: Clean, after: Clean) -> list[Change]:
    """Results that are no tables: files, models, variables of other types."""
    found = []
    for result in contents(bundle.manifest.results):
        if (result.variable or result.name) not in before.values:
            one = compare_content(result.name, content(result, before.found), content(result, after.found))
            found.append(Change(result.name, "content", one.verdict, one.expected, one.found, detail=one.detail))
    return found
