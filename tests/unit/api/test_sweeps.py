"""What a sweep answers: the best first, a picture that is inert, words for times and failures."""

from __future__ import annotations

import math
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from mlops_jupyter.api.options import seconds
from mlops_jupyter.api.sweeppicture import picture
from mlops_jupyter.api.sweeps import Swept, must_all_succeed, ranked
from mlops_jupyter.api.sweepsheets import sweep_sheet
from mlops_jupyter.entities import InputError, JobFailedError
from mlops_jupyter.jobs.sweep import Child, Sweep

SVG = "{http://www.w3.org/2000/svg}"


def child(number: int, score: float | None = None, state: str = "succeeded", **parameters: object) -> Child:
    metrics = {} if score is None else {"auc": score}
    return Child(number, parameters, state, metrics=metrics)  # type: ignore[arg-type]


def some_sweep(*children: Child) -> Sweep:
    return Sweep("sha256:0", "job", "<job>", 0.0, list(children), list(children[0].parameters))


def test_the_best_comes_first_then_those_without_a_score_then_those_that_failed() -> None:
    children = [child(1, 0.5), child(2, state="failed"), child(3, 0.9), child(4), child(5, math.nan), child(6, 0.7, "cancelled")]
    assert [one.number for one in ranked(children, "auc", minimize=False)] == [3, 1, 4, 5, 2, 6]
    assert [one.number for one in ranked(children, "auc", minimize=True)][:2] == [1, 3]


def test_the_picture_has_a_panel_for_each_parameter_and_a_point_for_each_score() -> None:
    children = [child(place, 0.1 * place, rate=10.0**place, name=f"<{place}>") for place in range(3)]
    drawn = ET.fromstring(picture(some_sweep(*children, child(8, 9.0, "failed", rate=1.0, name="x"),
                                                    child(9, math.nan, rate=1.0, name="x")), "auc") or "")
    points = [(float(one.get("cx", "")), float(one.get("cy", ""))) for one in drawn.iter(f"{SVG}circle")]
    assert len(points) == 6
    first, second, third = points[:3]
    assert second[0] - first[0] == pytest.approx(third[0] - second[0], abs=0.2)  # a range this wide is logarithmic
    assert first[1] > second[1] > third[1]  # more is higher
    words = [one.text for one in drawn.iter(f"{SVG}text")]
    assert {"rate", "name", "<0>", "1", "10", "100"} <= set(words)
    assert [one.get("r") for one in drawn.iter(f"{SVG}circle")] == ["4", "4", "6"] * 2  # the best is larger


def test_where_nothing_varied_or_nothing_came_out_there_is_no_picture() -> None:
    assert picture(some_sweep(child(1, 0.5)), "auc") is None
    assert picture(some_sweep(child(1, rate=1.0), child(2, rate=2.0)), "auc") is None
    assert picture(some_sweep(child(1, 0.5, rate=True), child(2, 0.5, rate=False)), "auc") is not None


@pytest.mark.parametrize(("text", "found"), [("90", 90), ("90s", 90), ("10m", 600), ("1.5h", 5400), ("2 min", 120)])
def test_times(text: str, found: float) -> None:
    assert seconds(text, "--budget") == found


@pytest.mark.parametrize("text", ["", "0", "0s", "-1m", "m", "10x", "1h30", "inf"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="--budget"):
        seconds(text, "--budget")


def test_what_did_not_succeed_is_counted_with_the_command_that_goes_on() -> None:
    must_all_succeed(Swept(Path("out"), "auc", [child(1, 0.5)], []))
    failed = Child(2, {}, "failed", error="ValueError: no")
    with pytest.raises(JobFailedError) as caught:
        must_all_succeed(Swept(Path("my out"), "auc", [child(1), failed, child(3, state="waiting")], [], "1 failed"))
    assert caught.value.what == "1 of 3 children did not succeed, 1 did not start: 1 failed; child 2 failed: ValueError: no"
    assert caught.value.remedy == "mlops sweep --resume 'my out'"


def test_the_table_has_what_varied_the_scores_and_why_one_failed() -> None:
    children = [child(1, 0.5, rate=1.0), Child(2, {"rate": 2.0}, "failed", error="ValueError: no\nmore")]
    text = sweep_sheet(Swept(Path("out"), "auc", children, ["rate"], seed=3)).text()
    assert "2 children: 1 succeeded, 1 failed" in text
    assert "Drawn with --seed 3" in text
    assert [line.split() for line in text.splitlines() if line.strip()[:1] in {"1", "2"} and "children" not in line] == [
        ["1", "1.0", "0.5", "succeeded"], ["2", "2.0", "failed", "ValueError:", "no"]]
