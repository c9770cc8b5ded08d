"""`mlops sessions`: list, show, export the environment, replay."""

from __future__ import annotations

from pathlib import Path

import click

from mlops_jupyter.api import environments, verification
from mlops_jupyter.api import replay as replays
from mlops_jupyter.api import sessions as verbs
from mlops_jupyter.api.sheets import session_sheet, sessions_sheet, verification_sheet
from mlops_jupyter.api.words import duration, plural
from mlops_jupyter.cli.printing import answer, json_option, say
from mlops_jupyter.cli.progress import bar


@click.group()
def sessions() -> None:
    """List, show, export and replay sessions. A session is named by its id or a prefix of it."""


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


@sessions.command()
@click.argument("session", required=False)
@click.option("--to", "upto", type=click.IntRange(min=1), metavar="N", help="Only up to execution N of `mlops sessions show`.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Keep the executed notebook here.")
@click.option("--allow-effects", is_flag=True, help="Let the cells write outside their folder, and reach databases and network.")
@json_option
def replay(session: str | None, upto: int | None, output: Path | None, allow_effects: bool, as_json_: bool) -> None:
    """Run all that SESSION (else the newest) ran, in its order, in a clean kernel, and compare what it leaves behind."""
    planned = replays.plan(session, upto)
    if not as_json_:
        say(f"{planned.label}: {plural(planned.cells, 'cell execution')} in a clean kernel, "
            f"about {duration(planned.seconds)} plus starting it")
    with bar("replay", quiet=as_json_) as progress:
        found = replays.replay(session, upto, output, allow_effects=allow_effects, progress=progress)
    answer(found, lambda: verification_sheet(found), json=as_json_)
    verification.must_hold(found)
