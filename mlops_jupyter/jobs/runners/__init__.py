"""Places where jobs run. A runner starts, watches, cancels, fetches logs: everywhere the same command, `mlops run BUNDLE`.

One file for each place, loaded by plugins under its name. A runner never knows how a job works, and a job never knows where.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import msgspec

from mlops_jupyter.entities import Outcome, Scalar
from mlops_jupyter.jobs.parameters import as_text


class Order(msgspec.Struct):
    """What a runner is given: a bundle, checked parameters and inputs, and where it may leave its logs."""

    bundle: Path
    parameters: dict[str, Scalar | list[Scalar]] = {}
    inputs: dict[str, str] = {}
    env: dict[str, str] = {}


class Runner(Protocol):
    """A place. `place` is what the runner needs to find a submission again: a process id, a job number, a URL."""

    def submit(self, order: Order) -> str:
        """Start it; its place. Raises StoreError if the place cannot be reached, InputError if it will not take it."""

    def watch(self, place: str) -> Outcome:
        """How it stands now, from the place's own state."""

    def cancel(self, place: str) -> None:
        """Ask it to stop. Nothing happens if it has ended."""

    def logs(self, place: str) -> str:
        """What it printed so far."""


def command(order: Order, python: str) -> list[str]:
    """`mlops run BUNDLE -p k=v -i input=URI` as an argument list, for the interpreter `python`."""
    words = [python, "-m", "mlops_jupyter.cli", "run", str(order.bundle)]
    for name, value in order.parameters.items():
        words += ["-p", f"{name}={as_text(value)}"]
    for name, where in order.inputs.items():
        words += ["-i", f"{name}={where}"]
    return words
