"""`mlops track`, `why`, `stale`, `verify`, `forget`: verbs on a notebook and what came of it."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from mlops_jupyter.api import headless, slices, verification
from mlops_jupyter.api import runs as run_verbs
from mlops_jupyter.api import sessions as session_verbs
from mlops_jupyter.api.jobchecks import is_job
from mlops_jupyter.api.options import pairs, size
from mlops_jupyter.api.sheets import runs_sheet, stale_sheet, tracked_sheet, verification_sheet, why_sheet
from mlops_jupyter.api.words import duration, plural
from mlops_jupyter.cli.jobchecks import Check
from mlops_jupyter.cli.jobchecks import verify as verify_bundle
from mlops_jupyter.cli.printing import answer, json_option, say
from mlops_jupyter.cli.progress import bar
from mlops_jupyter.entities import InputError
from mlops_jupyter.entities.sessions import OutputPolicy


@click.command()
@click.argument("notebook", type=click.Path(path_type=Path))
@click.option("--experiment", default="", help="Name of the experiment; else one per notebook.")
@click.option("--tag", "tags", multiple=True, metavar="K=V", help="Tag every run; may be repeated.")
@click.option("--outputs", type=click.Choice(["all", "text", "none"]), default="all", show_default=True,
              help="Which outputs to keep.")
@click.option("--keep-data", default="", metavar="SIZE", help="Keep files that cells read, up to SIZE in all (500MB, 2GB).")
@click.option("-o", "--output", metavar="FILE", help="Keep the executed notebook here.")
@json_option
def track(notebook: Path, experiment: str, tags: tuple[str, ...], outputs: OutputPolicy,  # noqa: PLR0913, PLR0917 (options)
          keep_data: str, output: str | None, as_json_: bool) -> None:
    """Execute NOTEBOOK under tracking, in its own folder. The file itself is left as it is."""
    place = headless.output_file(output, notebook)
    how = headless.Headless(experiment, pairs(tags, "--tag"), outputs, place, size(keep_data, "--keep-data"))
    with bar(notebook.name) as progress:
        done = headless.track_notebook(notebook, how, progress)
    if as_json_:
        answer(done, lambda: runs_sheet(done.runs), json=True)
    else:
        say(f"Session {done.session}: {done.outcome.state} in {duration(done.outcome.seconds)}")
        if done.runs or done.outcome.state == "succeeded":
            answer(done, lambda: tracked_sheet(done.runs), json=False)
    headless.must_succeed(done.outcome, f"{notebook}", f"mlops sessions show {done.session}")


@click.command()
@click.argument("name")
@click.option("--session", help="In this session (id or prefix); else the newest.")
@click.option("--notebook", help="In the newest session of this notebook.")
@json_option
def why(name: str, session: str | None, notebook: str | None, as_json_: bool) -> None:
    """The cells that made NAME: a variable, metric, model, file, or `#number` of a run."""
    found = slices.why(name, session, notebook)
    answer(found.answer(), lambda: why_sheet(found), json=as_json_)


@click.command()
@click.argument("notebook", type=click.Path(path_type=Path))
@json_option
def stale(notebook: Path, as_json_: bool) -> None:
    """The cells of NOTEBOOK, as saved, whose results no longer hold, and why."""
    found = slices.stale(notebook=notebook)
    answer(found.answer(), lambda: stale_sheet(found), json=as_json_)


@click.command()
@click.argument("run", metavar="RUN|BUNDLE")
@click.option("--session", help="RUN is a name in this session (id or prefix).")
@click.option("--allow-effects", is_flag=True, help="Let the cells write outside their folder, and reach databases and network.")
@click.option("--with", "replace", multiple=True, metavar="NAME==VERSION",
              help="BUNDLE once with its lock and once with this version; may be repeated.")
@click.option("--env", type=click.Choice(["fresh"]), help="BUNDLE in a virtual environment made from its lock.")
@click.option("--repeat", type=click.IntRange(min=1), default=1, metavar="N",
              help="BUNDLE so many times; how far its metrics are apart proposes a tolerance, which the job keeps.")
@json_option
def verify(*, run: str, session: str | None, allow_effects: bool, replace: tuple[str, ...], env: str | None,  # noqa: PLR0913 (options)
           repeat: int, as_json_: bool) -> None:
    """Re-run the cells that made RUN (id, #number, or the name of a result) in a clean kernel, and compare.

    Of the job in the folder BUNDLE: run it clean and compare with its reference, or with itself under other versions.
    """
    check = Check(replace, repeat, env or "", allow_effects, as_json_)
    if not session and is_job(run):
        verify_bundle(Path(run), check)
        return
    if check.given:
        raise InputError(f"--with, --env and --repeat are for a job, and there is none in {run}",
                         f"mlops convert NOTEBOOK -o {run}")
    plan = verification.plan(run, session)
    if not as_json_:
        say(f"{plan.label}: {plural(plan.cells, 'cell')} in a clean kernel, about {duration(plan.seconds)} plus starting it")
    with bar("verify", quiet=as_json_) as progress:
        found = verification.verify(run, session, allow_effects=allow_effects, progress=progress)
    answer(found, lambda: verification_sheet(found), json=as_json_)
    verification.must_hold(found)


@click.command()
@click.argument("what", metavar="RUN|DATASET|SESSION")
@click.option("--session", is_flag=True, help="It is the id of a session: forget all of it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget(what: str, session: bool, yes: bool) -> None:
    """Purge a run or a dataset (a file or variable) for good: records, outputs and blobs. Nothing brings it back.

    With a dataset go the outputs of every cell that used it, or used what was made from it; source and metrics stay. Jobs
    already made keep the copy that they carry.
    """
    label = f"session {session_verbs.session(what)[0].session.id}" if session else run_verbs.forgettable(what)
    if not yes and not (sys.stdin.isatty() and click.confirm(f"Forget {label} for good?", err=True)):
        raise InputError(f"{label} was not forgotten", shlex.join(["mlops", "forget", what, *(["--session"] * session), "--yes"]))
    if session:
        run_verbs.forget_session(what)
    else:
        run_verbs.forget(what)
    say(f"Forgotten: {label}")
