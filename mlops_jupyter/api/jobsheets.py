"""Jobs as sheets: the preview with its cuts, the manifest, a run of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mlops_jupyter.api.display import Block, Sheet
from mlops_jupyter.api.jobs import JobDone, Ready
from mlops_jupyter.api.words import first_line, metric_label, names, number, plural, run_label, when
from mlops_jupyter.entities import JobInput, JobManifest, JobParameter, ResultVerdict, Scalar
from mlops_jupyter.jobs.convert import Cut

MOST_METRICS = 12


def draft_sheet(ready: Ready) -> Sheet:
    """Which cells the job keeps, and what was cut from them."""
    facts = ready.draft.manifest
    rows = [[str(cell.n), cell.id, first_line(cell.source, 60), _cuts(ready, cell.n)] for cell in ready.draft.cells]
    blocks = [Block(columns=[">n", "cell", "", "cut"], rows=rows)]
    return Sheet(f"Job {facts.name}: {facts.cells} of {plural(facts.cells_total, 'cell')}", blocks, _warnings(facts))


def _cuts(ready: Ready, n: int) -> str:
    return "; ".join(_cut(cut) for cut in ready.draft.cuts if cut.cell == n)


def _cut(cut: Cut) -> str:
    text = first_line(cut.text, 40)
    return f"{text} → {first_line(cut.replaced_by, 30)}" if cut.replaced_by else text


def manifest_sheet(manifest: JobManifest, folder: Path, compared: Sequence[ResultVerdict] = ()) -> Sheet:
    """What a job is, takes and gives, and whether it was seen to give it."""
    state = f"{manifest.verdict}" + (f", {when(manifest.verified_at)}" if manifest.verified_at else "")
    blocks = []
    if manifest.parameters:
        blocks.append(Block("parameters", ["name", "type", ">default", ""], [_parameter(one) for one in manifest.parameters]))
    if manifest.inputs:
        blocks.append(Block("inputs", ["name", "path", "", "content"], [_input(one) for one in manifest.inputs]))
    if compared:
        blocks.append(Block("clean run", ["result", "verdict", ">recorded", ">found", ""], [
            [one.name, one.verdict, _value(one.expected), _value(one.found), one.detail] for one in compared]))
    else:
        blocks.append(Block("results", ["name", "kind", ">recorded"], [
            [f"{one.name}[{one.key}]" if one.key else one.name, one.kind, _value(one.value)] for one in manifest.results]))
    example = next((f" -p {one.name}={_default(one)}" for one in manifest.parameters), "")
    notes = [*_warnings(manifest), f"modules carried: {names(manifest.modules)}" if manifest.modules else "",
             f"Run it: mlops run {folder}{example}"]
    headline = f"Job {manifest.name} in {folder}: {manifest.cells} of {plural(manifest.cells_total, 'cell')}, {state}"
    return Sheet(headline, blocks, [note for note in notes if note])


def _warnings(manifest: JobManifest) -> list[str]:
    return [f"! {warning}" for warning in manifest.warnings]


def _parameter(one: JobParameter) -> list[str]:
    return [one.name, one.type, _default(one), "differed between runs" if one.varied else one.description]


def _default(one: JobParameter) -> str:
    return str(one.default) if isinstance(one.default, list) else number(one.default)


def _input(one: JobInput) -> list[str]:
    carried = "in the bundle" if one.carried else f"-i {one.name}=PATH for another"
    return [one.name, one.path, carried, (one.fingerprint.digest or "unknown").rpartition(":")[2][:12]]


def _value(value: Scalar) -> str:
    text = "" if value is None else number(value)
    return text.rpartition(":")[2][:12] if text.startswith("fp1") else text


def job_run_sheet(done: JobDone) -> Sheet:
    """How a run of a job ended and what it gave."""
    blocks = []
    for run in done.runs:
        params = [[param.name, number(param.value)] for param in run.params if param.shown]
        rows = [[metric_label(metric), number(metric.value)] for metric in run.metrics[:MOST_METRICS]]
        blocks.append(Block(f"{run.experiment} {run_label(run)}", ["metric", ">value"], rows))
        if params:
            blocks.append(Block("", ["param", ">value"], params[:MOST_METRICS]))
    where = f" in cell {done.outcome.cell}: {done.outcome.error}" if done.outcome.state != "succeeded" else ""
    return Sheet(f"{done.outcome.state}{where}", blocks, [f"Executed notebook: {done.output}"])
