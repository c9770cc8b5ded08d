"""Short form of the benchmarks of tracking and of jobs: each runs to its end and prints a figure
for every row. No time is judged.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks import cells, kernel

FOLDER = Path(cells.__file__).parent
ROWS = {"kernel": [*kernel.CELLS, "set-up"], "cells": [*cells.CELLS], "memory": ["20 cells: plain"],
        "jobs": [f"{what}: {side}" for what, sides in {
            "one trivial job": ("papermill", "mlops run"), "30 cells": ("papermill", "mlops run"),
            "2 jobs": ("papermill", "mlops sweep |", "mlops sweep --warm")}.items() for side in sides],
        "conversion": ["first, with imports |", "first, with imports: drafting", "warm |", "warm: drafting", "warm: writing"]}
SIZES = [("kernel", "1"), ("cells", "1"), ("memory", "20"), ("jobs", "2 1 2000"), ("conversion", "1")]


@pytest.mark.parametrize(("name", "size"), SIZES)
def test_a_benchmark_has_a_figure_in_every_row(name: str, size: str) -> None:
    command = [sys.executable, str(FOLDER / f"{name}.py"), *size.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    for row in ROWS[name]:
        line = next((line for line in done.stdout.splitlines() if row in line), "")
        assert re.search(r"\d\.\d", line.replace(row, "")), f"{row}: {line or done.stdout}"
