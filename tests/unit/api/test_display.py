"""Sheets: inert in HTML, literal in a terminal; JSON never leaves a key out; words for numbers, times and verdicts."""

from __future__ import annotations

import json

import pytest

from mlops_jupyter.api.display import Block, Sheet, as_json
from mlops_jupyter.api.options import pairs
from mlops_jupyter.api.sheets import runs_sheet, why_sheet
from mlops_jupyter.api.slices import Why, WhyCell
from mlops_jupyter.api.words import duration, metric_names, size, verdict
from mlops_jupyter.entities import InputError, Metric, Run, Verification

NASTY = "<img src=x onerror=alert(1)> [bold red]x[/] \x1b"


def run(**fields: object) -> Run:
    return Run(**({"id": "r1", "experiment_id": "e", "experiment": "demo", "session": "s", "state": "finished", "started": 0.0,
                   "number": 3} | fields))


def test_stored_text_is_inert_in_html_and_literal_in_text() -> None:
    sheet = Sheet(NASTY, [Block(NASTY, ["a"], [[NASTY]]), Block(text=NASTY, code=True)], [NASTY])
    bundle = sheet._repr_mimebundle_()
    assert "<img" not in bundle["text/html"]
    assert bundle["text/html"].count("&lt;img") == 5
    assert bundle["text/plain"].count("[bold red]x[/]") == 5


def test_json_holds_every_field_of_an_entity() -> None:
    fields = json.loads(as_json([run()]))[0]
    assert set(fields) == set(Run.__struct_fields__)
    assert fields["metrics"] == []
    assert fields["verification"] is None


def test_runs_show_number_change_metrics_and_verdict() -> None:
    metrics = [Metric("auc", 0.7315), Metric("auc", 0.8, key="UA"), Metric("f1", 0.5, shared=True)]
    one = run(change="max_iter 200→400", metrics=metrics)
    text = runs_sheet([one]).text()
    assert "#3" in text
    assert "max_iter 200→400" in text
    assert "auc 0.7315 · f1 0.5 (shared) · +1" in text


def test_no_runs_says_what_makes_one() -> None:
    assert "log_metric" in runs_sheet([]).text()


def test_why_answers_in_the_promised_shape() -> None:
    why = Why("auc", [WhyCell("c1", 2, "auc = 1")], left_out=4)
    assert why.answer() == {"result": "auc", "cells": [{"id": "c1", "n": 2, "source": "auc = 1"}]}
    assert "auc: 1 cell needed, 4 not" in why_sheet(why).text()


def test_a_verdict_does_not_outlive_an_edit() -> None:
    found = Verification("v", "r1", "s", "auc", 0.0, "identical", slice_digest="old")
    assert verdict(found, "old") == "✓ identical"
    assert verdict(found, "new") == "verified before edit"
    assert verdict(None) == "–"


@pytest.mark.parametrize(("seconds", "words"), [
    (None, "–"), (0.0042, "4 ms"), (0.9999, "1.0 s"), (59.94, "59.9 s"), (65, "1 min 5 s"), (3780, "1 h 3 min"),
])
def test_durations(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words


def test_sizes() -> None:
    assert [size(count) for count in (12, 1500, 3_200_000, 5e12)] == ["12 B", "1.5 kB", "3.2 MB", "5000.0 GB"]


def test_metric_names_puts_the_goal_first_and_counts_the_rest() -> None:
    many = run(metrics=[Metric(name, 1.0) for name in "abcdef"])
    assert metric_names(many, first="e").startswith("e 1 · a 1")
    assert metric_names(many).endswith("+2")


def test_pairs_split_at_the_first_sign_and_evaluate_nothing() -> None:
    assert pairs(["a=1", "b=x=y", "c="], "-p") == {"a": "1", "b": "x=y", "c": ""}


@pytest.mark.parametrize("given", [["a"], ["=1"], ["a=1", "a=2"]])
def test_a_pair_that_is_none_is_bad_input(given: list[str]) -> None:
    with pytest.raises(InputError):
        pairs(given, "-p")
