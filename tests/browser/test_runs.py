"""The Runs tab with ten thousand runs: found, sorted, starred, compared, drawn; by pointer and by keyboard, in light and dark."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.desk import Desk
from tests.browser.frames import traced
from tests.browser.labs import SHOTS, Lab, shoot, start_lab
from tests.browser.many_runs import NOTEBOOK, fill
from tests.browser.stories import write_stories

pytestmark = [pytest.mark.browser, pytest.mark.slow]

COUNT = 10_000
WIDE = 480
"""Pixels by which the panel grows from 320 to 800."""
NEWEST = "many0099-099"
FIRST_PAINT = """() => new Promise(done => {
  const began = performance.now();
  document.querySelector('#mlops-panel [role=tab][data-view=runs]').click();
  const look = () => document.querySelector('#mlops-panel [data-testid=mlops-runs-tab] [data-testid=mlops-run]')
    ? requestAnimationFrame(() => done(performance.now() - began))
    : performance.now() - began > 20000 ? done(-1) : requestAnimationFrame(look);
  look();
})"""
SCROLL = """async frames => {
  const grid = document.querySelector('#mlops-panel [data-testid=mlops-table]');
  for (let at = 0; at < frames; at += 1) {
    grid.scrollTop = at * 97;
    await new Promise(done => requestAnimationFrame(done));
  }
  grid.scrollTop = 0;
}"""


@pytest.fixture(scope="module")
def full_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab whose store holds ten thousand runs."""
    home = tmp_path_factory.mktemp("many")
    root = home / "root"
    root.mkdir()
    write_stories(root)
    fill(home / "store", COUNT)
    with start_lab(home, root) as running:
        yield running


@pytest.fixture
def desk(page: Page, full_lab: Lab) -> Desk:
    return Desk(page, full_lab)


def test_runs_by_the_thousand(desk: Desk) -> None:
    desk.open(NOTEBOOK)
    listed(desk)
    starred_and_tagged(desk)
    deleted_and_back(desk)
    desk.widen(WIDE)
    table(desk)
    searched(desk)
    by_keyboard(desk)
    compared(desk)
    against_a_baseline(desk)
    drawn(desk)
    in_the_dark_and_narrow(desk)


def figures(name: str, value: object) -> None:
    """A measured value, kept beside the pictures: no test asserts a time."""
    SHOTS.mkdir(exist_ok=True)
    file = SHOTS / "runs-figures.json"
    known: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps({**known, name: value}, indent=1))


def cards(desk: Desk, name: str) -> Locator:
    return desk.panel.get_by_role("list", name=name).get_by_test_id("mlops-run")


def header(desk: Desk, name: str) -> Locator:
    return desk.part("table").get_by_role("columnheader", name=name, exact=True)


def listed(desk: Desk) -> None:
    expect(desk.panel).to_have_attribute("data-phase", "untracked", timeout=60_000)
    figures("first paint of the list, ms", desk.page.evaluate(FIRST_PAINT))
    expect(desk.part("runs-tab")).to_have_attribute("data-mode", "list")
    expect(cards(desk, "Newest runs")).to_have_count(20)
    expect(desk.panel).to_contain_text("10,000 runs")
    expect(desk.panel).to_contain_text("Highest auc, the metric")
    desk.accessible()
    shoot(desk.page, "runs-list-320-light")
    day = desk.part("day").nth(1)
    day.click()
    expect(day).to_have_attribute("aria-expanded", "true")
    expect(cards(desk, "Runs of").first).to_be_visible()
    day.click()


def starred_and_tagged(desk: Desk) -> None:
    newest = cards(desk, "Newest runs").first
    newest.get_by_test_id("mlops-star").click()
    expect(cards(desk, "Starred runs")).to_have_count(1)
    newest.get_by_role("button", name="Tags of").click()
    newest.get_by_label("New tag").fill("paper=figure 2")
    desk.page.keyboard.press("Enter")
    expect(newest.get_by_text("paper=figure 2").first).to_be_visible()
    desk.accessible()
    newest.scroll_into_view_if_needed()
    shoot(desk.page, "runs-tagged-320-light")


def deleted_and_back(desk: Desk) -> None:
    newest = cards(desk, "Newest runs").first
    newest.get_by_test_id("mlops-delete").click()
    expect(desk.part("deleted")).to_contain_text("Deleted #")
    expect(newest).not_to_have_attribute("data-run", NEWEST)
    expect(desk.panel).to_contain_text("9,999 runs")
    desk.part("undo").click()
    expect(newest).to_have_attribute("data-run", NEWEST)
    expect(desk.part("deleted")).to_have_count(0)


def table(desk: Desk) -> None:
    expect(desk.part("runs-tab")).to_have_attribute("data-mode", "table")
    expect(desk.part("table")).to_have_attribute("aria-rowcount", str(COUNT + 1))
    expect(desk.part("row").first).to_have_attribute("data-run", NEWEST)
    with traced(desk.page) as frames:
        desk.page.evaluate(SCROLL, 300)
    cost = {"frames": len(frames), "median": frames.at(0.5), "p95": frames.at(0.95), "worst": frames.at(1)}
    figures("frames of scrolling 10,000 rows, ms of script and layout", cost)
    by_auc = header(desk, "auc").get_by_role("button")
    by_auc.click()
    expect(header(desk, "auc")).to_have_attribute("aria-sort", "descending")
    expect(desk.part("row").first).not_to_have_attribute("data-run", NEWEST)
    desk.accessible()
    shoot(desk.page, "runs-table-800-light")
    by_auc.click()
    expect(header(desk, "auc")).to_have_attribute("aria-sort", "ascending")
    by_auc.click()
    expect(header(desk, "auc")).to_have_attribute("aria-sort", "none")
    desk.part("columns").click()
    desk.panel.get_by_label("Search columns").fill("verdict")
    desk.panel.get_by_role("checkbox", name="verdict").check()
    expect(header(desk, "verified")).to_be_attached()
    desk.accessible()
    shoot(desk.page, "runs-columns-800-light")
    desk.panel.get_by_role("checkbox", name="verdict").uncheck()
    desk.part("columns").click()


def searched(desk: Desk) -> None:
    search = desk.part("search")
    search.fill("metrics.auc >")
    expect(desk.part("refused")).to_contain_text("a value is missing at the end")
    expect(desk.part("row").first).to_have_attribute("data-run", NEWEST)
    desk.accessible()
    shoot(desk.page, "runs-refused-800-light")
    search.fill("params.learning_rate = 0.3 and metrics.auc > 0.85")
    expect(desk.part("refused")).to_have_count(0)
    expect(desk.part("table")).not_to_have_attribute("aria-rowcount", str(COUNT + 1))
    search.fill("starred = true")
    expect(desk.part("row")).to_have_count(1)
    search.fill("metrics.auc > 9")
    expect(desk.panel).to_contain_text("No run meets this")
    search.fill("")
    expect(desk.part("table")).to_have_attribute("aria-rowcount", str(COUNT + 1))


def by_keyboard(desk: Desk) -> None:
    grid, press = desk.part("table"), desk.page.keyboard.press
    grid.focus()
    press("End")
    expect(desk.part("row").last).to_have_attribute("data-run", "many0000-000")
    press("Home")
    press("ArrowDown")
    press("s")
    expect(grid.get_by_role("button", name="Star #9999")).to_have_attribute("aria-pressed", "true")
    press("s")
    press("Enter")
    expect(desk.part("run-page")).to_be_visible()
    desk.accessible()
    shoot(desk.page, "runs-one-800-light")
    desk.panel.get_by_role("button", name="Back").click()


def compared(desk: Desk) -> None:
    desk.part("table").focus()
    desk.page.keyboard.press("Space")
    desk.part("search").fill("id in ('many0099-099', 'many0098-003')")
    expect(desk.part("row")).to_have_count(2)
    for box in desk.part("table").get_by_role("checkbox").all():
        box.set_checked(True)
    shoot(desk.page, "runs-selected-800-light")
    desk.accessible()
    desk.part("compare").click()
    page = desk.part("compare-page")
    expect(page.get_by_test_id("mlops-code-changes")).to_contain_text("dropna")
    expect(page).to_contain_text("327,346 × 6 → 336,346 × 6")
    expect(page).to_contain_text("scikit-learn")
    desk.accessible()
    shoot(desk.page, "runs-compare-800-light")
    desk.panel.get_by_role("button", name="Back").click()
    desk.part("search").fill("")
    expect(desk.part("table")).to_have_attribute("aria-rowcount", str(COUNT + 1))


def against_a_baseline(desk: Desk) -> None:
    if desk.part("selected").count():
        desk.panel.get_by_role("button", name="Select none").click()
    desk.part("table").get_by_role("checkbox").nth(2).check()
    desk.part("pin").click()
    expect(desk.part("row").nth(2)).to_contain_text("the baseline")
    expect(desk.part("row").first.locator(".jp-mlops-grid-delta").first).to_be_visible()
    desk.panel.get_by_role("button", name="Select none").click()
    shoot(desk.page, "runs-baseline-800-light")


def drawn(desk: Desk) -> None:
    desk.part("charts").click()
    page = desk.part("charts-page")
    expect(page).to_contain_text("newest 1,000 of 10,000 runs")
    for name in ("curves", "scatter", "parallel"):
        expect(page.get_by_test_id(f"mlops-chart-{name}").locator("svg.jp-mlops-plot")).to_be_visible()
    desk.accessible()
    shoot(desk.page, "runs-charts-800-light")
    parallel = page.get_by_test_id("mlops-chart-parallel")
    end = parallel.get_by_role("slider", name="learning_rate from")
    end.focus()
    for _ in range(4):
        desk.page.keyboard.press("ArrowUp")
    expect(parallel).to_contain_text("of 1000 runs within")
    parallel.scroll_into_view_if_needed()
    shoot(desk.page, "runs-brushed-800-light")
    scatter = page.get_by_test_id("mlops-chart-scatter").locator("svg.jp-mlops-plot")
    scatter.focus()
    desk.page.keyboard.press("ArrowRight")
    expect(page.get_by_test_id("mlops-chart-scatter")).to_contain_text("learning_rate 0.01")
    for kind in ("SVG", "PNG", "CSV"):
        with desk.page.expect_download() as saved:
            parallel.get_by_role("button", name=kind).click()
        holds_what_it_says(Path(saved.value.path()), kind)


def holds_what_it_says(file: Path, kind: str) -> None:
    content = file.read_bytes()
    if kind == "SVG":
        (SHOTS / "runs-saved.svg").write_bytes(content)
        assert b"var(" not in content
        assert b"<path" in content
    elif kind == "PNG":
        (SHOTS / "runs-saved.png").write_bytes(content)
        assert content.startswith(b"\x89PNG")
    else:
        assert content.startswith(b"id,number,title,learning_rate")


def in_the_dark_and_narrow(desk: Desk) -> None:
    desk.theme("JupyterLab Dark")
    desk.part("charts-page").evaluate("one => one.closest('.jp-mlops-widget').scrollTo(0, 0)")
    desk.accessible()
    shoot(desk.page, "runs-charts-800-dark")
    desk.tab("Runs")
    expect(desk.part("row").first).to_be_visible()
    desk.accessible()
    shoot(desk.page, "runs-table-800-dark")
    desk.part("table").get_by_role("checkbox").nth(0).check()
    desk.part("selected").get_by_role("button", name="What changed").click()
    expect(desk.part("compare-page")).to_be_visible()
    shoot(desk.page, "runs-compare-800-dark")
    desk.accessible()
    desk.widen(-WIDE)
    shoot(desk.page, "runs-compare-320-dark")
    desk.tab("Runs")
    shoot(desk.page, "runs-320-dark")
    desk.accessible()
    desk.part("charts").click()
    expect(desk.part("charts-page")).to_contain_text("newest 1,000")
    shoot(desk.page, "runs-charts-320-dark")
    desk.theme("JupyterLab Light")
