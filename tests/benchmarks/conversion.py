"""How long the example notebook takes to become a job in a process that has done so once, its clean run apart.

usage: python tests/benchmarks/conversion.py [ROUNDS]

The notebook is tracked first, which is not measured. What is: the newest session is found and compared with the notebook and
its data, the cells needed, parameters, inputs with their profiles, modules and the lock are worked out, and the bundle is
written. The first conversion, with its imports, stands in a row of its own. No test asserts a time.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mlops_jupyter.api import demo, jobs
from mlops_jupyter.api.headless import must_succeed, track_notebook

BAR = "≤ 1 s"


def convert(notebook: Path, folder: Path) -> list[tuple[float, float]]:
    """(seconds, CPU seconds) of drafting and of writing."""
    how = jobs.Conversion(verify=False, replace=True)
    marks = [(time.perf_counter(), time.process_time())]
    ready = jobs.prepare(jobs.Source(notebook=notebook), how)
    marks.append((time.perf_counter(), time.process_time()))
    jobs.finish(ready, folder, how)
    marks.append((time.perf_counter(), time.process_time()))
    return [(after[0] - before[0], after[1] - before[1]) for before, after in pairwise(marks)]


def main() -> None:
    """Track once, convert again and again."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        os.environ |= {"MLOPS_STORE": str(folder / "store"), "MLOPS_STATE": str(folder / "state"),
                       "IPYTHONDIR": str(folder / "i"), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        notebook = demo.prepare(folder / "example")
        tracked = track_notebook(notebook)
        must_succeed(tracked.outcome, str(notebook), "mlops demo")
        first, *warm = [convert(notebook, folder / "job") for _ in range(rounds + 1)]
    print(f"| the example, its clean run apart; {rounds} rounds, medians | s | CPU s | bar |\n|---|---|---|---|")
    found = {"first, with imports": [first], "warm": warm}
    for name, turns in found.items():
        for part, spent in {"": [tuple(map(sum, zip(*turn, strict=True))) for turn in turns],
                            ": drafting": [turn[0] for turn in turns], ": writing": [turn[1] for turn in turns]}.items():
            clock, cpu = (statistics.median(each) for each in zip(*spent, strict=True))
            print(f"| {name}{part} | {clock:.2f} | {cpu:.2f} | {BAR if name + part == 'warm' else ''} |")


if __name__ == "__main__":
    main()
