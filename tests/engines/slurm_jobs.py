"""A job for tests of Slurm that says where it is, and goes on when a file is there; and what is left of it on this machine."""

from __future__ import annotations

from pathlib import Path

import psutil

from mlops_jupyter.config import Settings
from mlops_jupyter.entities import Delivered, JobParameter, Submission
from mlops_jupyter.entities.codec import from_json
from tests.integration.sweep_jobs import write_job

WAITS = "it waits"
_CELL = f"""
import os, time
from pathlib import Path
import mlops_jupyter as mlops
with open(gate + ".kernels", "a") as file:
    print(os.getpid(), file=file)
print("{WAITS}", flush=True)
while not Path(gate).exists():
    time.sleep(0.1)
mlops.log_metric("score", number)
"""


def gated_job(folder: Path) -> Path:
    """A bundle: it writes its kernel's process id beside the file `gate`, and waits until that is there."""
    return write_job(folder, [JobParameter("gate", "string", ""), JobParameter("number", "integer", 0)], _CELL)


def kernels(gate: Path) -> list[psutil.Process]:
    """Those of its kernels that still run."""
    file = Path(f"{gate}.kernels")
    numbers = [int(line) for line in file.read_text().split()] if file.exists() else []
    return [psutil.Process(number) for number in numbers if psutil.pid_exists(number)
            and psutil.Process(number).status() != psutil.STATUS_ZOMBIE]


def results(one: Submission) -> list[Delivered]:
    """What its attempts said of themselves, oldest first."""
    files = (Settings.current().submissions_folder() / "delivered" / one.id).glob("*/result.json")
    return sorted((from_json(file.read_bytes(), Delivered) for file in files), key=lambda told: told.at)
