"""Jobs as sheets: the preview with its cuts, the manifest, a run of it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from mlops_jupyter.api.display import Block, Sheet
from mlops_jupyter.api.jobchecks import spreads_block
from mlops_jupyter.api.jobs import JobDone, Ready
from mlops_jupyter.api.sheets import metrics_rows, verdicts_block
from mlops_jupyter.api.words import duration, first_line, names, number, plural, run_label, when
from mlops_jupyter.entities import JobInput, JobManifest, JobParameter, JobResult, ResultVerdict, Scalar
from mlops_jupyter.entities.environments import on_one_line
from mlops_jupyter.jobs.parameters import as_text
from mlops_jupyter.jobs.resume import summary
from mlops_jupyter.jobs.tolerances import Spread
from mlops_jupyter.lineage.stale import StaleCell


def draft_sheet(ready: Ready) -> Sheet:
    """Which cells the job keeps, and what was cut from them."""
    facts = ready.draft.manifest
    rows = [[str(cell.n), cell.id[:16], first_line(cell.source, 56)] for cell in ready.draft.cells]
    cuts = [[str(cut.cell), first_line(cut.text, 44), first_line(cut.replaced_by, 30) or
             (f"parameter {cut.name}" if cut.name else "left out")] for cut in ready.draft.cuts]
    blocks = [Block(columns=[">n", "cell", "~source"], rows=rows)]
    if cuts:
        blocks.append(Block("cut from these cells", [">n", "~text", "becomes"], cuts))
    return Sheet(f"Job {facts.name}: {facts.cells} of {plural(facts.cells_total, 'cell')}", blocks, _warnings(facts))


def manifest_sheet(manifest: JobManifest, folder: Path, compared: Sequence[ResultVerdict] = (),
                   spreads: Sequence[Spread] = ()) -> Sheet:
    """What a job is, takes and gives, and whether it was seen to give it."""
    state = f"{manifest.verdict}" + (f", {when(manifest.verified_at)}" if manifest.verified_at else "")
    blocks = []
    if manifest.parameters:
        blocks.append(Block("parameters", ["name", "type", ">default", ""], [_parameter(one) for one in manifest.parameters]))
    if manifest.inputs:
        blocks.append(Block("inputs", ["name", "path", "", "content"], [_input(one) for one in manifest.inputs]))
    if compared:
        blocks.append(verdicts_block(compared, "clean run"))
        blocks += [spreads_block(spreads)] if spreads else []
    else:
        blocks.append(Block("results", ["name", "kind", ">recorded"], [_result(one) for one in manifest.results]))
    warnings = [] if compared else _warnings(manifest)  # who has just seen the clean run has seen them in the preview
    carried = f"modules carried: {names(manifest.modules)}" if manifest.modules else ""
    notes = [*warnings, *_tolerances(manifest, spreads), carried, f"Run it: {run_command(manifest, folder)}"]
    headline = f"Job {manifest.name} in {folder}: {manifest.cells} of {plural(manifest.cells_total, 'cell')}, {state}"
    return Sheet(headline, blocks, [note for note in notes if note])


def against_sheet(found: Sequence[StaleCell], notebook: Path) -> Sheet:
    """Which of the job's cells no longer stand so in the notebook."""
    if not found:
        return Sheet(f"The job is what {notebook} says")
    return Sheet(f"{plural(len(found), 'cell')} of the job changed in {notebook}",
                 [Block(columns=["cell", "reason"], rows=[[cell.id, cell.reason] for cell in found])])


def run_command(manifest: JobManifest, folder: Path) -> str:
    """A command that runs the job, with one parameter as an example, as a shell takes it."""
    scalars = [one for one in manifest.parameters if not isinstance(one.default, list)]
    scalars.sort(key=lambda one: (not one.varied, one.type not in {"integer", "number"}))
    example = ["-p", f"{scalars[0].name}={as_text(scalars[0].default)}"] if scalars else []
    return shlex.join(["mlops", "run", str(folder), *example])


def _tolerances(manifest: JobManifest, spreads: Sequence[Spread]) -> list[str]:
    """The metrics that have a tolerance of their own; none where the clean runs that it came from are shown."""
    return [] if spreads else [f"{name} may be off by {one.value:g}, relative: {one.source}"
                               for name, one in manifest.tolerances.items()]


def _result(one: JobResult) -> list[str]:
    return [f"{one.name}[{one.key}]" if one.key else one.name, one.kind, _value(one.value)]


def _warnings(manifest: JobManifest) -> list[str]:
    return [f"! {warning}" for warning in manifest.warnings]


def _parameter(one: JobParameter) -> list[str]:
    return [one.name, one.type, _default(one), "differed between runs" if one.varied else one.description]


def _default(one: JobParameter) -> str:
    return as_text(one.default)


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
        title = f"{run.experiment} {run_label(run)}"
        given = run.origin.parameters if run.origin is not None else {}
        if given:
            blocks.append(Block(title, ["parameter", ">value"], [[name, as_text(value)] for name, value in given.items()]))
        blocks.append(Block("" if given else title, ["metric", ">value"], metrics_rows(run.metrics)))
    state = f"{done.outcome.state} in {duration(done.outcome.seconds)}"
    where = f" in cell {done.outcome.cell}: {done.outcome.error}" if done.outcome.state != "succeeded" else ""
    at = f"{done.address}, and " if done.address and not done.undelivered else ""
    differs = [f"Not in the environment of the lock: {on_one_line(done.differs)}"] if done.differs else []
    return Sheet(f"{state}{where}", blocks, [*differs, *summary(done.cells, done.total), f"Executed notebook: {at}{done.output}"])
