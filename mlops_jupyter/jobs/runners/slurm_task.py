"""What a Slurm job runs on its node: its own order out of many, as a child that never outlives the job.

It is copied beside the job's script, so it needs only Python, not this package. It starts the command of its order, waits for it,
and at the end writes the exit code to a file, because Slurm forgets jobs that have ended. Slurm signals all processes of a job,
so nothing is passed on here. But a node may lose its slurmstepd while what that started lives on, and Slurm may start the job
again elsewhere: so the command is told to end when its slurmstepd is gone, and when this process is.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LOOK = 1.0  # seconds between two looks whether the slurmstepd is there
GRACE = 30.0  # seconds that the command has to end then
_PR_SET_PDEATHSIG = 1


def run(folder: Path, number: str) -> int:
    """Run the order of that number; the exit code of its command, as shells write it."""
    order = json.loads((folder / "orders.json").read_text(encoding="utf-8"))[int(number)]
    secrets = folder / f"secrets-{number}.json"
    ended = folder / f"exit-{number}.json"
    if ended.exists():  # of an attempt before this one
        ended.unlink()
    state = tempfile.mkdtemp(prefix="mlops-state-")
    began, signals = time.time(), list[int]()
    env = {"MLOPS_WORK": str(folder / "work"), "MLOPS_STATE": state, **os.environ, **order["env"]}
    if secrets.exists():
        env.update(json.loads(secrets.read_text(encoding="utf-8")))
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, lambda number, _frame: signals.append(number))
    code = _started(order["command"], env, signals)
    shutil.rmtree(state, ignore_errors=True)
    attempt = int(os.environ.get("SLURM_RESTART_COUNT", "0")) + 1
    _write(ended, {"code": code, "attempt": attempt, "began": began, "ended": time.time()})
    if not signals and secrets.exists():  # nothing comes after this attempt
        secrets.unlink()
    return code


def _started(command: list[str], env: dict[str, str], signals: list[int]) -> int:
    """The exit code of the command; 127 where it cannot be started. `signals` came before it was: it is told of them."""
    step, me = os.getppid(), os.getpid()
    libc = ctypes.CDLL(None)

    def with_me() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != me:
            os._exit(143)

    try:
        child = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, preexec_fn=with_me)  # noqa: PLW1509 (no threads here)
    except OSError as error:
        sys.stderr.write(f"{command[0]} cannot be started on {os.uname().nodename}: {error.strerror}\n")
        return 127
    if signals:
        child.terminate()
    while True:
        try:
            code = child.wait(LOOK)
        except subprocess.TimeoutExpired:
            if os.getppid() == step:
                continue
            sys.stderr.write("slurmstepd is gone: the job is stopped\n")
            code = _stopped(child)
        return 128 - code if code < 0 else code


def _stopped(child: subprocess.Popen[bytes]) -> int:
    child.terminate()
    try:
        return child.wait(GRACE)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()


def _write(file: Path, what: dict[str, float]) -> None:
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        partial.write_text(json.dumps(what), encoding="utf-8")
        partial.replace(file)
    except OSError as error:  # Slurm gets the exit code all the same, and knows it for a while
        sys.stderr.write(f"the exit code could not be written to {file}: {error.strerror}\n")


if __name__ == "__main__":
    sys.exit(run(Path(__file__).resolve().parent, sys.argv[1]))
