"""What a changed notebook does to its job: two jobs, and what each gave on the same inputs, laid side by side. Pure.

Cells belong together by their id in the notebook, so that a cell put between two others does not make the next one look edited;
those without a partner are matched by meaning. A metric is better or worse only where the objective says which way is better.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from mlops_jupyter.entities import Goal, JobInput, JobManifest, JobParameter, Metric, Run, Scalar, Tolerance
from mlops_jupyter.fingerprint.tables import changes as column_changes
from mlops_jupyter.jobs.parameters import as_text, limits
from mlops_jupyter.jobs.reference import compare_numbers, metric_label
from mlops_jupyter.lineage.compare import PackageChange, code_changes, unified
from mlops_jupyter.lineage.runs import judge_goal
from mlops_jupyter.lineage.text import normalised

Metrics = Mapping[tuple[str, str], Sequence[Scalar]]
Kind = Literal["added", "removed", "changed"]
MetricWord = Literal["equal", "within tolerance", "better", "worse", "differs", "new", "gone", "not compared"]


class Cell(msgspec.Struct, frozen=True):
    """A cell of a job: its id in the notebook, and its code."""

    id: str
    source: str


class Side(msgspec.Struct, kw_only=True):
    """One of the two jobs: what it is made of, and what it gave."""

    manifest: JobManifest
    cells: Sequence[Cell]
    modules: Mapping[str, str] = {}
    """Place in the bundle → source of a local module."""
    versions: Mapping[str, str] = {}
    """Distribution → version, of its lock."""
    metrics: Metrics = {}
    ran: bool = True
    """False if it failed, so that its metrics say nothing."""


class CodeDiff(msgspec.Struct, frozen=True):
    """A cell (by its id) or a local module (by its file) that differs, as a unified diff."""

    name: str
    kind: Kind
    text: str
    module: bool = False


class Difference(msgspec.Struct, frozen=True):
    """A parameter or an input that differs, and in what, in words."""

    name: str
    kind: Kind
    details: list[str] = []


class MetricDiff(msgspec.Struct, frozen=True):
    """One metric in both; None on the side that lacks it. `difference` is now minus base, each its last value."""

    name: str
    word: MetricWord
    base: Scalar = None
    now: Scalar = None
    difference: float | None = None
    base_series: list[float] = []
    now_series: list[float] = []
    """All values, where it was seen more than once."""


class Objective(msgspec.Struct, frozen=True):
    """The objective of the notebook and whether its job met it. `not seen`: the job gave no such metric."""

    text: str
    metric: str
    state: Literal["met", "missed", "not seen", "not judged"]
    at_least: float | None = None
    at_most: float | None = None
    values: dict[str, float] = {}
    """What the job gave: of the metric, or of each of its groups."""


class Failure(msgspec.Struct, frozen=True):
    """What did not run: the notebook or the job of which side, where, and why."""

    side: Literal["base", "now"]
    what: str


class Changes(msgspec.Struct):
    """All that differs; every metric, also those that are equal."""

    code: list[CodeDiff] = []
    parameters: list[Difference] = []
    inputs: list[Difference] = []
    packages: list[PackageChange] = []
    metrics: list[MetricDiff] = []
    notes: list[str] = []

    @property
    def moved(self) -> bool:
        """True if the job itself is another one: code, parameters or inputs."""
        return bool(self.code or self.parameters or self.inputs)

    @property
    def same(self) -> bool:
        """True if nothing differs."""
        return not (self.moved or self.packages or any(one.word not in {"equal", "within tolerance"} for one in self.metrics))


def changes(base: Side, now: Side, goal: Goal | None, tolerance: float) -> Changes:
    """What changed from `base` to `now`. `tolerance`: relative, of metrics that have none of their own."""
    found = Changes(
        code=[*code_diffs(base.cells, now.cells), *_modules(base.modules, now.modules)],
        parameters=_parameters(base.manifest.parameters, now.manifest.parameters),
        inputs=_inputs(base, now),
        packages=_packages(base, now),
        notes=_moved(base.cells, now.cells),
    )
    if base.ran and now.ran:
        found.metrics = metric_diffs(base.metrics, now.metrics, goal, Allowed(base.manifest.tolerances, tolerance))
    elif now.ran:
        found.metrics = not_compared(now.metrics, goal)
    if not found.moved and not found.packages and found.metrics and not found.same:
        found.notes.append("metrics differ though code, parameters, inputs and environment are equal: "
                           "something is drawn without a seed, or depends on the machine")
    return found


def code_diffs(base: Sequence[Cell], now: Sequence[Cell]) -> list[CodeDiff]:
    """Cells that differ by more than comments and layout, in the order of `now`, those that are gone at the end."""
    before = {cell.id: cell for cell in base}
    shared = {cell.id for cell in now} & set(before)
    placed: list[tuple[int, CodeDiff]] = []
    for place, cell in enumerate(now):
        if cell.id in shared and normalised(cell.source) != normalised(before[cell.id].source):
            placed.append((place, CodeDiff(cell.id, "changed", unified(before[cell.id].source, cell.source))))
    rest_base = [cell for cell in base if cell.id not in shared]
    rest_now = [(place, cell) for place, cell in enumerate(now) if cell.id not in shared]
    for change in code_changes([cell.source for cell in rest_base], [cell.source for _, cell in rest_now]):
        place, cell = rest_now[change.b - 1] if change.b is not None else (len(now), rest_base[(change.a or 1) - 1])
        kind: Kind = "changed" if change.kind == "changed" else "added" if change.kind == "added" else "removed"
        placed.append((place, CodeDiff(cell.id, kind, change.diff)))
    return [diff for _, diff in sorted(placed, key=lambda pair: pair[0])]


def _moved(base: Sequence[Cell], now: Sequence[Cell]) -> list[str]:
    """A word where cells that both have run in another order."""
    shared = {cell.id for cell in base} & {cell.id for cell in now}
    orders = [[cell.id for cell in side if cell.id in shared] for side in (base, now)]
    return [] if orders[0] == orders[1] else ["cells run in another order than before"]


def _modules(base: Mapping[str, str], now: Mapping[str, str]) -> list[CodeDiff]:
    found = []
    for name in dict.fromkeys([*base, *now]):
        old, new = base.get(name), now.get(name)
        if old is None or new is None or normalised(old) != normalised(new):
            kind: Kind = "added" if old is None else "removed" if new is None else "changed"
            found.append(CodeDiff(name, kind, unified(old or "", new or ""), module=True))
    return found


def _parameters(base: Sequence[JobParameter], now: Sequence[JobParameter]) -> list[Difference]:
    left, right = ({one.name: one for one in side} for side in (base, now))
    found = []
    for name in dict.fromkeys([*left, *right]):
        if name not in right:
            found.append(Difference(name, "removed", [f"was {left[name].type}, default {as_text(left[name].default)}"]))
        elif name not in left:
            found.append(Difference(name, "added", [f"{right[name].type}, default {as_text(right[name].default)}"]))
        elif details := _parameter(left[name], right[name]):
            found.append(Difference(name, "changed", details))
    return found


def _parameter(base: JobParameter, now: JobParameter) -> list[str]:
    pairs = [("default", as_text(base.default), as_text(now.default)), ("type", base.type, now.type),
             ("range", limits(base) or "any", limits(now) or "any"), ("help", base.description, now.description)]
    return [f"{word} {old or 'none'} → {new or 'none'}" for word, old, new in pairs if old != new]


def _inputs(base: Side, now: Side) -> list[Difference]:
    left, right = ({one.name: one for one in side.manifest.inputs} for side in (base, now))
    found = []
    for name in dict.fromkeys([*left, *right]):
        if name not in right:
            found.append(Difference(name, "removed", [f"was {left[name].path}"]))
        elif name not in left:
            found.append(Difference(name, "added", [right[name].path]))
        elif details := _input(left[name], right[name]):
            found.append(Difference(name, "changed", details))
    return found


def _input(base: JobInput, now: JobInput) -> list[str]:
    details = [f"{word} {old} → {new}" for word, old, new in (
        ("path", base.path, now.path), ("kind", base.kind, now.kind), ("policy", base.policy, now.policy)) if old != new]
    marks = (base.fingerprint.digest, now.fingerprint.digest)
    if marks[0] != marks[1] and None not in marks:  # what is not known is not called another
        columns = column_changes(base.schema, now.schema) if base.schema is not None and now.schema is not None else []
        details += [f"columns: {', '.join(columns)}"] if columns else []
        rows = base.rows is not None and now.rows is not None and base.rows != now.rows
        details += [f"{base.rows:,} → {now.rows:,} rows"] if rows else []
        details.append(f"content {_short(base)} → {_short(now)}")
    return details


def _short(entry: JobInput) -> str:
    return (entry.fingerprint.digest or "unknown").rpartition(":")[2][:12]


def _packages(base: Side, now: Side) -> list[PackageChange]:
    """Versions that differ, of the locks; Python's among them."""
    left, right = ({"python": side.manifest.python, **side.versions} for side in (base, now))
    if not base.versions or not now.versions:  # one of them has no lock, so that nothing can be said
        return []
    return [PackageChange(name, left.get(name, ""), right.get(name, "")) for name in sorted({*left, *right})
            if left.get(name) != right.get(name)]


class Allowed(msgspec.Struct, frozen=True):
    """How far apart two values of a metric may be, relative: its own tolerance, else the usual one."""

    own: Mapping[str, Tolerance]
    usual: float

    def of(self, label: str) -> float:
        """The tolerance of one metric."""
        return self.own[label].value if label in self.own else self.usual


def metric_diffs(base: Metrics, now: Metrics, goal: Goal | None, tolerances: Allowed) -> list[MetricDiff]:
    """Every metric of either side, in the order in which they were seen; that of the objective first."""
    keys = _ordered([*base, *now], goal)
    return [_metric(key, base.get(key, ()), now.get(key, ()), _upward(goal, key), tolerances) for key in keys]


def not_compared(now: Metrics, goal: Goal | None) -> list[MetricDiff]:
    """The metrics where there is nothing to lay beside them."""
    return [MetricDiff(metric_label(*key), "not compared", None, now[key][-1], now_series=_series(now[key]))
            for key in _ordered(now, goal) if now[key]]


def _ordered(keys: Iterable[tuple[str, str]], goal: Goal | None) -> list[tuple[str, str]]:
    wanted = goal.metric if goal is not None else ""
    return sorted(dict.fromkeys(keys), key=lambda key: key[0] != wanted)


def _series(values: Sequence[Scalar]) -> list[float]:
    return [found for value in values if (found := as_float(value)) is not None] if len(values) > 1 else []


def as_float(value: Scalar) -> float | None:
    """The value as a number, which may be NaN or infinite; None if it is none, or too large for one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def _metric(key: tuple[str, str], base: Sequence[Scalar], now: Sequence[Scalar], upward: bool | None,
            tolerances: Allowed) -> MetricDiff:
    label = metric_label(*key)
    old, new = (side[-1] if side else None for side in (base, now))
    sizes = as_float(old), as_float(new)
    difference = sizes[1] - sizes[0] if sizes[0] is not None and sizes[1] is not None else None
    return MetricDiff(label, _word(base, now, upward, tolerances.of(label)), old, new, difference, _series(base), _series(now))


def _word(base: Sequence[Scalar], now: Sequence[Scalar], upward: bool | None, tolerance: float) -> MetricWord:
    if not base or not now:
        return "gone" if base else "new"
    if len(base) == len(now):
        verdicts = {compare_numbers(old, new, tolerance) for old, new in zip(base, now, strict=True)}
        if verdicts <= {"identical", "within tolerance"}:
            return "equal" if verdicts == {"identical"} else "within tolerance"
    old, new = as_float(base[-1]), as_float(now[-1])
    if upward is None or old is None or new is None or old == new:
        return "differs"
    if math.isnan(old) or math.isnan(new):
        return "worse" if math.isnan(new) else "better"
    return "better" if (new > old) == upward else "worse"


def _upward(goal: Goal | None, key: tuple[str, str]) -> bool | None:
    """Whether more is better; None where nobody said so."""
    if goal is None or key[0] != goal.metric or (goal.at_least is None) == (goal.at_most is None):
        return None
    return goal.at_least is not None


def objective(goal: Goal, metrics: Metrics) -> Objective:
    """Whether these metrics, the last value of each, meet the goal. One whose metric is not there is not met."""
    seen = [Metric(name, value, key) for (name, key), values in metrics.items()
            if values and (value := as_float(values[-1])) is not None]
    word = judge_goal(Run("", goal.experiment_id, "", "", "finished", 0.0, metrics=seen), goal)
    judged = bool(goal.metric) and (goal.at_least is not None or goal.at_most is not None)
    state: Literal["met", "missed", "not seen", "not judged"] = "not seen" if judged else "not judged"
    if word in {"met", "missed"}:
        state = "met" if word == "met" else "missed"
    labels = {metric_label(one.name, one.key): one for one in seen}
    values = {label: one.value for label, one in labels.items() if goal.metric in {one.name, label}}
    return Objective(goal.text, goal.metric, state, goal.at_least, goal.at_most, values)
