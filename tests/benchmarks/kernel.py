"""What tracking costs in a real kernel: the same cells, plain and tracked in turn; prints medians and their ratio.

usage: python tests/benchmarks/kernel.py [ROUNDS]

These machines are shared: read the ratios, not the milliseconds. No test asserts a time.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

SETUP = ["%load_ext mlops_jupyter", "%mlops track"]
PREPARE = """
import numpy as np, pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
for _number in range(200):
    globals()[f"v{_number}"] = [_number]
frame = pd.DataFrame(np.random.default_rng(0).normal(size=(1_310_720, 10)))
X, y = load_breast_cancer(return_X_y=True, as_frame=True)
X = (X - X.mean()) / X.std()
"""
CELLS = {
    "trivial cell, 200 variables": ("x = {i} + 1", 100),
    "hot loop": ("s = 0\nfor i in range(1_000_000):\n    s += i % 7", 5),
    "read one value of a 100 MB frame": ("frame.iat[{i}, 0]", 9),
    "change one value of a 100 MB frame": ("frame.iat[{i}, 0] = {i}.5", 9),
    "LogisticRegression.fit and score": ("m = LogisticRegression(C={i} + 1.0, max_iter=200).fit(X, y); a = m.score(X, y)", 9),
}


@contextmanager
def kernel() -> Iterator[BlockingKernelClient]:
    """A kernel with the data of the benchmark in it."""
    manager, client = start_new_kernel()
    try:
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def seconds(client: BlockingKernelClient, code: str) -> float:
    """Round trip of one cell, to idle."""
    started = time.perf_counter()
    reply = client.execute_interactive(code, output_hook=lambda message: None)
    if reply["content"]["status"] != "ok":
        raise RuntimeError(f"{code}: {reply['content']}")
    return time.perf_counter() - started


def measure(*, tracked: bool) -> dict[str, float]:
    """Median milliseconds of each cell."""
    with kernel() as client:
        found = {"set-up": sum(seconds(client, code) for code in SETUP) * 1e3} if tracked else {"set-up": 0.0}
        seconds(client, PREPARE)
        for name, (code, times) in CELLS.items():
            found[name] = statistics.median(seconds(client, code.format(i=i)) for i in range(times)) * 1e3
        return found


def main() -> None:
    """Plain and tracked in turn, ROUNDS times (default 3)."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ |= {"MLOPS_STORE": f"{folder}/store", "MLOPS_STATE": f"{folder}/state"}
        pairs = [(measure(tracked=False), measure(tracked=True)) for _ in range(rounds)]
    print(f"{'':40}{'plain ms':>10}{'tracked ms':>12}{'ratio':>8}")
    for name in pairs[0][0]:
        plain, tracked = (statistics.median(pair[side][name] for pair in pairs) for side in (0, 1))
        print(f"{name:40}{plain:10.2f}{tracked:12.2f}" + (f"{tracked / plain:8.2f}" if plain else ""))


if __name__ == "__main__":
    main()
