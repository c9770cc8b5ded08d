"""`mlops runs`: list, show, compare, delete and restore."""

from __future__ import annotations

from typing import Any

import click

from mlops_jupyter.api import runs as verbs
from mlops_jupyter.api.comparisons import comparison_sheet
from mlops_jupyter.api.sheets import run_sheet, runs_sheet
from mlops_jupyter.api.words import run_label
from mlops_jupyter.cli.printing import answer, json_option, told


@click.group()
def runs() -> None:
    """List, show, compare, delete and restore runs. A run is named by its id, a prefix of it, or `#number`."""


@runs.command("list")
@click.option("--experiment", help="Only of this experiment (name or id).")
@click.option("--session", help="Only of this session.")
@click.option("--notebook", help="Only of this notebook.")
@click.option("--filter", metavar="WORDS", default="", help="Only what meets it: metrics.auc > 0.9 and params.max_iter = 200.")
@click.option("--order-by", metavar="NAMES", default="", help="metrics.auc desc, started; without it, newest first.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="The first so many.")
@click.option("--offset", type=click.IntRange(min=0), default=0, help="Leave out the first so many.")
@click.option("--deleted", is_flag=True, help="The deleted ones.")
@json_option
def list_runs(deleted: bool, as_json_: bool, **which_: Any) -> None:
    """Runs, newest first. What a filter can say: docs/reference/search.md."""
    which = verbs.RunFilter(deleted=deleted, **which_)
    found = verbs.rows(which)
    answer([row.answer() for row in found], lambda: runs_sheet([row.run for row in found]), json=as_json_)


@runs.command()
@click.argument("run")
@json_option
def show(run: str, as_json_: bool) -> None:
    """Everything about one run."""
    found = verbs.row(run)
    answer(found.answer(), lambda: run_sheet(found), json=as_json_)


@runs.command()
@click.argument("a", required=False)
@click.argument("b", required=False)
@json_option
def diff(a: str | None, b: str | None, as_json_: bool) -> None:
    """What changed from run A to run B; without them, between the newest two."""
    first, second, found = verbs.diff(a, b)
    answer(found, lambda: comparison_sheet(first, second, found), json=as_json_)


@runs.command()
@click.argument("run")
@json_option
def delete(run: str, as_json_: bool) -> None:
    """Take a run out of the lists; `mlops runs restore RUN` brings it back."""
    gone = verbs.delete(run)
    words = f"Deleted {gone.experiment} {run_label(gone)}. Bring it back: mlops runs restore {gone.id[:12]}"
    told(gone, words, json=as_json_)


@runs.command()
@click.argument("run")
@json_option
def restore(run: str, as_json_: bool) -> None:
    """Bring a deleted run back."""
    back = verbs.restore(run)
    told(back, f"{back.experiment} {run_label(back)} is back.", json=as_json_)
