"""From the text of a magic to one command, and from what it raises to one message.

A magic prints its error and returns: news for the reader, not a reason to stop "Run all" in the middle of somebody's work
(docs/decisions/0004). `--strict`, anywhere on the line, makes the cell fail instead, for notebooks that run unattended.
"""

from __future__ import annotations

import re
import shlex
import sys
import traceback
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from mlops_jupyter.entities.errors import InputError, MlopsError, as_ours, must_be_text, shortened
from mlops_jupyter.magics.commands import app
from mlops_jupyter.magics.here import Here

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

STRICT = "--strict"
_NAME = re.compile(r"\{([A-Za-z_]\w*)\}|\$([A-Za-z_]\w*)")
_PLAIN = (str, int, float, bool)


class MagicFailed(Exception):  # noqa: N818 (what the user reads is its message)
    """What `--strict` raises: shown as its message alone."""

    def _render_traceback_(self) -> list[str]:
        return [f"%mlops: {self}"]


def dispatch(shell: InteractiveShell, line: str, cell: str | None) -> None:
    """Run one magic."""
    strict, here = False, Here(shell, cell)
    try:
        words = split(line, shell.user_ns)
        strict = STRICT in words
        arguments = [word for word in words if word != STRICT]
        app.main(arguments or ["--help"], prog_name="%mlops", standalone_mode=False, obj=here)
    except click.Abort:
        _say("interrupted", strict)
    except click.ClickException as error:
        _say(_usage(error), strict)
    except Exception as error:  # noqa: BLE001 (the fence: a magic never raises into a cell)
        _say(_told(error), strict)
    finally:
        here.restore_random()
    if here.run_body:
        here.execute_body()


def split(line: str, namespace: Mapping[str, object]) -> list[str]:
    """The words of the line; `{name}` and `$name` of a string, number or boolean in `namespace` replaced, all else as typed."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise InputError(f"%mlops {line}: {str(error).lower()}", "close the quote, or leave it out") from None
    must_be_text(words)
    return [_NAME.sub(lambda match: _value(match, namespace), word) for word in words]


def _value(match: re.Match[str], namespace: Mapping[str, object]) -> str:
    value = namespace.get(match[1] or match[2])
    return str(value) if type(value) in _PLAIN else match[0]


def _told(error: Exception) -> str:
    error = as_ours(error)
    if isinstance(error, MlopsError):
        return str(error)
    place = traceback.extract_tb(error.__traceback__)[-1]
    return (f"unexpected {type(error).__name__}: {error} ({place.filename}:{place.lineno})\n"
            "  → please report it; the same question in a terminal: MLOPS_TESTING=1 mlops …")


def _usage(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    path = context.command_path if context is not None else "%mlops"
    return f"{shortened(error.format_message())}\n  → {path} --help"


def _say(message: str, strict: bool) -> None:
    if strict:
        raise MagicFailed(message)
    sys.stderr.write(f"%mlops: {message}\n")
