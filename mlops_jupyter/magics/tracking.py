"""`%mlops track`, `off`, `status`, `goal`, `start-run`, `end-run` and `%%mlops skip`: what starts, stops and steers tracking."""

from __future__ import annotations

import click

from mlops_jupyter.entities.errors import InputError
from mlops_jupyter.entities.sessions import OutputPolicy, SessionKind
from mlops_jupyter.magics.here import here


@click.command()
@click.option("--experiment", default="", help="Name of the experiment; else one per notebook.")
@click.option("--tag", "tags", multiple=True, metavar="K=V", help="Tag every run; may be repeated.")
@click.option("--outputs", type=click.Choice(["all", "text", "none"]), default="all", show_default=True,
              help="Which outputs to keep.")
@click.option("--keep-data", default="", metavar="SIZE", help="Keep files that cells read, up to SIZE in all (500MB, 2GB).")
def track(experiment: str, tags: tuple[str, ...], outputs: OutputPolicy, keep_data: str) -> None:
    """Record every cell from here on. Prints one line that says what and where."""
    from mlops_jupyter.api.announce import reopening_line, tracking_line
    from mlops_jupyter.api.options import pairs, size
    from mlops_jupyter.capture.options import TrackOptions

    kind: SessionKind = "notebook" if hasattr(here().shell, "kernel") else "ipython"
    options = TrackOptions(experiment=experiment, tags=pairs(tags, "--tag"), outputs=outputs, kind=kind,
                           keep_data=size(keep_data, "--keep-data"))
    from mlops_jupyter.capture.ipython import current, start

    running = current() is not None
    session = start(here().shell, options).session
    line, differs = tracking_line(session), reopening_line(session)
    kept = f" · read files kept, up to {keep_data}" if options.keep_data and not running else ""
    click.echo(f"Already tracking: {line}" if running else f"{line}{kept}")
    if differs:
        click.echo(differs)


@click.command()
def off() -> None:
    """Stop tracking. What was recorded stays."""
    from mlops_jupyter.api.here import tracking

    running = tracking()
    if running is None:
        click.echo("Tracking was not on.")
        return
    from mlops_jupyter.capture.ipython import stop

    stop()
    click.echo(f"Tracking is off. Session {running.session.id} is kept.")


@click.command()
@click.option("--json", "json", is_flag=True, help="Answer as JSON.")
def status(json: bool) -> None:
    """What is stored, where, and what tracking cost so far."""
    from mlops_jupyter.api.here import tracking

    running = tracking()
    if running is None:
        raise InputError("this kernel is not tracked", "%mlops track")
    from mlops_jupyter.api.announce import status_answer, status_sheet, tracking_line
    from mlops_jupyter.api.display import as_json, show

    found = running.status()
    if json:
        click.echo(as_json(status_answer(found)))
    else:
        show(status_sheet(tracking_line(running.session), found))


@click.command()
@click.argument("text")
@click.option("--metric", default="", help="The metric that decides.")
@click.option("--at-least", type=float, help="Met from this value up.")
@click.option("--at-most", type=float, help="Met from this value down.")
@click.option("--baseline", default="", help="What to beat: a run, or `dummy`.")
def goal(text: str, metric: str, at_least: float | None, at_most: float | None, baseline: str) -> None:
    """The objective of this experiment, in words and as a number; runs show whether they met it."""
    from mlops_jupyter.api.tracking import set_goal

    set_goal(text, metric=metric, at_least=at_least, at_most=at_most, baseline=baseline)
    bound = f" ≥ {at_least:g}" if at_least is not None else f" ≤ {at_most:g}" if at_most is not None else ""
    click.echo(f"Goal: {text}" + (f" ({metric}{bound})" if metric else ""))


@click.command("start-run")
@click.argument("name", default="")
def begin_run(name: str) -> None:
    """Everything from here on belongs to one run, until end-run."""
    from mlops_jupyter.api.tracking import start_run

    start_run(name)


@click.command("end-run")
def finish_run() -> None:
    """End the run that start-run began."""
    from mlops_jupyter.api.tracking import end_run

    end_run()


@click.command()
def skip() -> None:
    """First line of a cell (%%mlops skip): run it, never record it."""
    if here().body is None:
        raise InputError("%mlops skip is the first line of a cell", "write %%mlops skip, and the cell below it")
    here().run_body = True


COMMANDS = (track, off, status, goal, begin_run, finish_run, skip)
