"""Two jobs side by side: what counts as a change, and which way is better."""

from __future__ import annotations

import math

import pytest

from mlops_jupyter.entities import Column, Fingerprint, Goal, JobInput, JobManifest, JobParameter, Scalar, Schema, Tolerance
from mlops_jupyter.jobs.review import Allowed, Cell, Side, changes, code_diffs, metric_diffs, not_compared, objective
from mlops_jupyter.lineage.compare import PackageChange

AT_LEAST = Goal("e", 1.0, "found", "auc", at_least=0.75)
AT_MOST = Goal("e", 1.0, "cheap", "auc", at_most=0.75)
BETWEEN = Goal("e", 1.0, "both", "auc", at_least=0.1, at_most=0.75)


def side(cells: str = "a b c", **facts: object) -> Side:
    manifest = JobManifest("job", 1.0, facts.pop("parameters", []), facts.pop("inputs", []), [], 3, 3, python="3.11.4")
    return Side(manifest=manifest, cells=[Cell(name, f"{name} = 1") for name in cells.split()], **facts)


def table(name: str, digest: str | None, columns: str = "size large", rows: int = 5) -> JobInput:
    schema = Schema(tuple(Column(column, "int64") for column in columns.split()))
    return JobInput(name, f"{name}.csv", Fingerprint("file", digest), schema, rows=rows)


def found(before: Side, after: Side) -> list[str]:
    made = changes(before, after, AT_LEAST, 1e-9)
    return [f"{one.name} {one.kind}: {'; '.join(one.details)}" for one in [*made.parameters, *made.inputs]]


@pytest.mark.parametrize(("before", "after", "expected"), [
    ("a b c", "a b c", []),
    ("a b c", "a x b c", [("x", "added")]),
    ("a b c", "a c", [("b", "removed")]),
    ("a b c", "c b a", []),
    ("", "a", [("a", "added")]),
])
def test_cells_belong_together_by_their_id(before: str, after: str, expected: list[tuple[str, str]]) -> None:
    diffs = code_diffs(side(before).cells, side(after).cells)
    assert [(one.name, one.kind) for one in diffs] == expected


def test_an_edited_cell_below_a_new_one_is_one_change_and_a_comment_is_none() -> None:
    before = [Cell("a", "a = 1"), Cell("b", "b = 1  # old words"), Cell("c", "c = 1")]
    after = [Cell("a", "a  =  1"), Cell("new", "c = 0"), Cell("b", "b = 1"), Cell("c", "c = 2")]
    assert [(one.name, one.kind, one.text) for one in code_diffs(before, after)] == [
        ("new", "added", "@@ -0,0 +1 @@\n+c = 0"), ("c", "changed", "@@ -1 +1 @@\n-c = 1\n+c = 2")]


def test_cells_whose_ids_are_gone_are_matched_by_meaning() -> None:
    before = [Cell("1", "a = 1"), Cell("2", "b = 1")]
    after = [Cell("8", "a = 1"), Cell("9", "b = 2")]
    assert [(one.name, one.kind) for one in code_diffs(before, after)] == [("9", "changed")]


def test_another_order_is_said_though_no_cell_changed() -> None:
    made = changes(side("a b c"), side("c b a"), None, 1e-9)
    assert made.notes == ["cells run in another order than before"]


def test_parameters_inputs_modules_and_versions() -> None:
    cut = JobParameter("cut", "integer", 5, {"type": "integer", "maximum": 9})
    before = side(parameters=[cut, JobParameter("old", "string", "x")],
                  inputs=[table("rows", "fp1:aaaa"), table("gone", "fp1:b")], modules={"parts.py": "x = 1", "same.py": "y = 1"},
                  versions={"pandas": "2.2", "dask": "1"})
    after = side(parameters=[JobParameter("cut", "number", 0.5), JobParameter("new", "boolean", True)],
                 inputs=[table("rows", "fp1:cccc", "size colour", 7), table("more", "fp1:d")],
                 modules={"parts.py": "x = 2", "same.py": "y = 1  # words"}, versions={"pandas": "3.0", "polars": "1"})
    assert found(before, after) == [
        "cut changed: default 5 → 0.5; type integer → number; range at most 9 → any", "old removed: was string, default x",
        "new added: boolean, default true", "rows changed: columns: without large, with colour; 5 → 7 rows; content aaaa → cccc",
        "gone removed: was gone.csv", "more added: more.csv"]
    made = changes(before, after, None, 1e-9)
    assert [(one.name, one.module) for one in made.code] == [("parts.py", True)]
    assert made.packages == [PackageChange("dask", "1", ""), PackageChange("pandas", "2.2", "3.0"),
                             PackageChange("polars", "", "1")]
    assert made.moved
    assert not made.same


def test_what_is_not_known_is_not_called_another() -> None:
    assert found(side(inputs=[table("rows", None)]), side(inputs=[table("rows", "fp1:a")])) == []
    made = changes(side(versions={}), side(versions={"pandas": "2"}), None, 1e-9)
    assert made.packages == []
    assert made.same


@pytest.mark.parametrize(("goal", "base", "now", "word"), [
    (AT_LEAST, 0.7, 0.8, "better"), (AT_LEAST, 0.8, 0.7, "worse"), (AT_MOST, 0.7, 0.8, "worse"), (AT_MOST, 0.8, 0.7, "better"),
    (BETWEEN, 0.7, 0.8, "differs"), (None, 0.7, 0.8, "differs"), (AT_LEAST, 0.7, 0.7, "equal"),
    (AT_LEAST, 0.7, 0.7 + 1e-12, "within tolerance"),
    (AT_LEAST, 0.7, math.nan, "worse"), (AT_LEAST, math.nan, 0.7, "better"), (AT_LEAST, math.nan, math.nan, "equal"),
    (AT_LEAST, 0.7, "text", "differs"), (AT_LEAST, True, True, "equal"),
])
def test_which_way_is_better_follows_from_the_objective(goal: Goal | None, base: Scalar, now: Scalar, word: str) -> None:
    made = metric_diffs({("auc", ""): [base]}, {("auc", ""): [now]}, goal, Allowed({}, 1e-9))
    assert [one.word for one in made] == [word]


def test_metrics_that_come_and_go_repeat_or_have_a_tolerance_of_their_own() -> None:
    base = {("loss", ""): [3.0, 2.0, 1.0], ("gone", ""): [1.0], ("auc", "UA"): [0.5]}
    now = {("loss", ""): [3.0, 2.5, 1.0], ("auc", "UA"): [0.51], ("new", ""): [2.0]}
    made = metric_diffs(base, now, AT_LEAST, Allowed({"auc[UA]": Tolerance(0.1, "three runs")}, 1e-9))
    assert [(one.name, one.word, one.base, one.now) for one in made] == [
        ("auc[UA]", "within tolerance", 0.5, 0.51), ("loss", "differs", 1.0, 1.0), ("gone", "gone", 1.0, None),
        ("new", "new", None, 2.0)]
    assert (made[1].base_series, made[1].now_series) == ([3.0, 2.0, 1.0], [3.0, 2.5, 1.0])
    assert [(one.name, one.word) for one in not_compared(now, None)] == [
        ("loss", "not compared"), ("auc[UA]", "not compared"), ("new", "not compared")]


def test_metrics_that_move_by_themselves_are_said_to() -> None:
    made = changes(side(metrics={("auc", ""): [0.7]}), side(metrics={("auc", ""): [0.8]}), AT_LEAST, 1e-9)
    assert "drawn without a seed" in made.notes[0]
    assert not made.same
    assert not made.moved


def test_a_base_that_failed_is_no_comparison() -> None:
    made = changes(side(ran=False), side(metrics={("auc", ""): [0.8]}), AT_LEAST, 1e-9)
    assert [one.word for one in made.metrics] == ["not compared"]
    assert changes(side(metrics={("auc", ""): [0.8]}), side(ran=False), AT_LEAST, 1e-9).metrics == []


@pytest.mark.parametrize(("metrics", "state", "values"), [
    ({("auc", ""): [0.1, 0.8]}, "met", {"auc": 0.8}), ({("auc", ""): [0.7]}, "missed", {"auc": 0.7}), ({}, "not seen", {}),
    ({("auc", "UA"): [0.8], ("auc", "DL"): [0.7]}, "missed", {"auc[UA]": 0.8, "auc[DL]": 0.7}),
    ({("auc", ""): [math.nan]}, "missed", None), ({("auc", ""): [10**400]}, "not seen", {}),
])
def test_an_objective_is_met_by_the_last_value_of_its_metric(
        metrics: dict[tuple[str, str], list[Scalar]], state: str, values: dict[str, float] | None) -> None:
    judged = objective(AT_LEAST, metrics)
    assert judged.state == state
    assert values is None or judged.values == values
    assert objective(Goal("e", 1.0, "in words"), metrics).state == "not judged"
