"""A tolerance is proposed from what clean runs were seen to differ by, and says so; where they did not, there is none."""

from __future__ import annotations

import math

import pytest

from mlops_jupyter.entities import Scalar
from mlops_jupyter.jobs.reference import compare_metrics
from mlops_jupyter.jobs.tolerances import rounded_up, spreads, tolerances

USUAL = 1e-9


def runs(*values: Scalar) -> list[dict[tuple[str, str], list[Scalar]]]:
    return [{("auc", ""): [value]} for value in values]


def test_twice_the_largest_relative_deviation_with_where_it_is_from() -> None:
    [found] = spreads(runs(0.80, 0.81, 0.805), USUAL)
    assert (found.name, found.runs, found.lowest, found.highest) == ("auc", 3, 0.80, 0.81)
    assert found.tolerance is not None
    assert found.tolerance.value == 0.025  # 2 × 0.01 / 0.81
    assert found.tolerance.source == "the largest relative deviation of 3 clean runs, ×2"


@pytest.mark.parametrize(("values", "says"), [
    ((0.8, 0.8, 0.8), "no spread"), ((0.0, 0.0), "no spread"), ((1.0, 1.0 + 1e-13), "stays 1e-09, which is wider"),
    ((-1e-17, 1e-17), "by as much as its own size"), ((0.1, 0.9), "by as much as its own size"),
])
def test_no_tolerance_where_none_is_needed_or_none_would_tell_anything(values: tuple[float, ...], says: str) -> None:
    [found] = spreads(runs(*values), USUAL)
    assert found.tolerance is None
    assert says in found.detail
    assert tolerances([found]) == {}


@pytest.mark.parametrize("values", [(0.8, math.nan), (0.8, None), ("a", "b"), (math.inf, math.inf)])
def test_what_is_no_number_in_every_run_has_no_spread(values: tuple[Scalar, ...]) -> None:
    assert spreads(runs(*values), USUAL) == []


def test_a_metric_that_comes_and_goes_has_no_spread_and_of_repeats_the_widest_counts() -> None:
    assert spreads([{("auc", ""): [0.1, 0.2]}, {("auc", ""): [0.1]}], USUAL) == []
    assert spreads([{("auc", ""): [0.1]}, {}], USUAL) == []
    [found] = spreads([{("auc", "UA"): [0.5, 100.0]}, {("auc", "UA"): [0.6, 101.0]}], USUAL)
    assert (found.name, found.lowest, found.highest) == ("auc[UA]", 0.5, 0.6)


@pytest.mark.parametrize(("value", "rounded"), [(0.0123, 0.013), (0.012, 0.012), (2.41e-7, 2.5e-7), (0.99, 0.99), (0.0999, 0.1)])
def test_a_proposal_is_never_narrower_than_what_was_seen(value: float, rounded: float) -> None:
    assert rounded_up(value) == pytest.approx(rounded, rel=1e-12)
    assert rounded_up(value) >= value * (1 - 1e-12)


def test_a_tolerance_of_its_own_is_what_a_metric_is_compared_by() -> None:
    expected: dict[tuple[str, str], list[Scalar]] = {("auc", "UA"): [0.80], ("f1", ""): [0.80]}
    found: dict[tuple[str, str], list[Scalar]] = {("auc", "UA"): [0.81], ("f1", ""): [0.81]}
    verdicts = {each.name: each.verdict for each in compare_metrics(expected, found, USUAL, {"auc[UA]": 0.025})}
    assert verdicts == {"auc[UA]": "within tolerance", "f1": "different"}
