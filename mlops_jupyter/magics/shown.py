"""How our own values look as the last line of a cell: a run, a list of runs, a comparison, a job, what a job or a sweep came to.

IPython is told by the names of the classes, so nothing is imported before there is something to show. Each is a `Sheet`: text
that is escaped where it becomes HTML. Lists of the user's own are left alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from mlops_jupyter.api.display import Sheet

KINDS = (("mlops_jupyter.entities.runs", "Run"), ("mlops_jupyter.api.comparisons", "Diff"), ("mlops_jupyter.api.forms", "Job"),
         ("mlops_jupyter.api.jobs", "JobDone"), ("mlops_jupyter.api.sweeps", "Swept"))


class Printer(Protocol):
    """What IPython hands to a function that prints."""

    def text(self, text: str) -> None:
        """Add text."""


def show_ours(shell: InteractiveShell) -> None:
    """From now on `shell` shows our values as sheets."""
    html, plain = (shell.display_formatter.formatters[kind] for kind in ("text/html", "text/plain"))
    for module, name in KINDS:
        html.for_type_by_name(module, name, _html)
        plain.for_type_by_name(module, name, _plain)


def hide_ours(shell: InteractiveShell) -> None:
    """Take that back."""
    for kind in ("text/html", "text/plain"):
        for module, name in KINDS:
            shell.display_formatter.formatters[kind].pop(f"{module}.{name}", None)


def sheet_of(value: object) -> Sheet:
    """The sheet of one of our values."""
    from mlops_jupyter.api.comparisons import Diff, comparison_sheet
    from mlops_jupyter.api.forms import Job
    from mlops_jupyter.api.jobs import JobDone
    from mlops_jupyter.api.jobsheets import job_run_sheet, manifest_sheet
    from mlops_jupyter.api.runs import RunRow, row
    from mlops_jupyter.api.sheets import run_sheet
    from mlops_jupyter.api.sweepsheets import sweep_sheet
    from mlops_jupyter.entities import MlopsError, Run

    if isinstance(value, Diff):
        return comparison_sheet(value.a, value.b, value.found)
    if isinstance(value, Job):
        return manifest_sheet(value.manifest, value.folder)
    if isinstance(value, JobDone):
        return job_run_sheet(value)
    if isinstance(value, Run):
        try:
            return run_sheet(row(value.id))
        except MlopsError:  # of another store, or forgotten meanwhile
            return run_sheet(RunRow(value, "", 0))
    return sweep_sheet(value)  # type: ignore[arg-type]


def _html(value: object) -> str:
    return sheet_of(value).html()


def _plain(value: object, printer: Printer, cycle: bool) -> None:
    printer.text("…" if cycle else sheet_of(value).text())
