"""This machine: `mlops run` as a process of its own, in a session of its own, which outlives whoever submitted it.

Its place is a folder with the process id, the log and, at the end, the exit code, written by the small shell of Python that waits
for the command. So any later process can ask how it ended.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil

from mlops_jupyter.entities import InputError, NotFoundError, Outcome
from mlops_jupyter.jobs.outcome import judge_exit
from mlops_jupyter.jobs.runners import Order, command

LOG, CODE, PROCESS = "log.txt", "exit", "process"
_LAST_LINES = 400  # characters of the log that go into an outcome's error

# Where we were started with SIGINT ignored (by `&` in a script, say), so would be the job, and nothing could cancel it.
_WAIT = """
import os, pathlib, signal, subprocess, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
folder = pathlib.Path(sys.argv[1])
with (folder / "log.txt").open("wb") as log:
    code = subprocess.run(sys.argv[2:], stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL).returncode
partial = folder / ".exit.part"
partial.write_text(str(code))
partial.replace(folder / "exit")
"""


class LocalRunner:
    """Runs jobs on this machine, with this interpreter."""

    def __init__(self, base: Path | None = None, program: list[str] | None = None) -> None:
        """`base`: where submissions keep their folders (default: a new temporary one each). `program`: instead of `mlops run`."""
        self._base = base
        self._program = program

    def submit(self, order: Order) -> str:
        """Start the job; the folder of the submission."""
        if self._base is not None:
            self._base.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="submission-", dir=self._base))
        words = self._program or command(order, sys.executable)
        try:
            process = subprocess.Popen(
                [sys.executable, "-c", _WAIT, str(folder), *words], env={**os.environ, **order.env}, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )
        except OSError as error:
            raise InputError(f"the job could not be started: {error.strerror}", "mlops doctor") from None
        (folder / PROCESS).write_text(f"{process.pid} {psutil.Process(process.pid).create_time()}")
        return str(folder)

    def watch(self, place: str) -> Outcome:
        """How it stands: from the exit code, else from whether its process lives."""
        folder = _known(place)
        code = _exit_code(folder)
        if code is None and _process(folder) is not None:
            return Outcome("running")
        code = _exit_code(folder) if code is None else code
        if code is None:
            return Outcome("died", "its process is gone and left no exit code")
        return judge_exit(code, error=self.logs(place)[-_LAST_LINES:].strip() if code else "")

    def cancel(self, place: str) -> None:
        """Interrupt the job's whole session of processes."""
        process = _process(_known(place))
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                for child in process.children():
                    os.kill(child.pid, signal.SIGINT)

    def logs(self, place: str) -> str:
        """What it printed so far."""
        log = _known(place) / LOG
        return log.read_text("utf-8", "replace") if log.exists() else ""


def _known(place: str) -> Path:
    folder = Path(place)
    if not (folder / PROCESS).is_file():
        raise NotFoundError(f"there is no local submission {place}", "mlops submissions list")
    return folder


def _exit_code(folder: Path) -> int | None:
    file = folder / CODE
    return int(file.read_text()) if file.exists() else None


def _process(folder: Path) -> psutil.Process | None:
    """The waiting process, if it still is the one that was started (a process id may be used again)."""
    pid, _, created = (folder / PROCESS).read_text().partition(" ")
    try:
        process = psutil.Process(int(pid))
        alive = abs(process.create_time() - float(created)) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return None
    return process if alive else None
