"""What cron and systemd have in common: a timer that knocks, `mlops submissions fire ID`, and the folder that it needs for that.

A timer knows no job. It starts the command that decides; what it has to know of the user's environment stands in a file that only
the user can read, beside the log of the timer.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from mlops_jupyter import plugins
from mlops_jupyter.entities import ConflictError, InputError, NotFoundError, Schedule
from mlops_jupyter.jobs.bundle import load
from mlops_jupyter.jobs.generated import stamped
from mlops_jupyter.jobs.parameters import as_text
from mlops_jupyter.jobs.runners import About, Order

ENVIRONMENT, LOG = "timer.json", "timer.log"
_ALWAYS = ("PATH", "HOME", "LANG", "LC_ALL", "MLOPS_STORE", "MLOPS_STATE", "MLOPS_TOKEN", "MLOPS_TOKEN_FILE", "MLOPS_TELL",
           "JUPYTER_PATH", "JUPYTER_DATA_DIR", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
"""Variables that go along if they are set: what the commands of the package read."""


def is_timer(runner: str) -> bool:
    """Whether the runner of that name only knocks: what it starts, and when, is decided here and is on record."""
    if runner not in plugins.available(plugins.RUNNER):
        return False
    try:
        kind = plugins.load(plugins.RUNNER, runner)
    except ImportError:  # its extra is not installed
        return False
    about = getattr(kind, "about", None)
    return isinstance(about, About) and about.schedules == "must"


def fire_command(base: Path, submission: str) -> list[str]:
    """What a timer starts. InputError where its words would not fit into one line."""
    file = str(base / submission / ENVIRONMENT)
    if not file.isprintable():
        raise InputError(f"the folder {str(base)!r} has a character that no timer takes", "set MLOPS_STATE to another folder")
    return [sys.executable, "-m", "mlops_jupyter.cli", "submissions", "fire", submission,
            "--environment", file]


def schedule_of(order: Order) -> Schedule:
    """Its schedule. InputError for an order that has none."""
    if order.schedule is None:
        raise InputError("a timer needs a schedule, and none is given", "--schedule '0 6 * * 1-5' --zone Europe/Berlin")
    return order.schedule


def explained(order: Order, to: str, body: str) -> str:
    """`body` under lines of comment that say what it is. InputError for a name that would break a line."""
    schedule, manifest = schedule_of(order), load(order.bundle).manifest
    given = [word for name, value in order.parameters.items() for word in ("-p", f"{name}={as_text(value)}")]
    given += [word for name, where in order.inputs.items() for word in ("-i", f"{name}={where}")]
    again = shlex.join(["mlops", "submit", str(order.bundle), "--to", to, *given, "--schedule", schedule.cron,
                        "--zone", schedule.zone])
    text = stamped(body, manifest, again)
    if any(not letter.isprintable() and letter != "\n" for letter in text) or text.count("\n") != body.count("\n") + 3:
        raise InputError(f"the name, folder or a parameter of the job {manifest.name!r} holds a character that {to} cannot hold",
                         "give it without control characters and line breaks")
    return text


def keep_environment(base: Path, order: Order, names: str) -> Path:
    """The folder of the timer, with the environment of its command, for nobody else to read. `names`: further variables."""
    wanted = [*_ALWAYS, *filter(None, names.replace(",", " ").split())]
    missing = [name for name in wanted[len(_ALWAYS):] if name not in os.environ]
    if missing:
        raise InputError(f"the variable {missing[0]} is not set, so the timer cannot take it along", f"export {missing[0]}=…")
    found = {name: os.environ[name] for name in wanted if name in os.environ} | order.env | order.secrets
    folder = base / order.submission
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder / ENVIRONMENT, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 (a descriptor)
            json.dump(found, file, indent=1, sort_keys=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror}", "set MLOPS_STATE to a folder of yours") from None
    return folder


def known(place: str, of: str) -> Path:
    """The folder of a timer of this kind. NotFoundError for a place that is none."""
    kind, _, folder = place.partition(":")
    if kind != of or not (Path(folder) / ENVIRONMENT).is_file():
        raise NotFoundError(f"there is no schedule of {of} at {place!r}", "mlops submissions list")
    return Path(folder)


def log_of(folder: Path) -> str:
    """What the timer's command has printed."""
    log = folder / LOG
    return log.read_text("utf-8", "replace") if log.exists() else ""


def edited(what: str, how: Sequence[str]) -> ConflictError:
    """An edit by hand is not overwritten, and not removed."""
    return ConflictError(f"{what} was edited by hand since it was written", f"take it out yourself: {' '.join(how)}")
