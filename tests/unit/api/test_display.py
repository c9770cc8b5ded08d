"""Sheets: inert in HTML, literal in a terminal; JSON never leaves a key out; words for numbers, times and verdicts."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from mlops_jupyter.api.display import Block, Sheet, as_json
from mlops_jupyter.api.jobsheets import run_command
from mlops_jupyter.api.options import pairs
from mlops_jupyter.api.sheets import runs_sheet, verdicts_block, why_sheet
from mlops_jupyter.api.slices import Why, WhyCell
from mlops_jupyter.api.words import duration, metric_names, short_models, size, verdict
from mlops_jupyter.entities import (
    InputError,
    JobManifest,
    JobParameter,
    Metric,
    ModelRef,
    ResultVerdict,
    Run,
    Verification,
)

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


def test_no_stored_text_reaches_the_terminal_as_a_control_sequence() -> None:
    text = Sheet(NASTY, [Block(NASTY, ["a"], [[NASTY]]), Block(text=f"{NASTY}\x9b2J\r", code=True)], [NASTY]).text()
    assert not {character for character in text if character != "\n" and not character.isprintable()}


@pytest.mark.parametrize("width", [80, 100, 200])
def test_a_list_of_runs_breaks_no_word_in_any_terminal(width: int) -> None:
    model = ModelRef("o", "model", "sklearn.ensemble.HistGradientBoostingClassifier")
    pipeline = ModelRef("o", "model", "sklearn.pipeline.Pipeline(LogisticRegression)")
    metrics = [Metric(name, 0.123456) for name in ("auc", "average_precision", "brier")]
    verified = Verification("v", "r1", "s", "auc", 0.0, "within tolerance", slice_digest="d")
    found = [run(models=[model], metrics=metrics, change="model Pipeline(LogisticRegression)→HistGradientBoostingClassifier",
                 verification=verified, slice_digest="d"), run(models=[pipeline], metrics=metrics[:1], state="interrupted")]
    text = runs_sheet(found).text(width)
    for word in ("HistGradientBoostingClassifier", "LogisticRegression", "average_precision 0.1235", "≈ within tolerance",
                 "interrupted", "new model", "auc 0.1235"):
        assert word in text
    assert "Pipeline" not in text
    assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize(("name", "short"), [
    ("sklearn.svm.SVC", "SVC"), ("sklearn.pipeline.Pipeline(GridSearchCV(SVC))", "SVC"),
    ("x.BaggingClassifier(SVC)", "BaggingClassifier"),
])
def test_a_table_names_the_model_that_decides(name: str, short: str) -> None:
    assert short_models(run(models=[ModelRef("o", "model", name)])) == short


def test_a_column_that_says_nothing_is_left_out() -> None:
    text = runs_sheet([run(metrics=[Metric("auc", 0.5)])]).text()
    assert not {"state", "verified", "goal", "change", "model"} & set(text.split())


def test_verdicts_of_a_group_that_fared_alike_share_a_line() -> None:
    results = [ResultVerdict("auc", "identical", 0.7, 0.7), *(ResultVerdict(f"auc[{key}]", "identical", value, value)
               for key, value in (("a", 0.5), ("b", 0.9))), ResultVerdict("auc[c]", "different", 0.5, 0.6)]
    rows = verdicts_block(results).rows
    assert rows == [["auc", "identical", "0.7", "0.7", ""], ["auc (2)", "identical", "0.5 … 0.9", "0.5 … 0.9", ""],
                    ["auc[c]", "different", "0.5", "0.6", ""]]


def test_the_suggested_command_is_safe_to_paste() -> None:
    parameters = [JobParameter("months", "array", [1, 2]), JobParameter("title", "string", "it's; rm -rf /", varied=True),
                  JobParameter("n", "integer", 2)]
    manifest = JobManifest("j", 0.0, parameters, [], [], 1, 2)
    words = shlex.split(run_command(manifest, Path("my job")))
    assert words == ["mlops", "run", "my job", "-p", "title=it's; rm -rf /"]
    assert run_command(JobManifest("j", 0.0, parameters[:1], [], [], 1, 2), Path("job")) == "mlops run job"


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
    assert metric_names(many).endswith("+3")


def test_pairs_split_at_the_first_sign_and_evaluate_nothing() -> None:
    assert pairs(["a=1", "b=x=y", "c="], "-p") == {"a": "1", "b": "x=y", "c": ""}


@pytest.mark.parametrize("given", [["a"], ["=1"], ["a=1", "a=2"]])
def test_a_pair_that_is_none_is_bad_input(given: list[str]) -> None:
    with pytest.raises(InputError):
        pairs(given, "-p")
