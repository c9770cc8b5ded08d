"""A run in the making: what it gathered so far, and how a `Run` follows from it when all is read. See runs.py for the rules."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import msgspec

from mlops_jupyter.entities import (
    Artifact,
    CellExecution,
    Dataset,
    Metric,
    ModelRef,
    Observation,
    Param,
    Run,
    Session,
    Value,
)
from mlops_jupyter.entities.runs import RunState
from mlops_jupyter.lineage.graph import build
from mlops_jupyter.lineage.slice import Result, Slice, slice_in
from mlops_jupyter.lineage.text import text_of
from mlops_jupyter.lineage.versions import Graph, Step

POINTS = 1_000
"""About so many values of a series stand in its run."""


@dataclass(slots=True)
class Entry:
    """What one metric site gave in its newest execution: observations by key, and the identity of its slice."""

    name: str
    n: int
    identity: tuple[str, ...]
    shared: bool = False
    values: dict[str, list[Observation]] = field(default_factory=dict)


@dataclass(slots=True)
class Draft:
    """A run in the making. `code`: cell id → the sources of it that the run rests on, its metrics' own cells left out."""

    id: str
    anchor: str
    opened: Observation | None
    name: str = ""
    models: dict[str, Observation] = field(default_factory=dict)
    fitted_as: str = ""
    metrics: dict[tuple[str, ...], Entry] = field(default_factory=dict)
    code: dict[str, frozenset[str]] = field(default_factory=dict)
    said: list[Observation] = field(default_factory=list)
    """Params, datasets, artifacts and tags that the user logged while this run was the current one."""
    closed_by: Observation | None = None
    executions: set[int] = field(default_factory=set)
    """Explicit runs: every execution between start and end."""

    def results(self) -> list[Result]:
        found = [Result(one.name, "model", one.n, [], one.id) for one in self.models.values()]
        newest = [observations[-1] for entry in self.metrics.values() for observations in entry.values.values()]
        return found + [Result(one.name, "metric", one.n, [], one.id) for one in newest]

    def own(self) -> set[int]:
        """Executions in which something of this run happened."""
        return {result.n for result in self.results()} | {one.n for one in self.said} | self.executions


@dataclass
class Material:
    """All that a session holds, read once."""

    session: Session
    executions: dict[int, CellExecution]
    observations: Sequence[Observation]

    @functools.cached_property
    def graph(self) -> Graph:
        """Of its executions; made when a run is there that asks for it."""
        return build(list(self.executions.values()))

    @property
    def over(self) -> bool:
        return self.session.state in {"ended", "interrupted"}


def finish(draft: Draft, material: Material, *, followed: bool) -> Run:
    """The run that follows from the draft. `followed`: another run has begun after it."""
    results = draft.results()
    needed = slice_in(material.graph, results) if results else None
    cells = needed.cells if needed else []
    run = blank(material.session, draft.id, started(draft, material))
    run.name = draft.name
    run.params = params(draft.models.values(), draft.said, material, cells)
    run.metrics = [metric for entry in draft.metrics.values() for metric in _metrics(entry)]
    run.models = [model_ref(one) for one in draft.models.values()]
    run.datasets = datasets([*draft.models.values(), *_observed(draft), *draft.said], material, cells)
    run.modules = list({one.name: one for n in cells for one in material.executions[n].modules}.values())
    run.artifacts = [artifact(one) for one in draft.said if one.kind == "artifact"]
    run.tags = material.session.tags | {one.name: str(one.value) for one in draft.said if one.kind == "tag"}
    _slice(run, needed)
    closed = followed or material.over or draft.closed_by is not None
    own = draft.own() | (set() if followed else _cut_short(draft, material))
    judge_state(run, [material.executions[n] for n in sorted(own) if n in material.executions], closed=closed, over=material.over)
    return run


def _cut_short(draft: Draft, material: Material) -> set[int]:
    """The last execution, if it never finished and worked on this run's models or metrics: it died before it could say more."""
    last = max(material.executions)
    if material.executions[last].state not in {"running", "interrupted"}:
        return set()
    return {last} if draft.own() & set(slice_in(material.graph, [Result("", "metric", last)]).cells) else set()


def blank(session: Session, id: str, began: float) -> Run:
    """A run with what the session says of all its runs."""
    return Run(
        id=id, experiment_id=session.experiment_id, experiment=session.experiment, session=session.id, state="open",
        started=began, notebook=session.notebook.path if session.notebook else "", user=session.user,
        environment=session.environment.id if session.environment else "",
        git_commit=session.git.commit if session.git else "", git_dirty=session.git.dirty if session.git else False,
        origin=session.origin,
    )


def started(draft: Draft, material: Material) -> float:
    if draft.opened is None:
        return material.session.started
    execution = material.executions.get(draft.opened.n)
    return execution.started if execution is not None and execution.started is not None else draft.opened.at


def _slice(run: Run, needed: Slice | None) -> None:
    if needed is not None:
        run.cells, run.incomplete, run.slice_digest = needed.cells, needed.incomplete, needed.digest


def judge_state(run: Run, executions: Sequence[CellExecution], *, closed: bool, over: bool) -> None:
    """How the run stands, from its own executions. It never says that it is going on when its session is over."""
    running = any(one.state == "running" for one in executions)
    state: RunState = "finished" if closed and (over or not running) else "open"
    if any(one.state == "interrupted" for one in executions) or (running and over):
        state = "interrupted"
    elif executions and executions[-1].state == "error":
        state = "failed"
        error = executions[-1].error
        run.error = f"{error.name}: {error.message}".rstrip(": ") if error else ""
    run.state = state
    if state != "open":
        run.ended = max((one.ended for one in executions if one.ended is not None), default=run.started)


def _observed(draft: Draft) -> list[Observation]:
    return [one for entry in draft.metrics.values() for values in entry.values.values() for one in values]


def _metrics(entry: Entry) -> list[Metric]:
    return [metric(values, entry.name, shared=entry.shared) for values in entry.values.values()]


def metric(values: Sequence[Observation], name: str, *, shared: bool = False) -> Metric:
    """One metric from its observations in one execution: several without a group key are a series."""
    last = values[-1]
    series, steps = thinned([number(one) for one in values] if len(values) > 1 else last.series)
    return Metric(name, number(last), key=last.key, series=series, steps=steps, shared=shared, n=last.n, observation=last.id,
                  variable=last.variable, function=last.site.function if last.site else "")


def thinned(values: Sequence[float]) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """(values, places): all and no places, or about `POINTS` of them: the first, the last, the extremes of each stretch."""
    if len(values) <= POINTS:
        return tuple(values), ()
    size = 2 * len(values) / POINTS
    bounds = [int(number * size) for number in range(POINTS // 2)] + [len(values)]
    places = {0, len(values) - 1}
    for start, end in pairwise(bounds):
        stretch = values[start:end]
        places |= {start + stretch.index(min(stretch)), start + stretch.index(max(stretch))}
    steps = tuple(sorted(places))
    return tuple(values[step] for step in steps), steps


def number(observation: Observation) -> float:
    """The value of a metric; what is no number is NaN."""
    value = observation.value
    try:
        return float("nan") if value is None else float(value)
    except ValueError:
        return float("nan")


def model_ref(one: Observation) -> ModelRef:
    """The model that an observation saw."""
    digest = one.fingerprint.digest if one.fingerprint and one.fingerprint.digest else ""
    return ModelRef(one.id, one.variable or one.name, one.class_name, digest, one.n, one.blob)


def artifact(one: Observation) -> Artifact:
    """The artifact that an observation kept."""
    fingerprint = one.fingerprint
    digest = one.blob or (fingerprint.digest if fingerprint and fingerprint.digest else "")
    return Artifact(one.name, digest, fingerprint.nbytes if fingerprint else None, one.n)


def params(models: Iterable[Observation], said: Iterable[Observation], material: Material, cells: Sequence[int]) -> list[Param]:
    """Estimator arguments, transformers of the slice, literals of the slice, what the user logged; the later wins by name."""
    found: dict[str, Param] = {}
    for model in models:
        found |= {name: Param(name, value, "estimator", name in model.shown, model.n) for name, value in model.params.items()}
    chosen = set(cells)
    for one in material.observations:
        if one.kind == "param" and not one.logged and one.n in chosen:
            found |= _param(one)
    for n in cells:
        literals = text_of(material.executions[n]).literals
        found |= {name: Param(name, value, "literal", True, n) for name, value in literals.items()}
    for one in said:
        found |= _param(one) if one.kind == "param" else {}
    return list(found.values())


def _param(one: Observation) -> dict[str, Param]:
    """A logged value, or a transformer with its arguments as `name__argument`."""
    if not one.params:
        return {one.name: Param(one.name, one.value, "logged" if one.logged else "estimator", True, one.n)}
    if one.logged:
        return {name: Param(name, value, "logged", True, one.n) for name, value in one.params.items()}
    prefix = f"{one.variable or one.name}__"
    return {prefix + name: Param(prefix + name, value, "estimator", name in one.shown, one.n)
            for name, value in one.params.items()}


def given(parameters: Mapping[str, Value]) -> list[Param]:
    """The parameters that a job was given, as params."""
    return [Param(name, value, "literal") for name, value in parameters.items()]


def datasets(observations: Iterable[Observation], material: Material, cells: Sequence[int]) -> list[Dataset]:
    """What models were fitted on, metrics computed on, and the files that the slice reads and no cell of it wrote."""
    found: dict[tuple[str, str], Dataset] = {}
    written: set[str] = set()
    for n in cells:
        for access in material.executions[n].files:
            if access.mode == "write":
                written.add(access.path)
            elif access.path not in written:
                name = access.relative or access.path
                found["file", name] = Dataset(name, access.fingerprint, source=name, role="input")
    for one in observations:
        for dataset in one.datasets:
            known = _content(dataset, material.graph.steps.get(one.n))
            if known.fingerprint.digest is not None or known.name.isidentifier():
                found["value", known.name] = known
    return list(found.values())


def _content(dataset: Dataset, step: Step | None) -> Dataset:
    """The dataset with the content that its name held in that execution, where the observation knew only the name."""
    if dataset.fingerprint.digest is not None or step is None:
        return dataset
    version = step.reads.get(dataset.name) or step.writes.get(dataset.name)
    if version is None or version.fingerprint is None:
        return dataset
    return msgspec.structs.replace(dataset, fingerprint=version.fingerprint)


def say_changes(runs: Sequence[Run]) -> None:
    """Give each run its `change` against the one before, and show the params that vary between runs of one class."""
    for before, run in pairwise(runs):
        run.change = _change(before, run)
    seen: dict[tuple[str, str], list[Value]] = {}
    for run in runs:
        for param in run.params:
            seen.setdefault((_classes(run), param.name), []).append(param.value)
    for run in runs:
        run.params = [param if param.shown or _same(seen[_classes(run), param.name]) else _shown(param) for param in run.params]


def _same(values: Sequence[Value]) -> bool:
    return all(value == values[0] and type(value) is type(values[0]) for value in values)


def _shown(param: Param) -> Param:
    return Param(param.name, param.value, param.source, True, param.n)


def _classes(run: Run) -> str:
    return " + ".join(model.class_name.rsplit(".", 1)[-1] for model in run.models)


def _change(before: Run, run: Run) -> str:
    old, new = _classes(before), _classes(run)
    if old and new and old != new:
        return f"model {old}→{new}"
    left = {param.name: param.value for param in before.params}
    moved = [param for param in run.params if param.name in left and not _same([left[param.name], param.value])]
    own = [(left[param.name], param.value) for param in moved if param.source == "literal" and type(param.value) is not bool]
    changed = [f"{param.name} {_brief(left[param.name])}→{_brief(param.value)}" for param in moved
               if param.source != "estimator" or (left[param.name], param.value) not in own]  # the user's own name says it
    if changed:
        return ", ".join(changed[:3]) + (f" and {len(changed) - 3} more" if len(changed) > 3 else "")
    return "features changed" if _features(before) != _features(run) and _features(before) and _features(run) else ""


def _brief(value: Value) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:39] + "…"


def _features(run: Run) -> list[tuple[str, ...]]:
    """The columns that models were fitted on; where there are none, the shapes."""
    fitted = [one.fingerprint for one in run.datasets if one.role == "X"]
    return [tuple(sorted(one.columns)) if one.columns else tuple(map(str, (one.shape or ())[1:])) for one in fitted]
