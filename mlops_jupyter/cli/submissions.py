"""`mlops submissions`: what became of the jobs that were handed to a runner."""

from __future__ import annotations

from pathlib import Path

import click

from mlops_jupyter.api import firing
from mlops_jupyter.api import submissions as verbs
from mlops_jupyter.api.firing import take_environment
from mlops_jupyter.api.schedules import shown
from mlops_jupyter.cli.printing import answer, json_option, told


@click.group()
def submissions() -> None:
    """List, show and cancel submissions, and read their logs. A submission is named by its id or a prefix of it."""


@submissions.command("list")
@click.option("--job", help="Only of the job with this digest.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="The newest so many.")
@json_option
def list_submissions(job: str | None, limit: int, as_json_: bool) -> None:
    """Submissions, newest first, as they stand now."""
    found = list(map(shown, verbs.submissions(job, limit)))
    answer(found, lambda: verbs.submissions_sheet(found), json=as_json_)


@submissions.command()
@click.argument("submission")
@json_option
def show(submission: str, as_json_: bool) -> None:
    """Everything about one, as it stands now."""
    found = shown(verbs.submission(submission))
    answer(found, lambda: verbs.submission_sheet(found), json=as_json_)


@submissions.command()
@click.argument("submission")
def logs(submission: str) -> None:
    """What the job printed so far."""
    click.echo(verbs.logs(submission), nl=False)


@submissions.command()
@click.argument("submission")
@json_option
def cancel(submission: str, as_json_: bool) -> None:
    """Ask the runner to stop it; `show` says when it has stopped."""
    found = verbs.cancel(submission)
    words = f"Asked {found.runner} to stop {found.id}."
    if found.schedule is not None:
        words = f"{found.id} starts nothing more. What it has started goes on."
    told(shown(found), f"{words} mlops submissions show {found.id[:14]}", json=as_json_)


@submissions.command()
@click.argument("submission")
@click.option("--environment", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="A file of JSON with variables to set first, as `mlops submit` leaves it for a timer.")
@json_option
def fire(submission: str, environment: Path | None, as_json_: bool) -> None:
    """Called by a timer: start what is due of the schedule SUBMISSION, if anything is. Calling it again changes nothing."""
    if environment is not None:
        take_environment(environment)
    made = firing.fire(submission)
    if as_json_ or made:
        answer(made, lambda: firing.firings_sheet(made), json=as_json_)
