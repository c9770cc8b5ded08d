"""What tracking adds to a cell, in process and in CPU time: the hooks' own work, without a kernel's messages around it.

usage: python tests/benchmarks/cells.py [ROUNDS]

One shell runs each cell plain and tracked in turn, so that both meet the same load; medians of CPU milliseconds are printed.
The round trip through a real kernel, beside the peers, is `kernel.py`.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

PREPARE = """
import numpy as np, pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
for _number in range(200):
    globals()[f"v{_number}"] = [_number]
frame = pd.DataFrame(np.random.default_rng(0).normal(size=(1_310_720, 10)))
words = pd.Series([f"word {number % 5000}" for number in range(1_000_000)], dtype="string[pyarrow]")
objects = words.astype(object)
X, y = load_breast_cancer(return_X_y=True, as_frame=True)
X = (X - X.mean()) / X.std()
def double(x):
    return x * 2
"""
CELLS = {
    "trivial cell, 200 variables": ("x = {i} + 1", 200),
    "hot loop, one million turns": ("s = 0\nfor i in range(1_000_000):\n    s += i % 7", 5),
    "200,000 calls of a function": ("for i in range(200_000):\n    double(i)", 5),
    "read one value of a 100 MB frame": ("frame.iat[{i}, 0]", 9),
    "change one value of a 100 MB frame": ("frame.iat[{i}, 0] = {i}.5", 9),
    "change one of a million strings, Arrow": ("words.iat[{i}] = 'w{i}'", 5),
    "change one of a million strings, objects": ("objects.iat[{i}] = 'w{i}'", 5),
    "LogisticRegression.fit and score": ("m = LogisticRegression(C={i} + 1.0, max_iter=200).fit(X, y); a = m.score(X, y)", 9),
}


def shell_of_its_own() -> InteractiveShell:
    """A shell without history on disk."""
    config = Config()
    config.HistoryManager.enabled = False
    return InteractiveShell.instance(config=config)


def measure(run: Callable[[str], object], clock: Callable[[], float]) -> dict[str, float]:
    """Median milliseconds of each cell."""
    found = {}
    for name, (code, times) in CELLS.items():
        taken = []
        for i in range(times):
            started = clock()
            run(code.format(i=i))
            taken.append(clock() - started)
        found[name] = statistics.median(taken) * 1e3
    return found


def main() -> None:
    """Plain and tracked in turn, ROUNDS times (default 5)."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ |= {"MLOPS_STORE": f"{folder}/store", "MLOPS_STATE": f"{folder}/state"}
        shell = shell_of_its_own()

        def run(code: str) -> None:
            result = shell.run_cell(code, store_history=True)
            result.raise_error()

        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 (for as long as cells run)
        run(PREPARE)
        run("%load_ext mlops_jupyter")
        pairs = []
        for _ in range(rounds):
            plain = measure(run, time.thread_time)
            run("%mlops track")
            tracked = measure(run, time.thread_time)
            run("%mlops off")
            pairs.append((plain, tracked))
        sys.stdout = sys.__stdout__
        os.chdir(here)
    print(f"{'CPU, in process':44}{'plain ms':>10}{'tracked ms':>12}{'added':>9}{'ratio':>8}")
    for name in CELLS:
        plain_ms, tracked_ms = (min(pair[side][name] for pair in pairs) for side in (0, 1))
        print(f"{name:44}{plain_ms:10.3f}{tracked_ms:12.3f}{tracked_ms - plain_ms:9.3f}{tracked_ms / plain_ms:8.2f}")


if __name__ == "__main__":
    main()
