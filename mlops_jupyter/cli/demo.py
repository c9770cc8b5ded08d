"""`mlops demo`."""

from __future__ import annotations

from pathlib import Path

import click

from mlops_jupyter.api import demo as verbs
from mlops_jupyter.api.display import Sheet, console
from mlops_jupyter.cli.printing import say
from mlops_jupyter.cli.progress import bar


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path("mlops-demo"))
@click.option("--force", is_flag=True, help="Replace FOLDER if an earlier demo made it.")
def demo(folder: Path, force: bool) -> None:
    """The main job on real data, start to end, in FOLDER: track, ask, convert, run with other parameters, verify.

    336,776 flights out of New York in 2013: will one be more than 15 minutes late? Takes a few minutes.
    """

    def step(number: int, title: str, command: str) -> None:
        say("")
        console(stderr=True).rule(f"{number}. {title}", align="left", style="dim")
        if command:
            say(f"$ {command}")

    def show(sheet: Sheet) -> None:
        console().print(sheet)

    verbs.demo(folder, verbs.Stage(step=step, show=show, bar=bar), replace=force)
