"""`mlops report`."""

from __future__ import annotations

from pathlib import Path

import click

from mlops_jupyter.api import reports as verbs
from mlops_jupyter.cli.printing import say


@click.command()
@click.argument("run")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The page to write; else EXPERIMENT-NUMBER.html.")
@click.option("--without", type=click.Choice(["outputs"]), help="Leave out what cells printed and showed.")
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
def report(run: str, output: Path | None, without: str | None, force: bool) -> None:
    """Write one HTML page of a run, to hand to somebody who has none of this."""
    made = verbs.report(run, output, outputs=without != "outputs", force=force)
    click.echo(made)
    say("One file, without scripts or links: open it in any browser, or send it.")
