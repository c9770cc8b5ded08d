"""Writes docs/reference/commands.md from the commands themselves: `python tests/docs/reference.py`.

Commands, options and their words come from the click trees of the command line and of the magics; the shapes of `--json` from the
entities that the verbs return. `test_reference.py` fails while the file says anything else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import msgspec

from mlops_jupyter.api import doctor, headless, jobs, reviews, runners, sessions, sweeps
from mlops_jupyter.api.rerun import Rerun
from mlops_jupyter.capture.shell import Status
from mlops_jupyter.cli import app as command_line
from mlops_jupyter.entities import Firing, JobManifest, NewToken, Run, Session, Submission, Token, Verification
from mlops_jupyter.jobs.upgrade import Upgrade
from mlops_jupyter.jobs.verify_bundle import BundleVerdict
from mlops_jupyter.lineage.compare import Comparison
from mlops_jupyter.magics.commands import app as magics
from mlops_jupyter.store.archive import Carried
from mlops_jupyter.store.checking import Checked
from mlops_jupyter.store.copying import Copied
from mlops_jupyter.store.sweeping import Swept

FILE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "commands.md"

RUN = (Run, ("python", "packages"))
SHAPES: dict[str, str | tuple[type, tuple[str, ...]]] = {
    "track": (headless.Tracked, ()),
    "runs list": RUN, "runs": RUN, "runs show": RUN, "runs delete": (Run, ()), "runs restore": (Run, ()),
    "runs star": (Run, ()), "runs tag": (Run, ()), "runs baseline": (Run, ()),
    "runs diff": (Comparison, ()), "diff": (Comparison, ()),
    "why": '`{"result": …, "cells": [{"id": …, "n": …, "source": …}]}`',
    "stale": '`[{"id": …, "reason": …}]`',
    "rerun": (Rerun, ()),
    "sessions list": (Session, ("python", "packages")), "sessions show": (sessions.ExecutionRow, ()),
    "verify": (Verification, ()), "sessions replay": (Verification, ()),
    "convert": (jobs.Converted, ()), "inspect": (JobManifest, ()), "run": (jobs.JobDone, ()),
    "sweep": (sweeps.Swept, ()), "review": (reviews.Review, ()),
    "submit": (Submission, ()), "submissions list": (Submission, ()), "submissions show": (Submission, ()),
    "fsck": (Checked, ()), "gc": (Swept, ()), "backup": (Copied, ()), "restore": (Copied, ()),
    "export": (Carried, ()), "import": (Carried, ()),
    "token create": (NewToken, ()), "token list": (Token, ()), "token revoke": (Token, ()),
    "submissions cancel": (Submission, ()), "submissions fire": (Firing, ()),
    "runners list": (runners.Known, ()), "runners check": (runners.Checked, ()),
    "doctor": (doctor.Diagnosis, ()), "status": (Status, ("percent",)),
}
ALSO: dict[str, dict[str, type[msgspec.Struct]]] = {
    "verify": {"of a job": BundleVerdict, "of a job with `--with`": Upgrade},
}
"""What a command answers where its words ask for something else: by an option that only such a command has."""
LISTS = {"runners list", "runners check", "runs list", "runs", "sessions list", "sessions show", "submissions fire",
         "submissions list", "token list"}
HEAD = """# Commands and magics

*For looking things up. Written by `tests/docs/reference.py` from the commands themselves; do not edit.*

Every command and magic that answers has `--json`; entities come with every field, and more fields may be added.
Errors go to the error stream: what happened, with the value, then what helps. A magic prints its error and lets the notebook go
on; with `--strict` anywhere on its line the cell fails instead.

| exit code | means |
|---|---|
| 0 | done |
| 1 | the job, check or verification failed |
| 2 | bad input |
| 3 | the store or server cannot be reached, read or written |
| 130 | interrupted |

`$MLOPS_STORE` names the store (a folder, an SQL URL, or the `https://` address of `mlops server`, to which `$MLOPS_TOKEN` or the
file `$MLOPS_TOKEN_FILE` lets in), `$MLOPS_BLOBS` the folder of blobs beside a PostgreSQL, or a bucket (`s3://…`),
`$MLOPS_STATE` the folder in which records wait and the environments of jobs are kept, `$MLOPS_WORK` the folder in which jobs run
(default: `mlops-runs` where the command is given), `$MLOPS_DISABLE=1` turns tracking off.
"""


def text() -> str:
    """The whole page."""
    parts = [HEAD, "## `mlops`\n", f"{_help(command_line)}\n", *_options(command_line)]
    for name, command in _leaves(command_line, ()):
        parts += _command("mlops", name, command)
    parts += ["## `%mlops`\n", f"{_help(magics)}\n"]
    for name, command in _leaves(magics, ()):
        parts += _command("%%mlops" if name == "skip" else "%mlops", name, command)
    return "\n".join(parts).rstrip() + "\n"


def _leaves(group: click.Group, path: Sequence[str]) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from _leaves(command, (*path, name))
        elif command is not None:
            yield " ".join((*path, name)), command


def _command(program: str, name: str, command: click.Command) -> list[str]:
    usage = " ".join([program, name, *command.collect_usage_pieces(click.Context(command))])
    return [f"### `{usage}`\n", f"{_help(command)}\n", *_options(command), *_shape(name, command)]


def _help(command: click.Command) -> str:
    return "\n\n".join(" ".join(part.split()) for part in (command.help or "").split("\n\n"))


def _options(command: click.Command) -> list[str]:
    context = click.Context(command)
    records = [option.get_help_record(context) for option in command.params if isinstance(option, click.Option)]
    told = [[" ".join(part.split()) for part in record] for record in records if record]
    rows = [f"| `{name.replace('|', ' or ')}` | {words} |" for name, words in told]
    return ["| option | |\n|---|---|", *rows, ""] if rows else []


def _shape(name: str, command: click.Command) -> list[str]:
    if not any("--json" in option.opts for option in command.params):
        return []
    shape = SHAPES[name]
    if isinstance(shape, str):
        return [f"`--json`: {shape}\n"]
    kind, more = shape
    fields = msgspec.structs.fields(kind) if issubclass(kind, msgspec.Struct) else None
    names = [field.encode_name for field in fields] if fields else list(kind.__dataclass_fields__)
    listed = ", ".join(f"`{each}`" for each in [*names, *more])
    told = f"`--json`: {'a list, each with' if name in LISTS else 'an object with'} {listed}"
    if any("--with" in option.opts for option in command.params):
        told += "".join(f"; {when}: {', '.join(f'`{field}`' for field in other.__struct_fields__)}"
                        for when, other in ALSO.get(name, {}).items())
    return [told + "\n"]


if __name__ == "__main__":
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(text(), encoding="utf-8")
