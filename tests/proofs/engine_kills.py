"""Proof of the runners: parts of running jobs are killed at random moments, and every job must end in a true state, soon.

usage: python tests/proofs/engine_kills.py --engine NAME [--times N] [--at-once N] [--seed N] [--only KIND]

On a real engine on this machine (Kubernetes: its API server and pods that run). What is killed, by SIGKILL: the kernel, `mlops
run`, and what stands above them there; or the job is cancelled. Whatever it was, the job must end as that within two looks from
when the engine itself can say so: with its result once, if it was started again or was faster, else as died or cancelled. It must
leave no process and no session that runs.
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

from tests.proofs.killed_engines import begun  # noqa: E402 (the path comes first)
from tests.proofs.killing import INTERVAL, LOOKS, Job, batch, drawn, remains  # noqa: E402
from tests.proofs.running import report  # noqa: E402

ENGINES = ("local", "dask", "airflow", "airflow-twice", "kubernetes", "github", "gitlab", "slurm")


def main() -> int:
    """Prove, print. Exit code 1 if a job ended as what it was not, late, or left something."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--engine", choices=ENGINES, required=True)
    parser.add_argument("--times", type=int, default=24)
    parser.add_argument("--at-once", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="kill only this")
    options = parser.parse_args()
    draw, started, wrong, looks = random.Random(options.seed), time.perf_counter(), list[str](), Counter[int]()
    tally, twice = Counter[tuple[str, str, str]](), 0
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with tempfile.TemporaryDirectory(prefix="mlops-proof-", ignore_cleanup_errors=True) as name:
        os.environ.update(MLOPS_STORE=f"{name}/store", MLOPS_STATE=f"{name}/state")
        engine = begun(options.engine, Path(name), options.at_once)
        try:
            for first in range(0, options.times, options.at_once):
                numbers = range(first, min(first + options.at_once, options.times))
                moments = [drawn(engine, number, draw) for number in numbers]
                moments = [(one._replace(kind=options.only or one.kind), wait) for one, wait in moments]
                jobs = [Job(engine, Path(name), number, one, wait) for number, (one, wait) in zip(numbers, moments, strict=True)]
                wrong += (said := batch(jobs))
                tally.update((job.did.kind, job.did.phase, job.one.state) for job in jobs)
                looks.update(job.looks for job in jobs)
                twice += sum(job.results > 1 for job in jobs)
                seconds = time.perf_counter() - started
                print(f"    {numbers.stop} of {options.times}, {seconds:.0f} s", *said, sep="\n    ", flush=True)
        finally:
            engine.remove()
        wrong += [f"a process is left: {each}" for each in remains(name)]
    for (kind, phase, state), count in sorted(tally.items()):
        print(f"    {kind:18} while it {phase:7} {state:10} {count}")
    counted = dict(sorted(looks.items()))
    print(f"    looks, {INTERVAL:g} s apart, from when the engine said that it had ended (bar: {LOOKS}): {counted}")
    if twice:
        print(f"    {twice} were started again after they had left their result, and have that of each attempt")
    if engine.notes:
        print(f"    {engine.notes}")
    return 1 if report(f"{options.times} jobs on {options.engine}, killed", wrong, started) else 0


if __name__ == "__main__":
    sys.exit(main())
