"""Answers as sheets: which columns a person wants to see of runs, sessions, slices and verdicts. Entities in, text out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mlops_jupyter.api.display import Block, Sheet
from mlops_jupyter.api.rerun import Rerun
from mlops_jupyter.api.runs import RunRow
from mlops_jupyter.api.sessions import SessionSummary
from mlops_jupyter.api.slices import Stale, Why
from mlops_jupyter.api.words import (
    changed,
    day,
    duration,
    first_line,
    metric_label,
    metric_names,
    model_names,
    names,
    number,
    plural,
    short_models,
    span,
    verdict,
    when,
)
from mlops_jupyter.entities import CellExecution, Dataset, Metric, ResultVerdict, Run, Scalar, Session, Verification

MOST_ID = 14
"""Characters of a session's id in a table: its time and more than enough of its chance."""


def tracked_sheet(runs: Sequence[Run]) -> Sheet:
    """What executing a notebook under tracking gave."""
    return runs_sheet(runs) if runs else Sheet("Its cells are recorded; no run came of them", notes=[
        'A run begins where a model is fitted or a metric is seen. To say one yourself: mlops.log_metric("auc", auc)'])


def runs_sheet(runs: Sequence[Run]) -> Sheet:
    """One line a run: number, change, model, metrics, verdict, when; the goal where there is one."""
    if not runs:
        return Sheet("No runs yet", notes=["A run begins where a model is fitted or a metric is seen.",
                                           'Track a notebook: mlops track NOTEBOOK, or say it: mlops.log_metric("auc", auc)'])
    several = len({run.experiment_id for run in runs}) > 1
    facts: dict[str, list[str]] = {
        "experiment": [run.experiment if several else "" for run in runs],
        ">run": [f"#{run.number}" for run in runs],
        "★": [" ".join(word for word, held in (("★", run.starred), ("baseline", run.baseline)) if held) for run in runs],
        "change": [changed(run) for run in runs],
        "model": [short_models(run) for run in runs],
        "metrics": [metric_names(run) for run in runs],
        "goal": [run.goal for run in runs],
        "state": ["" if run.state == "finished" else run.state for run in runs],
        "verified": [verdict(run.verification, run.slice_digest) if run.verification else "" for run in runs],
        "when": [day(run.started) for run in runs],
    }
    told = {name: values for name, values in facts.items() if any(values)}  # a column that says nothing is left out
    block = Block(columns=list(told), rows=[[text or "–" for text in row] for row in zip(*told.values(), strict=True)],
                  narrow=_narrow(told))
    headline = plural(len(runs), "run") if several else f"{runs[0].experiment}: {plural(len(runs), 'run')}"
    return Sheet(headline, [block])


_BESIDE = {"experiment": ">run", "★": ">run", "change": "model", "goal": "model", "state": "model", "verified": "model"}


def _narrow(told: Mapping[str, Sequence[str]]) -> Block:
    """The same in four columns: under the model what it changed and how it fared, one metric a line."""
    columns = [">run", "model", "metrics", "when"]
    stacked: dict[str, list[list[str]]] = {name: [] for name in columns}
    for name in ("experiment", *columns, "★", "change", "goal", "state", "verified"):
        stacked[_BESIDE.get(name, name)] += [list(told[name])] if name in told else []
    cells = [["\n".join(part.replace(" · ", "\n") for part in parts if part) for parts in zip(*stacked[name], strict=True)]
             for name in columns if stacked[name]]
    return Block(columns=[name for name in columns if stacked[name]], rows=[list(row) for row in zip(*cells, strict=True)])


def run_sheet(row: RunRow) -> Sheet:
    """Everything about one run on one page."""
    run = row.run
    blocks = [Block(columns=["", ""], rows=_facts(row))]
    shown = [param for param in run.params if param.shown]
    if shown:
        blocks.append(Block("params", [*_PARAM], [[param.name, number(param.value), param.source] for param in shown]))
    if run.metrics:
        shared = "shared" if any(metric.shared for metric in run.metrics) else ""
        blocks.append(Block("metrics", ["name", ">value", *([""] if shared else [])], [
            [metric_label(metric), number(metric.value), *([shared if metric.shared else ""] if shared else [])]
            for metric in run.metrics]))
    if run.datasets:
        blocks.append(Block("datasets", [*_DATASET], [_dataset(item) for item in run.datasets]))
    hidden = len(run.params) - len(shown)
    notes = [f"{plural(hidden, 'param')} at the default not shown: mlops runs show {run.id[:8]} --json"] if hidden else []
    return Sheet(f"{run.experiment} #{run.number} {changed(run)}".rstrip(), blocks, notes)


_DATASET = ("name", "role", "shape", "source", "content")
_PARAM = ("name", ">value", "from")


def _facts(row: RunRow) -> list[list[str]]:
    run = row.run
    git = f"{run.git_commit[:10]}{' with uncommitted changes' if run.git_dirty else ''}" if run.git_commit else "–"
    cells = plural(len(run.cells), "cell") + (" (incomplete: some ran before tracking)" if run.incomplete else "")
    facts = [("id", run.id), ("state", f"{run.state}{': ' + run.error if run.error else ''}"), ("model", model_names(run)),
             ("change", run.change),
             ("notebook", run.notebook), ("session", run.session), ("started", when(run.started)), ("by", run.user),
             ("cells needed", cells), ("git", git), ("verified", _verified(run)), ("goal", run.goal),
             ("environment", f"Python {row.python}, {plural(row.packages, 'package')}" if row.python else "")]
    return [[name, text] for name, text in facts if text]


def _verified(run: Run) -> str:
    words = verdict(run.verification, run.slice_digest)
    return words if run.verification is None else f"{words} ({when(run.verification.at)})"


def _dataset(item: Dataset) -> list[str]:
    shape = "×".join(str(side) for side in item.fingerprint.shape or ())
    return [item.name, item.role, shape, item.source, (item.fingerprint.digest or "unknown").rpartition(":")[2][:12]]


def sessions_sheet(found: Sequence[SessionSummary]) -> Sheet:
    """One line a session."""
    if not found:
        return Sheet("No sessions yet", notes=["mlops track NOTEBOOK, or %mlops track in a notebook"])
    lines = [[one.session.id[:MOST_ID], one.session.kind, _place(one.session), one.session.state, one.python or "–",
              day(one.session.started)] for one in found]
    columns = ["session", "kind", "notebook", "state", "python", "when"]
    return Sheet(plural(len(found), "session"), [Block(columns=columns, rows=lines)])


def _place(session: Session) -> str:
    """The notebook as one would name it from here."""
    told = session.notebook.path if session.notebook else ""
    path = Path(told)
    return str(path.relative_to(Path.cwd())) if told and path.is_relative_to(Path.cwd()) else told or "–"


def session_sheet(summary: SessionSummary, executions: Sequence[CellExecution]) -> Sheet:
    """A session cell by cell."""
    lines = [[str(entry.n), entry.cell[:12], "taken" if entry.taken_from else entry.state, duration(entry.seconds),
              entry.error.name if entry.error else first_line(entry.source)] for entry in executions]
    one = summary.session
    headline = f"Session {one.id} · {one.kind} · {one.state} · {plural(len(executions), 'cell execution')}"
    earlier = sorted({entry.taken_from.partition(":")[0] for entry in executions if entry.taken_from})
    taken = [f"Taken, not run, from {plural(len(earlier), 'session')}: {', '.join(earlier)}"] if earlier else []
    notes = [*one.notes, *taken, f"Environment: mlops sessions export {one.id[:10]} -o pylock.toml"]
    return Sheet(headline, [Block(columns=[">n", "cell", "state", ">time", "~source"], rows=lines)], notes)


def why_sheet(answer: Why) -> Sheet:
    """The cells needed, with their source."""
    blocks = [Block(f"[{cell.n}]{' ' + cell.id if cell.id else ''}{_reason(answer, cell.n)}", text=cell.source, code=True)
              for cell in answer.cells]
    notes = []
    if answer.incomplete:
        notes.append("Incomplete: it goes through cells that ran before tracking. Restart the kernel and run tracked.")
    if answer.unseeded:
        notes.append(f"Random draws without a seed: {names(answer.unseeded)}. Set one to make the result repeatable.")
    if answer.others:
        notes.append(f"Other values of {answer.result!r} came from execution {names([str(n) for n in answer.others])}.")
    rest = f", {answer.left_out} not" if answer.left_out else ""
    return Sheet(f"{answer.result}: {plural(len(answer.cells), 'cell')} needed{rest}", blocks, notes)


def _reason(answer: Why, n: int) -> str:
    reasons = answer.because.get(n, [])
    return f" · {first_line(names(reasons, most=3), 60)}" if reasons else ""


def stale_sheet(answer: Stale) -> Sheet:
    """The cells whose results no longer hold, and the order in which to run again."""
    asof = f" (as saved at {when(answer.saved)})" if answer.saved is not None else ""
    if not answer.cells:
        return Sheet(f"Every result still holds{asof}")
    sources = dict(answer.page)
    lines = [[cell.id, cell.reason, first_line(sources.get(cell.id, ""))] for cell in answer.cells]
    order = names([cell.id for cell in answer.plan], most=20)
    notes = [f"Run again, in this order: {order} (%mlops rerun)"] if answer.plan else []
    notes += _remains(answer.remains)
    block = Block(columns=["cell", "reason", "~source"], rows=lines)
    return Sheet(f"{plural(len(answer.cells), 'stale cell')}{asof}", [block], notes)


def rerun_sheet(done: Rerun) -> Sheet:
    """What was run again."""
    notes = [f"Forgotten, since a fresh run would not have it: {names(done.forgot)}"] if done.forgot else []
    if done.restless:
        notes.append(f"These did not come to rest: {names(done.restless)}. They hold no longer as soon as they ran.")
    notes += _remains(done.remains)
    ended = f", then {done.failed} failed" if done.failed else ", every result holds" if not done.restless else ""
    good = len(done.ran) - bool(done.failed)
    return Sheet(f"{plural(good, 'cell')} run again{ended}" if done.ran else f"Nothing to run again{ended}", [], notes)


def _remains(what: Sequence[str]) -> list[str]:
    lead = "Running cells does not bring this back; restart the kernel and run all to be sure"
    return [f"{lead}: {'; '.join(what)}"] if what else []


def verification_sheet(found: Verification) -> Sheet:
    """The verdict for each result, with both values."""
    blocks = [verdicts_block(found.results)] if found.results else []
    notes = [found.detail] if found.detail else []
    return Sheet(f"{found.result}: {verdict(found)} ({duration(found.seconds)})", blocks, notes)


def verdicts_block(found: Sequence[ResultVerdict], title: str = "") -> Block:
    """One line a result; those of one group that fared alike on one line."""
    rows = []
    for group in _groups(found):
        one, numbers = group[0], [(each.expected, each.found) for each in group]
        if len(group) == 1:
            rows.append([one.name, one.verdict, _shown(one.expected), _shown(one.found), one.detail])
        else:
            recorded, again = zip(*numbers, strict=True)
            rows.append([f"{_group(one)} ({len(group)})", one.verdict, _span(recorded), _span(again), one.detail])
    return Block(title, ["result", "verdict", ">recorded", ">found", ""], rows)


def _groups(found: Sequence[ResultVerdict]) -> list[list[ResultVerdict]]:
    """What may share a line: numbers of one name whose verdict holds; every other result stands alone."""
    lines: dict[tuple[str, str], list[ResultVerdict]] = {}
    for at, one in enumerate(found):
        holds = one.verdict in {"identical", "within tolerance"} and _group(one) != one.name and isinstance(one.expected, float)
        lines.setdefault((_group(one), one.verdict) if holds else (one.name, str(at)), []).append(one)
    return list(lines.values())


def _group(one: ResultVerdict) -> str:
    return one.name.partition("[")[0]


def _span(values: Sequence[Scalar]) -> str:
    return span([float(value) for value in values if isinstance(value, int | float)])


def _shown(value: Scalar) -> str:
    """A value in a table: of a content's fingerprint the first characters."""
    text = "" if value is None else number(value)
    return text.rpartition(":")[2][:12] if text.startswith("fp1") else text


def metrics_rows(metrics: Sequence[Metric]) -> list[list[str]]:
    """(name, value), a group of them on one line."""
    groups: dict[str, list[Metric]] = {}
    for metric in metrics:
        groups.setdefault(metric.name, []).append(metric)
    return [[metric_label(group[0]), number(group[0].value)] if len(group) == 1 else
            [f"{name} ({len(group)})", span([metric.value for metric in group])] for name, group in groups.items()]
