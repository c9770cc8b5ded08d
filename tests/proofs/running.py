"""Runs the short form of a proof as its user would, in a process of its own: the proofs fork, patch and leave threads behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]


def short_form(name: str) -> None:
    """`python tests/proofs/NAME.py --short` must end with exit code 0; what it printed is the failure's message."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}  # the forked children would fight over the cores
    command = [sys.executable, str(ROOT / "tests" / "proofs" / f"{name}.py"), "--short"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-2000:]}"


def report(what: str, found: list[str], started: float) -> int:
    """A line, and what was wrong below it."""
    print(f"{'ok    ' if not found else 'WRONG '} {what}: {len(found)} ({time.perf_counter() - started:.0f} s)", flush=True)
    for line in found[:20]:
        print("   ", line)
    return len(found)
