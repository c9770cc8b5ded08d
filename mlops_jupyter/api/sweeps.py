"""Verbs on sweeps: plan one, run it, go on with it.

`plan` and `reopen` give a folder with a record in which every child is named and checked; `run` works through it and, however it
ends, leaves the metrics of each child in the record and a picture beside it. Each child is a run of the job like any other.
"""

from __future__ import annotations

import random
import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.api.sweeppicture import picture
from mlops_jupyter.entities import ConflictError, InputError, JobFailedError, JobManifest, Metric, new_id
from mlops_jupyter.jobs.bundle import load
from mlops_jupyter.jobs.sweep import Axes, Child, Sweep
from mlops_jupyter.jobs.sweep import plan as children_of
from mlops_jupyter.jobs.sweep_folder import SweepFolder, open_folder
from mlops_jupyter.jobs.work import new_work_folder, resolve_inputs

if TYPE_CHECKING:
    from mlops_jupyter.jobs.fleet import FleetOptions

PICTURE = "sweep.svg"
_SEEDS = 2**31


class Swept(msgspec.Struct):
    """A sweep as it stands: where it is kept, each child, best first, by which metric."""

    folder: Path
    metric: str
    children: list[Child]
    varied: list[str]
    stopped: str = ""
    seed: int | None = None
    picture: Path | None = None


class Order(msgspec.Struct, frozen=True):
    """What is best: the metric (none: the job's first) and its direction."""

    metric: str = ""
    minimize: bool = False


def plan_checked(bundle: str | Path, axes: Axes, inputs: Mapping[str, str] | None = None) -> None:
    """Raise what `plan` would raise of parameters and inputs, before there is a folder."""
    found = load(bundle)
    children_of(found.manifest.parameters, axes)
    resolve_inputs(found, dict(inputs or {}))


def plan(bundle: str | Path, axes: Axes, inputs: Mapping[str, str] | None = None, output: Path | None = None) -> SweepFolder:
    """Check every child of the sweep and write its record into a new folder. Nothing runs. Raises InputError for any of them."""
    found = load(bundle)
    if axes.random and axes.seed is None:
        axes = msgspec.structs.replace(axes, seed=random.SystemRandom().randrange(_SEEDS))
    children, varied = children_of(found.manifest.parameters, axes)
    given = dict(inputs or {})
    places = resolve_inputs(found, given)
    if output is None:
        output = new_work_folder(f"{found.manifest.name}-sweep")
    elif output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ConflictError(f"{output} is there and not empty", f"give another folder with -o, or: mlops sweep --resume {output}")
    output.mkdir(parents=True, exist_ok=True)
    sweep = Sweep(found.manifest.digest, str(found.folder), found.manifest.name, time.time(), children, varied,
                  {name: places[name] for name in given}, axes.seed if axes.random else None, id=new_id())
    place = SweepFolder(output.absolute(), sweep)
    place.save(now=True)
    return place


def reopen(folder: str | Path) -> SweepFolder:
    """The sweep in `folder`, to go on with those children that have not succeeded."""
    return open_folder(folder)


def check_metric(bundle: str | Path, metric: str) -> str:
    """The metric that decides. Raises InputError for one that the job is not known to give."""
    known = _metrics(load(bundle).manifest)
    if metric and known and metric not in known:
        raise InputError(f"this job gives no metric {metric!r}", f"its metrics: {', '.join(known)}")
    return metric or next(iter(known), "")


def _metrics(manifest: JobManifest) -> list[str]:
    """Those that its cells compute, and those that its notebook told by `log_metric`."""
    named = [(one.name if one.kind == "metric" else one.metric, one.key) for one in manifest.results]
    return [_label(name, key) for name, key in named if name]


def _label(name: str, key: str) -> str:
    return f"{name}[{key}]" if key else name


def run(place: SweepFolder, options: FleetOptions | None = None) -> None:
    """Run what has not succeeded. However that ends, the record has the metrics of every child that ran."""
    from mlops_jupyter.jobs.fleet import run_fleet

    open_ledger()  # a store that cannot take the records is said before anything runs
    try:
        run_fleet(place, options)
    finally:
        take_metrics(place.sweep.children)
        place.save(now=True)


def take_metrics(children: Sequence[Child]) -> None:
    """Each child's metrics, from what its session recorded."""
    ledger = open_ledger()
    for child in children:
        if child.session and not child.metrics:
            found: list[Metric] = [metric for run in ledger.runs(session=child.session) for metric in run.metrics]
            child.metrics = {_label(metric.name, metric.key): metric.value for metric in found}


def answer(place: SweepFolder, order: Order) -> Swept:
    """How the sweep stands, best child first; the picture is drawn anew."""
    sweep = place.sweep
    metric = order.metric or next((name for child in sweep.children for name in child.metrics), "")
    drawn = picture(sweep, metric, minimize=order.minimize)
    if drawn is not None:
        (place.folder / PICTURE).write_text(drawn, encoding="utf-8")
    return Swept(place.folder, metric, ranked(sweep.children, metric, minimize=order.minimize), sweep.varied, sweep.stopped,
                 sweep.seed, place.folder / PICTURE if drawn is not None else None)


def ranked(children: Sequence[Child], metric: str, *, minimize: bool) -> list[Child]:
    """Best first; then those that succeeded without the metric, then the others, each by number."""
    def place(child: Child) -> tuple[bool, bool, float]:
        value = child.metrics.get(metric)
        known = child.state == "succeeded" and value is not None and value == value  # noqa: PLR0124 (not a NaN)
        score = value if known and value is not None else 0.0
        return (child.state != "succeeded", not known, score if minimize else -score)

    return sorted(children, key=place)


def must_all_succeed(done: Swept) -> None:
    """Raise JobFailedError, with the command that goes on, unless every child succeeded."""
    bad = [child for child in done.children if child.state not in {"succeeded", "waiting"}]
    waiting = sum(child.state == "waiting" for child in done.children)
    if not bad and not waiting:
        return
    parts = [f"{len(bad)} of {len(done.children)} children did not succeed"] if bad else []
    parts += [f"{waiting} did not start: {done.stopped}"] if waiting else []
    first = next((f"; child {child.number} {child.state}: {child.error}" for child in bad if child.state != "cancelled"), "")
    raise JobFailedError(", ".join(parts) + first, shlex.join(["mlops", "sweep", "--resume", str(done.folder)]))
