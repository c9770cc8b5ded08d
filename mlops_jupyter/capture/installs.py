"""When the environment of a session is another one than it was: a cell installed something, or somebody did in a terminal.

After each cell the folders of the path that hold packages are asked for their time of change (a stat each); only where one
has changed are the names of its metadata folders read, and only where those changed is the environment taken again. So it is
found whatever installed it: `%pip`, `!uv`, a subprocess, conda, or a shell next door whose package a cell then imports.

The newest environment of each notebook lies in a small file of the state folder, so that the next session can say what
differs from the one that made the saved outputs, with no look into the store.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec

from mlops_jupyter.capture.environment import environment, package_names
from mlops_jupyter.entities.environments import differences_line
from mlops_jupyter.entities.sessions import Environment

DIFFERS = "environment differs from the last session: "
_Times = dict[str, int]


class Installs:
    """What is installed, as last looked at. `folder`: where the newest environment of each notebook is kept."""

    def __init__(self, folder: Path, notebook: str) -> None:
        self._file = folder / f"{notebook}.json" if notebook else None
        self._path: list[str] = []
        self._times: _Times = {}
        self._names: frozenset[str] = frozenset()
        self._known: Environment | None = None
        self._kept = ""

    def take(self) -> tuple[Environment, str]:
        """(the environment now, what differs from the notebook's last session: "" where nothing does or none is known)."""
        self._look()
        self._names = package_names()
        now = environment()
        before = self._last()
        self._known = now
        found = differences_line(before, now) if before is not None else ""
        return now, f"{DIFFERS}{found}" if found else ""

    def after_cell(self) -> Environment | None:
        """The environment, if it is another one than before this cell."""
        if self._known is None:
            return None
        self._keep()
        if not self._look():
            return None
        names = package_names()
        if names == self._names:
            return None
        self._names = names
        now = environment()
        if now.id == self._known.id:
            return None
        self._known = now
        self._keep()
        return now

    def _look(self) -> bool:
        """True if the path, or the time of a folder with packages on it, is another one than at the last look."""
        changed = sys.path != self._path
        if changed:
            self._path = list(sys.path)
            self._times = {folder: 0 for folder in self._path if _has_packages(folder)}
        for folder, before in self._times.items():
            now = _time(folder)
            if now != before:
                self._times[folder] = now
                changed = True
        return changed

    def _last(self) -> Environment | None:
        if self._file is None:
            return None
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=Environment)
        except (OSError, msgspec.MsgspecError):
            return None

    def _keep(self) -> None:
        """Write down the environment once a cell has run in it: only then it made an output."""
        if self._file is None or self._known is None or self._kept == self._known.id:
            return
        self._kept = self._known.id
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = self._file.with_name(f".{self._file.name}.{os.getpid()}")
        beside.write_bytes(msgspec.json.encode(self._known))
        beside.replace(self._file)


def _has_packages(folder: str) -> bool:
    try:
        with os.scandir(folder or ".") as entries:
            return any(entry.name.endswith((".dist-info", ".egg-info", ".egg-link")) for entry in entries)
    except OSError:
        return "-packages" in folder  # a folder for packages that the first installation will make


def _time(folder: str) -> int:
    try:
        return os.stat(folder).st_mtime_ns  # noqa: PTH116 (a hot path)
    except OSError:
        return -1
