"""What tracking holds after a thousand cells: growth of the process, plain and tracked, in a process each.

usage: python tests/benchmarks/memory.py [CELLS]
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

NAMES = 1_000
"""So many variables come to be; later cells give them other values, so that what still grows is ours, or IPython's."""
CELL = """values{slot} = list(range({number} % 50))
frame{place} = pd.DataFrame({{'a': np.arange(1000) + {number}, 'b': 1.5}})
total = sum(values{slot}) + frame{place}['a'].sum()
"""


def grown(cells: int, *, tracked: bool) -> float:
    """MB that the process grew by while these cells ran."""
    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell.instance(config=config)
    shell.run_cell("import numpy as np, pandas as pd\npd.DataFrame({'a': [1]}).describe()")
    if tracked:
        shell.run_cell("%load_ext mlops_jupyter\n%mlops track")
    for number in range(20):
        shell.run_cell(CELL.format(number=number, slot=number % NAMES, place=number % 20), store_history=True)
    gc.collect()
    before = psutil.Process().memory_info().rss
    for number in range(20, 20 + cells):
        shell.run_cell(CELL.format(number=number, slot=number % NAMES, place=number % 20), store_history=True)
    gc.collect()
    return float(psutil.Process().memory_info().rss - before) / 2**20


def main() -> None:
    """Each side in a process of its own."""
    cells = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    if len(sys.argv) > 2:
        print(grown(cells, tracked=sys.argv[2] == "tracked"))
        return
    sides = {}
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "MLOPS_STORE": f"{folder}/store", "MLOPS_STATE": f"{folder}/state"}
        for side in ("plain", "tracked"):
            command = [sys.executable, str(Path(__file__).absolute()), str(cells), side]
            done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
            sides[side] = float(done.stdout.splitlines()[-1])
    plain, tracked = sides["plain"], sides["tracked"]
    print(f"{cells} cells: plain {plain:.1f} MB, tracked {tracked:.1f} MB, added {tracked - plain:.1f} MB")


if __name__ == "__main__":
    main()
