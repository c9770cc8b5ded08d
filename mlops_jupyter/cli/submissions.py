"""`mlops submissions`: what became of the jobs that were handed to a runner."""

from __future__ import annotations

import click

from mlops_jupyter.api import submissions as verbs
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
    found = verbs.submissions(job, limit)
    answer(found, lambda: verbs.submissions_sheet(found), json=as_json_)


@submissions.command()
@click.argument("submission")
@json_option
def show(submission: str, as_json_: bool) -> None:
    """Everything about one, as it stands now."""
    found = verbs.submission(submission)
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
    told(found, f"Asked {found.runner} to stop {found.id}. mlops submissions show {found.id[:14]}", json=as_json_)
