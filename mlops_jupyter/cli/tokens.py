"""`mlops token`: who may come in to a server."""

from __future__ import annotations

import re
import time
from typing import get_args

import click

from mlops_jupyter.api import tokens as verbs
from mlops_jupyter.cli.printing import answer, json_option, told
from mlops_jupyter.entities import InputError, Scope

_SPAN = {"h": 3600.0, "d": 86_400.0, "w": 604_800.0}


@click.group()
def token() -> None:
    """Make, list and revoke tokens of a server. A token is named by its name, its id or a prefix of that."""


@token.command()
@click.argument("name")
@click.option("--scope", type=click.Choice(get_args(Scope)), default="write", show_default=True,
              help="read: look. write: also record, delete, forget. job: only append, for one writer. admin: also tokens.")
@click.option("--expires", metavar="SPAN", help="12h, 90d, 2w; without it, never.")
@click.option("--writer", default="", help="Bind a job's token to this writer now; else its first use binds it.")
@json_option
def create(name: str, scope: Scope, expires: str | None, writer: str, as_json_: bool) -> None:
    """Make a token. Its secret is printed once, and stored nowhere."""
    made = verbs.create(name, scope, None if expires is None else time.time() + seconds(expires), writer)
    if not as_json_:
        click.echo(made.secret)
    told(made, "This is the only time it is shown. Where it is used: MLOPS_TOKEN is it, MLOPS_STORE the server's address.",
         json=as_json_)


@token.command("list")
@json_option
def list_tokens(as_json_: bool) -> None:
    """All tokens, newest first."""
    found = verbs.tokens()
    answer(found, lambda: verbs.tokens_sheet(found), json=as_json_)


@token.command()
@click.argument("token")
@json_option
def revoke(token: str, as_json_: bool) -> None:
    """From now on it lets nobody in."""
    gone = verbs.revoke(token)
    told(gone, f"{gone.name} lets nobody in any more.", json=as_json_)


def seconds(span: str) -> float:
    """`12h`, `90d`, `2w` in seconds."""
    match = re.fullmatch(r"(\d{1,5})([hdw])", span)
    if match is None or int(match[1]) == 0:
        raise InputError(f"{span!r} is no span of time", "12h, 90d or 2w")
    return int(match[1]) * _SPAN[match[2]]
