"""A job whose kernel is killed at some cell, and the run that goes on from there."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import threading
from collections.abc import Iterator

import papermill.engines  # noqa: F401 (first: see jobs/engine.py)
import pytest

from mlops_jupyter.jobs import resume
from mlops_jupyter.jobs.client import TrackedClient
from tests.integration.test_cli import Place


@contextlib.contextmanager
def every_cell_kept() -> Iterator[None]:
    """As if each cell had taken long."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resume, "COSTLY", 0.0)
        patch.setattr(resume, "SHARE", 1e9)
        yield


@contextlib.contextmanager
def kernel_killed_at(cell: int, after: float) -> Iterator[None]:
    """The kernel dies so many seconds after cell number `cell` begins, or as the next one begins."""
    report, dead = TrackedClient._report, threading.Event()

    def kill(pid: int) -> None:
        if not dead.is_set():
            dead.set()
            os.kill(pid, signal.SIGKILL)

    def watched(client: TrackedClient, place: int, source: str) -> None:
        report(client, place, source)
        if client.options.pid is None:
            return
        if place > cell or place == 0:
            kill(client.options.pid)
        elif place == cell:
            timer = threading.Timer(after, kill, (client.options.pid,))
            timer.daemon = True
            timer.start()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrackedClient, "_report", watched)
        yield
    dead.set()


def killed_and_resumed(place: Place, given: str, draw: random.Random) -> dict[str, object]:
    """Run the job `job` of `place`, kill it at a random cell, go on. The answer of the second run, as JSON."""
    total = place.json("inspect", "job")["cells"]
    cell = draw.randint(2, total)
    with every_cell_kept():
        with kernel_killed_at(cell, draw.choice([0.0, 0.01, 0.1, 1.0])):
            first = json.loads(place.mlops("run", "job", "-p", given, "-o", "killed.ipynb", "--json", code=1).stdout)
        assert first["outcome"]["state"] == "died", first["outcome"]
        second = place.json("run", "job", "-p", given, "-o", "resumed.ipynb", "--resume")
    kept = {one["cell"] for one in first["cells"] if one.get("kept")}
    taken = {one["cell"] for one in second["cells"] if one.get("taken")}
    assert kept <= taken, (cell, [one for one in second["cells"] if one["cell"] in kept - taken])
    return second

