"""Time of jobs beside papermill's command on the same notebooks: a sweep of small scikit-learn jobs, two at a time; single runs.

usage: python tests/benchmarks/jobs.py [JOBS] [ROUNDS] [ROWS of the longer notebook]

Each side is whole commands, from start to end, with their interpreters, imports and kernels; ours also records every cell. The
sides take turns in each round, and a ratio is of one round. The machines are shared: read the ratios, not the seconds, and CPU
time, user and system with all child processes, beside the time by the clock. No test asserts a time.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mlops_jupyter.entities import JobParameter
from tests.benchmarks.longer import LONGER, ROWS
from tests.integration.sweep_jobs import write_job

TWO = 2  # at a time, on both sides
MLOPS = [sys.executable, "-m", "mlops_jupyter.cli"]
TRAINING = """
import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
---
X, y = load_breast_cancer(return_X_y=True, as_frame=True)
X = (X - X.mean()) / X.std()
---
model = LogisticRegression(C=strength, max_iter=200).fit(X[:400], y[:400])
---
score = roc_auc_score(y[400:], model.predict_proba(X[400:])[:, 1])
print(score)
""".strip().split("\n---\n")




class Row(NamedTuple):
    """One side: its name, the name of its peer, what runs it, how many jobs that is, the bar that it is to meet."""

    name: str
    peer: str
    run: Callable[[], None]
    jobs: int = 1
    bar: str = ""


class Spent(NamedTuple):
    """Seconds by the clock, and of CPU, of one turn."""

    clock: float
    cpu: float


def command(words: list[str], folder: Path) -> None:
    """Run it to its end; its failure is ours. A thread that waits does not spin: on shared cores that would be measured too."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"MLOPS_STORE": str(folder / "store"), "MLOPS_STATE": str(folder / "state"), "IPYTHONDIR": str(folder / "i")}
    environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{words}: {done.stdout}{done.stderr}")


def papermill(job: Path, folder: Path, *words: str) -> None:
    """Papermill's command on the notebook of the job."""
    out = folder / f"{'-'.join([job.name, *words])}.ipynb"
    command([sys.executable, "-m", "papermill", str(job / "notebook.ipynb"), str(out), "--no-progress-bar", *words], folder)


def papermills(job: Path, folder: Path, values: list[float]) -> None:
    """Papermill's command with each value, two at a time."""
    with ThreadPoolExecutor(TWO) as pool:
        list(pool.map(lambda value: papermill(job, folder, "-p", "strength", str(value)), values))


def sweep(job: Path, folder: Path, values: list[float], *words: str) -> None:
    """`mlops sweep` over the values, two at a time."""
    grid = ",".join(map(str, values))
    command([*MLOPS, "sweep", str(job), "--grid", f"strength={grid}", "-j", str(TWO), "--json", *words], folder)


def run(job: Path, folder: Path, *words: str) -> None:
    """`mlops run`."""
    command([*MLOPS, "run", str(job), "--json", *words], folder)


def spent(turn: Callable[[], None]) -> Spent:
    """What one turn takes, child processes included."""
    def cpu() -> float:
        return sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])

    began, cpu_began = time.perf_counter(), cpu()
    turn()
    return Spent(time.perf_counter() - began, cpu() - cpu_began)


def rows_of(folder: Path, jobs: int, rows: int) -> list[Row]:
    """The sides, each after its peer."""
    values = [round(0.01 * 1.5**place, 6) for place in range(jobs)]
    job = write_job(folder / "job", [JobParameter("strength", "number", 1.0)], *TRAINING)
    small = write_job(folder / "small", [JobParameter("x", "integer", 1)], "y = x + 1")
    longer = write_job(folder / "longer", [JobParameter("rows", "integer", rows)], *LONGER)
    one, thirty, many = "one trivial job: papermill", "30 cells: papermill", f"{jobs} jobs: papermill, two at a time"
    return [
        Row(one, one, lambda: papermill(small, folder)),
        Row("one trivial job: mlops run", one, lambda: run(small, folder), 1, "time ≤ 0.85 ×"),
        Row(thirty, thirty, lambda: papermill(longer, folder)),
        Row("30 cells: mlops run", thirty, lambda: run(longer, folder), 1, "time ≤ 1.03 ×"),
        Row(many, many, lambda: papermills(job, folder, values), jobs),
        Row(f"{jobs} jobs: mlops sweep", many, lambda: sweep(job, folder, values), jobs, "speed ≥ 1.8 ×"),
        Row(f"{jobs} jobs: mlops sweep --warm", many, lambda: sweep(job, folder, values, "--warm"), jobs, "speed ≥ 4 ×"),
    ]


def told(ours: list[float], peers: list[float]) -> str:
    """The median of the ratios within each round, and their range."""
    ratios = [one / other for one, other in zip(ours, peers, strict=True)]
    return f"{statistics.median(ratios):.2f} × ({min(ratios):.2f} to {max(ratios):.2f})"


def main() -> None:
    """All sides in each round, in turn."""
    jobs, rounds, size = (int(given) for given in [*sys.argv[1:4], *["16", "3", str(ROWS)][len(sys.argv) - 1:]])
    with tempfile.TemporaryDirectory() as place:
        rows = rows_of(Path(place), jobs, size)
        for row in rows[:4]:  # bytecode and caches, for both
            row.run()
        found: dict[str, list[Spent]] = {row.name: [] for row in rows}
        for _ in range(rounds):
            for row in rows:
                found[row.name].append(spent(row.run))
    print(f"| {rounds} rounds, medians; × papermill's | s | CPU s | jobs/s | time | CPU time | speed | bar |\n|{'---|' * 8}")
    for row in rows:
        clock, cpu = (list(each) for each in zip(*found[row.name], strict=True))
        peer_clock, peer_cpu = (list(each) for each in zip(*found[row.peer], strict=True))
        seconds, ratios = statistics.median(clock), [told(clock, peer_clock), told(cpu, peer_cpu), told(peer_clock, clock)]
        figures = [f"{seconds:.2f}", f"{statistics.median(cpu):.2f}", f"{row.jobs / seconds:.2f}", *ratios]
        print(f"| {' | '.join([row.name, *figures, row.bar])} |")


if __name__ == "__main__":
    main()
