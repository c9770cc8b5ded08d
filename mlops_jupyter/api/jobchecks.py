"""Verbs that run a job clean and judge it: does it give what it promises, and what does another version of a package do to it?"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from mlops_jupyter.api.display import Block, Sheet
from mlops_jupyter.api.sheets import verdicts_block
from mlops_jupyter.api.words import names, number, plural
from mlops_jupyter.entities import ConflictError, JobFailedError, ResultVerdict, Scalar
from mlops_jupyter.entities.environments import on_one_line
from mlops_jupyter.jobs.bundle import MANIFEST, load
from mlops_jupyter.jobs.tolerances import Spread
from mlops_jupyter.jobs.upgrade import Change, Upgrade, try_versions
from mlops_jupyter.jobs.verify_bundle import HOLDS, BundleVerdict, CleanOptions, verify_bundle

__all__ = ["CleanOptions", "is_job", "must_be_the_same", "must_reproduce", "try_job", "verify_job"]


def is_job(path: str) -> bool:
    """Whether there is a bundle at this path."""
    return Path(path, MANIFEST).is_file()


def verify_job(folder: Path, options: CleanOptions | None = None, *, allow_effects: bool = False) -> BundleVerdict:
    """Run the job in `folder` clean and compare with its reference. The verdict is kept in the job, not raised."""
    _refuse_effects(folder, allow=allow_effects)
    return verify_bundle(folder, options)


def try_job(folder: Path, given: Sequence[str], options: CleanOptions | None = None, *, allow_effects: bool = False) -> Upgrade:
    """Run the job in an environment of its lock and in one with other versions, each `NAME==VERSION`. Nothing is kept of it."""
    _refuse_effects(folder, allow=allow_effects)
    return try_versions(folder, given, options or CleanOptions())


def _refuse_effects(folder: Path, *, allow: bool) -> None:
    found = load(folder).manifest.effects
    if found and not allow:
        raise ConflictError(f"running {folder} would repeat what its cells did outside their folder: {'; '.join(found)}",
                            f"{shlex.join(['mlops', 'verify', str(folder)])} --allow-effects")


def must_reproduce(found: BundleVerdict, folder: Path) -> None:
    """Raise JobFailedError unless every result came out again."""
    if found.reproduced:
        return
    remedy = f"mlops verify {shlex.quote(str(folder))} --env fresh runs it in the environment of its lock" if found.differs else (
        f"mlops inspect {shlex.quote(str(folder))}")
    if found.outcome.state != "succeeded":
        raise JobFailedError(f"the clean run of {folder} {found.outcome.state}: {found.outcome.error}", remedy)
    words = [f"{one.name} ({one.verdict}: recorded {one.expected}, found {one.found})" for one in found.results
             if one.verdict not in HOLDS]
    raise JobFailedError(f"the clean run of {folder} did not reproduce {'; '.join(words)}", remedy)


def must_be_the_same(found: Upgrade, folder: Path) -> None:
    """Raise JobFailedError if another version changes a result beyond its tolerance, or the job fails with it."""
    if found.holds:
        return
    what = ", ".join(found.versions)
    if found.outcome.state != "succeeded":
        where = f" in cell {found.outcome.cell}" if found.outcome.cell else ""
        raise JobFailedError(f"with {what} the job {folder} {found.outcome.state}{where}: {found.outcome.error}",
                             "keep the version of the lock, or mend the cell in the notebook and convert it again")
    differ = [one.name for one in found.changes if one.verdict not in HOLDS]
    raise JobFailedError(f"with {what} the job {folder} gives other results: {names(differ)}",
                         "keep the version of the lock; or install the new one, run the notebook again, and convert it")


def job_verdict_sheet(found: BundleVerdict, folder: Path) -> Sheet:
    """Each result of the clean run, or of the worst of several, and what these propose."""
    blocks = [verdicts_block(found.results, "clean run")]
    if found.spreads:
        blocks.append(spreads_block(found.spreads))
    notes = [f"Not in the environment of the lock: {on_one_line(found.differs)}"] if found.differs else []
    return Sheet(f"{found.manifest.name} in {folder}: {found.verdict}", blocks, notes)


def spreads_block(found: Sequence[Spread]) -> Block:
    """How far apart clean runs were, and the tolerance of each metric from now on."""
    rows = [[one.name, number(one.lowest), number(one.highest), f"{one.deviation:.2g}",
             f"{one.tolerance.value:g}: {one.tolerance.source}" if one.tolerance is not None else one.detail] for one in found]
    title = plural(found[0].runs, "clean run")
    return Block(title, ["result", ">lowest", ">highest", ">deviation", "tolerance"], rows)


def upgrade_sheet(found: Upgrade, folder: Path) -> Sheet:
    """Each result with the lock and with the other version."""
    rows = [[one.name, one.verdict, *_sides(one), _difference(one), one.detail] for one in found.changes]
    blocks = [Block("", ["result", "verdict", ">with the lock", ">with the other", ">difference", ""], rows)] if rows else []
    notes = [_drift(one) for one in found.drifted]
    return Sheet(f"{folder} with {', '.join(found.versions)}: {found.verdict}", blocks, notes)


def _sides(one: Change) -> list[str]:
    if one.kind == "values":
        return [f"{one.values} values", f"{one.differing} differ"]
    return [_short(one.locked), _short(one.replaced)]


def _difference(one: Change) -> str:
    if one.difference is None:
        return ""
    return f"at most {one.difference:.3g}" if one.kind == "values" else f"{one.difference:+.3g}"


def _short(value: Scalar) -> str:
    text = "" if value is None else number(value)
    return text.rpartition(":")[2][:12] if text.startswith("fp1") else text


def _drift(one: ResultVerdict) -> str:
    values = f"{one.expected} → {one.found} {one.detail}".rstrip()
    return f"! in an environment of its lock {one.name} is not as recorded either: {values}"
