"""What a sweep on Dask costs, and whether all of it comes back: on a cluster of two workers of this machine.

usage: python tests/proofs/dask_sweep.py [--children 200] [--light 500] [--submits 20]

`children`: real jobs of one cell, one worker killed with SIGKILL in the middle. `light`: children whose program is a script that
leaves files of the size of a small attempt's and ends, so that what is measured is the way there and back; the memory of the
scheduler and of the client after each hundred. `submits`: how long the client is held by one hand-over, to Dask and here.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[0] = str(ROOT)  # not this folder: its `secrets.py` is no standard library

import psutil  # noqa: E402 (the path comes first)

from mlops_jupyter.api import sweeps  # noqa: E402
from mlops_jupyter.api.conformance import write_job as write_waiting_job  # noqa: E402
from mlops_jupyter.api.handing import Handing, runner_of, submit  # noqa: E402
from mlops_jupyter.api.ledger import open_ledger  # noqa: E402
from mlops_jupyter.api.submissions import look  # noqa: E402
from mlops_jupyter.api.sweeping import run_elsewhere  # noqa: E402
from mlops_jupyter.entities import JobParameter, MlopsError  # noqa: E402
from mlops_jupyter.entities.submissions import NO_END  # noqa: E402
from mlops_jupyter.jobs.fleet import FleetOptions, Step  # noqa: E402
from mlops_jupyter.jobs.sweep import Axes, Elsewhere  # noqa: E402
from tests.integration.sweep_jobs import write_job  # noqa: E402
from tests.ports import free_port  # noqa: E402

MIB = 2**20
LIGHT = """
import json, os, sys, time
words = sys.argv[1:]
one, place = (words[words.index(word) + 1] for word in ("--submission", "--deliver"))
folder = os.path.join(place, one, "attempt")
os.makedirs(folder)
for name in ("runs.mlops", "output.ipynb"):
    open(os.path.join(folder, name), "wb").write(os.urandom(10_000))
told = {"submission": one, "attempt": "attempt", "outcome": {"state": "succeeded"}, "at": time.time()}
open(os.path.join(folder, "result.json"), "w").write(json.dumps(told))
"""


@contextmanager
def cluster(folder: Path) -> Iterator[tuple[str, psutil.Process, psutil.Process]]:
    """Address, scheduler, nanny of the workers."""
    port, started = free_port(), list[subprocess.Popen[bytes]]()
    address = f"tcp://127.0.0.1:{port}"
    program = [str(Path(sys.executable).parent / "dask")]
    loopback = ["--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0"]
    workers = ["worker", address, "--nworkers", "2", "--nthreads", "1", "--local-directory", str(folder / "scratch"), *loopback]
    with (folder / "cluster.log").open("wb") as log:
        try:
            started += [subprocess.Popen([*program, *words], stdout=log, stderr=log)
                        for words in (["scheduler", "--port", str(port), *loopback], workers)]
            yield address, psutil.Process(started[0].pid), psutil.Process(started[1].pid)
        finally:
            for process in reversed(started):
                process.terminate()
                process.wait(60)


def submits(folder: Path, runner: str, options: dict[str, str], count: int) -> None:
    """Print how long each of so many hand-overs took."""
    job = write_waiting_job(folder / f"waiting-{runner}")
    taken, busy, made = [], [], []
    for _ in range(count + 1):  # the first one loads the runner, and connects
        began, cpu = time.perf_counter(), time.process_time()
        made.append(submit(job, runner, {"what": "wait"}, {}, Handing(options=options, unverified=True)))
        taken.append(1000 * (time.perf_counter() - began))
        busy.append(1000 * (time.process_time() - cpu))
    print(f"submit to {runner}: first {taken[0]:.0f} ms ({busy[0]:.0f} of CPU), then median {statistics.median(taken[1:]):.0f} "
          f"({statistics.median(busy[1:]):.0f} of CPU), most {max(taken[1:]):.0f} ms of {count}", flush=True)
    end = time.monotonic() + 300
    while made := [one for one in look(open_ledger(), made) if one.state in NO_END]:
        assert time.monotonic() < end, "not all of them were cancelled"
        runner_of(runner, options).cancel([one.place for one in made])
        time.sleep(0.5)


def sweep(job: Path, address: str, count: int, report: FleetOptions, **options: str) -> sweeps.Swept:
    """Run it to its end."""
    numbers = ",".join(map(str, range(count)))
    place = sweeps.plan(job, Axes(grid={"number": numbers}), {}, job.with_name(f"{job.name}-{count}"))
    run_elsewhere(place, Elsewhere(runner="dask", options={"address": address, **options}, unverified=True), report)
    return sweeps.answer(place, sweeps.Order())


def real(folder: Path, address: str, workers: psutil.Process, count: int) -> None:
    """So many real jobs, and a worker killed in the middle."""
    job = write_job(folder / "real", [JobParameter("number", "integer", 0)],
                    "import mlops_jupyter as mlops\nmlops.log_metric('score', number)")
    killed: list[list[psutil.Process]] = []

    def kill(step: Step) -> None:
        if step.child.state == "running" and step.child.number > count // 2 and not killed:
            victim = next(one for one in workers.children() if one.children())
            killed.append(victim.children(recursive=True))
            os.kill(victim.pid, signal.SIGKILL)

    began = time.monotonic()
    done = sweep(job, address, count, FleetOptions(report=kill))
    seconds = time.monotonic() - began
    orphans = psutil.wait_procs(killed[0] if killed else [], 30)[1]
    store = open_ledger()
    runs = Counter(child.number for child in done.children for one in [child.submission]
                   for session in store.sessions(submission=one) for _ in store.runs(session=session.id))
    right = sum(child.metrics == {"score": float(child.number - 1)} for child in done.children)
    states = Counter(child.state for child in done.children)
    twice = sum(number > 1 for number in runs.values())
    print(f"{count} real children, {len(killed)} worker killed: {dict(states)} in {seconds:.0f} s, {right} with their result, "
          f"{twice} with two runs, {len(orphans)} processes left of the killed worker", flush=True)


def light(folder: Path, address: str, scheduler: psutil.Process, count: int) -> None:
    """So many light children, and the memory on the way."""
    job = write_job(folder / "light", [JobParameter("number", "integer", 0)], "1")
    script = folder / "light.py"
    script.write_text(LIGHT)
    client = psutil.Process()
    ended, lock = Counter[str](), threading.Lock()
    figures: list[tuple[int, float, float]] = []

    def weigh(step: Step) -> None:
        with lock:
            if step.child.state in NO_END:
                return
            ended[step.child.state] += 1
            if sum(ended.values()) % 100 == 0:
                figures.append((sum(ended.values()), scheduler.memory_info().rss / MIB, client.memory_info().rss / MIB))

    before = scheduler.memory_info().rss / MIB, client.memory_info().rss / MIB
    began = time.monotonic()
    sweep(job, address, count, FleetOptions(report=weigh), program=f"{sys.executable} -S {script}")
    print(f"{count} light children: {dict(ended)} in {time.monotonic() - began:.0f} s; MiB before: scheduler {before[0]:.1f}, "
          f"client {before[1]:.1f}")
    for number, far, near in figures:
        print(f"  after {number}: scheduler {far:.1f}, client {near:.1f}")
    if len(figures) > 1:
        hundreds = len(figures) - 1
        print(f"  from 100 on, per 100 children: scheduler {(figures[-1][1] - figures[0][1]) / hundreds:+.2f}, "
              f"client {(figures[-1][2] - figures[0][2]) / hundreds:+.2f}", flush=True)


def main() -> int:
    """All three."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, number in (("children", 200), ("light", 500), ("submits", 20)):
        parser.add_argument(f"--{name}", type=int, default=number)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mlops-dask-") as scratch:
        folder = Path(scratch)
        os.environ |= {"MLOPS_STORE": str(folder / "store"), "MLOPS_STATE": str(folder / "state")}
        try:
            with cluster(folder) as (address, scheduler, workers):
                if asked.submits:
                    submits(folder, "local", {"at-once": "1"}, asked.submits)
                    submits(folder, "dask", {"address": address}, asked.submits)
                if asked.light:
                    light(folder, address, scheduler, asked.light)
                if asked.children:
                    real(folder, address, workers, asked.children)
        except MlopsError as error:
            print(f"{error.what}\n{error.remedy}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
