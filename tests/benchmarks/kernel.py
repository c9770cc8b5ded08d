"""What a tracker costs in a real kernel: the same cells plain and tracked in turn; medians and ratios as one Markdown table.

usage: python tests/benchmarks/kernel.py [ROUNDS] [PEER=PYTHON …]

PEER is one of those below, PYTHON the interpreter of an environment that has it, with ipykernel, pandas and scikit-learn. Each
tracker is measured against a plain kernel of its own environment, in turn, because these machines are shared: read
the ratios, not the milliseconds. No test asserts a time.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager


@dataclass(frozen=True)
class Tracker:
    """How a tracker is switched on: cells to run, and the module to start as a kernel where it brings its own."""

    cells: tuple[str, ...] = ()
    kernel: str = "ipykernel_launcher"


TRACKERS = {
    "mlops_jupyter": Tracker(("%load_ext mlops_jupyter", "%mlops track")),
    "exptrack": Tracker(("%load_ext exptrack",)),
    "ipyflow": Tracker(kernel="ipyflow.kernel"),
    "mlflow": Tracker(("import mlflow\nmlflow.set_tracking_uri('sqlite:///mlflow.db')", "mlflow.autolog()")),
}
PREPARE = """
import numpy as np, pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
for _number in range(200):
    globals()[f"v{_number}"] = [_number]
frame = pd.DataFrame(np.random.default_rng(0).normal(size=(1_310_720, 10)))
X, y = load_breast_cancer(return_X_y=True, as_frame=True)
X = (X - X.mean()) / X.std()
def double(x):
    return x * 2
"""
CELLS = {
    "trivial cell, 200 variables": ("x = {i} + 1", 100),
    "hot loop": ("s = 0\nfor i in range(1_000_000):\n    s += i % 7", 5),
    "200,000 calls of a function": ("for i in range(200_000):\n    double(i)", 5),
    "read one value of a 100 MB frame": ("frame.iat[{i}, 0]", 9),
    "change one value of a 100 MB frame": ("frame.iat[{i}, 0] = {i}.5", 9),
    "LogisticRegression.fit and score": ("m = LogisticRegression(C={i} + 1.0, max_iter=200).fit(X, y); a = m.score(X, y)", 9),
}


@contextmanager
def kernel(python: str, module: str) -> Iterator[BlockingKernelClient]:
    """A kernel of that interpreter, in a folder of its own."""
    manager = KernelManager()
    argv = [python, "-m", module, "-f", "{connection_file}"]
    manager._kernel_spec = KernelSpec(argv=argv, display_name=module, language="python")
    with tempfile.TemporaryDirectory() as folder:
        places = {"MLOPS_STORE": f"{folder}/store", "MLOPS_STATE": f"{folder}/state", "IPYTHONDIR": f"{folder}/ipython"}
        # bytecode is cached, as for any user; a continuous integration that switches that off would time the compiler
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        manager.start_kernel(cwd=folder, env={**inherited, **places}, stderr=open(os.devnull, "w"))  # noqa: SIM115, PTH123 (the kernel's)
        client = manager.client()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=120)
            yield client
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)


def seconds(client: BlockingKernelClient, code: str) -> float:
    """Round trip of one cell, to idle."""
    started = time.perf_counter()
    reply = client.execute_interactive(code, output_hook=lambda message: None, timeout=300)
    if reply["content"]["status"] != "ok":
        raise RuntimeError(f"{code}: {reply['content']}")
    return time.perf_counter() - started


def measure(python: str, tracker: Tracker) -> dict[str, float]:
    """Median milliseconds of each cell, and of what switches the tracker on."""
    with kernel(python, tracker.kernel) as client:
        seconds(client, "import sys")
        found = {"set-up": sum(seconds(client, code) for code in tracker.cells) * 1e3}
        seconds(client, PREPARE)
        for name, (code, times) in CELLS.items():
            found[name] = statistics.median(seconds(client, code.format(i=i)) for i in range(times)) * 1e3
        return found


def compare(python: str, tracker: Tracker, rounds: int) -> dict[str, tuple[float, float]]:
    """(plain, tracked) medians of the rounds, plain and tracked in turn."""
    pairs = [(measure(python, Tracker()), measure(python, tracker)) for _ in range(rounds)]
    return {name: (statistics.median(pair[0][name] for pair in pairs), statistics.median(pair[1][name] for pair in pairs))
            for name in pairs[0][0]}


def main() -> None:
    """One column for each tracker: tracked ms, added ms, ratio to plain."""
    rounds = int(next((word for word in sys.argv[1:] if word.isdigit()), "3"))
    pythons = {"mlops_jupyter": sys.executable, **dict(word.split("=", 1) for word in sys.argv[1:] if "=" in word)}
    found = {name: compare(python, TRACKERS[name], rounds) for name, python in pythons.items()}
    print("| ms, median (added; ratio to plain) | " + " | ".join(["plain", *found]) + " |")
    print("|---" * (len(found) + 2) + "|")
    ours = found["mlops_jupyter"]
    for name in ours:
        cells = [f"{ours[name][0]:.2f}"]
        for plain, tracked in (side[name] for side in found.values()):
            cells.append(f"{tracked:.2f} (+{tracked - plain:.2f}; {tracked / plain:.2f} ×)" if plain else f"{tracked:.0f}")
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
