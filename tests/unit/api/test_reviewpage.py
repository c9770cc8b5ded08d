"""The page of a review and its pictures, from facts that nobody would be glad to see."""

from __future__ import annotations

import math
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest

from mlops_jupyter.api import reviewpage, reviewpicture
from mlops_jupyter.api.reviews import Review, must_pass
from mlops_jupyter.entities import ConflictError, InputError, JobFailedError
from mlops_jupyter.jobs.review import Changes, CodeDiff, Difference, Failure, MetricDiff, Objective

NASTY = ["</svg><script>alert(1)</script>", "a|b`c", "\x00\x1b[31m", "]]>", "&nbsp;", "x" * 400, "\ud800", "\u202eevil", ""]
NUMBERS = [0.0, -0.0, 1.0, -5.0, 0.5, 1e308, -1e308, 5e-324, 10**400, math.nan, math.inf, -math.inf, True, None, "text"]
OBJECTIVE = Objective("found", "auc", "met", at_least=0.75, values={"auc": 0.8})


def review(**facts: object) -> Review:
    made = Review("nb.ipynb", "base.ipynb", "notebook", Changes(), compared=True, cells=3, cells_total=5)
    return msgspec.structs.replace(made, **facts)


@pytest.mark.parametrize("name", NASTY, ids=ascii)
def test_pictures_are_well_formed_and_hold_nothing_that_acts(name: str) -> None:
    course = [1.0, math.nan, math.inf, 2.0, -1e308, 1e308]
    metrics = [MetricDiff(name, "differs", 0.5, 0.7, 0.2, course, course[::-1])]
    pictures = [reviewpicture.bars(metrics, OBJECTIVE), *(text for _, text in reviewpicture.courses(metrics))]
    assert len(pictures) == 2
    for text in pictures:
        assert text is not None
        root = ElementTree.fromstring(text.encode())
        tags = {element.tag.rpartition("}")[2] for element in root.iter()}
        assert tags <= {"svg", "title", "style", "rect", "text", "path", "polyline"}
        words = {word for element in root.iter() for word in element.attrib}
        assert not [word for word in words if word.startswith("on") or "href" in word]
        assert "url(" not in text
        assert "nan" not in text.replace(name, "")
        assert "inf" not in text.replace(name, "")


@pytest.mark.parametrize("base", NUMBERS, ids=lambda one: str(one)[:8])
@pytest.mark.parametrize("now", NUMBERS, ids=lambda one: str(one)[:8])
def test_a_bar_is_drawn_inside_the_picture_or_not_at_all(base: float, now: float) -> None:
    text = reviewpicture.bars([MetricDiff("auc", "differs", base, now)], OBJECTIVE)
    drawable = [isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1.7e308 and value == value
                for value in (base, now)]
    assert (text is not None) == all(drawable)
    if text is not None:
        bars = [element for element in ElementTree.fromstring(text).iter() if element.get("class") in {"base", "now"}]
        for bar in (one for one in bars if one.tag.endswith("rect")):
            assert 0 <= float(bar.get("x", "-1")) <= float(bar.get("x", "-1")) + float(bar.get("width", "-1")) <= 641


def test_all_that_a_picture_shows_stands_in_the_table_too() -> None:
    course = MetricDiff("loss", "differs", 1.0, 2.0, 1.0, [3.0, 2.0, 1.0], [float(at) for at in range(999)])
    found = review(changes=Changes(metrics=[MetricDiff("auc", "better", 0.7, 0.8, 0.1), MetricDiff("rmse", "gone", 2.5), course]),
                   objective=OBJECTIVE)
    page = reviewpage.page(found, "summary.md.files")
    assert "| `auc` | 0.7 | 0.8 | +0.1 | ▲ better |\n| `rmse` | 2.5 | – |  | gone |" in page
    assert "base: 3, 2, 1\nnow:  0, 1, 2, 3," in page
    assert "28, 29, … 939 more …, 969, 970," in page
    assert "**✓ Objective met:** `auc ≥ 0.75`; `auc` is 0.8 (`found`)." in page
    assert 'src="summary.md.files/metrics.svg"' in page
    assert 'src="summary.md.files/course-1.svg"' in page
    assert "<img" not in reviewpage.page(found)


def test_a_page_is_short_enough_for_a_comment() -> None:
    code = [CodeDiff(f"cell-{at}", "changed", "+" + "x" * 20_000) for at in range(50)]
    metrics = [MetricDiff(f"metric {at}", "equal" if at < 450 else "differs", 1.0, 2.0, 1.0) for at in range(500)]
    page = reviewpage.page(review(changes=Changes(code=code, metrics=metrics)))
    assert len(page) < 65_536
    assert "46 more not shown: mlops review --json has all." in page
    assert "| `metric 499` | 1 | 2 | +1 | differs |" in page
    assert "400 more metrics not shown: mlops review --json has all." in page
    assert page.count("Cut here: mlops review --json has all of it.") == 4


def test_a_failure_is_never_called_unchanged() -> None:
    what = "nb.ipynb failed in cell 3: ValueError: `|`\n    raise ValueError('```')"
    page = reviewpage.page(review(failures=[Failure("now", what)]))
    assert "**✗ Failed:** the notebook did not run." in page
    assert "Nothing changed" not in page
    assert "````python\nraise ValueError('```')\n````" in page


@pytest.mark.parametrize(("facts", "strict", "words"), [
    ({}, True, ""),
    ({"moved": True}, False, ""),
    ({"moved": True}, True, "is not what nb.ipynb makes now"),
    ({"objective": OBJECTIVE}, True, ""),
    ({"objective": msgspec.structs.replace(OBJECTIVE, state="missed")}, False, "the objective is missed: found (auc ≥ 0.75)"),
    ({"objective": msgspec.structs.replace(OBJECTIVE, state="not seen")}, False, "the objective is not seen"),
    ({"objective": msgspec.structs.replace(OBJECTIVE, state="not judged")}, False, ""),
    ({"failures": [Failure("now", "the notebook failed")]}, False, "the notebook failed"),
    ({"failures": [Failure("base", "the base failed")]}, False, ""),
])
def test_what_fails_a_check(facts: dict[str, object], strict: bool, words: str) -> None:
    if not words:
        must_pass(review(**facts), strict=strict)
        return
    with pytest.raises(JobFailedError, match=words.replace("(", r"\(").replace(")", r"\)")):
        must_pass(review(**facts), strict=strict)


def test_a_page_replaces_the_one_before_with_its_pictures(tmp_path: Path) -> None:
    target = tmp_path / "a folder" / "summary.md"
    course = MetricDiff("loss", "differs", 1.0, 2.0, 1.0, [1.0, 2.0, 3.0], [3.0, 2.0, 1.0])
    reviewpage.write(review(changes=Changes(metrics=[course])), target)
    assert sorted(file.name for file in target.parent.rglob("*.svg")) == ["course-1.svg", "metrics.svg"]
    reviewpage.check_target(target)
    reviewpage.write(review(changes=Changes(parameters=[Difference("a", "added", ["integer"])])), target)
    assert [file.name for file in target.parent.rglob("*")] == ["summary.md"]


def test_what_is_in_the_way_is_said_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"):
        reviewpage.check_target(tmp_path)
    (tmp_path / "s.md.files").mkdir()
    (tmp_path / "s.md.files" / "thesis.txt").touch()
    with pytest.raises(ConflictError, match=r"thesis\.txt"):
        reviewpage.check_target(tmp_path / "s.md")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        reviewpage.check_target(tmp_path / "file" / "s.md")
