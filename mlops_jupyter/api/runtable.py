"""Runs by the thousand: a table in windows, an overview by day, what changed between two, and what people say of them.

Nothing here answers with all runs: a window has up to a thousand lines, and a line has what a table shows.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.api.runs import diff, find_run, judged, newest_goal, quoted
from mlops_jupyter.api.words import changed, short_models
from mlops_jupyter.entities import Goal, InputError, Ledger, Named, NotFoundError, Run, Value
from mlops_jupyter.entities.runs import RunState
from mlops_jupyter.lineage.compare import Comparison
from mlops_jupyter.store.query import parse_filter

NEWEST = 20
STARRED = 50
MOST_CURVES = 20
LEAST_IS_BEST = re.compile(
    r"loss|error|err\b|(?:^|_)(?:r?mse|mae|mape|r?msle|brier|perplexity|fpr|fnr|deviance|aic|bic|seconds|time)(?:$|[_\[])",
    re.IGNORECASE)
"""Names of metrics of which less is better, as people and libraries call them."""


class About(msgspec.Struct, frozen=True):
    """Which runs: of an experiment (its id; "" for all), that meet a filter."""

    experiment: str = ""
    filter: str = ""

    def words(self, *more: str) -> str:
        """As one filter. InputError, with the place in what was typed, if that cannot be read."""
        parse_filter(self.filter)
        parts = [f"({self.filter})"] if self.filter.strip() else []
        parts += [f"experiment = '{quoted(self.experiment)}'"] if self.experiment else []
        return " and ".join([*parts, *more])


class RunLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """A run as a line of a table. `metrics`: those without a key, the newest value of each."""

    id: str
    number: int
    title: str
    experiment: str
    experiment_id: str
    session: str
    state: RunState
    started: float
    seconds: float | None = None
    verdict: str = ""
    goal: str = ""
    starred: bool = False
    baseline: bool = False
    job: bool = False
    tags: dict[str, str] = {}
    params: dict[str, Value] = {}
    metrics: dict[str, float] = {}


class RunWindow(msgspec.Struct, frozen=True):
    """So many runs there are; `lines` are those from `offset` on."""

    total: int
    offset: int
    lines: list[RunLine]
    baseline: RunLine | None
    """That of the experiment, wherever it stands."""


class Best(msgspec.Struct, frozen=True):
    """The run with the best value of a metric. `least`: less is better; `goal`: the experiment's goal says so."""

    metric: str
    least: bool
    goal: bool
    run: Run


class RunDay(msgspec.Struct, frozen=True):
    """The runs of a day that are not among the newest: `runs` of them from `offset` on, newest first."""

    day: str
    offset: int
    runs: int


class Overview(msgspec.Struct, frozen=True):
    """What a list of runs begins with. `zone`: the time zone that days are of."""

    total: int
    newest: list[Run]
    best: Best | None
    starred: list[Run]
    baseline: Run | None
    days: list[RunDay]
    zone: str


class Compared(msgspec.Struct, frozen=True):
    """What changed from run `a` to run `b`, the two as lines."""

    a: RunLine
    b: RunLine
    found: Comparison


class Curve(msgspec.Struct, frozen=True):
    """The course of a metric in a run."""

    run: str
    number: int
    title: str
    metric: str
    steps: list[int]
    values: list[float]


def window(about: About, order_by: str = "", offset: int = 0, limit: int = 100) -> RunWindow:
    """Lines of the table of runs, newest first or in the order of `order_by` (`metrics.auc desc`)."""
    ledger = open_ledger()
    words = about.words()
    found = judged(ledger, ledger.search(words, order_by=order_by, limit=limit, offset=offset))
    pinned = _baseline(ledger, about)
    return RunWindow(ledger.count(words), offset, [line(run) for run in found], line(pinned) if pinned else None)


def line(run: Run) -> RunLine:
    """A run as a line."""
    verification = run.verification
    edited = verification is not None and verification.slice_digest != run.slice_digest
    return RunLine(
        run.id, run.number, changed(run) or short_models(run), run.experiment, run.experiment_id, run.session, run.state,
        run.started, None if run.ended is None else max(0.0, run.ended - run.started),
        "" if verification is None else "verified before edit" if edited else verification.verdict,
        run.goal, run.starred, run.baseline, run.origin is not None and bool(run.origin.job), run.tags,
        params={param.name: param.value for param in run.params},
        metrics={metric.name: metric.value for metric in run.metrics if not metric.key},
    )


def columns(experiment: str = "") -> list[Named]:
    """The metrics and params that there are, those that most runs have first."""
    return open_ledger().names(experiment or None)


def overview(about: About, zone: str = "") -> Overview:
    """The newest runs, the best, the starred, the baseline, and how many runs each earlier day of that time zone has."""
    ledger = open_ledger()
    words = about.words()
    place = _zone(zone)
    moments = ledger.moments(words)
    newest = ledger.search(words, limit=NEWEST)
    starred = ledger.search(about.words("starred = true"), limit=STARRED)
    best, pinned = _best(ledger, about, newest), _baseline(ledger, about)
    runs = [*newest, *starred, *([best.run] if best else []), *([pinned] if pinned else [])]
    told = {run.id: run for run in judged(ledger, list({run.id: run for run in runs}.values()))}
    return Overview(
        len(moments), [told[run.id] for run in newest],
        None if best is None else msgspec.structs.replace(best, run=told[best.run.id]),
        [told[run.id] for run in starred], told[pinned.id] if pinned else None, _days(moments, place), str(place),
    )


def _zone(name: str) -> tzinfo:
    """UTC where the name is unknown here, as it is without a database of time zones."""
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def _days(moments: Sequence[float], zone: tzinfo) -> list[RunDay]:
    """The days of all but the newest, newest first."""
    days: dict[str, list[int]] = {}
    for at in range(NEWEST, len(moments)):
        days.setdefault(datetime.fromtimestamp(moments[at], zone).date().isoformat(), []).append(at)
    return [RunDay(day, places[0], len(places)) for day, places in days.items()]


def _baseline(ledger: Ledger, about: About) -> Run | None:
    found = ledger.search(About(about.experiment).words("baseline = true"), limit=1)
    return found[0] if found else None


def _best(ledger: Ledger, about: About, newest: Sequence[Run]) -> Best | None:
    """By the metric of the experiment's goal, else by the one that most of the newest runs have."""
    goal = newest_goal(ledger.goals(about.experiment)) if about.experiment else None
    if goal is not None and goal.metric:
        return _best_by(ledger, about, goal.metric, _least(goal), of_goal=True)
    held = Counter(name for run in newest for name in {metric.name: 0 for metric in run.metrics if not metric.key})
    return next((_best_by(ledger, about, metric, is_least_best(metric)) for metric, _ in held.most_common(1)), None)


def _best_by(ledger: Ledger, about: About, metric: str, least: bool, *, of_goal: bool = False) -> Best | None:
    """None where no run has it, or only by groups, of which none is the best."""
    name = f"metrics.`{metric}`" if "`" not in metric else f'metrics."{metric}"'
    found = ledger.search(about.words(f"{name} <= 1e308"), order_by=f"{name} {'asc' if least else 'desc'}", limit=1)
    whole = [run for run in found if any(one.name == metric and not one.key for one in run.metrics)]
    return Best(metric, least, of_goal, whole[0]) if whole else None


def _least(goal: Goal) -> bool:
    return goal.at_most is not None if goal.at_least is None else False if goal.at_most is None else is_least_best(goal.metric)


def is_least_best(metric: str) -> bool:
    """Whether less of a metric is better, from its name."""
    return LEAST_IS_BEST.search(metric) is not None


def changes(id: str, since: str = "") -> Compared:
    """What changed to run `id` since another; without one, since the run before it in its experiment."""
    ledger = open_ledger()
    run = find_run(ledger, id)
    if not since:
        before = ledger.search(f"experiment = '{quoted(run.experiment_id)}' and number < {run.number}", order_by="number desc",
                               limit=1)
        if not before:
            raise NotFoundError(f"#{run.number} is the first run of {run.experiment}: nothing is before it",
                                "choose another run to compare it with: mlops runs diff A B")
        since = before[0].id
    a, b, found = diff(find_run(ledger, since).id, run.id)
    told = judged(ledger, [a, b])
    return Compared(line(told[0]), line(told[1]), found)


def curves(ids: Sequence[str]) -> list[Curve]:
    """The course of each metric that has one, of up to 20 runs."""
    if len(ids) > MOST_CURVES:
        raise InputError(f"{len(ids)} runs are more than {MOST_CURVES} at once", f"ask for {MOST_CURVES}, then for the rest")
    ledger = open_ledger()
    found = []
    for run in [find_run(ledger, one) for one in ids]:
        title = changed(run) or short_models(run)
        found += [Curve(run.id, run.number, title, f"{one.name}[{one.key}]" if one.key else one.name,
                        list(one.steps) or list(range(len(one.series))), list(one.series))
                  for one in run.metrics if len(one.series) > 1]
    return found


def remark(id: str, *, starred: bool | None = None, baseline: bool | None = None,
           tags: Mapping[str, str | None] | None = None) -> Run:
    """Star a run, make it the baseline of its experiment, tag it. None: as it is; a tag of None goes."""
    for name in tags or {}:
        if not name.strip() or len(name) > 100:
            raise InputError(f"{name[:40]!r} is no name of a tag", "a name of 1 to 100 characters: mlops runs tag RUN paper")
    store = open_ledger()
    run = find_run(store, id)
    return judged(store, [store.remark(run.id, starred=starred, baseline=baseline, tags=dict(tags or {}))])[0]
