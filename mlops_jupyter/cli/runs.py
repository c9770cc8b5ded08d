"""`mlops runs`: list, show, compare, star, tag, delete and restore."""

from __future__ import annotations

from typing import Any

import click

from mlops_jupyter.api import runs as verbs
from mlops_jupyter.api import runtable
from mlops_jupyter.api.comparisons import comparison_sheet
from mlops_jupyter.api.sheets import run_sheet, runs_sheet
from mlops_jupyter.api.words import run_label
from mlops_jupyter.cli.printing import answer, json_option, told


@click.group()
def runs() -> None:
    """List, show, compare, star, tag, delete and restore runs. A run is named by its id, a prefix of it, or `#number`."""


@runs.command("list")
@click.option("--experiment", help="Only of this experiment (name or id).")
@click.option("--session", help="Only of this session.")
@click.option("--notebook", help="Only of this notebook.")
@click.option("--filter", metavar="WORDS", default="", help="Only what meets it: metrics.auc > 0.9 and params.max_iter = 200.")
@click.option("--order-by", metavar="NAMES", default="", help="metrics.auc desc, started; without it, newest first.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="The first so many.")
@click.option("--offset", type=click.IntRange(min=0), default=0, help="Leave out the first so many.")
@click.option("--deleted", is_flag=True, help="The deleted ones.")
@click.option("--starred", is_flag=True, help="Only the starred ones.")
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


@runs.command()
@click.argument("run")
@click.option("--off", is_flag=True, help="Take the star away.")
@json_option
def star(run: str, off: bool, as_json_: bool) -> None:
    """Star a run: it stands above the others, and `mlops runs list --starred` finds it."""
    found = runtable.remark(run, starred=not off)
    told(found, f"{found.experiment} {run_label(found)} {'has no star any more' if off else 'is starred'}.", json=as_json_)


@runs.command()
@click.argument("run")
@click.argument("tags", nargs=-1, metavar="NAME[=VALUE]...")
@click.option("--remove", multiple=True, metavar="NAME", help="Take this tag away; may be repeated.")
@json_option
def tag(run: str, tags: tuple[str, ...], remove: tuple[str, ...], as_json_: bool) -> None:
    """Tag a run; `mlops runs list --filter "tags.NAME = 'VALUE'"` finds it. A recorded tag can be taken away too."""
    given: dict[str, str | None] = {name: value for name, _, value in (one.partition("=") for one in tags)}
    found = runtable.remark(run, tags={**given, **dict.fromkeys(remove)})
    shown = ", ".join(f"{name}={value}" if value else name for name, value in found.tags.items()) or "no tags"
    told(found, f"{found.experiment} {run_label(found)}: {shown}", json=as_json_)


@runs.command()
@click.argument("run")
@click.option("--off", is_flag=True, help="Let the experiment have no baseline.")
@json_option
def baseline(run: str, off: bool, as_json_: bool) -> None:
    """Make a run the baseline of its experiment: tables show the others against it."""
    found = runtable.remark(run, baseline=not off)
    words = "is no baseline any more" if off else "is the baseline"
    told(found, f"{found.experiment} {run_label(found)} {words}.", json=as_json_)
