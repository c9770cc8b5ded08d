"""Proof of faults: the disk refuses the n-th write, sync, rename or open, once or for ever, and the user's cells do not notice.

usage: python tests/proofs/faults.py [--step N] [--only write|sync|rename|open|disk] [--short]

One process starts tracking, runs cells, ends tracking and asks for its runs, which ships everything. `strace` makes one call of
the operating system fail in it: the first, then the second, and so on, until a process runs to its end untouched. Then: disks
that are full a hundred times, read-only, over their quota, no descriptor left, clocks that jump. Each time the cells must have
done what they do alone, the store must be whole, nothing that was acknowledged may be missing, and what the user is told must
be a line and no traceback.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[0] = str(ROOT)  # not this folder: its `secrets.py` is no standard library

from IPython.core.interactiveshell import InteractiveShell  # noqa: E402 (the path comes first)

from mlops_jupyter.api.ledger import open_ledger  # noqa: E402
from mlops_jupyter.capture import ipython  # noqa: E402
from mlops_jupyter.entities import MlopsError  # noqa: E402
from mlops_jupyter.outbox import ship  # noqa: E402
from mlops_jupyter.store import Store, open_store  # noqa: E402
from tests.proofs.running import report  # noqa: E402
from tests.unit.capture.notebook_player import fresh_shell  # noqa: E402

CALLS = {
    "write": ("write,pwrite64", ("EIO", "ENOSPC")),
    "sync": ("fsync,fdatasync", ("EIO",)),
    "rename": ("rename,renameat,renameat2", ("EIO",)),
    "open": ("openat", ("EMFILE", "EACCES")),
}
CELLS = [
    "x = [1]",
    "import mlops_jupyter as mlops\nmlops.log_metric('score', 0.5)",
    "x.append(2)\nprint('hello' * 1000)",
    "mlops.log_artifact('text ' * 1000, name='notes')\ny = sum(x)",
    "z = y / 0",
    "w = str(x)",
]
VALUES = {"x": [1, 2], "y": 3, "w": "[1, 2]"}
ROUNDS = 100
DISK = 8 * 2**20
DAY = 86_400.0


@dataclass
class Told:
    """What a process says of itself."""

    values: dict[str, object] = field(default_factory=dict)
    states: list[str] = field(default_factory=list)
    said: str = ""
    refused: list[str] = field(default_factory=list)
    """What commands of ours refused, each with what to do."""
    raw: list[str] = field(default_factory=list)
    """What came through that is no error of ours: never."""


def live(told: Told, shell: InteractiveShell, cells: list[str], between: Callable[[int], None] = lambda _: None) -> None:
    """Track, run the cells, end, look."""
    output = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(output):
        _ask(told, lambda: ipython.start(shell, ipython.TrackOptions(notebook_path="nb.ipynb")))
        for number, cell in enumerate(cells):
            between(number)
            result = shell.run_cell(cell, store_history=True)
            told.states.append(type(result.error_in_exec).__name__ if result.error_in_exec else "ok")
        between(len(cells))
        _ask(told, lambda: ipython.current() and ipython.stop())
    told.values = {name: shell.user_ns.get(name) for name in VALUES}
    told.said = output.getvalue()
    with contextlib.redirect_stderr(io.StringIO()):
        _ask(told, open_ledger)


def _ask(told: Told, verb: Callable[[], object]) -> None:
    try:
        verb()
    except MlopsError as error:
        told.refused.append(str(error))
    except Exception as error:  # what nobody should ever see: this is what the proof looks for
        told.raw.append(f"{type(error).__name__}: {error}")


class Child:
    """A process that lives as `life` says, once `go` is called."""

    def __init__(self, folder: Path, life: Callable[[Told, InteractiveShell], None]) -> None:
        here, there = socket.socketpair()
        self.pid = os.fork()
        self._socket = here
        if self.pid:
            there.close()
            here.settimeout(120)
            here.recv(1)
            return
        here.close()
        try:
            os.environ |= {"MLOPS_STATE": str(folder / "state"), "MLOPS_STORE": str(folder / "store"), "MLOPS_TESTING": ""}
            shell, told = fresh_shell(), Told()  # a shell that cannot be made is not ours
            there.sendall(b"!")
            there.recv(1)
            life(told, shell)
            there.sendall(json.dumps(vars(told)).encode())  # `sendto` and no `write`: nobody makes that fail
        finally:
            os._exit(0)

    def go(self) -> Told | None:
        """What it tells when it has lived; None if it died or hung."""
        self._socket.sendall(b"!")
        data = b""
        with contextlib.suppress(TimeoutError):
            while part := self._socket.recv(65536):
                data += part
        self._socket.close()
        if not data:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)
        return Told(**json.loads(data)) if data else None


@contextmanager
def injected(pid: int, calls: str, error: str, when: str, log: Path) -> Iterator[None]:
    """The process with a fault in it, from here on."""
    tracer = subprocess.Popen(["strace", "-f", "-qq", "-o", str(log), "-p", str(pid), "-e", f"trace={calls}",
                               "-e", f"inject={calls}:error={error}:when={when}"], stderr=subprocess.PIPE)
    end = time.monotonic() + 30
    while f"TracerPid:\t{tracer.pid}" not in Path(f"/proc/{pid}/status").read_text():
        assert tracer.poll() is None, tracer.stderr and tracer.stderr.read()
        assert time.monotonic() < end, "strace does not attach"
        time.sleep(0.002)
    try:
        yield
    finally:
        tracer.wait(30)
        if tracer.stderr:
            tracer.stderr.close()


def judged(told: Told | None, folder: Path) -> list[str]:
    """What is wrong with how a process lived, once the fault is gone."""
    if told is None:
        return ["it hung or died"]
    wrong = [f"came through: {one}" for one in told.raw]
    if told.values != VALUES or told.states != ["ok", "ok", "ok", "ok", "ZeroDivisionError", "ok"]:
        wrong.append(f"the cells noticed: {told.values} {told.states}")
    lines = [line for line in told.said.splitlines() if line.strip() and not (told.refused and _is_untracked(line))]
    if len(_unpaired(lines)) > 2 or any(not line.startswith("mlops: ") for line in lines):
        wrong.append(f"said: {told.said!r}")
    wrong += [f"no remedy: {one!r}" for one in told.refused if "\n" not in one and ": " not in one]
    store = open_store(str(folder / "store"))
    try:
        _ship_all(folder, store)
        wrong += [f"{one.where}: {one.what}" for one in store.check().problems]
        sources = {one.source for session in store.sessions() for one in store.executions(session.id)}
        missing = [cell for cell in CELLS if cell not in sources]
        never_began = bool(told.refused) and not sources
        excused = any("lost" in line or "stopped itself" in line for line in lines) or never_began
        if missing and not excused:
            wrong.append(f"missing without a word: {missing}")
    finally:
        store.close()
    return wrong


def _ship_all(folder: Path, store: Store) -> None:
    """Whatever is left in the outboxes, now that nothing fails."""
    for outbox in (folder / "state").glob("*/outbox"):
        ship(outbox, store)


def _unpaired(lines: list[str]) -> list[str]:
    """Without interruptions that ended: `strace` counts the calls of each thread, so one may write where another cannot."""
    left: list[str] = []
    for line in lines:
        if "can be written again" in line and left and "cannot be written" in left[-1]:
            left.pop()
        else:
            left.append(line)
    return left


def _is_untracked(line: str) -> bool:
    """What Python prints of our warning that a metric is logged where nothing is tracked."""
    return "this kernel is not tracked" in line or line.startswith("  ")


def sweep(kind: str, base: Path, step: int) -> tuple[int, list[str]]:
    """(points, what is wrong) of one kind of call, for each error, once and for ever."""
    calls, errors = CALLS[kind]
    points, wrong = 0, []
    for error in errors:
        for ever in ("", "+"):
            number = 1
            while True:
                folder = base / f"{kind}{error}{ever}{number}"
                folder.mkdir()
                child = Child(folder, lambda *life: live(*life, CELLS))
                log = folder / "trace"
                with injected(child.pid, calls, error, f"{number}{ever}", log):
                    told = child.go()
                hit = "INJECTED" in log.read_text()
                wrong += [f"{kind} {error} at {number}{ever}: {one}" for one in judged(told, folder)]
                shutil.rmtree(folder)
                if not hit:
                    break
                points += 1
                number += step
    return points, wrong


# disks, descriptors, clocks


def full_disk(folder: Path, rounds: int) -> list[str]:
    """A disk that fills up and is cleared, again and again, in one session."""
    ballast = folder / "ballast"

    def between(number: int) -> None:
        if number % 2:
            with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))
        else:
            ballast.unlink(missing_ok=True)

    cells = [f"n = {number}\nimport mlops_jupyter as m; m.log_artifact('{number} ' * 2000, name='a')"
             for number in range(2 * rounds)]
    with mounted(folder):
        told = Child(folder, lambda *life: live(*life, cells, between)).go()
        if told is None:
            return ["it hung or died"]
        store = open_store(str(folder / "store"))
        _ship_all(folder, store)
        session = store.sessions()[0].id
        found = [one.source for one in store.executions(session)]
        wrong = [f"came through: {one}" for one in [*told.raw, *told.refused]]
        wrong += [f"{one.where}: {one.what}" for one in store.check().problems]
        wrong += [] if found == cells and set(told.states) == {"ok"} else [f"{len(found)} cells stored of {len(cells)}"]
        refused, over = told.said.count("cannot be written"), told.said.count("written again")
        wrong += [] if over == refused >= rounds * 0.9 else [f"{refused} times full, {over} times over: {told.said[:500]}"]
        store.close()
    return wrong


def read_only(folder: Path, _: int) -> list[str]:
    """A disk that may be read: what was stored can be asked for, and tracking says why it cannot begin."""
    with mounted(folder):
        first = Child(folder, lambda *life: live(*life, CELLS)).go()
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        told = Child(folder, lambda *life: live(*life, CELLS)).go()
        asked = Child(folder, lambda told, _: told.states.append(str(len(open_ledger().sessions())))).go()
        subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True)
        wrong = judged(first, folder) + judged(told, folder)
        if told is None or not told.refused or "MLOPS_STATE" not in told.refused[0]:
            wrong.append(f"tracking did not say why it cannot begin: {told and told.refused}")
        if asked is None or asked.states != ["1"]:
            wrong.append(f"what is stored cannot be read: {asked}")
    return wrong


def quota(folder: Path, _: int) -> list[str]:
    """Files may not grow for two cells."""
    folder.mkdir()

    def between(number: int) -> None:
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        size = max(path.stat().st_size for path in folder.rglob("*.jsonl"))
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 300 if number in {2, 3} else hard, hard))

    return _bitten(Child(folder, lambda *life: live(*life, CELLS, between)).go(), folder)


def no_descriptors(folder: Path, _: int) -> list[str]:
    """No file can be opened while the cells run."""
    folder.mkdir()

    def between(number: int) -> None:
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (3 if number < len(CELLS) else min(hard, 4096), hard))

    return _bitten(Child(folder, lambda *life: live(*life, CELLS, between)).go(), folder)


def _bitten(told: Told | None, folder: Path) -> list[str]:
    bitten = told is not None and "cannot be written" in told.said and "nothing was lost" in told.said
    return judged(told, folder) + ([] if bitten else [f"nothing failed: {told}"])


def clock(folder: Path, _: int) -> list[str]:
    """The clock goes back a month in the middle of a session, then forward ten years."""
    folder.mkdir()
    true = time.time

    def between(number: int) -> None:
        shift = {2: -30 * DAY, 4: 3650 * DAY}.get(number)
        if shift is not None:
            time.time = lambda: true() + shift

    wrong = judged(Child(folder, lambda *life: live(*life, CELLS, between)).go(), folder)
    store = open_store(str(folder / "store"))
    order = [one.source for one in store.executions(store.sessions()[0].id)]
    store.close()
    return wrong + ([] if order == CELLS else [f"out of order: {order}"])


@contextmanager
def mounted(folder: Path) -> Iterator[None]:
    """A small disk of its own at `folder`."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


SITUATIONS: dict[str, Callable[[Path, int], list[str]]] = {
    f"a disk that is full, {ROUNDS} times": full_disk, "a disk that may only be read": read_only, "a quota": quota,
    "no descriptor left": no_descriptors, "a clock that jumps": clock,
}


def warm() -> None:
    """What a life imports, so that no import is what fails: that would be the interpreter's business, not ours."""
    code = f"import sys; sys.path[0] = {str(ROOT)!r}; from tests.proofs import faults; faults.known()"
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, check=True,
                              env={**os.environ, "MLOPS_STATE": f"{folder}/state", "MLOPS_STORE": f"{folder}/store"})
    for name in done.stdout.splitlines()[-1].split():
        with contextlib.suppress(ImportError):
            __import__(name)


def known() -> None:
    """Print the modules that are there after a life."""
    live(Told(), fresh_shell(), CELLS)
    print(" ".join(name for name, module in sys.modules.items() if module is not None and name != "__main__"))


def main() -> int:
    """Fail, look, print. Exit code 1 if one life was not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--step", type=int, default=1, help="each N-th call")
    parser.add_argument("--only", choices=[*CALLS, "disk"])
    parser.add_argument("--short", action="store_true", help="each 197th call, 2 full disks")
    options = parser.parse_args()
    if os.geteuid() == 0 and "MLOPS_PROOF_MOUNTS" not in os.environ:  # mounts of our own, which nobody else sees
        os.environ["MLOPS_PROOF_MOUNTS"] = "1"
        os.execvp("unshare", ["unshare", "-m", sys.executable, __file__, *sys.argv[1:]])
    warm()
    bad = 0
    with tempfile.TemporaryDirectory() as name:
        for kind in CALLS:
            if options.only in {None, kind}:
                started = time.perf_counter()
                points, wrong = sweep(kind, Path(name), 197 if options.short else options.step)
                bad += report(f"{kind}: {points} calls that failed, wrong", wrong, started)
        for what, situation in SITUATIONS.items():
            if options.only in {None, "disk"} and (os.geteuid() == 0 or situation not in {full_disk, read_only}):
                started = time.perf_counter()
                wrong = situation(Path(name) / situation.__name__, 2 if options.short else ROUNDS)
                bad += report(f"{what}, wrong", wrong, started)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
