"""The progress bar of everything that executes a notebook: one line on the error stream, plain lines where it is no terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from mlops_jupyter.api.display import console

if TYPE_CHECKING:
    from mlops_jupyter.jobs.progress import Progress

WIDTH = 48


def watched() -> bool:
    """Whether a person looks on. A CI system may give its steps a terminal; what is drawn there ends up in a log."""
    return sys.stderr.isatty() and os.environ.get("CI", "") in {"", "false"}


@contextmanager
def bar(title: str, *, quiet: bool = False) -> Iterator[Callable[[Progress], None]]:
    """A function to call with each step. `quiet` shows nothing (`--json` into a pipe, say)."""
    if quiet:
        yield lambda step: None
    elif watched():
        with _live_bar(title) as show:
            yield show
    else:
        yield lambda step: _line(title, step)


@contextmanager
def _live_bar(title: str) -> Iterator[Callable[[Progress], None]]:
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn(escape(title)), BarColumn(bar_width=24), MofNCompleteColumn(), TimeElapsedColumn(),
               TextColumn("{task.description}", markup=False))
    with Bar(*columns, console=console(stderr=True)) as progress:
        task = progress.add_task("", total=None)
        yield lambda step: progress.update(task, completed=step.done, total=step.total, description=step.source[:WIDTH])


def _line(title: str, step: Progress) -> None:
    if step.cell:
        click.echo(f"{title} [{step.cell}/{step.total}] {step.source[:WIDTH]}", err=True)
