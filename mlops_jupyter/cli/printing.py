"""How a command answers: a sheet for a person, JSON for a program. Progress and notes go to the error stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

from mlops_jupyter.api.display import Sheet, as_json, console

Command = TypeVar("Command", bound=Callable[..., object])


def json_option(command: Command) -> Command:
    """Adds `--json`."""
    return click.option("--json", "as_json_", is_flag=True, help="Answer as JSON.")(command)


def answer(value: object, sheet: Callable[[], Sheet], *, json: bool) -> None:
    """Print `value` as JSON, or the sheet that shows it."""
    if json:
        click.echo(as_json(value))
    else:
        console().print(sheet())


def told(value: object, words: str, *, json: bool) -> None:
    """Print `value` as JSON, or say in one line what was done."""
    if json:
        click.echo(as_json(value))
    else:
        say(words)


def say(text: str) -> None:
    """One line for the person who waits."""
    click.echo(text, err=True)
