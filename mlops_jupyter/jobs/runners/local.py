"""This machine: `mlops run` as a process of its own, in a session of its own, which outlives whoever submitted it.

Its place is a folder with the process id, the log and, at the end, the exit code, written by the small shell of Python that waits
for the command, and what the command said of its end. So any later process can ask how it ended. Where only so many may run at
once, that shell waits for one of so many locked files; a lock goes with its process, whatever ends that. What was killed may
leave the job behind, running: whoever sees that it has ended ends that too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import msgspec
import psutil

from mlops_jupyter.config import Settings
from mlops_jupyter.entities import InputError, NotFoundError, Outcome, Sight
from mlops_jupyter.entities.codec import from_json
from mlops_jupyter.entities.jobs import OutcomeState
from mlops_jupyter.entities.submissions import NO_END
from mlops_jupyter.jobs.runners import About, Order, States, command, spelled

LOG, CODE, PROCESS, BEGUN, OUTCOME, ASKED = "log.txt", "exit", "process", "begun", "outcome.json", "asked-to-stop"
_LAST_LINES = 400  # characters of the log that go into what is said of a failure
_SAYS: dict[tuple[OutcomeState, int | None], str] = {
    ("died", 1): "killed", ("timed-out", 1): "late", ("died", None): "killed", ("timed-out", None): "late",
    ("failed", None): "exited", ("succeeded", None): "done"}
"""What a command said of its end, with its exit code, or none: the word where those are not the same."""
PROGRAM = [sys.executable, "-m", "mlops_jupyter.cli"]

# Where we were started with SIGINT ignored (by `&` in a script, say), so would be the job, and nothing could cancel it.
_WAIT = """
import os, pathlib, signal, subprocess, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
folder, slots = pathlib.Path(sys.argv[1]), [open(name, "a") for name in sys.argv[3:3 + int(sys.argv[2])]]
def free():
    import fcntl
    for slot in slots:
        try:
            fcntl.flock(slot, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError:
            pass
    return not slots
code = 130
try:
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    while not free():
        time.sleep(0.2)
    (folder / "begun").touch()
    with (folder / "log.txt").open("wb") as log:
        code = subprocess.run(sys.argv[3 + len(slots):], stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                              close_fds=True).returncode
except KeyboardInterrupt:
    pass
partial = folder / ".exit.part"
partial.write_text(str(code))
partial.replace(folder / "exit")
"""


class LocalOptions(msgspec.Struct, frozen=True, rename="kebab"):
    """`at_once`: so many of this store's submissions run at the same time, the others wait (0: all of them).

    `turn`: those of the same turn are counted by themselves.
    """

    at_once: int = 0
    turn: str = ""


class LocalRunner:
    """Runs jobs on this machine, with this interpreter."""

    about: ClassVar[About] = About(
        title="this machine", bundle="where it is", environment="this interpreter's", inputs="where they are",
        results="recorded as any kernel records", here=True)
    states: ClassVar[States] = {"waiting": "queued", "running": "running", "exited": "failed", "done": "succeeded",
                                "killed": "died", "late": "timed-out", "gone": "died", "stopped": "cancelled"}
    Options: ClassVar[type[msgspec.Struct]] = LocalOptions

    def __init__(self, options: LocalOptions | None = None, base: Path | None = None,
                 program: Sequence[str] | None = None) -> None:
        """`base`: where submissions keep their folders, else beside the outbox. `program`: what runs instead of `mlops`."""
        self._options = options or LocalOptions()
        self._base = base or Settings.current().submissions_folder()
        self._program = program

    def preview(self, orders: Sequence[Order]) -> str:
        """The commands."""
        return "".join(f"{spelled(self._words(order), order.env)}\n" for order in orders)

    def submit(self, orders: Sequence[Order]) -> list[str]:
        """Start each job; the folders of the submissions."""
        return [self._start(order) for order in orders]

    def _words(self, order: Order) -> list[str]:
        return command(order, PROGRAM) if self._program is None else list(self._program)

    def _start(self, order: Order) -> str:
        folder = self._base / order.submission
        slots = [self._base / f".slot-{self._options.turn}{number}" for number in range(self._options.at_once)]
        told = {"MLOPS_OUTCOME": str(folder / OUTCOME)} if self._program is None else {}
        words = [sys.executable, "-c", _WAIT, str(folder), str(len(slots)), *map(str, slots), *self._words(order)]
        try:
            folder.mkdir(mode=0o700, parents=True)
            with _interrupts_wait():
                process = subprocess.Popen(
                    words, env={"MLOPS_WORK": str(folder / "work"), **os.environ, **order.env, **order.secrets, **told},
                    start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                )
        except OSError as error:
            raise InputError(f"the job could not be started in {folder}: {error.strerror}", "mlops doctor") from None
        (folder / PROCESS).write_text(f"{process.pid} {psutil.Process(process.pid).create_time()}")
        return str(folder)

    def status(self, places: Sequence[str]) -> list[Sight]:
        """From the exit code, else from whether its process lives. A job that outlives that is ended."""
        sights = [self._seen(place) for place in places]
        over = {Path(place).name for place, sight in zip(places, sights, strict=True) if self.states[sight.word] not in NO_END}
        left = _end_jobs(over)
        for place in (place for place in places if Path(place).name in left and _said(Path(place)) is None):
            (Path(place) / CODE).write_text(str(-signal.SIGKILL))  # whatever the program that ran it made of its loss
        return [self._seen(place) if Path(place).name in left else sight for place, sight in zip(places, sights, strict=True)]

    def _seen(self, place: str) -> Sight:
        folder = _known(place)
        queued, started = _moment(folder / PROCESS), _moment(folder / BEGUN)
        code = _exit_code(folder)
        if code is None and _process(folder) is not None:
            return Sight("waiting" if started is None else "running", queued=queued, started=started)
        code = _exit_code(folder) if code is None else code
        said = _said(folder)
        word = _SAYS.get((said.state, code)) if said is not None else None
        if said is not None and word is not None:
            return Sight(word, detail=said.error, queued=queued, started=started, ended=_moment(folder / OUTCOME))
        if code is None:
            return Sight("gone", detail="its process is gone and left no exit code", queued=queued, started=started)
        if code and said is None and (folder / ASKED).exists():  # Python itself may exit with 1 where it is interrupted
            return Sight("stopped", detail="stopped by the user", queued=queued, started=started, ended=_moment(folder / CODE))
        detail = self.logs(place)[-_LAST_LINES:].strip() if code else ""
        return Sight("exited" if code else "done", code, detail, queued=queued, started=started, ended=_moment(folder / CODE))

    def cancel(self, places: Sequence[str]) -> None:
        """Interrupt each job's process; one that only waits, itself."""
        for place in places:
            process = _process(_known(place))
            if process is not None:
                (Path(place) / ASKED).touch()
                with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
                    for one in process.children() or [process]:
                        os.kill(one.pid, signal.SIGINT)

    def logs(self, place: str) -> str:
        """What it printed so far."""
        log = _known(place) / LOG
        return log.read_text("utf-8", "replace") if log.exists() else ""


@contextlib.contextmanager
def _interrupts_wait() -> Iterator[None]:
    """A process started in here gets an interrupt only when it can take one: cancelled before that, it has not died."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _known(place: str) -> Path:
    folder = Path(place)
    if not place or not (folder / PROCESS).is_file():
        raise NotFoundError(f"there is no local submission {place!r}", "mlops submissions list")
    return folder


def _moment(file: Path) -> float | None:
    return file.stat().st_mtime if file.exists() else None


def _exit_code(folder: Path) -> int | None:
    file = folder / CODE
    return int(file.read_text()) if file.exists() else None


def _said(folder: Path) -> Outcome | None:
    """What the command said of its end: an exit code of 1 does not tell a kernel that was killed from a cell that failed."""
    try:
        return from_json((folder / OUTCOME).read_bytes(), Outcome)
    except (OSError, msgspec.DecodeError):
        return None


def _end_jobs(submissions: set[str]) -> set[str]:
    """End each `mlops run` that still runs for one of these, which have ended; its kernel notices. Those that had one."""
    found = set()
    for process in psutil.process_iter(["cmdline"]) if submissions else ():
        words = set(process.info["cmdline"] or [])
        if "run" in words and "-c" not in words and words & submissions and _killed(process):
            found |= words & submissions
    return found


def _killed(process: psutil.Process) -> bool:
    try:
        process.kill()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False
    return True


def _process(folder: Path) -> psutil.Process | None:
    """The waiting process, if it still is the one that was started (a process id may be used again)."""
    pid, _, created = (folder / PROCESS).read_text().partition(" ")
    try:
        process = psutil.Process(int(pid))
        alive = abs(process.create_time() - float(created)) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return None
    return process if alive else None
