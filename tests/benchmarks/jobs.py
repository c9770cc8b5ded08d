"""Jobs per second: a sweep of small scikit-learn jobs beside papermill's command on the same notebook, two at a time, in turn.

usage: python tests/benchmarks/jobs.py [JOBS] [ROUNDS]

Each side is whole commands, from start to end, with their interpreters, imports and kernels; ours also records every cell. The
machines are shared: read the ratios, not the seconds. `mlops run` of a trivial bundle stands beside papermill's command on its
notebook. No test asserts a time.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mlops_jupyter.entities import JobParameter
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


def command(words: list[str], folder: Path) -> None:
    """Run it to its end; its failure is ours."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"MLOPS_STORE": str(folder / "store"), "MLOPS_STATE": str(folder / "state"), "IPYTHONDIR": str(folder / "i")}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{words}: {done.stdout}{done.stderr}")


def papermill(job: Path, folder: Path, values: list[float]) -> float:
    """Seconds for papermill's command with each value, two at a time."""
    def one(value: float) -> None:
        out = folder / f"{value}.ipynb"
        words = [str(job / "notebook.ipynb"), str(out), "-p", "strength", str(value), "--no-progress-bar"]
        command([sys.executable, "-m", "papermill", *words], folder)

    began = time.perf_counter()
    with ThreadPoolExecutor(TWO) as pool:
        list(pool.map(one, values))
    return time.perf_counter() - began


def sweep(job: Path, folder: Path, values: list[float], *words: str) -> float:
    """Seconds for `mlops sweep` over the values, two at a time."""
    began = time.perf_counter()
    grid = ",".join(map(str, values))
    command([*MLOPS, "sweep", str(job), "--grid", f"strength={grid}", "-j", str(TWO), "--json", *words], folder)
    return time.perf_counter() - began


def single(words: list[str], folder: Path) -> float:
    """Seconds for one command."""
    began = time.perf_counter()
    command(words, folder)
    return time.perf_counter() - began


def main() -> None:
    """All sides in each round, in turn."""
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 16
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    values = [round(0.01 * 1.5**place, 6) for place in range(jobs)]
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        job = write_job(folder / "job", [JobParameter("strength", "number", 1.0)], *TRAINING)
        small = write_job(folder / "small", [JobParameter("x", "integer", 1)], "y = x + 1")
        sweep(job, folder, values[:1])  # bytecode and caches, for both
        papermill(job, folder, values[:1])
        for _ in range(rounds):
            found.setdefault("papermill, two at a time", []).append(papermill(job, folder, values))
            found.setdefault("mlops sweep", []).append(sweep(job, folder, values))
            found.setdefault("mlops sweep --warm", []).append(sweep(job, folder, values, "--warm"))
            out = ["--no-progress-bar", str(small / "notebook.ipynb"), str(folder / "out.ipynb")]
            found.setdefault("one trivial job: papermill", []).append(single([sys.executable, "-m", "papermill", *out], folder))
            found.setdefault("one trivial job: mlops run", []).append(single([*MLOPS, "run", str(small), "--json"], folder))
    print(f"| {jobs} jobs, {rounds} rounds, medians | seconds | jobs per second | against papermill |\n|---|---|---|---|")
    for name, seconds in found.items():
        peer = found["one trivial job: papermill" if "trivial" in name else "papermill, two at a time"]
        count = 1 if "trivial" in name else jobs
        ratios = [before / after for before, after in zip(peer, seconds, strict=True)]
        told = f"{statistics.median(ratios):.2f} × ({min(ratios):.2f} to {max(ratios):.2f})"
        middle = statistics.median(seconds)
        print(f"| {name} | {middle:.1f} | {count / middle:.2f} | {told} |")


if __name__ == "__main__":
    main()
