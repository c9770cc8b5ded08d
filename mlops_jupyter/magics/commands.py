"""The subcommands of `%mlops`: parse, call one verb of `api/`, show. Verbs are imported when they are called.

Those that ask and ship are here; those that start, stop and steer tracking are in `tracking.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlops_jupyter.api.options import pairs
from mlops_jupyter.entities.errors import InputError, JobFailedError
from mlops_jupyter.magics import tracking
from mlops_jupyter.magics.here import here, ticker

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlops_jupyter.api.display import Sheet


@click.group("mlops", context_settings={"help_option_names": ["-h", "--help"]},
             epilog="--strict, anywhere on the line, makes the cell fail where a magic would only print its error.")
def app() -> None:
    """Track this notebook and ask about it. Start with: %mlops track"""


for _command in tracking.COMMANDS:
    app.add_command(_command)

_json = click.option("--json", "json", is_flag=True, help="Answer as JSON.")


def _answer(value: object, sheet: Callable[[], Sheet], json: bool) -> None:
    from mlops_jupyter.api.display import as_json, show

    if json:
        click.echo(as_json(value))
    else:
        show(sheet())


@app.command()
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="The newest so many.")
@click.option("--all", "everywhere", is_flag=True, help="Of every experiment, not only this one.")
@click.option("--starred", is_flag=True, help="Only the starred ones.")
@_json
def runs(limit: int, everywhere: bool, starred: bool, json: bool) -> None:
    """Runs of this experiment, newest first."""
    from mlops_jupyter.api.here import tracking as current
    from mlops_jupyter.api.runs import RunFilter, rows
    from mlops_jupyter.api.sheets import runs_sheet

    own = current()
    place = own.session.experiment_id if own and not everywhere else None
    found = rows(RunFilter(experiment=place, limit=limit, starred=starred))
    _answer([row.answer() for row in found], lambda: runs_sheet([row.run for row in found]), json)


@app.command()
@click.argument("a", required=False)
@click.argument("b", required=False)
@_json
def diff(a: str | None, b: str | None, json: bool) -> None:
    """What changed from run A to run B: code, params, data, environment, metrics. Without them: the newest two."""
    from mlops_jupyter.api.comparisons import comparison_sheet
    from mlops_jupyter.api.runs import diff as verb

    first, second, found = verb(a, b)
    _answer(found, lambda: comparison_sheet(first, second, found), json)


@app.command()
@click.argument("name")
@_json
def why(name: str, json: bool) -> None:
    """The cells that made NAME: a variable, metric, model, file, or `#number` of a run."""
    from mlops_jupyter.api.sheets import why_sheet
    from mlops_jupyter.api.slices import why as verb

    found = verb(name)
    _answer(found.answer(), lambda: why_sheet(found), json)


@app.command()
@_json
def stale(json: bool) -> None:
    """The cells whose results no longer hold, as the notebook was saved, and why."""
    from mlops_jupyter.api.sheets import stale_sheet
    from mlops_jupyter.api.slices import stale as verb

    found = verb()
    _answer(found.answer(), lambda: stale_sheet(found), json)


@app.command()
@click.option("--dry-run", is_flag=True, help="Only say what would run.")
@_json
def rerun(*, dry_run: bool, json: bool) -> None:
    """Run exactly the cells that need it, in order; stops at the first that fails. The notebook counts as it was saved."""
    from mlops_jupyter.api.rerun import Kernel
    from mlops_jupyter.api.rerun import rerun as verb
    from mlops_jupyter.api.sheets import rerun_sheet, stale_sheet
    from mlops_jupyter.api.slices import stale as ask

    found = ask()
    if dry_run:
        _answer([cell.id for cell in found.plan], lambda: stale_sheet(found), json)
        return
    kernel = here()
    kernel.restore_random()
    done = verb(Kernel(kernel.run, kernel.forget), found)
    _answer(done, lambda: rerun_sheet(done), json)
    if done.failed:
        raise JobFailedError(f"cell {done.failed} failed; what comes after it was not run", "mend it, then: %mlops rerun")


@app.command()
@click.argument("run", metavar="[RUN or NAME]", required=False)
@click.option("--allow-effects", is_flag=True, help="Let the cells write outside their folder, and reach databases and network.")
@_json
def verify(run: str | None, allow_effects: bool, json: bool) -> None:
    """Re-run the cells needed in a clean kernel and compare; without a name, for the newest run."""
    from mlops_jupyter.api import verification
    from mlops_jupyter.api.sheets import verification_sheet
    from mlops_jupyter.api.words import duration, plural

    what = run or verification.newest()
    plan = verification.plan(what)
    if not json:
        cells, seconds = plural(plan.cells, "cell"), duration(plan.seconds)
        click.echo(f"{plan.label}: {cells} in a clean kernel, about {seconds} plus starting it")
    found = verification.verify(what, allow_effects=allow_effects, progress=ticker("verify"))
    _answer(found, lambda: verification_sheet(found), json)
    verification.must_hold(found)


@app.command()
@click.option("--result", "results", multiple=True, help="What the job is to make; may be repeated. Else every metric.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder of the bundle; must not exist.")
@click.option("--parameter", "keep", multiple=True, help="Offer only these parameters; may be repeated.")
@click.option("--verify/--no-verify", "clean_run", default=True, show_default=True, help="Run the job once, clean, and compare.")
@click.option("--repeat", type=click.IntRange(min=1), default=1, metavar="N",
              help="Run it clean so many times; how far its metrics are apart proposes a tolerance, which the job keeps.")
@click.option("--allow-effects", is_flag=True, help="Let the clean run write outside its folder, reach databases and network.")
@click.option("--overwrite", is_flag=True, help="Replace the bundle if it exists.")
@_json
def convert(*, results: tuple[str, ...], output: Path, keep: tuple[str, ...], clean_run: bool, repeat: int,  # noqa: PLR0913 (options)
            allow_effects: bool, overwrite: bool, json: bool) -> None:
    """Make a job from this session: only the cells needed, typed parameters, inputs, modules and a lock."""
    from mlops_jupyter.api import jobs
    from mlops_jupyter.api.display import show
    from mlops_jupyter.api.here import own_session
    from mlops_jupyter.api.jobsheets import draft_sheet, manifest_sheet

    if not own_session():
        raise InputError("this notebook is not tracked", "%mlops track, then run the cells; or mlops convert NOTEBOOK -o job")
    jobs.check_folder(output, replace=overwrite)
    how = jobs.Conversion(list(results), list(keep) or None, verify=clean_run, replace=overwrite, allow_effects=allow_effects,
                          repeat=repeat)
    ready = jobs.prepare(jobs.Source(session=own_session()), how)
    if not json:
        show(draft_sheet(ready))
    done = jobs.finish(ready, output, how, ticker("clean run"))
    _answer(done, lambda: manifest_sheet(done.manifest, output, done.compared, done.spreads), json)
    jobs.must_reproduce(done)


@app.command("run")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("-p", "--parameter", "parameters", multiple=True, metavar="K=V", help="A parameter; may be repeated.")
@click.option("-i", "--input", "inputs", multiple=True, metavar="NAME=URI", help="Another file for an input; may be repeated.")
@click.option("-o", "--output", metavar="URI", help="Where the executed notebook goes: a file, or s3://BUCKET/FILE.")
@click.option("--resume", is_flag=True, help="Go on where an earlier run was: only what has changed since runs again.")
@_json
def run_bundle(*, bundle: Path, parameters: tuple[str, ...], inputs: tuple[str, ...], output: str | None, resume: bool,
               json: bool) -> None:
    """Run the job in BUNDLE here, in a folder of its own, recorded cell by cell."""
    from mlops_jupyter.api import jobs
    from mlops_jupyter.api.headless import must_succeed
    from mlops_jupyter.api.jobsheets import job_run_sheet

    given, files = pairs(parameters, "-p"), pairs(inputs, "-i")
    done = jobs.run_job(bundle, given, files, jobs.Running(output, ticker(bundle.name), say=print, resume=resume))
    _answer(done, lambda: job_run_sheet(done), json)
    must_succeed(done.outcome, f"the job {bundle}", f"the executed notebook: {done.output}")
    jobs.must_be_delivered(done)


@app.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--to", "runner", required=True, help="The runner: local, or one that a plugin adds.")
@click.option("-p", "--parameter", "parameters", multiple=True, metavar="K=V", help="A parameter; may be repeated.")
@click.option("--set", "options", multiple=True, metavar="K=V", help="An option of the runner; `mlops runners list` names them.")
@click.option("--unverified", is_flag=True, help="Submit although the job was never verified.")
def submit(bundle: Path, runner: str, parameters: tuple[str, ...], options: tuple[str, ...], unverified: bool) -> None:
    """Hand the job in BUNDLE to a runner."""
    from mlops_jupyter.api.handing import Handing
    from mlops_jupyter.api.handing import submit as hand_over

    done = hand_over(bundle, runner, pairs(parameters, "-p"), {}, Handing(options=pairs(options, "--set"), unverified=unverified))
    click.echo(f"Submitted {done.id} to {done.runner}. How it goes: mlops submissions show {done.id[:14]}")


@app.command()
@click.argument("what", metavar="RUN|DATASET")
@click.option("--yes", is_flag=True, help="Needed: nothing brings it back.")
def forget(what: str, yes: bool) -> None:
    """Purge a run or a dataset (a file or variable) for good: records, outputs and blobs."""
    from mlops_jupyter.api import runs as verbs

    label = verbs.forgettable(what)
    if not yes:
        raise InputError(f"forgetting {label} cannot be undone", f"%mlops forget {what} --yes")
    verbs.forget(what)
    click.echo(f"Forgotten: {label}")
