"""Checkpoints: what they cost a job, and what a job of ten cells needs to go on at its ninth.

usage: python tests/benchmarks/resume.py [ROWS] [ROUNDS]

A table of so many rows with 12 columns is made, cleaned, given features, split and fitted, ten cells in all. Whole commands:
`mlops run --no-checkpoints`, `mlops run`, and `mlops run --resume` with another value of what its last two cells use. The
machines are shared: read the shares. No test asserts a time.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mlops_jupyter.entities import JobParameter
from tests.integration.sweep_jobs import write_job

MLOPS = [sys.executable, "-m", "mlops_jupyter.cli"]
CELLS = """
import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
---
draws = np.random.default_rng(seed)
raw = pd.DataFrame(draws.normal(size=(rows, 12)), columns=[f"c{at}" for at in range(12)])
raw["carrier"] = draws.choice(list("ABCDEFGH"), size=rows)
---
clean = raw[raw.c0.between(-3, 3)].sort_values("c1").reset_index(drop=True)
clean["late"] = ((clean.c0 * clean.c1 + clean.c2 + draws.normal(size=len(clean))) > 0.5).astype(int)
---
means = clean.groupby("carrier")[[f"c{at}" for at in range(12)]].transform("mean")
features = pd.concat([clean[[f"c{at}" for at in range(12)]], means.add_suffix("_mean")], axis=1)
features["product"] = features.c0 * features.c1
---
split = int(len(features) * 0.8)
X_train, X_test = features.iloc[:split], features.iloc[split:]
y_train, y_test = clean.late.iloc[:split], clean.late.iloc[split:]
---
linear = LogisticRegression(max_iter=200).fit(X_train, y_train)
---
forest = RandomForestClassifier(n_estimators=20, max_depth=8, random_state=1, n_jobs=1).fit(X_train, y_train)
---
boosted = HistGradientBoostingClassifier(max_iter=60, random_state=1).fit(X_train, y_train)
---
proba = weight * boosted.predict_proba(X_test)[:, 1] + forest.predict_proba(X_test)[:, 1]
---
score = roc_auc_score(y_test, proba) * weight
print(score)
""".strip().split("\n---\n")
LAST = 2  # cells


def environment(folder: Path) -> dict[str, str]:
    """A store of its own, one thread."""
    return {**os.environ, "MLOPS_STORE": str(folder / "store"), "MLOPS_STATE": str(folder / "state"), "OMP_NUM_THREADS": "1"}


def run(folder: Path, *words: str) -> tuple[float, dict[str, object]]:
    """Seconds of the whole command, and what it said."""
    began = time.perf_counter()
    done = subprocess.run([*MLOPS, "run", "job", "--json", *words], cwd=folder, env=environment(folder), capture_output=True,
                          text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{words}: {done.stdout}{done.stderr}")
    return time.perf_counter() - began, json.loads(done.stdout)


def cells(folder: Path, session: object) -> list[float]:
    """Seconds of each cell of a run."""
    done = subprocess.run([*MLOPS, "sessions", "show", str(session), "--json"], cwd=folder, env=environment(folder),
                          capture_output=True, text=True, check=True)
    return [row["seconds"] or 0.0 for row in json.loads(done.stdout)]


def main() -> None:
    """Measure and print."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 400_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_job(folder / "job", [JobParameter("rows", "integer", rows), JobParameter("seed", "integer", 1),
                                              JobParameter("weight", "number", 1.0)], *CELLS)
            plain, told = run(folder, "--no-checkpoints")
            took = cells(folder, told["session"])
            kept, told = run(folder)
            nbytes = sum(one.get("nbytes", 0) for one in told["cells"])
            resumed, told = run(folder, "--resume", "-p", "weight=0.5")
            again = cells(folder, told["session"])
            taken = sum(bool(one.get("taken")) for one in told["cells"])
            for row, value in {"the job": plain, "its cells": sum(took), "the last two cells": sum(took[-LAST:]),
                               "with checkpoints": kept, "resumed": resumed, "cells that ran": sum(again),
                               "taken": float(taken), "MiB": nbytes / 2**20}.items():
                found.setdefault(row, []).append(value)
    middle = {row: statistics.median(values) for row, values in found.items()}
    print(f"{rows} rows, {rounds} rounds, medians; seconds of whole commands")
    for row, value in middle.items():
        print(f"{row:<28}{value:8.2f}")
    share = middle["with checkpoints"] / middle["the job"] - 1
    print(f"{'checkpoints, of the job':<28}{share:8.1%}")
    beyond = middle["resumed"] - middle["the last two cells"]
    print(f"{'resumed, beyond two cells':<28}{beyond:8.2f}")


if __name__ == "__main__":
    main()
