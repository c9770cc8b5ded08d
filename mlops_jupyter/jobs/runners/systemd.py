"""systemd: a timer and a service of the user for each schedule. The timer reads the zone too; the command decides all the same.

Units are written whole, under a digest, so that an edit by hand is seen. Where a folder is given they are only written, for
whoever puts them in place.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import msgspec

from mlops_jupyter.config import Settings
from mlops_jupyter.entities import InputError, Sight, StoreError
from mlops_jupyter.jobs.generated import is_as_written, write_generated
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
from mlops_jupyter.jobs.schedule import calendar_lines

SERVICE, TIMER = ".service", ".timer"
UNITS = "units"
_ENABLE = "systemctl --user enable --now"
_INSTEAD = "--to cron, or --set folder=FOLDER to write the units only"


class SystemdOptions(msgspec.Struct, frozen=True, rename="kebab"):
    """`folder`: write the units there, and leave it to others to enable them. `env`: further variables, `API_KEY,REGION`."""

    folder: str = ""
    env: str = ""


class SystemdRunner:
    """Starts jobs on this machine at their times, by timers of the user's systemd."""

    about: ClassVar[About] = About(
        title="this machine's systemd, the user's own", bundle="where it is, and has to stay", environment="this interpreter's",
        inputs="where they are", results="each start is a submission to local", here=True, schedules="must")
    states: ClassVar[States] = {"enabled": "scheduled", "written": "scheduled", "stopped": "scheduled", "edited": "scheduled",
                                "gone": "died"}
    Options: ClassVar[type[msgspec.Struct]] = SystemdOptions

    def __init__(self, options: SystemdOptions | None = None, base: Path | None = None) -> None:
        self._options = options or SystemdOptions()
        self._base = base or Settings.current().submissions_folder()

    def preview(self, orders: Sequence[Order]) -> str:
        """The units, each under its path."""
        return "\n".join(f"# {path}\n{text}" for order in orders for path, text in self._units(order).items())

    def submit(self, orders: Sequence[Order]) -> list[str]:
        """Write the units and enable the timers; where one of them cannot be, none is left."""
        units = [self._units(order) for order in orders]
        if not self._options.folder:
            _must_run()
        folders = [keep_environment(self._base, order, self._options.env) for order in orders]
        for folder in folders:
            (folder / UNITS).write_text(str(self._folder()), encoding="utf-8")
        written = []
        try:
            for path, text in (unit for each in units for unit in each.items()):
                if write_generated(path, text):
                    written.append(path)
            if not self._options.folder:
                _systemctl("daemon-reload")
                _systemctl("enable", "--now", *(f"{_unit(order.submission)}{TIMER}" for order in orders))
        except BaseException:
            for path in written:
                path.unlink(missing_ok=True)
            raise
        return [f"systemd:{folder}" for folder in folders]

    def status(self, places: Sequence[str]) -> list[Sight]:
        """Whether the units of each are there as they were written, and the timer runs."""
        return [self._seen(known(place, "systemd")) for place in places]

    def cancel(self, places: Sequence[str]) -> None:
        """Stop the timers and remove the units. ConflictError for one that somebody has edited; then all stay."""
        found = [known(place, "systemd") for place in places]
        paths = [path for folder in found for path in _paths_of(folder) if path.exists()]
        for path in paths:
            if not is_as_written(_text(path)):
                raise edited(str(path), ["systemctl --user disable --now", path.with_suffix(TIMER).name, "&& rm", str(path)])
        if not self._options.folder and paths:
            _systemctl("disable", "--now", *(path.name for path in paths if path.suffix == TIMER))
        for path in paths:
            path.unlink(missing_ok=True)
        if not self._options.folder and paths:
            _systemctl("daemon-reload")

    def logs(self, place: str) -> str:
        """What its command has printed: the decisions."""
        return log_of(known(place, "systemd"))

    def _folder(self) -> Path:
        if self._options.folder:
            return Path(self._options.folder).expanduser().absolute()
        return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user"

    def _units(self, order: Order) -> dict[Path, str]:
        schedule = schedule_of(order)
        title = f"mlops_jupyter: {order.name} at {schedule.cron} {schedule.zone}"
        service = _section("Unit", [("Description", _plain(title))]) + "\n" + _section("Service", [
            ("Type", "oneshot"), ("ExecStart", " ".join(map(_word, fire_command(self._base, order.submission)))),
            ("KillMode", "process"),  # the job that it starts goes on when the command has ended
            ("StandardOutput", f"append:{_plain(str(self._base / order.submission / LOG))}"), ("StandardError", "inherit")])
        timer = _section("Unit", [("Description", _plain(title))]) + "\n" + _section("Timer", [
            *(("OnCalendar", line) for line in calendar_lines(schedule)), ("AccuracySec", "1s"),
            ("Persistent", "true" if schedule.missed == "run" else "false"),
        ]) + "\n" + _section("Install", [("WantedBy", "timers.target")])
        texts = [explained(order, "systemd", body) for body in (service, timer)]
        return dict(zip(_paths(self._folder(), order.submission), texts, strict=True))

    def _seen(self, folder: Path) -> Sight:
        paths = _paths_of(folder)
        missing = [path for path in paths if not path.exists()]
        if missing:
            return Sight("gone", detail=f"{missing[0]} is no longer there, and it was not cancelled here")
        changed = [path for path in paths if not is_as_written(_text(path))]
        if changed:
            return Sight("edited", detail=f"{changed[0]} was edited by hand; it stays as it is")
        timer = paths[1].name
        if self._options.folder:
            return Sight("written", detail=f"written; to start it: {_ENABLE} {paths[1]}")
        if _asked("is-active", "--quiet", timer).returncode:
            return Sight("stopped", detail=f"its timer does not run: {_ENABLE} {timer}")
        return Sight("enabled")


def _unit(submission: str) -> str:
    return f"mlops-{submission}"


def _paths(folder: Path, submission: str) -> list[Path]:
    return [folder / f"{_unit(submission)}{kind}" for kind in (SERVICE, TIMER)]


def _paths_of(folder: Path) -> list[Path]:
    """The units of the timer that has this folder."""
    return _paths(Path((folder / UNITS).read_text(encoding="utf-8")), folder.name)


def _text(path: Path) -> str:
    return path.read_text("utf-8", "replace")


def _section(name: str, lines: Sequence[tuple[str, str]]) -> str:
    return f"[{name}]\n" + "".join(f"{key}={value}\n" for key, value in lines)


def _plain(text: str) -> str:
    """Text that is no command: a percent sign would begin one of systemd's own words."""
    return text.replace("%", "%%")


def _word(text: str) -> str:
    """A word of a command, as systemd.service(5) quotes it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return escaped if escaped == text and text and not set(text) & set(" \t'") else f'"{escaped}"'


def _must_run() -> None:
    """StoreError where no systemd would take the units."""
    if shutil.which("systemctl") is None:
        raise StoreError("there is no systemd on this machine", _INSTEAD)
    done = _asked("show-environment")
    if done.returncode:
        said = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[0]
        raise StoreError(f"systemd does not run for this user: {said}", _INSTEAD)


def _systemctl(*words: str) -> None:
    done = _asked(*words)
    if done.returncode:
        raise InputError(f"systemctl --user {' '.join(words)}: {done.stderr.strip() or f'exit code {done.returncode}'}",
                         "systemctl --user status, and mend what it says")


def _asked(*words: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(["systemctl", "--user", *words], capture_output=True, text=True, check=False)
    except OSError as error:
        raise StoreError(f"there is no systemd on this machine: {error.strerror}", "--to cron") from None
