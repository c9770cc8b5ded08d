"""Verbs on jobs: preview and make one from a notebook, look at it, run it, hand it over.

Making one is three steps that a skin may show one by one: `prepare` finds the session (or makes it, by executing the notebook
under tracking) and drafts; `finish` writes the bundle, runs it once clean and compares; `must_reproduce` fails where the recorded
metrics did not come out. Such a bundle stays on disk, marked `unverified`, so that it can be looked at.
"""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, cast, get_args

import msgspec

from mlops_jupyter.api.headless import must_succeed, track_notebook
from mlops_jupyter.api.here import notebook_file, sessions_of
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.api.results import fetch, source_of
from mlops_jupyter.api.runs import runs as recorded
from mlops_jupyter.api.slices import as_recorded, file_cells, file_digest, own_cells
from mlops_jupyter.api.surroundings import modules_stand
from mlops_jupyter.entities import (
    CellExecution,
    ConflictError,
    InputCheck,
    InputError,
    JobFailedError,
    JobManifest,
    Ledger,
    NotFoundError,
    Observation,
    Outcome,
    ResultVerdict,
    Run,
    Session,
    StoreError,
)
from mlops_jupyter.entities.jobs import InputPolicy
from mlops_jupyter.jobs.attempts import Limits, attempts
from mlops_jupyter.jobs.bundle import check_free, load, write
from mlops_jupyter.jobs.checks import check_queries
from mlops_jupyter.jobs.choice import Choice, Dropped, choose, dropped
from mlops_jupyter.jobs.convert import ConvertOptions, Draft, draft
from mlops_jupyter.jobs.delivery import Delivery
from mlops_jupyter.jobs.effects import effects_of, refuse_effects
from mlops_jupyter.jobs.environments import Where
from mlops_jupyter.jobs.resume import CellReport
from mlops_jupyter.jobs.storage import place_of_output
from mlops_jupyter.jobs.terms import Terms
from mlops_jupyter.jobs.tolerances import Spread
from mlops_jupyter.lineage.slice import Result, find_results, metric_result, slice_of
from mlops_jupyter.lineage.stale import StaleCell, stale

if TYPE_CHECKING:
    from mlops_jupyter.jobs.progress import Progress
    from mlops_jupyter.jobs.run import JobRun

Report = Callable[["Progress"], None]


class Source(msgspec.Struct, frozen=True):
    """What a job is made from: a notebook's file, a session, or a run. One of them."""

    notebook: Path | None = None
    session: str = ""
    run: str = ""


class Conversion(msgspec.Struct, frozen=True):
    """How: names of the results (none: every metric), parameters to keep (None: all), whether to run it clean, to replace."""

    results: Sequence[str] = ()
    keep: Sequence[str] | None = None
    verify: bool = True
    replace: bool = False
    policies: Mapping[str, InputPolicy] = {}
    """Input (or `*`) → record, warn or fail, where its schema has changed or it is broken."""
    terms: Mapping[str, Terms] = {}
    """What is said of parameters: another name, type, range, choices, help, that one is a secret."""
    allow_effects: bool = False
    """Let the clean run repeat what the cells do outside their folder."""
    choice: Choice = Choice()
    """Cells that are in the job, or not, because somebody says so."""
    repeat: int = 1
    """Clean runs. Several of them propose a tolerance for each metric that they differ in."""


class Ready(msgspec.Struct):
    """A job drafted and not written yet: what a preview shows."""

    draft: Draft
    session: str
    run: str = ""
    because: dict[int, list[str]] = {}
    """Of each cell what it is needed for, in words."""
    dropped: list[Dropped] = []

    def answer(self) -> dict[str, object]:
        """The preview as JSON: the manifest, each needed cell with its cuts and why, the others and why not."""
        made = self.draft
        cells = [{"n": cell.n, "id": cell.id, "source": cell.source, "job": cell.job, "because": self.because.get(cell.n, []),
                  "cut": [cut for cut in made.cuts if cut.cell == cell.n]} for cell in made.cells]
        facts = made.manifest
        return {"parameters": facts.parameters, "cells": cells, "inputs": facts.inputs, "results": facts.results,
                "warnings": facts.warnings, "cells_total": facts.cells_total, "name": facts.name, "session": self.session,
                "dropped": self.dropped}


class Converted(msgspec.Struct):
    """A written job; `compared`: each result of its clean run beside the recorded one, empty if there was none."""

    manifest: JobManifest
    folder: Path
    compared: list[ResultVerdict] = []
    outcome: Outcome | None = None
    session: str = ""
    spreads: list[Spread] = []
    """How far apart several clean runs were, and the tolerance that it proposes."""


class Running(msgspec.Struct, frozen=True):
    """How a job is run: where its executed notebook goes, who hears of its progress and of what is odd, what cancels it.

    `output` is a file, or an address: `s3://bucket/out.ipynb`."""

    output: Path | str | None = None
    progress: Report | None = None
    cancel: Event | None = None
    say: Callable[[str], None] | None = None
    where: Where = Where()
    limits: Limits = Limits()
    checkpoints: bool = True
    """Keep what costly cells leave, for a later run, or for a further attempt of this one, which then goes on from there."""
    resume: bool = False
    """Take from earlier runs what they kept, where nothing that it rests on has changed."""
    submission: str = ""
    """The hand-over to a runner that this is an attempt of."""
    printed: Callable[[str], None] | None = None
    """Hears the lines that cells print, as they come."""
    recorded: Callable[[], None] | None = None
    """Is called when all is recorded, before anybody reads it."""


class JobDone(msgspec.Struct):
    """One run of a job: its session, how it ended, the runs it recorded, where the executed notebook is."""

    session: str
    outcome: Outcome
    runs: list[Run]
    output: Path
    checks: list[InputCheck] = []
    """Each input against what the job was made with."""
    differs: list[str] = []
    """How the environment differed from the job's lock, in words."""
    cells: list[CellReport] = []
    """Cells that were taken from an earlier run, or kept for a later one; and why not."""
    total: int = 0
    """Code cells of the job."""
    address: str = ""
    """Where the executed notebook was to be written besides, and why it is not there ("": it is)."""
    undelivered: str = ""


def read_policies(said: Mapping[str, str]) -> dict[str, InputPolicy]:
    """`{"flights": "fail"}`, checked. InputError for another word."""
    for name, word in said.items():
        if word not in get_args(InputPolicy):
            raise InputError(f"--policy {name}={word}: {word!r} is no policy", f"--policy {name}=record, warn or fail")
    return {name: cast(InputPolicy, word) for name, word in said.items()}


def check_folder(folder: Path, *, replace: bool) -> None:
    """Raise before any work is done if the bundle could not be written there."""
    check_free(folder.absolute(), overwrite=replace)


def prepare(source: Source, how: Conversion | None = None, progress: Report | None = None) -> Ready:
    """Draft the job. A notebook that is not tracked as it stands is executed first. Nothing is written."""
    how = how or Conversion()
    ledger = open_ledger()
    run = ledger.run(source.run) if source.run else None
    session = ledger.session(run.session if run else source.session) if run or source.session else None
    if session is None:
        if source.notebook is None:
            raise InputError("a job is made from a notebook, a session or a run", "mlops convert NOTEBOOK -o job")
        session = _tracked(ledger, source.notebook, progress)
        ledger = open_ledger()
    executions, observations = ledger.executions(session.id), ledger.observations(session.id)
    results = [find_results(name, executions, observations)[0] for name in how.results] or _metrics(observations, run)
    if not results:
        raise NotFoundError(f"no metric was seen in session {session.id}, so there is nothing for a job to make",
                            "name a variable, model or file: --result NAME")
    stem = Path(session.notebook.path).stem if session.notebook and not how.results else ""
    file = notebook_file(session)
    total = len(file_cells(file)) if file else own_cells(executions)
    options = ConvertOptions(name=stem, results=results, keep=how.keep, terms=how.terms, policies=how.policies, run=run,
                             cells_total=total, choice=how.choice)
    needed = choose(results, how.choice, executions, observations)
    made = draft(session, needed, executions, observations, ledger.runs(session=session.id), ledger.get_blob, options)
    return Ready(made, session.id, made.manifest.made_from_run, needed.because, dropped(needed, how.choice, executions))


def _tracked(ledger: Ledger, notebook: Path, progress: Report | None) -> Session:
    """The newest session in which the notebook ran as it stands now, data included; made now if there is none."""
    session = _as_it_stands(ledger, notebook)
    if session is not None:
        return session
    done = track_notebook(notebook, progress=progress)
    must_succeed(done.outcome, str(notebook), "mend the cell; only a notebook that runs from top to bottom becomes a job")
    return open_ledger().session(done.session)


def _as_it_stands(ledger: Ledger, notebook: Path) -> Session | None:
    """The newest session of the notebook, if every cell ran in it as it is now, on files and local modules as they are now."""
    cells = file_cells(notebook)
    for session in sessions_of(ledger, notebook)[:1]:
        executions = ledger.executions(session.id)
        if cells and modules_stand(executions) and not stale(executions, as_recorded(cells), file_digest(session)):
            return session
    return None


def _metrics(observations: Sequence[Observation], run: Run | None) -> list[Result]:
    """Every metric, its newest value; of one run if there is one."""
    wanted = {metric.observation for metric in run.metrics} if run is not None else None
    newest: dict[tuple[str, str], Observation] = {}
    for one in observations:
        if one.kind == "metric" and (wanted is None or one.id in wanted):
            newest[one.name, one.key] = one
    return [metric_result(one) for one in newest.values()]


def finish(ready: Ready, folder: Path, how: Conversion | None = None, progress: Report | None = None,
           cancel: Event | None = None) -> Converted:
    """Write the job and run it once clean, unless told not to. What did not come out is in `compared`, not raised."""
    how = how or Conversion()
    ready.draft.manifest.effects = _effects(ready)
    if how.verify:
        _refuse_effects(ready, allow=how.allow_effects)
    manifest = write(ready.draft, folder, overwrite=how.replace)
    if not how.verify:
        return Converted(manifest, folder, session=ready.session)
    from mlops_jupyter.jobs.verify_bundle import CleanOptions, verify_bundle

    found = verify_bundle(folder, CleanOptions(repeat=how.repeat, progress=progress, cancel=cancel))
    return Converted(found.manifest, folder, found.results, found.outcome, ready.session, found.spreads)


def _refuse_effects(ready: Ready, *, allow: bool) -> None:
    refuse_effects(_executions(ready), allow=allow)


def _effects(ready: Ready) -> list[str]:
    """What the cells of the job did outside their folder, kept in the job for who runs it clean where there is no ledger."""
    return list(dict.fromkeys(effect for cell in _executions(ready) for effect in effects_of(cell)))


def _executions(ready: Ready) -> list[CellExecution]:
    needed = {cell.n for cell in ready.draft.cells}
    return [cell for cell in open_ledger().executions(ready.session) if cell.n in needed]


def must_reproduce(done: Converted) -> None:
    """Raise JobFailedError unless the clean run gave what was recorded (or none was asked for)."""
    remedy = f"the job is kept, unverified, in {done.folder}; mlops convert … --overwrite once it is mended"
    if done.outcome is not None:
        must_succeed(done.outcome, "the clean run of the job", remedy)
    differ = [one for one in done.compared if one.verdict not in {"identical", "within tolerance"}]
    if differ:
        words = "; ".join(f"{one.name} ({one.verdict}: recorded {one.expected}, found {one.found})" for one in differ)
        raise JobFailedError(f"the clean run of the job did not reproduce {words}", remedy)


def preview(source: Source, how: Conversion | None = None) -> Ready:
    """What converting would make. Runs nothing: a notebook that was never tracked as it stands is an error here."""
    if source.notebook is not None:
        session = _as_it_stands(open_ledger(), source.notebook)
        if session is None:
            raise ConflictError(f"{source.notebook} was not tracked as it stands now", f"mlops track {source.notebook}")
        source = Source(session=session.id)
    return prepare(source, how)


def convert(source: Source | str | Path, folder: str | Path, how: Conversion | None = None,
            progress: Report | None = None) -> Converted:
    """A notebook's path, a session or a run becomes a job in `folder`; JobFailedError if its clean run does not reproduce."""
    place = Path(folder)
    check_folder(place, replace=(how or Conversion()).replace)
    ready = prepare(source if isinstance(source, Source) else Source(notebook=Path(source)), how, progress)
    done = finish(ready, place, how, progress)
    must_reproduce(done)
    return done


def inspect(folder: str | Path) -> JobManifest:
    """What the job in `folder` is; every file checked against its digest. Runs nothing."""
    return load(folder).manifest


def against(folder: str | Path, notebook: Path) -> list[StaleCell]:
    """The cells that the job in `folder` was made of and that no longer stand so in `notebook`, as saved, or on its data."""
    manifest = load(folder).manifest
    cells = as_recorded(file_cells(notebook))
    ledger = open_ledger()
    try:
        session = ledger.session(manifest.made_from_session)
    except NotFoundError:
        raise NotFoundError(f"this store does not hold the session that {folder} was made from",
                            "mlops doctor says which store this is; --store names another") from None
    executions, observations = ledger.executions(session.id), ledger.observations(session.id)
    results = [find_results(one.name, executions, observations)[0] for one in manifest.results]
    needed = set(slice_of(results, executions, observations).cells)
    ids = {cell.cell for cell in executions if cell.n in needed}
    return [cell for cell in stale(executions, cells, file_digest(session)) if cell.id in ids]


def run_job(folder: str | Path, parameters: Mapping[str, object] | None = None, inputs: Mapping[str, str] | None = None,
            how: Running | None = None) -> JobDone:
    """Run the job in `folder`. Bad parameters and inputs raise before anything starts; how it ended is in the outcome."""
    from mlops_jupyter.jobs.run import RunOptions, run_bundle

    how = how or Running()
    output, address = place_of_output(how.output)
    delivery = Delivery(address, Path(folder), how.say) if address else None
    open_ledger()  # a store that cannot take the record is said before the job runs
    with tempfile.TemporaryDirectory(prefix="mlops-inputs-") as place:
        files, told = _of_runs(folder, inputs or {}, Path(place))

        def run(cancel: Event, again: bool) -> JobRun:
            try:
                return run_bundle(folder, parameters, files, RunOptions(
                    output=output, progress=how.progress, cancel=cancel, say=how.say, told=told, where=how.where,
                    cell_timeout=how.limits.cell, checkpoints=how.checkpoints, submission=how.submission, printed=how.printed,
                    resume=how.resume or (again and how.checkpoints), ready=delivery.begin if delivery else None))
            finally:
                if delivery:
                    delivery.end()

        done = attempts(run, how.limits, how.cancel, how.say)
        if how.recorded is not None:
            how.recorded()
    if how.say is not None:
        for name, why in done.lost.items():
            how.say(f"the result {name} was not kept: {why}")
    runs = recorded(session=done.session_id) if done.session_id else []
    return JobDone(done.session_id, done.outcome, runs, done.output, [*done.checks, *_answers(done)], done.differs,
                   done.cells, done.total, address, delivery.undelivered if delivery else "")


def must_be_delivered(done: JobDone) -> None:
    """Raise StoreError if the executed notebook is not at the address where it was to be."""
    if done.undelivered:
        command = ["aws", "s3", "cp"] if done.address.startswith("s3://") else ["cp"]
        raise StoreError(f"the job {done.outcome.state}, but {done.undelivered}",
                         shlex.join([*command, str(done.output), done.address]))


def _of_runs(folder: str | Path, inputs: Mapping[str, str], place: Path) -> tuple[dict[str, str], dict[str, str]]:
    """(input → path or address, input → what is recorded of it) with results of other runs fetched into `place`."""
    files, told = dict(inputs), {}
    for name, given in inputs.items():
        source = source_of(given)
        if source is None:
            continue
        entry = next((each for each in load(folder).manifest.inputs if each.name == name), None)
        if entry is not None:  # else it is refused as an unknown one
            files[name] = str(fetch(source, entry.path, place))
            told[name] = given
    return files, told


def _answers(done: JobRun) -> list[InputCheck]:
    """What the job's questions to databases gave this time."""
    if not done.session_id or not any(entry.kind == "query" for entry in done.manifest.inputs):
        return []
    return check_queries(done.manifest.inputs, open_ledger().executions(done.session_id))
