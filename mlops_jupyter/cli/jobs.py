"""`mlops convert`, `inspect`, `run`, `submit`: a notebook becomes a job, the job is looked at, run, handed over."""

from __future__ import annotations

import math
import shlex
import sys
from pathlib import Path

import click

from mlops_jupyter.api import headless
from mlops_jupyter.api import jobs as verbs
from mlops_jupyter.api.attempts import attempt
from mlops_jupyter.api.display import as_json
from mlops_jupyter.api.handing import Handing, preview
from mlops_jupyter.api.handing import submit as hand_over
from mlops_jupyter.api.jobsheets import against_sheet, draft_sheet, job_run_sheet, manifest_sheet
from mlops_jupyter.api.options import pairs, seconds
from mlops_jupyter.api.schedules import first_moment, shown
from mlops_jupyter.api.words import names
from mlops_jupyter.cli.contract import ContractCommand
from mlops_jupyter.cli.jobchecks import where
from mlops_jupyter.cli.printing import answer, json_option, say
from mlops_jupyter.cli.progress import bar, watched
from mlops_jupyter.entities import InputError, JobFailedError, Missed, Overlap, Schedule, new_id
from mlops_jupyter.jobs.attempts import Limits
from mlops_jupyter.jobs.choice import Choice
from mlops_jupyter.jobs.packing import opened
from mlops_jupyter.jobs.runners import read_handed
from mlops_jupyter.jobs.terms import read_terms


@click.command()
@click.argument("notebook", required=False, type=click.Path(path_type=Path))
@click.option("--session", help="Instead of a notebook: what ran in this session.")
@click.option("--run", "run_id", help="Instead of a notebook: what made this run.")
@click.option("--result", "results", multiple=True, help="What the job is to make; may be repeated. Else every metric.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder of the bundle; must not exist.")
@click.option("--parameter", "keep", multiple=True, help="Offer only these parameters; may be repeated.")
@click.option("--term", "terms", multiple=True, metavar="NAME.FIELD=VALUE",
              help="Of a parameter: FIELD is rename, type, range (1..500), choices (a,b), help or secret (env:NAME).")
@click.option("--policy", "policies", multiple=True, metavar="INPUT=WORD",
              help="If INPUT (or *) is broken or has other columns: record it, warn (the default), or fail.")
@click.option("--with-cell", "added", type=int, multiple=True, metavar="N",
              help="Have cell execution N in the job, and what it reads, whatever the results need; may be repeated.")
@click.option("--without-cell", "left_out", type=int, multiple=True, metavar="N",
              help="Leave cell execution N out, although a result needs it; may be repeated.")
@click.option("--verify/--no-verify", default=True, show_default=True, help="Run the job once, clean, and compare.")
@click.option("--repeat", type=click.IntRange(min=1), default=1, metavar="N",
              help="Run it clean so many times; how far its metrics are apart proposes a tolerance, which the job keeps.")
@click.option("--allow-effects", is_flag=True, help="Let the clean run write outside its folder, reach databases and network.")
@click.option("--overwrite", is_flag=True, help="Replace the bundle if it exists.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def convert(*, notebook: Path | None, session: str | None, run_id: str | None, results: tuple[str, ...],  # noqa: PLR0913 (options)
            output: Path, keep: tuple[str, ...], terms: tuple[str, ...], policies: tuple[str, ...], added: tuple[int, ...],
            left_out: tuple[int, ...], verify: bool, repeat: int, allow_effects: bool, overwrite: bool, yes: bool,
            as_json_: bool) -> None:
    """Make a job from NOTEBOOK: only the cells needed, typed parameters, inputs, modules and a lock.

    A notebook that changed since it was last tracked, or never was, is executed under tracking first.
    """
    verbs.check_folder(output, replace=overwrite)
    source = _source(notebook, session, run_id)
    how = verbs.Conversion(list(results), list(keep) or None, verify=verify, replace=overwrite, terms=read_terms(terms),
                           policies=verbs.read_policies(pairs(policies, "--policy")), allow_effects=allow_effects, repeat=repeat,
                           choice=Choice(added, left_out))
    if repeat > 1 and not verify:
        raise InputError("--repeat runs the job, and --no-verify says not to", "leave out one of them")
    quiet = as_json_
    with bar("track", quiet=quiet) as progress:
        ready = verbs.prepare(source, how, progress)
    if not quiet:
        answer(ready, lambda: draft_sheet(ready), json=False)
        if not yes and sys.stdin.isatty() and not click.confirm(f"Write the job to {output}?", default=True, err=True):
            raise InputError("nothing was written", "give --result or --parameter to change the job")
    with bar("clean run", quiet=quiet) as progress:
        done = verbs.finish(ready, output, how, progress)
    answer(done, lambda: manifest_sheet(done.manifest, output, done.compared, done.spreads), json=as_json_)
    verbs.must_reproduce(done)


def _source(notebook: Path | None, session: str | None, run_id: str | None) -> verbs.Source:
    given = [one for one in (notebook, session, run_id) if one]
    if len(given) != 1:
        raise InputError(f"give one of NOTEBOOK, --session, --run ({len(given)} given)", "mlops convert NOTEBOOK -o job")
    return verbs.Source(notebook=notebook, session=session or "", run=run_id or "")


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--against", "notebook", type=click.Path(path_type=Path), metavar="NOTEBOOK",
              help="Is the job still what this notebook says, as saved? Exits 1 if not.")
@json_option
def inspect(bundle: Path, notebook: Path | None, as_json_: bool) -> None:
    """What the job in BUNDLE is, takes and gives; its digests are checked. Runs nothing."""
    if notebook is not None:
        _against(bundle, notebook, as_json_)
        return
    manifest = verbs.inspect(bundle)
    answer(manifest, lambda: manifest_sheet(manifest, bundle), json=as_json_)


def _against(bundle: Path, notebook: Path, as_json_: bool) -> None:
    found = verbs.against(bundle, notebook)
    answer([{"id": cell.id, "reason": cell.reason} for cell in found], lambda: against_sheet(found, notebook), json=as_json_)
    if found:
        raise JobFailedError(f"the job {bundle} is not what {notebook} says now: {names([cell.id for cell in found])}",
                             shlex.join(["mlops", "convert", str(notebook), "-o", str(bundle), "--overwrite"]))


@click.command(cls=ContractCommand)
@click.argument("bundle")
@click.option("-p", "--parameter", "parameters", multiple=True, metavar="K=V", help="A parameter; may be repeated.")
@click.option("-i", "--input", "inputs", multiple=True, metavar="NAME=URI", help="Another file for an input; may be repeated.")
@click.option("-o", "--output", metavar="URI", help="Where the executed notebook goes: a file, or s3://BUCKET/FILE.")
@click.option("--env", type=click.Choice(["fresh"]), help="In a virtual environment made from its lock, kept for later runs.")
@click.option("--timeout", metavar="TIME", help="Stop the run after 90s, 10m, 1.5h.")
@click.option("--cell-timeout", metavar="TIME", help="Stop it when one cell takes so long.")
@click.option("--retries", type=click.IntRange(min=0), default=0, metavar="N", help="Try again so often when it fails.")
@click.option("--wait", metavar="TIME", default="5s", show_default=True, help="Before the first of these; doubled each time.")
@click.option("--resume", is_flag=True, help="Go on where an earlier run was: only what has changed since runs again.")
@click.option("--checkpoints/--no-checkpoints", default=True, show_default=True,
              help="Keep what costly cells leave, on this machine, for --resume and --retries.")
@click.option("--handed", default="", metavar="JSON", help="Parameters, inputs and more, as a runner hands them over. It wins.")
@click.option("--submission", metavar="ID", help="It is an attempt of this submission.")
@click.option("--deliver", metavar="PLACE",
              help="Record apart, report to $MLOPS_STORE while it runs, and leave archive, notebook and result in PLACE.")
@json_option
def run(*, bundle: str, parameters: tuple[str, ...], inputs: tuple[str, ...], output: str | None,  # noqa: PLR0913 (options)
        env: str | None, timeout: str | None, cell_timeout: str | None, retries: int, wait: str, resume: bool, checkpoints: bool,
        handed: str, submission: str | None, deliver: str | None, as_json_: bool) -> None:
    """Run the job in BUNDLE, in a folder of its own, recorded cell by cell.

    `mlops run BUNDLE --help` lists what this job takes: each parameter is an option too. BUNDLE is a folder, or a bundle packed
    into one file, which may be at an address.
    """
    over = read_handed(handed)
    given: dict[str, object] = {**pairs(parameters, "-p"), **over.parameters}
    files = {**pairs(inputs, "-i"), **over.inputs}
    limits = Limits(cell=math.ceil(seconds(cell_timeout, "--cell-timeout")) if cell_timeout else None,
                    whole=over.timeout or (seconds(timeout, "--timeout") if timeout else None),
                    retries=over.retries or retries, wait=seconds(wait, "--wait"))
    deliver = over.deliver or deliver
    submission = over.submission or submission or (new_id() if deliver else "")
    title = Path(bundle).name or bundle
    with attempt(submission, deliver or "", say) as ended, opened(bundle) as folder, bar(title, quiet=as_json_) as progress:
        place = where(env, quiet=as_json_)
        done = verbs.run_job(folder, given, files, verbs.Running(
            output, progress, say=say, where=place, limits=limits, checkpoints=checkpoints, resume=resume,
            submission=submission, recorded=ended.recorded, printed=say if not as_json_ and not watched() else None))
        ended.outcome, ended.session, ended.output = done.outcome, done.session, done.output
    answer(done, lambda: job_run_sheet(done), json=as_json_)
    headless.must_succeed(done.outcome, f"the job {bundle}", f"the executed notebook: {done.output}")
    verbs.must_be_delivered(done)


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--to", "runner", required=True, help="The runner: local, or one that a plugin adds.")
@click.option("-p", "--parameter", "parameters", multiple=True, metavar="K=V", help="A parameter; may be repeated.")
@click.option("-i", "--input", "inputs", multiple=True, metavar="NAME=URI", help="Another file for an input; may be repeated.")
@click.option("--set", "options", multiple=True, metavar="K=V", help="An option of the runner; `mlops runners list` names them.")
@click.option("--deliver", default="", metavar="PLACE", help="Where its attempts leave what they make: a folder, or s3://BUCKET/…")
@click.option("--timeout", metavar="TIME", help="Stop an attempt after 90s, 10m, 1.5h.")
@click.option("--retries", type=click.IntRange(min=0), default=0, metavar="N", help="Try again so often when the job fails.")
@click.option("--schedule", "cron", metavar="CRON", help="Start it again and again: five fields of cron, '0 6 * * 1-5'.")
@click.option("--zone", default="UTC", show_default=True, help="The time zone of the schedule, Europe/Berlin.")
@click.option("--overlap", type=click.Choice(["skip", "queue", "cancel-old"]), default="skip", show_default=True,
              help="If the one before still runs then: leave it out, wait for the other, or cancel that.")
@click.option("--missed", type=click.Choice(["skip", "run"]), default="run", show_default=True,
              help="If nobody was there to start it then: leave it out, or start it once, late.")
@click.option("--tell", "addresses", multiple=True, metavar="URL",
              help="Whom to tell when it fails, is well again or was missed: an address of apprise, env:NAME; may be repeated.")
@click.option("--unverified", is_flag=True, help="Submit although the job was never verified.")
@click.option("--dry-run", is_flag=True, help="Print what would be written and started, and do nothing.")
@json_option
def submit(*, bundle: Path, runner: str, parameters: tuple[str, ...], inputs: tuple[str, ...],  # noqa: PLR0913 (options)
           options: tuple[str, ...], deliver: str, timeout: str | None, retries: int, cron: str | None, zone: str,
           overlap: Overlap, missed: Missed, addresses: tuple[str, ...], unverified: bool, dry_run: bool, as_json_: bool) -> None:
    """Hand the job in BUNDLE to a runner: `mlops runners list` says which there are."""
    if cron is None and (zone, overlap, missed) != ("UTC", "skip", "run"):
        raise InputError("--zone, --overlap and --missed are about a schedule, and none is given", "--schedule '0 6 * * 1-5'")
    how = Handing(options=pairs(options, "--set"), unverified=unverified, deliver=deliver, retries=retries,
                  timeout=seconds(timeout, "--timeout") if timeout else None, tell=addresses,
                  schedule=Schedule(cron, zone, overlap, missed) if cron is not None else None)
    if dry_run:
        click.echo(preview(bundle, runner, [pairs(parameters, "-p")], pairs(inputs, "-i"), how), nl=False)
        return
    done = hand_over(bundle, runner, pairs(parameters, "-p"), pairs(inputs, "-i"), how)
    if as_json_:
        click.echo(as_json(shown(done)))
    else:
        say(f"Submitted {done.id} to {done.runner}. {first_moment(done)}How it goes: mlops submissions show {done.id[:14]}")
