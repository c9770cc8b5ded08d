"""cron: a line in the user's crontab for each schedule, between marked lines; all else in there stays as it is, byte for byte.

The line fires whenever the schedule could be due, in whatever zone cron runs, and its command decides. A crontab is read, changed
and written as a whole, so that is done under a lock. What it says is compared with its digest before it is touched.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, tzinfo
from pathlib import Path
from typing import ClassVar
from zoneinfo import ZoneInfo

import msgspec

from mlops_jupyter.config import Settings
from mlops_jupyter.entities import InputError, Sight
from mlops_jupyter.jobs.generated import is_as_written
from mlops_jupyter.jobs.runners import About, Order, States
from mlops_jupyter.jobs.runners.timers import (
    LOG,
    edited,
    explained,
    fire_command,
    keep_environment,
    known,
    log_of,
    schedule_of,
)
from mlops_jupyter.jobs.schedule import crontab_fields

LOCALTIME = Path("/etc/localtime")
_SHOWN = {b"\r": b"\\r", b"\b": b"\\b"}
_LONGEST = 998  # bytes of a command that every cron takes
_HINT = "apt-get install cron, or: --to systemd"


class CronOptions(msgspec.Struct, frozen=True, rename="kebab"):
    """`env`: further variables of the environment that the jobs need, `API_KEY,REGION`; they are kept in a private file."""

    env: str = ""


class CronRunner:
    """Starts jobs on this machine at their times, by the user's crontab."""

    about: ClassVar[About] = About(
        title="this machine's cron", bundle="where it is, and has to stay", environment="this interpreter's",
        inputs="where they are", results="each start is a submission to local", here=True, schedules="must")
    states: ClassVar[States] = {"installed": "scheduled", "edited": "scheduled", "gone": "died"}
    Options: ClassVar[type[msgspec.Struct]] = CronOptions

    def __init__(self, options: CronOptions | None = None, base: Path | None = None) -> None:
        self._options = options or CronOptions()
        self._base = base or Settings.current().submissions_folder()

    def preview(self, orders: Sequence[Order]) -> str:
        """The lines of the crontab."""
        return "".join(self._block(order) for order in orders)

    def submit(self, orders: Sequence[Order]) -> list[str]:
        """Add a block for each. The crontab is written once, so they are all there or none."""
        blocks = "".join(self._block(order) for order in orders).encode()
        folders = [keep_environment(self._base, order, self._options.env) for order in orders]
        with _locked():
            _write(_ended(_read()) + blocks)
        return [f"cron:{folder}" for folder in folders]

    def status(self, places: Sequence[str]) -> list[Sight]:
        """Whether the block of each is there, as it was written."""
        folders = [known(place, "cron") for place in places]
        there = _read()
        return [_seen(there, folder.name) for folder in folders]

    def cancel(self, places: Sequence[str]) -> None:
        """Take the blocks out. ConflictError for one that somebody has edited; then all stay."""
        folders = [known(place, "cron") for place in places]
        with _locked():
            before = after = _read()
            for folder in folders:
                block = _found(after, folder.name)
                if block is None:
                    continue
                if not is_as_written(_inner(block)):
                    raise edited(f"the block of {folder.name} in the crontab", ["crontab", "-e"])
                after = after[:block.start()] + after[block.end():]
            if after != before:
                _write(after)

    def logs(self, place: str) -> str:
        """What its command has printed: the decisions."""
        return log_of(known(place, "cron"))

    def _block(self, order: Order) -> str:
        log = self._base / order.submission / LOG
        command = f"{shlex.join(fire_command(self._base, order.submission))} >>{shlex.quote(str(log))} 2>&1".replace("%", "\\%")
        if len(command.encode()) > _LONGEST:
            raise InputError(f"the command of the timer has {len(command.encode())} bytes, and cron takes {_LONGEST}",
                             "set MLOPS_STATE to a folder with a shorter name")
        schedule = schedule_of(order)
        text = explained(order, "cron", f"{crontab_fields(schedule, _zone_of_cron())} {command}\n")
        begin, end = _marks(order.submission)
        about = f"# {schedule.cron} {schedule.zone}: the command decides whether it is due\n"
        return f"{begin}\n{about}{text}{end}\n"


def _marks(submission: str) -> tuple[str, str]:
    return f"# >>> mlops {submission}", f"# <<< mlops {submission}"


def _found(crontab: bytes, submission: str) -> re.Match[bytes] | None:
    begin, end = (re.escape(mark.encode()) for mark in _marks(submission))
    return re.search(rb"^" + begin + rb"\r?\n(.*?)^" + end + rb"[^\S\n]*(?:\n|\Z)", crontab, re.MULTILINE | re.DOTALL)


def _inner(block: re.Match[bytes]) -> str:
    return block[1].decode("utf-8", "replace")


def _seen(crontab: bytes, submission: str) -> Sight:
    block = _found(crontab, submission)
    if block is None:
        return Sight("gone", detail="its lines are no longer in the crontab, and it was not cancelled here")
    if not is_as_written(_inner(block)):
        return Sight("edited", detail="its lines in the crontab were edited by hand; they stay as they are")
    return Sight("installed")


def _ended(crontab: bytes) -> bytes:
    """With an end to its last line, so that what comes after is a line of its own."""
    return crontab if not crontab or crontab.endswith(b"\n") else crontab + b"\n"


def _read() -> bytes:
    """The user's crontab, byte for byte; empty where there is none."""
    done = _crontab(["-l"])
    said = done.stderr.decode("utf-8", "replace").strip()
    if done.returncode and "no crontab" not in said:
        raise InputError(f"cron does not show the crontab: {said or f'exit code {done.returncode}'}",
                         "crontab -l, and mend what it says")
    shown = done.stdout if not done.returncode else b""
    return _exact(shown) if any(mark in shown for mark in _SHOWN.values()) else shown


def _exact(shown: bytes) -> bytes:
    """Debian's `crontab -l` shows a carriage return as `\\r`, as two letters; an editor gets the bytes themselves."""
    found = _crontab(["-e"], editor="cat").stdout
    if _as_shown(found) != _as_shown(shown):
        raise InputError("the crontab holds \\r or \\b, and cron does not say which bytes those are",
                         "crontab -e, and take them out")
    return found


def _as_shown(crontab: bytes) -> bytes:
    for letter, mark in _SHOWN.items():
        crontab = crontab.replace(letter, mark)
    return crontab


def _write(crontab: bytes) -> None:
    done = _crontab(["-"] if crontab else ["-r"], crontab)
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip() or f"exit code {done.returncode}"
        raise InputError(f"cron does not take the crontab: {said}", "crontab -e, and mend what it says; nothing was changed")


def _crontab(words: Sequence[str], given: bytes = b"", editor: str = "false") -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(["crontab", *words], input=given, capture_output=True, check=False,
                              env={**os.environ, "LC_ALL": "C", "VISUAL": editor, "EDITOR": editor})
    except OSError as error:
        raise InputError(f"there is no crontab on this machine: {error.strerror}", _HINT) from None


@contextmanager
def _locked() -> Iterator[None]:
    """One after the other, of all processes of this user."""
    import fcntl  # where there is no such module there is no cron either

    file = Path(tempfile.gettempdir()) / f"mlops-crontab-{os.getuid()}.lock"
    try:
        descriptor = os.open(file, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise InputError(f"the lock {file} cannot be had: {error.strerror}", f"rm {file}") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _zone_of_cron() -> tzinfo:
    """The zone of this machine, whatever the environment of this process says."""
    try:
        with LOCALTIME.open("rb") as file:
            return ZoneInfo.from_file(file)
    except (OSError, ValueError):
        return UTC
