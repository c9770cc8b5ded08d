"""How a sweep goes, on the error stream: a bar for the whole and a line for each child that runs; plain lines for a pipe."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from mlops_jupyter.api.display import console
from mlops_jupyter.api.sweepsheets import label
from mlops_jupyter.api.words import duration, first_line
from mlops_jupyter.cli.progress import watched

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from mlops_jupyter.jobs.fleet import Step
    from mlops_jupyter.jobs.sweep import Sweep

WIDTH = 40


@contextmanager
def watching(sweep: Sweep, *, quiet: bool = False) -> Iterator[Callable[[Step], None]]:
    """A function to call with each step, from any thread. `quiet` shows nothing."""
    if quiet:
        yield lambda step: None
    elif watched():
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description}", markup=False), BarColumn(bar_width=24), MofNCompleteColumn(),
                   TimeElapsedColumn(), TextColumn("{task.fields[cell]}", markup=False))
        with Progress(*columns, console=console(stderr=True)) as bar:
            yield _Live(bar, sweep).show
    else:
        yield _Lines(sweep).show


class _Live:
    """One bar for all, one for each child that runs."""

    def __init__(self, bar: Bar, sweep: Sweep) -> None:
        self._bar = bar
        self._varied = sweep.varied
        done = sum(child.state == "succeeded" for child in sweep.children)
        self._whole = bar.add_task(sweep.name, total=len(sweep.children), completed=done, cell="")
        self._running: dict[int, TaskID] = {}
        self._failed = 0
        self._lock = threading.Lock()

    def show(self, step: Step) -> None:
        """Take one step in."""
        child, progress = step.child, step.progress
        with self._lock:
            if child.state == "running":
                if child.number not in self._running:
                    words = label(child, self._varied)[:WIDTH]
                    self._running[child.number] = self._bar.add_task(words, total=None, cell="")
                if progress is not None:
                    self._bar.update(self._running[child.number], completed=progress.done, total=progress.total,
                                     cell=progress.source[:WIDTH])
                return
            ended = self._running.pop(child.number, None)
            if ended is not None:
                self._bar.remove_task(ended)
            self._failed += child.state != "succeeded"
            self._bar.update(self._whole, advance=1, cell=f"{self._failed} failed" if self._failed else "")


class _Lines:
    """One line for each child that ended."""

    def __init__(self, sweep: Sweep) -> None:
        self._varied, self._total = sweep.varied, len(sweep.children)
        self._done = sum(child.state == "succeeded" for child in sweep.children)
        self._lock = threading.Lock()

    def show(self, step: Step) -> None:
        """Take one step in."""
        child = step.child
        if child.state == "running":
            return
        with self._lock:
            self._done += 1
            ended = f"{child.state} in {duration(child.seconds)}" + (f": {first_line(child.error, 100)}" if child.error else "")
            click.echo(f"[{self._done}/{self._total}] {label(child, self._varied)} {ended}", err=True)
