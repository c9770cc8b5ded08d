"""How far apart the metrics of several clean runs of one job are, and the tolerance that this proposes.

What varies between two clean runs (threads that add up in another order, a device, a clock) will vary against the reference too.
The proposal is twice the largest relative deviation seen; where there was none, there is none, and the usual tolerance holds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec

from mlops_jupyter.entities import Scalar, Tolerance
from mlops_jupyter.jobs.reference import metric_label

FACTOR = 2

Metrics = Mapping[tuple[str, str], Sequence[Scalar]]


class Spread(msgspec.Struct, frozen=True, omit_defaults=True):
    """One metric over several clean runs: its extremes, their distance relative to the larger, the tolerance proposed."""

    name: str
    runs: int
    lowest: float
    highest: float
    deviation: float = 0.0
    tolerance: Tolerance | None = None
    detail: str = ""
    """Why there is no tolerance of its own."""


def spreads(runs: Sequence[Metrics], usual: float) -> list[Spread]:
    """One for each metric that every run gave as often, as numbers. `usual`: the tolerance that holds where there is no other."""
    found = []
    for (name, key), first in (runs[0] if runs else {}).items():
        series = [run.get((name, key), ()) for run in runs]
        numbers = [[float(value) for value in each if isinstance(value, int | float) and math.isfinite(value)] for each in series]
        if first and all(len(each) == len(first) for each in numbers):
            found.append(_spread(metric_label(name, key), list(zip(*numbers, strict=True)), usual))
    return found


def tolerances(found: Sequence[Spread]) -> dict[str, Tolerance]:
    """Metric → tolerance, of those that have one of their own."""
    return {each.name: each.tolerance for each in found if each.tolerance is not None}


def _spread(name: str, places: Sequence[Sequence[float]], usual: float) -> Spread:
    """Of the metric's repeats within a run the one that varies most."""
    values = max(places, key=_deviation)
    deviation, runs = _deviation(values), len(values)
    made = Spread(name, runs, min(values), max(values), deviation)
    if not deviation:
        return msgspec.structs.replace(made, detail=f"no spread: the tolerance stays {usual:g}")
    if FACTOR * deviation <= usual:
        return msgspec.structs.replace(made, detail=f"the tolerance stays {usual:g}, which is wider")
    if FACTOR * deviation >= 1:
        return msgspec.structs.replace(made, detail="it varies by as much as its own size: no tolerance would tell anything")
    source = f"the largest relative deviation of {runs} clean runs, ×{FACTOR}"
    return msgspec.structs.replace(made, tolerance=Tolerance(rounded_up(FACTOR * deviation), source))


def _deviation(values: Sequence[float]) -> float:
    """The largest distance of two of them, relative to the larger, as `math.isclose` measures it."""
    largest = max(abs(value) for value in values)
    return (max(values) - min(values)) / largest if largest else 0.0


def rounded_up(value: float) -> float:
    """To two digits: `0.0123` is 0.013."""
    step = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.ceil(value / step - 1e-9) * step:.2g}")
