"""Proof of the Slurm runner: parts of running jobs are killed at random moments, and every job must end in a true state.

usage: python tests/proofs/slurm_kills.py [--times N] [--at-once N] [--seed N]

A real Slurm of two nodes on this machine. What is killed: the kernel, `mlops run`, the process that started it, slurmstepd,
slurmd, a whole node (slurmd and all its slurmstepd); or the job is requeued or cancelled. Whatever it was, the job must end as
that: with its result, started again by Slurm if it may be and had to be, or as died, or as cancelled. It must leave no kernel,
no session that runs, and its result, if there is one, once.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[0] = str(ROOT)  # not this folder: its `secrets.py` is no standard library

import psutil  # noqa: E402 (the path comes first)

from mlops_jupyter.api import submissions as verbs  # noqa: E402
from mlops_jupyter.api.handing import Handing, submit  # noqa: E402
from mlops_jupyter.api.ledger import open_ledger  # noqa: E402
from mlops_jupyter.entities import Submission  # noqa: E402
from mlops_jupyter.entities.submissions import NO_END  # noqa: E402
from tests.engines.slurm import NODES, Slurm  # noqa: E402
from tests.engines.slurm_jobs import gated_job, kernels  # noqa: E402
from tests.proofs.running import report  # noqa: E402

PROCESSES = {"kernel": 0, "mlops run": 1, "task.py": 2, "slurmstepd": 3}
"""What is killed → how far above the kernel it is."""
KINDS = [*PROCESSES, "requeue", "scancel", "slurmd", "node"]


class Job:
    """A job, what happens to it, and what must become of it."""

    def __init__(self, folder: Path, number: int, kind: str, draw: random.Random) -> None:
        self.kind, self.gate = kind, folder / f"gate{number}"
        self.again = kind == "requeue" or draw.random() < 0.5
        self.wait = draw.random() * 3
        node = NODES[0] if kind in {"slurmd", "node"} else NODES[1]
        options = {"requeue": str(self.again).lower(), "sbatch": f"--nodelist={node}"}
        self.one: Submission = submit(folder / "job", "slurm", {"gate": str(self.gate), "number": number},
                                      how=Handing(options=options, unverified=True))

    def expected(self) -> set[str]:
        """A lost step or node is another attempt, if Slurm may start one; what only slurmd watched goes on."""
        if self.kind == "scancel":
            return {"cancelled"}
        if self.kind in {"requeue", "slurmd"} or (self.again and self.kind in {"slurmstepd", "node"}):
            return {"succeeded"}
        return {"died"}

    def attempts(self) -> int:
        """How often it must have begun to end with its result."""
        return 1 if self.kind == "slurmd" else 2

    def strike(self, slurm: Slurm) -> None:
        """Do it to its running kernel."""
        job = self.one.place.partition(":")[0]
        if self.kind in {"requeue", "scancel"}:
            slurm.told(*(["scontrol", "requeue"] if self.kind == "requeue" else ["scancel"]), job)
        elif self.kind in PROCESSES:
            running = kernels(self.gate)
            if not running:
                return
            victim = running[-1] if self.kind == "kernel" else running[-1].parents()[PROCESSES[self.kind] - 1]
            victim.kill()

    def wrong(self) -> str:
        """What is not as it must be, once it has ended."""
        end = time.monotonic() + 15
        while kernels(self.gate) and time.monotonic() < end:
            time.sleep(0.2)
        ledger, one = open_ledger(), verbs.submission(self.one.id)
        sessions = ledger.sessions(submission=one.id)
        scores = [metric for each in sessions for run in ledger.runs(session=each.id) for metric in run.metrics]
        found = [f"it {one.state}, not {self.expected()}: {one.outcome}" if one.state not in self.expected() else "",
                 "it was not started again" if one.attempts < self.attempts() and one.state == "succeeded" else "",
                 f"kernels left: {kernels(self.gate)}" if kernels(self.gate) else "",
                 "a session runs" if any(each.state == "running" for each in sessions) else "",
                 f"{len(scores)} results" if one.state == "succeeded" and len(scores) != 1 else ""]
        said = "; ".join(filter(None, found))
        return f"{self.kind}, requeue={self.again}, {one.id}, {one.attempts} attempts: {said}" if said else ""


def batch(slurm: Slurm, folder: Path, jobs: list[Job], tally: Counter[tuple[str, bool, str]]) -> list[str]:
    """Some jobs at the same time; what was wrong."""
    slurm.until(lambda: all(kernels(job.gate) for job in jobs), "all of them run", 180)
    begun = time.monotonic()
    for job in sorted(jobs, key=lambda job: job.wait):
        time.sleep(max(0.0, begun + job.wait - time.monotonic()))  # a random moment is what is wanted
        job.strike(slurm)
    kinds = {job.kind for job in jobs}
    if "node" in kinds:
        slurm.lose_node(NODES[0])
        slurm.until(lambda: "down" in slurm.told("sinfo", "-h", "-n", NODES[0], "-o", "%T"), "the node is lost", 90)
    elif "slurmd" in kinds:
        slurm.nodes[NODES[0]].kill()
        slurm.nodes[NODES[0]].wait()
    if kinds & {"node", "slurmd"}:
        slurm.begin_node(NODES[0])
    for job in jobs:
        if job.expected() == {"succeeded"}:
            job.gate.touch()
    slurm.until(lambda: all(verbs.submission(job.one.id).state not in NO_END for job in jobs), "all of them end", 300)
    for job in jobs:
        tally[job.kind, job.again, verbs.submission(job.one.id).state] += 1
    return [said for job in jobs if (said := job.wrong())]


def main() -> int:
    """Prove, print. Exit code 1 if a job ended as what it was not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--times", type=int, default=24)
    parser.add_argument("--at-once", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    draw, started, tally, wrong = random.Random(options.seed), time.perf_counter(), Counter[tuple[str, bool, str]](), list[str]()
    with tempfile.TemporaryDirectory(prefix="mlops-proof-") as name:
        folder = Path(name)
        os.environ.update(MLOPS_STORE=f"{name}/store", MLOPS_STATE=f"{name}/state")
        gated_job(folder / "job")
        slurm = Slurm()
        os.environ["SLURM_CONF"] = str(slurm.conf)
        try:
            for first in range(0, options.times, options.at_once):
                numbers = range(first, min(first + options.at_once, options.times))
                kinds = [KINDS[number % len(KINDS)] for number in numbers]
                fate = draw.choice(["slurmd", "node"])  # one node, one fate
                kinds = [fate if kind in {"slurmd", "node"} else kind for kind in kinds]
                jobs = [Job(folder, number, kind, draw) for number, kind in zip(numbers, kinds, strict=True)]
                wrong += batch(slurm, folder, jobs, tally)
        finally:
            slurm.remove()
        left = [each for each in psutil.process_iter(["cmdline"]) if any(name in word for word in each.info["cmdline"] or [])]
    for (kind, again, state), count in sorted(tally.items()):
        print(f"    {kind:10} {'may be requeued' if again else 'is not requeued':16} {state:10} {count}")
    wrong += [f"a process is left: {each}" for each in left]
    return 1 if report(f"{options.times} jobs on Slurm, killed", wrong, started) else 0


if __name__ == "__main__":
    sys.exit(main())
