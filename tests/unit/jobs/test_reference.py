"""Verdicts: what is equal, what is close, what cannot be known."""

from __future__ import annotations

import math

import pytest

from mlops_jupyter.entities import CellExecution, Fingerprint, JobResult, Observation, ResultVerdict
from mlops_jupyter.jobs.reference import compare_content, compare_metrics, compare_numbers, job_results, untold, worst
from mlops_jupyter.lineage.slice import Result


@pytest.mark.parametrize(("before", "after", "verdict"), [
    (0.5, 0.5, "identical"), (math.nan, math.nan, "identical"), (0.5, 0.5 * (1 + 1e-12), "within tolerance"),
    (0.5, 0.51, "different"),
    (0.5, math.nan, "different"), (math.inf, math.inf, "identical"), (1, 1.0, "identical"), (0.5, None, "different"),
    ("a", "a", "identical"),
])
def test_numbers(before: float, after: float, verdict: str) -> None:
    assert compare_numbers(before, after, 1e-9) == verdict


def test_repeats_are_compared_in_order_and_the_worst_counts() -> None:
    [found] = compare_metrics({("auc", "UA"): [0.1, 0.2]}, {("auc", "UA"): [0.1, 0.3]}, 1e-9)
    assert (found.name, found.verdict, found.expected, found.found) == ("auc[UA]", "different", 0.2, 0.3)


def test_a_metric_that_did_not_come_out_is_different_and_says_so() -> None:
    [found] = compare_metrics({("auc", ""): [0.1]}, {}, 1e-9)
    assert (found.verdict, found.detail) == ("different", "seen 0 times, recorded 1 times")


WHOLE, OTHER = Fingerprint("array", "a"), Fingerprint("array", "b")
PART, UNKNOWN = Fingerprint("array", "a", coverage=0.5), Fingerprint("opaque")


@pytest.mark.parametrize(("before", "after", "verdict"), [
    (WHOLE, WHOLE, "identical"), (WHOLE, OTHER, "different"), (UNKNOWN, UNKNOWN, "failed"), (PART, WHOLE, "failed"),
    (WHOLE, PART, "failed"), (WHOLE, None, "different"), (None, WHOLE, "failed"),
    ("a", WHOLE, "identical"), ("", WHOLE, "failed"),
    (Fingerprint("frame", "a", logical="l"), Fingerprint("frame", "b", logical="l"), "identical"),
    (Fingerprint("frame", "a", logical="l"), Fingerprint("frame", "b", logical="m"), "different"),
])
def test_content_that_cannot_be_known_is_never_called_equal(before: Fingerprint | str | None, after: Fingerprint | None,
                                                            verdict: str) -> None:
    assert compare_content("x", before, after).verdict == verdict


def test_the_whole_is_as_bad_as_its_worst_and_nothing_compared_is_no_success() -> None:
    assert worst([ResultVerdict("a", "identical"), ResultVerdict("b", "within tolerance")]) == "within tolerance"
    assert worst([ResultVerdict("a", "failed"), ResultVerdict("b", "identical")]) == "failed"
    assert worst([]) == "failed"


def test_what_was_told_is_the_variable_that_held_it_and_names_its_metric() -> None:
    rows = [("loss", "UA", "held"), ("sum", "", ""), ("both", "", ""), ("both", "", "it")]
    cell = CellExecution("s", 1, "held = 1.5", "ok")
    told = [Observation("s", 1, seq, 0.0, "metric", name, 1.5, key, variable=variable, logged=True)
            for seq, (name, key, variable) in enumerate(rows)]
    results = job_results(Result("loss", "metric", 1, ["held"]), [], [cell], told, [cell])
    assert results == [JobResult("held", "variable", variable="held", key="UA", metric="loss"),
                       JobResult("it", "variable", variable="it", metric="both")]
    assert untold([cell], told) == ["sum"]
    assert untold([], told) == []
