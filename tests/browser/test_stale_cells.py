"""A notebook that has gone wrong, as it happens: an edit, a cell that is gone; it is marked, run again, verified."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.desk import WORK, Desk
from tests.browser.labs import Lab, shoot
from tests.browser.stories import write_notebook

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NAME = "scores.ipynb"
CELLS = ["import mlops_jupyter as mlops\nrows = list(range(10))", "scale = 2", "scaled = [row * scale for row in rows]",
         "total = float(sum(scaled))", "mlops.log_metric('total', total)"]
MARKS = ".jp-NotebookPanel .jp-Cell > .jp-mlops-margin"


@pytest.fixture
def desk(page: Page, lab: Lab) -> Desk:
    write_notebook(lab.root / NAME, CELLS)
    return Desk(page, lab)


def cell(desk: Desk, place: int) -> None:
    """Make a cell the active one, in edit mode, the cursor at its end."""
    desk.page.locator(".jp-NotebookPanel .jp-CodeCell").nth(place).locator(".cm-content").click()
    desk.page.keyboard.press("Control+End")


def test_a_broken_notebook_is_marked_run_again_and_verified(desk: Desk) -> None:
    desk.open(NAME)
    desk.track()
    desk.run_all()
    expect(desk.part("execution")).to_have_count(5, timeout=WORK)
    expect(desk.part("run")).to_have_count(1, timeout=WORK)
    expect(desk.part("badge")).to_have_attribute("data-word", "unknown")
    expect(desk.page.locator(MARKS)).to_have_count(0)

    cell(desk, 1)
    desk.page.keyboard.type(" + 1")
    expect(desk.page.locator(MARKS)).to_have_count(4, timeout=WORK)
    expect(desk.part("stale")).to_contain_text("4 cells no longer hold")
    expect(desk.page.locator(MARKS).first).to_have_attribute("title", re.compile("No longer holds"))
    expect(desk.page.locator("#mlops-status")).to_have_text("MLOps: tracking · 4 stale")
    desk.part("stale-why").click()
    expect(desk.part("stale-cell").first).to_contain_text("edited")
    shoot(desk.page, "30-stale-light")
    desk.accessible()

    desk.part("run-stale").click()
    expect(desk.part("rerun").first).to_have_text("4 cells were run.", timeout=WORK)
    expect(desk.page.locator(MARKS)).to_have_count(0, timeout=WORK)
    expect(desk.part("execution")).to_have_count(9)
    assert outputs_of(desk) == [6, 7, 8, 9]

    remove(desk, 1)
    expect(desk.part("stale-cell").first).to_contain_text("deleted", timeout=WORK)
    expect(desk.page.locator(MARKS)).not_to_have_count(0)
    shoot(desk.page, "31-deleted-light")
    desk.page.keyboard.press("z")  # and back again
    expect(desk.page.locator(MARKS)).to_have_count(0, timeout=WORK)

    desk.part("run").first.get_by_test_id("mlops-verify").click()
    desk.finished("verify")
    expect(desk.part("badge")).to_have_attribute("data-word", "verified", timeout=WORK)
    shoot(desk.page, "32-verified-light")
    cell(desk, 1)
    desk.page.keyboard.type(" + 1")
    expect(desk.part("badge")).to_have_attribute("data-word", "verified before edit", timeout=WORK)
    desk.part("execution").last.click()
    expect(desk.part("execution-details")).to_contain_text("memory")
    desk.theme("JupyterLab Dark")
    shoot(desk.page, "33-before-edit-dark")
    desk.accessible()


def outputs_of(desk: Desk) -> list[int]:
    """The prompt numbers that the rerun left in the notebook's own cells."""
    found = desk.page.locator(".jp-NotebookPanel .jp-CodeCell .jp-InputPrompt").all_inner_texts()
    numbers = [int(match.group()) for text in found if (match := re.search(r"\d+", text))]
    return [number for number in numbers if number > len(CELLS)]


def remove(desk: Desk, place: int) -> None:
    """Delete a cell as a user does: select it, press d twice."""
    cell(desk, place)
    desk.page.keyboard.press("Escape")
    desk.page.keyboard.press("d")
    desk.page.keyboard.press("d")


def test_a_notebook_that_is_always_tracked_is_so_after_a_restart(desk: Desk) -> None:
    write_notebook(desk.lab.root / "always.ipynb", CELLS)
    desk.open("always.ipynb")
    desk.phase("untracked")
    desk.part("always").click()
    desk.phase("tracked")
    desk.restart()
    desk.phase("tracked")
    desk.run_all()
    expect(desk.panel.locator("[data-testid='mlops-execution'][data-state='ok']")).to_have_count(5, timeout=WORK)
    desk.part("always").click()
    expect(desk.part("always")).to_have_attribute("aria-checked", "false")
    desk.restart()
    desk.phase("untracked")
