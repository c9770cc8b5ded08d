"""Does a result follow from its cells? Run exactly those, in their order, in a clean kernel and an own folder, and compare.

Inputs must be, byte for byte, what the recorded run read. Draws that no cell seeded start from the recorded state of their
generator. Code that reaches outside its folder is refused unless it is allowed. A verdict names what was compared with what.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mlops_jupyter.config import Settings
from mlops_jupyter.entities import (
    CellExecution,
    ConflictError,
    Environment,
    FileAccess,
    Observation,
    Origin,
    Outcome,
    ResultVerdict,
    Session,
    Verification,
    new_id,
)
from mlops_jupyter.fingerprint import fingerprint_file
from mlops_jupyter.jobs.effects import refuse_effects, refuse_redacted
from mlops_jupyter.jobs.execute import Executed, ExecuteOptions, run_notebook
from mlops_jupyter.jobs.inputs import external_reads, where
from mlops_jupyter.jobs.modules import local_modules
from mlops_jupyter.jobs.ours import without_our_magics
from mlops_jupyter.jobs.progress import Progress
from mlops_jupyter.jobs.recording import Recorded, private_folder, private_options, read_recorded
from mlops_jupyter.jobs.reference import (
    compare_content,
    compare_metrics,
    metrics_of,
    recorded_file,
    recorded_fingerprint,
    worst,
)
from mlops_jupyter.jobs.restoring import Kept, Laid, changed_queries, lay_out, read_instead
from mlops_jupyter.lineage.slice import Result, Slice
from mlops_jupyter.lineage.text import read_text

if TYPE_CHECKING:
    from nbformat import NotebookNode


__all__ = ["VerifyOptions", "missing_inputs", "refuse_effects", "verify_slice"]


_HOLDS = frozenset({"identical", "within tolerance"})


class VerifyOptions(msgspec.Struct, kw_only=True):
    """What to verify and how. `results`: all results of the slice, if it was made for several; `output`: where the executed
    notebook is kept.
    """

    run: str = ""
    results: Sequence[Result] = ()
    allow_effects: bool = False
    tolerance: float | None = None
    kernel: str = "python3"
    output: Path | None = None
    progress: Callable[[Progress], None] | None = None
    cancel: threading.Event | None = None


def verify_slice(session: Session, slice: Slice, executions: Sequence[CellExecution],
                 observations: Sequence[Observation], blob: Callable[[str], bytes],
                 options: VerifyOptions | None = None) -> Verification:
    """Re-run the slice and compare. Raises ConflictError if it was cancelled, which is no verdict, or if it would reach
    outside its folder and may not.
    """
    options = options or VerifyOptions()
    started = time.monotonic()
    by_n = {execution.n: execution for execution in executions}
    cells = [by_n[n] for n in slice.cells]
    refuse_redacted(cells)
    refuse_effects(cells, allow=options.allow_effects)
    made = Verification(new_id(), options.run, session.id, slice.result.name, time.time(), "failed", slice_digest=slice.digest)
    modules = local_modules(cells, executions, blob)
    reads = external_reads(cells, helper_guards=any(read_text(module.source).looks_first for module in modules))
    missing = {each.name: each for each in missing_inputs(reads, Path(session.cwd))}
    with private_folder() as folder:
        laid = lay_out(folder, reads, cells, Path(session.cwd), missing, Kept(observations, blob))
        if laid.gone:
            return _gone(made, laid.gone)
        work = laid.work
        for module in modules:
            (work / module.place).parent.mkdir(parents=True, exist_ok=True)
            (work / module.place).write_bytes(module.data)
        track = private_options(folder, Origin(run=options.run, session=session.id, result=slice.result.name))
        executed = run_notebook(_notebook(cells, laid, options.kernel), folder / "output.ipynb", ExecuteOptions(
            track=track, cwd=work, kernel=options.kernel, restore=_states(cells, slice, blob), progress=options.progress,
            cancel=options.cancel, executable=_interpreter(session.environment),
        ))
        if options.output is not None:
            shutil.copyfile(folder / "output.ipynb", options.output)
        if executed.outcome.state == "cancelled":
            raise ConflictError(f"the verification of {slice.result.name} was cancelled", f"mlops verify {slice.result.name}")
        found = read_recorded(folder)
    made.seconds = time.monotonic() - started
    made.environment = found.session.environment.id if found.session and found.session.environment else ""
    if instead := read_instead(laid, found.executions):
        return _gone(made, instead)
    _judge(made, executed, found, _Expected(session, slice, cells, executions, observations, options))
    if laid.restored:
        kept = f"with the kept {', '.join(sorted(Path(path).name for path in laid.restored))}"
        made.detail = "; ".join(part for part in [made.detail, kept] if part)
    return made


def _gone(made: Verification, gone: list[ResultVerdict]) -> Verification:
    made.results, made.verdict = gone, "input gone"
    made.detail = "; ".join(f"{each.name}: {each.detail}" for each in gone)
    return made


class _Expected(msgspec.Struct):
    session: Session
    slice: Slice
    cells: list[CellExecution]
    executions: Sequence[CellExecution]
    observations: Sequence[Observation]
    options: VerifyOptions


def missing_inputs(reads: Sequence[FileAccess], folder: Path) -> list[ResultVerdict]:
    """One verdict for each input that is gone, or is no longer what was read."""
    verdicts = []
    for access in reads:
        file = where(access, folder)
        label = access.relative or access.path
        if not file.is_file():
            verdicts.append(ResultVerdict(label, "input gone", access.fingerprint.digest, detail="the file is not there"))
            continue
        now = fingerprint_file(file)
        if not now.same_as(access.fingerprint):
            detail = "the file has changed since" if access.fingerprint.digest else "its content was not recorded"
            verdicts.append(ResultVerdict(label, "input gone", access.fingerprint.digest, now.digest, detail))
    return verdicts


def _notebook(cells: Sequence[CellExecution], laid: Laid, kernel: str) -> NotebookNode:
    """The cells as typed, each under an id that tells its execution. A cell that failed when recorded may fail again."""
    from nbformat import v4

    made = []
    for cell in cells:
        tags = ["raises-exception"] if cell.state in {"error", "interrupted"} else []
        made.append(v4.new_code_cell(without_our_magics(laid.source(cell)), id=f"n{cell.n}", metadata={"tags": tags}))
    spec = {"name": kernel, "display_name": kernel, "language": "python"}
    notebook: NotebookNode = v4.new_notebook(cells=made, metadata={"kernelspec": spec, "language_info": {"name": "python"}})
    return notebook


def _states(cells: Sequence[CellExecution], slice: Slice, blob: Callable[[str], bytes]) -> dict[str, dict[str, bytes]]:
    """Cell id → source → the state that a draw began from, for the sources that nothing in the slice seeded."""
    states: dict[str, dict[str, bytes]] = {}
    for cell in cells:
        for source in cell.random.drew if cell.random is not None else ():
            if source in slice.unseeded and cell.random is not None and source in cell.random.before:
                states.setdefault(f"n{cell.n}", {})[source] = blob(cell.random.before[source])
    return states


def _interpreter(environment: Environment | None) -> str:
    """The interpreter that recorded the session, if it is still there."""
    executable = environment.executable if environment is not None else ""
    return executable if executable and Path(executable).exists() else ""


def _judge(made: Verification, executed: Executed, found: Recorded, expected: _Expected) -> None:
    """Fill in the verdict."""
    results = [expected.slice.result, *(each for each in expected.options.results if each != expected.slice.result)]
    if executed.outcome.state != "succeeded":
        made.detail = _why_failed(executed.outcome, expected.cells)
        made.results = [ResultVerdict(each.name, "failed", detail=made.detail) for each in results]
        return
    tolerance = expected.options.tolerance if expected.options.tolerance is not None else Settings.current().tolerance
    recorded = metrics_of(expected.observations, [cell.n for cell in expected.cells], logged=True)
    made.results = compare_metrics(recorded, metrics_of(found.observations, logged=True), tolerance)
    by_metric = {each.name for each in made.results} | {
        each.variable for each in expected.observations if each.kind == "metric" and each.variable}
    last = max((execution.n for execution in found.executions), default=0)
    for each in results:
        for name in each.variables:
            if name not in by_metric:
                before = recorded_fingerprint(name, each.n, expected.executions)
                made.results.append(compare_content(name, before, recorded_fingerprint(name, last, found.executions)))
        if each.kind == "file":
            before = recorded_file(each.name, each.n, expected.executions)
            made.results.append(compare_content(each.name, before, recorded_file(each.name, last, found.executions)))
    if worst(made.results) not in _HOLDS:
        made.results += changed_queries(expected.cells, found.executions)
    made.verdict = worst(made.results)
    made.detail = _differences(made.results)
    environment = expected.session.environment
    if environment is not None and made.environment and made.environment != environment.id:
        made.detail = "; ".join(part for part in [made.detail, "the environment is not the recorded one"] if part)


def _why_failed(outcome: Outcome, cells: Sequence[CellExecution]) -> str:
    ran = [cell for cell in cells if without_our_magics(cell.source).strip()]
    where = f"cell [{ran[outcome.cell - 1].n}]" if outcome.cell is not None and outcome.cell <= len(ran) else "the clean run"
    return f"{where}: {outcome.error}"


def _differences(results: Sequence[ResultVerdict]) -> str:
    return "; ".join(f"{each.name}: {each.expected} → {each.found} {each.detail}".strip()
                     for each in results if each.verdict not in {"identical", "within tolerance"})
