"""`mlops sessions`: list, show, export the environment."""

from __future__ import annotations

from pathlib import Path

import click

from mlops_jupyter.api import environments
from mlops_jupyter.api import sessions as verbs
from mlops_jupyter.api.sheets import session_sheet, sessions_sheet
from mlops_jupyter.cli.printing import answer, json_option, say


@click.group()
def sessions() -> None:
    """List, show and export sessions. A session is named by its id or a prefix of it."""


@sessions.command("list")
@click.option("--notebook", help="Only of this notebook.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="The newest so many.")
@json_option
def list_sessions(notebook: str | None, limit: int, as_json_: bool) -> None:
    """Sessions, newest first."""
    found = verbs.sessions(notebook, limit)
    answer([one.answer() for one in found], lambda: sessions_sheet(found), json=as_json_)


@sessions.command()
@click.argument("session", required=False)
@json_option
def show(session: str | None, as_json_: bool) -> None:
    """A session cell by cell; without SESSION the newest one."""
    summary, executions = verbs.session(session)
    answer(verbs.execution_rows(executions), lambda: session_sheet(summary, executions), json=as_json_)


@sessions.command()
@click.argument("session")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), default=Path("pylock.toml"), show_default=True,
              help="`pylock.toml` or another name ending in .toml, else a requirements file.")
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
def export(session: str, output: Path, force: bool) -> None:
    """Write the session's environment as pylock.toml or requirements.txt."""
    exported = environments.export(session, output, replace=force)
    say(f"{output}: Python {exported.python}, {exported.packages} packages")
    for remark in exported.remarks:
        say(f"  {remark}")
