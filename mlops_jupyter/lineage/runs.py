"""Runs, derived from what was observed: pure, repeatable, with the same ids each time. `derive` plays the observations in order.

- Each outermost fit opens a run. Fitted again at the same place from an unchanged slice it replaces; from a changed one it
  opens a variant, and the earlier run stays with its metrics. Several fits in one execution are siblings.
- A metric joins the models whose prediction reached it; else the only model in its slice; else all of them, marked shared;
  else the session's own run. The same metric again replaces if its slice is unchanged; if it changed (another threshold),
  it opens a variant of the model's run. The slice counts up to the metric's own cell; of that cell, only the
  statements on which the metric rests: an edit beside it is no new run.
- `start_run` wins over all of this until `end_run`; a nested one interrupts the one around it. A job's
  session is one run. A verification's session has none.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from mlops_jupyter.entities import CellExecution, Goal, Observation, Run, Session, derived_id
from mlops_jupyter.lineage.drafts import (
    Draft,
    Entry,
    Material,
    artifact,
    blank,
    datasets,
    finish,
    given,
    judge_state,
    metric,
    model_ref,
    params,
    say_changes,
)
from mlops_jupyter.lineage.slice import Result, identity, slice_digest, slice_in
from mlops_jupyter.lineage.text import normalised, statement_at, text_of
from mlops_jupyter.lineage.versions import in_order

OWN = "session"
DATA = frozenset({"frame", "series", "array", "index", "container", "scalar"})


def derive(session: Session, executions: Sequence[CellExecution], observations: Sequence[Observation]) -> list[Run]:
    """The runs of one session, oldest first. The same facts give the same runs with the same ids."""
    ordered = in_order(executions)
    known = {execution.n: execution for execution in ordered}
    seen = sorted((one for one in observations if one.n in known), key=lambda one: (one.n, one.seq))
    material = Material(session, known, seen)
    if session.kind == "verification":
        return []
    if session.kind == "job" or session.origin is not None:
        return [_job(material)]
    deriver = _Deriver(material)
    for one in seen:
        deriver.take(one)
    drafts = deriver.finished()
    runs = [finish(draft, material, followed=position + 1 < len(drafts)) for position, draft in enumerate(drafts)]
    say_changes(runs)
    return runs


def judge_goal(run: Run, goal: Goal) -> str:
    """`met`, `missed`, or "" where the goal names no number or the run has no such metric. Several values: all must hold."""
    if not goal.metric or (goal.at_least is None and goal.at_most is None):
        return ""
    values = [one.value for one in run.metrics if one.name == goal.metric and not one.key]
    values = values or [one.value for one in run.metrics if one.name.startswith(f"{goal.metric}[") or one.name == goal.metric]
    if not values:
        return ""
    held = all((goal.at_least is None or value >= goal.at_least) and (goal.at_most is None or value <= goal.at_most)
               for value in values)
    return "met" if held else "missed"


class _Deriver:
    """The drafts so far, and which of them the next observation belongs to."""

    def __init__(self, material: Material) -> None:
        self.material = material
        self.drafts: list[Draft] = []
        self.families: dict[str, list[Draft]] = {}
        """Anchor (place and name of a fit) → the variants of its run, oldest first."""
        self.anchors: dict[str, str] = {}
        """Key of a model observation → its anchor."""
        self.models: dict[str, Observation] = {}
        self.fitted: dict[str, str] = {}
        self.explicit: Draft | None = None
        self.outer: list[Draft] = []
        """The explicit runs that the current one is nested in, outermost first."""
        self.early: list[Observation] = []
        self.ordinals: dict[tuple[int, str], int] = {}
        self.sites: dict[tuple[int, str, tuple[str, ...]], list[tuple[int, int]]] = {}
        self.needed: dict[int, list[int]] = {}

    def take(self, one: Observation) -> None:
        for explicit in self._explicit():
            explicit.executions.add(one.n)
        match one.kind:
            case "start-run":
                self._start(one)
            case "end-run":
                self._end(one)
            case "model":
                self._model(one)
            case "metric":
                self._metric(one)
            case _:
                self._said(one)

    def finished(self) -> list[Draft]:
        if self.early:
            self._open(OWN, self.early[0])
        last = max(self.material.executions, default=0)
        for explicit in self._explicit():
            explicit.executions |= set(range(max(explicit.executions), last + 1))
        return self.drafts

    def _explicit(self) -> list[Draft]:
        return self.outer if self.explicit is None else [*self.outer, self.explicit]

    def _start(self, one: Observation) -> None:
        """A run that the user began. One that MLflow resumed goes on."""
        if one.details.get("nested") and self.explicit is not None:
            self.outer.append(self.explicit)
        else:
            while self.explicit is not None:
                self._end(one)
        anchor = f"start-run {one.details.get('mlflow_run') or f'{one.n}:{one.seq}'}"
        self.explicit = self.families[anchor][-1] if anchor in self.families else self._open(anchor, one)
        self.explicit.name, self.explicit.closed_by = one.name, None
        self.explicit.executions.add(one.n)

    def _open(self, anchor: str, one: Observation) -> Draft:
        family = self.families.setdefault(anchor, [])
        draft = Draft(derived_id(self.material.session.id, anchor, str(len(family))), anchor, one)
        family.append(draft)
        self.drafts.append(draft)
        draft.said, self.early = self.early, []
        return draft

    def _end(self, one: Observation) -> None:
        if self.explicit is not None:
            self.explicit.executions |= set(range(min(self.explicit.executions), one.n + 1))
            self.explicit.closed_by = one
        self.explicit = self.outer.pop() if self.outer else None

    def _said(self, one: Observation) -> None:
        """What the user logged belongs to the current run; before the first one, to the next that opens."""
        if one.kind == "param" and not one.logged:
            return
        current = self.explicit or (self.drafts[-1] if self.drafts else None)
        (current.said if current else self.early).append(one)

    def _cells(self, n: int) -> list[int]:
        if n not in self.needed:
            self.needed[n] = slice_in(self.material.graph, [Result("", "metric", n)]).cells
        return self.needed[n]

    # models

    def _model(self, one: Observation) -> None:
        if one.logged and self._kept(one):
            return
        self.models[one.id] = one
        if self.explicit is not None:
            self.anchors[one.id] = self.explicit.anchor
            self.explicit.models[one.id] = one
            return
        base = f"fit {_place(one, self.material)} {one.variable or one.name}"
        ordinal = self.ordinals[one.n, base] = self.ordinals.get((one.n, base), -1) + 1
        anchor = f"{base} {ordinal}"
        cells = self._cells(one.n)
        fitted = derived_id(*self._identity(one, cells))
        self.anchors[one.id], self.fitted[one.id] = anchor, fitted
        same = [draft for draft in self.families.get(anchor, []) if draft.fitted_as == fitted]
        if not same:
            draft = self._open(anchor, one)
            draft.fitted_as = fitted
            draft.code = self._code(cells, leave=0)
            draft.models = {anchor: one}
        elif len(same) == 1:
            same[0].models = {anchor: one}

    def _kept(self, one: Observation) -> bool:
        """`log_model` of a model whose fit was seen: its bytes belong to that fit, and no other run begins."""
        named = [self.models[key] for key in one.models if key in self.models]
        known = next((model for model in [*named, *reversed(self.models.values())] if named or _same_model(model, one)), None)
        if known is None:
            return False
        kept = msgspec.structs.replace(known, blob=one.blob, details={**known.details, **one.details})
        self.models[known.id] = kept
        for draft in self.families[self.anchors[known.id]]:
            draft.models = {key: kept if model.id == known.id else model for key, model in draft.models.items()}
        return True

    def _code(self, cells: Sequence[int], leave: int) -> dict[str, frozenset[str]]:
        """Cell id → sources. Where the front end sends no ids, literals by name stand in: another threshold is another run."""
        own = self.material.executions[leave].cell if leave in self.material.executions else ""
        code: dict[str, frozenset[str]] = {}
        for n in cells:
            execution = self.material.executions[n]
            if execution.cell and execution.cell != own:
                code[execution.cell] = code.get(execution.cell, frozenset()) | {normalised(execution.source)}
            elif not execution.cell and n != leave:
                code |= {f"= {name}": frozenset({repr(value)}) for name, value in text_of(execution).literals.items()}
        return code

    # metrics

    def _metric(self, one: Observation) -> None:
        cells = self._cells(one.n)
        models = self._models_of(one, cells)
        owners = [self.explicit.id] if self.explicit is not None else [self.anchors[model.id] for model in models]
        entry = Entry(self._name(one, owners), one.n, self._identity(one, cells), shared=len(models) > 1)
        site = (_place(one, self.material), entry.name)
        if self.explicit is not None:
            if not self.explicit.models:
                self.explicit.models = {model.id: model for model in models}
            self._join(self.explicit, site, entry, one)
            return
        code = self._code(cells, leave=one.n)
        for model in models:
            anchor = self.anchors[model.id]
            fitting = [draft for draft in self.families[anchor] if draft.fitted_as == self.fitted.get(model.id, "")]
            draft = self._variant(fitting or self.families[anchor], site, entry, code)
            if draft is None:
                draft = self._open(anchor, one)
                draft.fitted_as, draft.code = self.fitted.get(model.id, ""), {}
            if not anchor.startswith("start-run"):
                draft.models = {anchor: model}
            draft.code |= code
            self._join(draft, site, entry, one)
        if not models:
            own = self._variant(self.families.get(OWN, []), site, entry, code) or self._open(OWN, one)
            own.code |= code
            self._join(own, site, entry, one)

    def _models_of(self, one: Observation, cells: Sequence[int]) -> list[Observation]:
        """The models whose prediction reached the metric; else the newest fit of each model in its slice."""
        linked = [self.models[key] for key in one.models if key in self.models]
        if not linked:
            chosen = set(cells)
            linked = [model for model in self.models.values() if model.n in chosen]
        newest = {self.anchors[model.id]: model for model in sorted(linked, key=lambda model: (model.n, model.seq))}
        return list(newest.values())

    def _variant(self, family: Sequence[Draft], site: tuple[str, ...], entry: Entry,
                 code: dict[str, frozenset[str]]) -> Draft | None:
        """The newest variant that this metric does not contradict: same slice where it was computed before, no cell otherwise."""
        for draft in reversed(family):
            known = draft.metrics.get(site)
            if known is not None and known.n != entry.n and known.identity != entry.identity:
                continue
            if all(draft.code.get(cell, sources) == sources for cell, sources in code.items()):
                return draft
        return None

    def _join(self, draft: Draft, site: tuple[str, ...], entry: Entry, one: Observation) -> None:
        known = draft.metrics.get(site)
        if known is None or known.n != one.n:
            if any(other.name == entry.name and key != site for key, other in draft.metrics.items()) and one.datasets:
                entry.name = f"{entry.name}[{one.datasets[-1].name}]"
            draft.metrics[site] = known = entry
        known.values.setdefault(one.key, []).append(one)

    def _name(self, one: Observation, owners: Sequence[str]) -> str:
        """Two calls of one cell that would have the same name in the same run are told apart by their order."""
        place = (one.site.line, one.site.column) if one.site else (0, 0)
        sites = self.sites.setdefault((one.n, one.name, tuple(owners)), [])
        if place not in sites:
            sites.append(place)
        position = sites.index(place)
        return one.name if position == 0 else f"{one.name} ({position + 1})"

    def _identity(self, one: Observation, cells: Sequence[int]) -> tuple[str, ...]:
        """What a fit or metric rests on: the slice without its own cell, and of that cell the statements that lead to it.

        A cell that ran twice counts once, unless it changed data in place: only then did the slice change.
        """
        execution = self.material.executions[one.n]
        parts: dict[tuple[str, int], None] = {}
        written: set[str] = set()
        for n in cells:
            other = self.material.executions[n]
            mine = n == one.n or (other.cell != "" and other.cell == execution.cell)
            again = ["again"] if mine and n != one.n and self._changes_data(n) else []
            for part in identity(other, written)[1 if mine else 0:] + again:
                times = sum(known == part for known, _ in parts)
                if times == 0 or self._changes_data(n):
                    parts[part, times] = None
            written |= {access.path for access in other.files if access.mode == "write"}
        local = one.site is not None and one.site.line > 0 and one.site.place in {"", execution.cell}
        own = statement_at(execution.source, one.site.line) if local and one.site else ""
        return (*(part for part, _ in parts), own or normalised(execution.source))

    def _changes_data(self, n: int) -> bool:
        """True if the execution changed data or a seeded random state in place; a refit of a model is no such change."""
        return any(version.previous is not None and (key.startswith("$rng ") or (
            version.fingerprint is not None and version.fingerprint.kind in DATA))
            for key, version in self.material.graph.steps[n].writes.items())


def _same_model(fitted: Observation, logged: Observation) -> bool:
    if fitted.fingerprint is not None and logged.fingerprint is not None and fitted.fingerprint.same_as(logged.fingerprint):
        return True
    return fitted.class_name == logged.class_name and fitted.variable == logged.variable != ""


def _place(one: Observation, material: Material) -> str:
    if one.site is not None and one.site.place:
        return one.site.place
    execution = material.executions[one.n]
    return execution.cell or normalised(execution.source)


def _job(material: Material) -> Run:
    """The one run of a job's session: all that it observed, the parameters that it was given first."""
    session, seen = material.session, material.observations
    executions = [one for one in material.executions.values() if one.state not in {"untracked", "skipped"}]
    cells = [one.n for one in executions]
    run = blank(session, derived_id(session.id, "job"), session.started)
    models = [one for one in seen if one.kind == "model"]
    first = given(session.origin.parameters) if session.origin else []
    names = {param.name for param in first}
    said = [one for one in seen if one.logged]
    run.params = first + [param for param in params(models, said, material, cells) if param.name not in names]
    values: dict[tuple[str, str], list[Observation]] = {}
    for one in seen:
        if one.kind == "metric":
            before = values.setdefault((one.name, one.key), [])
            if before and before[-1].n != one.n:
                before.clear()
            before.append(one)
    run.metrics = [metric(series, name) for (name, _), series in values.items()]
    run.models = [model_ref(one) for one in models]
    run.datasets = datasets(seen, material, cells)
    run.artifacts = [artifact(one) for one in seen if one.kind == "artifact"]
    run.tags = session.tags | {one.name: str(one.value) for one in seen if one.kind == "tag"}
    run.name = next((one.name for one in seen if one.kind == "start-run"), "")
    run.cells, run.slice_digest = cells, slice_digest(executions, cells)
    judge_state(run, executions, closed=material.over, over=material.over)
    if session.state == "interrupted" and run.state == "finished":
        run.state = "interrupted"
    return run

