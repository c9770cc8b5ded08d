"""Answers as sheets: which columns a person wants to see of runs, sessions, slices and verdicts. Entities in, text out."""

from __future__ import annotations

from collections.abc import Sequence

from mlops_jupyter.api.display import Block, Sheet
from mlops_jupyter.api.runs import RunRow
from mlops_jupyter.api.sessions import SessionSummary
from mlops_jupyter.api.slices import Stale, Why
from mlops_jupyter.api.words import (
    duration,
    first_line,
    metric_label,
    metric_names,
    model_names,
    names,
    number,
    plural,
    run_label,
    verdict,
    when,
)
from mlops_jupyter.entities import CellExecution, Dataset, Run, Verification


def runs_sheet(runs: Sequence[Run]) -> Sheet:
    """One line a run: number, change, model, metrics, verdict, when; the goal where there is one."""
    if not runs:
        return Sheet("No runs yet", notes=["A run begins where a model is fitted or a metric is seen.",
                                           'Track a notebook: mlops track NOTEBOOK, or say it: mlops.log_metric("auc", auc)'])
    goals = any(run.goal for run in runs)
    several = len({run.experiment_id for run in runs}) > 1
    columns = [*(["experiment"] if several else []), ">run", "change", "model", "metrics", *(["goal"] if goals else []),
               "state", "verified", "when"]
    lines = [[*([run.experiment] if several else []), f"#{run.number}", run.name or run.change or "–", model_names(run) or "–",
              metric_names(run) or "–", *([run.goal or "–"] if goals else []), run.state,
              verdict(run.verification, run.slice_digest), when(run.started)] for run in runs]
    headline = plural(len(runs), "run") if several else f"{runs[0].experiment}: {plural(len(runs), 'run')}"
    return Sheet(headline, [Block(columns=columns, rows=lines)])


def run_sheet(row: RunRow) -> Sheet:
    """Everything about one run on one page."""
    run = row.run
    blocks = [Block(columns=["", ""], rows=_facts(row))]
    shown = [param for param in run.params if param.shown]
    if shown:
        blocks.append(Block("params", [*_PARAM], [[param.name, number(param.value), param.source] for param in shown]))
    if run.metrics:
        blocks.append(Block("metrics", ["name", ">value", ""], [
            [metric_label(metric), number(metric.value), "shared" if metric.shared else ""] for metric in run.metrics]))
    if run.datasets:
        blocks.append(Block("datasets", [*_DATASET], [_dataset(item) for item in run.datasets]))
    hidden = len(run.params) - len(shown)
    notes = [f"{plural(hidden, 'param')} at the default not shown: mlops runs show {run.id[:8]} --json"] if hidden else []
    return Sheet(f"{run.experiment} {run_label(run)}", blocks, notes)


_DATASET = ("name", "role", "shape", "source", "content")
_PARAM = ("name", ">value", "from")


def _facts(row: RunRow) -> list[list[str]]:
    run = row.run
    git = f"{run.git_commit[:10]}{' with uncommitted changes' if run.git_dirty else ''}" if run.git_commit else "–"
    cells = plural(len(run.cells), "cell") + (" (incomplete: some ran before tracking)" if run.incomplete else "")
    facts = [("id", run.id), ("state", f"{run.state}{': ' + run.error if run.error else ''}"), ("model", model_names(run)),
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
    lines = [[one.session.id, one.session.kind, one.session.notebook.path if one.session.notebook else "–", one.session.state,
              one.python, when(one.session.started)] for one in found]
    columns = ["session", "kind", "notebook", "state", "python", "when"]
    return Sheet(plural(len(found), "session"), [Block(columns=columns, rows=lines)])


def session_sheet(summary: SessionSummary, executions: Sequence[CellExecution]) -> Sheet:
    """A session cell by cell."""
    lines = [[str(entry.n), entry.cell[:12], entry.state, duration(entry.seconds),
              entry.error.name if entry.error else first_line(entry.source)] for entry in executions]
    one = summary.session
    headline = f"Session {one.id} · {one.kind} · {one.state} · {plural(len(executions), 'cell execution')}"
    notes = [*one.notes, f"Environment: mlops sessions export {one.id[:10]} -o pylock.toml"]
    return Sheet(headline, [Block(columns=[">n", "cell", "state", ">time", ""], rows=lines)], notes)


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
    return f" · {names(reasons, most=3)}" if reasons else ""


def stale_sheet(answer: Stale) -> Sheet:
    """The cells whose results no longer hold, and the order in which to run again."""
    asof = f" (as saved at {when(answer.saved)})" if answer.saved is not None else ""
    if not answer.cells:
        return Sheet(f"Every result still holds{asof}")
    lines = [[cell.id, cell.reason, first_line(answer.sources.get(cell.id, ""))] for cell in answer.cells]
    notes = [f"Run again, in this order: {names(answer.plan, most=20)} (%mlops rerun)"] if answer.plan else []
    return Sheet(f"{plural(len(answer.cells), 'stale cell')}{asof}", [Block(columns=["cell", "reason", ""], rows=lines)], notes)


def verification_sheet(found: Verification) -> Sheet:
    """The verdict for each result, with both values."""
    lines = [[one.name, one.verdict, number(one.expected), number(one.found), one.detail] for one in found.results]
    blocks = [Block(columns=["result", "verdict", ">recorded", ">found", ""], rows=lines)] if lines else []
    notes = [found.detail] if found.detail else []
    return Sheet(f"{found.result}: {verdict(found)} ({duration(found.seconds)})", blocks, notes)
