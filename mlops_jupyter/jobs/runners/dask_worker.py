"""What runs on a Dask worker for one submission. Only the standard library and Dask: the code travels with the task.

What it holds by name at its top travels too, so that is modules and constants: `os.environ` by a name of its own would be a copy
of the environment of whoever submits.

A task starts the job as a process of its own and waits for it. Between the two stands a keeper, which holds one end of a pipe: it
reads the wish to stop, and where the worker is gone, killed or not, the end of the pipe; so nothing outlives the task. What the
attempt delivers comes back as the task's result. Whoever cancels leaves a file where the task looks, before it starts and while
it waits, so it does not matter which of them is first.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypedDict

TASKS = "mlops"
"""Begins the key of every task, so that Dask, which keeps figures for each beginning as long as it lives, keeps them once."""
PLACE = "mlops"  # the folder within a worker's own
CANCELLED, BEGUN, LOG = "cancelled", "begun", "log.txt"
PATIENCE = 20.0
"""Seconds that a job which is asked to stop has to say how it ended."""
MOST_LOG = 4 * 1024 * 1024
"""Bytes of a log that are kept, its last."""
NO_SUCH = 127
"""The exit code where the command could not be started, as shells have it."""
_LOOK = 0.25  # seconds between looks at whether it is still wanted

_KEEPER = """
import os, signal, subprocess, sys, threading
signal.signal(signal.SIGINT, signal.default_int_handler)
child = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL)
signal.signal(signal.SIGINT, signal.SIG_IGN)
def wait(seconds):
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True
def keep():
    wish = os.read(0, 1)
    child.send_signal(signal.SIGINT if wish else signal.SIGTERM)
    if not wait(float(sys.argv[1])):
        child.send_signal(signal.SIGTERM)
        if not wait(5):
            os.killpg(0, signal.SIGKILL)
threading.Thread(target=keep, daemon=True).start()
code = child.wait()
if code < 0:
    signal.signal(-code, signal.SIG_DFL) if -code not in (9, 19) else None
    os.kill(os.getpid(), -code)
sys.exit(code)
"""


def hole(name: str) -> str:
    """Stands in the command for a place that only the worker knows: no argument of a command can hold a NUL."""
    return f"\0{name}\0"


BUNDLE, DELIVER = hole("bundle"), hole("deliver")


class Job(TypedDict):
    """What the task is told. `command` without a program runs `mlops` of the worker's own interpreter."""

    submission: str
    program: list[str]
    command: list[str]
    env: dict[str, str]
    inputs: dict[str, str]
    """Digest of an uploaded file → its name."""


class Left(TypedDict):
    """What a task gives back. Times are of the worker's clock; `delivered` is a zip of what the attempt left, or nothing."""

    code: int
    cancelled: bool
    began: float
    ended: float
    log: bytes
    delivered: bytes


def same(data: bytes) -> bytes:
    """The task that holds an uploaded file: it can be done again wherever a worker is lost with it."""
    return data


def run(told: Callable[[], Job], digest: str, bundle: bytes, files: Mapping[str, bytes]) -> Left:
    """Run the job. `told` is a function so that nothing of it is printed where Dask prints arguments."""
    job, place = told(), _place()
    began = time.time()
    waiting = place / job["submission"]
    if (waiting / CANCELLED).exists():
        return {"code": 130, "cancelled": True, "began": began, "ended": began, "log": b"", "delivered": b""}
    attempt = waiting / uuid.uuid4().hex
    attempt.mkdir(parents=True)
    try:
        words = _command(job, _kept(place, f"{digest}.zip", bundle), attempt)
        for name, data in files.items():
            _kept(place, f"{name}/{job['inputs'][name]}", data)
        (attempt / BEGUN).write_text(str(began))
        code = _run(words, job, attempt)
        return {"code": code, "cancelled": (waiting / CANCELLED).exists(), "began": began, "ended": time.time(),
                "log": _last(attempt / LOG), "delivered": _packed(attempt / "deliver")}
    finally:
        shutil.rmtree(attempt, ignore_errors=True)


def _place() -> Path:
    from distributed import get_worker

    return Path(get_worker().local_directory) / PLACE


def _kept(place: Path, name: str, data: bytes) -> Path:
    """An uploaded file, once for each worker: it is named for its content."""
    path = place / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{uuid.uuid4().hex}")
        partial.write_bytes(data)
        partial.replace(path)
    return path


def _command(job: Job, bundle: Path, attempt: Path) -> list[str]:
    known = {BUNDLE: str(bundle), DELIVER: str(attempt / "deliver")}
    known |= {hole(digest): str(bundle.parent / digest / name) for digest, name in job["inputs"].items()}
    words = job["command"]
    for mark, path in known.items():
        words = [word.replace(mark, path) for word in words]
    return [*(job["program"] or [sys.executable, "-m", "mlops_jupyter.cli"]), *words]


def _run(words: list[str], job: Job, attempt: Path) -> int:
    """Until the command has ended; its exit code."""
    env = {name: value for name, value in os.environ.items() if name not in {"MLOPS_STORE", "MLOPS_TOKEN"}}
    env = {"MLOPS_WORK": str(attempt / "work"), "MLOPS_STATE": str(attempt / "state"), **env, **job["env"]}
    if shutil.which(words[0], path=env.get("PATH")) is None:
        (attempt / LOG).write_text(f"{words[0]} is not there, on {socket.gethostname()}\n")
        return NO_SUCH
    with (attempt / LOG).open("wb") as log:
        keeper = subprocess.Popen([sys.executable, "-c", _KEEPER, str(PATIENCE), *words], env=env, stdin=subprocess.PIPE,
                                  stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    assert keeper.stdin is not None
    try:
        told = False
        while True:
            try:
                return keeper.wait(_LOOK)
            except subprocess.TimeoutExpired:
                if not told and not _wanted(job["submission"], attempt.parent):
                    keeper.stdin.write(b".")
                    keeper.stdin.flush()
                    told = True
    finally:
        keeper.stdin.close()
        if keeper.wait() < 0 and hasattr(os, "killpg"):  # killed itself, perhaps, and then what it kept is an orphan
            with contextlib.suppress(ProcessLookupError):
                os.killpg(keeper.pid, signal.SIGKILL)


def _wanted(submission: str, waiting: Path) -> bool:
    """Whether neither we nor somebody by Dask's own means has cancelled it."""
    from distributed import get_worker

    task = get_worker().state.tasks.get((TASKS, submission))
    return not (waiting / CANCELLED).exists() and task is not None and task.state != "cancelled"


def _last(log: Path) -> bytes:
    """The end of a log, of whole lines."""
    with log.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(max(0, size - MOST_LOG))
        data = file.read(MOST_LOG)
    return data if size <= MOST_LOG else data.partition(b"\n")[2]


def _packed(folder: Path) -> bytes:
    """The folders of attempts that lie there, in one zip; nothing where there are none."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        found = sorted(path for path in folder.glob("*/*/*") if path.is_file())
        for path in found:
            file.write(path, path.relative_to(path.parents[1]))
    return buffer.getvalue() if found else b""


def begun(submissions: Iterable[str], dask_worker: object) -> dict[str, float]:
    """Asked on a worker: which of them run there, and since when."""
    told = ((one, path.read_text()) for one in submissions for path in _files(dask_worker, one, BEGUN))
    return {one: float(text) for one, text in told if text}  # it may just be written


def stop(submissions: Iterable[str], dask_worker: object) -> list[str]:
    """Asked on a worker: none of them may begin here, and those that run end soon; which those are."""
    for one in submissions:
        folder = _folder(dask_worker) / one
        folder.mkdir(parents=True, exist_ok=True)
        (folder / CANCELLED).touch()
    return [one for one in submissions if _files(dask_worker, one, BEGUN)]


def log_of(submission: str, dask_worker: object) -> bytes:
    """Asked on a worker: what the attempt that runs there has printed so far."""
    return b"".join(_last(path) for path in _files(dask_worker, submission, LOG))


def _folder(dask_worker: object) -> Path:
    return Path(str(getattr(dask_worker, "local_directory"))) / PLACE  # noqa: B009 (this file is typed without Dask)


def _files(dask_worker: object, submission: str, name: str) -> list[Path]:
    return list((_folder(dask_worker) / submission).glob(f"*/{name}"))
