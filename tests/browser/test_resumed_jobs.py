"""A job that ends badly after a costly cell, and goes on from the panel with what that cell left: failed, cancelled, swept."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.desk import WORK, Desk
from tests.browser.labs import Lab, shoot
from tests.browser.stories import write_notebook

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NOTEBOOK, JOB = "costly.ipynb", "costly-job"
LAST_CELL = """
while Path({hold!r}).exists():
    time.sleep(0.05)
assert len(big) < limit, f'{{len(big)}} rows, and the most is {{limit}}'
score = mean_absolute_error([0] * len(big), big)
score
"""
CELLS = [
    "import time\nfrom pathlib import Path\nfrom sklearn.metrics import mean_absolute_error",
    "depth = 2\nlimit = 5000",
    "time.sleep(2)\nbig = [depth * x for x in range(1000)]",
    LAST_CELL.strip(),
]
COSTLY = "was taken from the run of"
LAST = "cell 4 of 4"


@pytest.fixture
def hold(lab: Lab) -> Path:
    """While this file is there, the last cell waits."""
    return lab.home / "hold"


@pytest.fixture
def desk(page: Page, lab: Lab, hold: Path) -> Desk:
    write_notebook(lab.root / NOTEBOOK, [cell.format(hold=str(hold)) for cell in CELLS])
    return Desk(page, lab)


def test_a_job_goes_on_where_it_failed_or_was_cancelled(desk: Desk, hold: Path) -> None:
    desk.open(NOTEBOOK)
    desk.command("application:toggle-left-area")
    desk.track()
    desk.run_all()
    converted(desk)
    failed_and_resumed(desk)
    cancelled_and_resumed(desk, hold)
    cancelled_on_a_runner_and_resumed_here(desk, hold)
    sweep_cancelled_and_gone_on_with(desk, hold)


def converted(desk: Desk) -> None:
    desk.part("run").first.get_by_test_id("mlops-convert").click(timeout=WORK)
    desk.part("create-job").click(timeout=WORK)
    desk.finished("convert")
    desk.panel.get_by_role("button", name="Show the job").click(timeout=WORK)
    expect(desk.part("parameters-form")).to_be_visible(timeout=WORK)


def outcome(desk: Desk, state: str) -> Locator:
    found = desk.panel.locator(f"[data-testid='mlops-outcome'][data-state='{state}']")
    expect(found).to_be_visible(timeout=WORK)
    return found


def failed_and_resumed(desk: Desk) -> None:
    form = desk.part("parameters-form")
    form.get_by_label("limit", exact=True).fill("5")
    desk.part("run-job").click()
    bad = outcome(desk, "failed")
    expect(bad).to_contain_text("Failed in cell 4")
    expect(bad).to_contain_text("1000 rows, and the most is 5")
    expect(bad).not_to_contain_text(COSTLY)
    desk.both("resumed-failed", bad)
    form.get_by_label("limit", exact=True).fill("5000")
    desk.part("resume").click()
    good = outcome(desk, "succeeded")
    expect(good.get_by_test_id("mlops-taken")).to_contain_text(f"1 of 4 cells {COSTLY}")
    expect(good.get_by_test_id("mlops-taken")).to_contain_text("which spent 2.0 s on it")
    desk.both("resumed-taken", good)
    good.get_by_role("button", name="Show the run").click()
    expect(desk.part("run-page")).to_contain_text("score", timeout=WORK)
    desk.panel.get_by_role("button", name="Back").click()


def cancelled_and_resumed(desk: Desk, hold: Path) -> None:
    """Another value for the costly cell: what is taken is what the cancelled run left."""
    hold.touch()
    desk.part("parameters-form").get_by_label("depth", exact=True).fill("3")
    desk.part("run-job").click()
    expect(desk.part("task")).to_contain_text(LAST, timeout=WORK)
    shoot(desk.page, "resumed-running-light")
    desk.part("task").get_by_role("button", name="Cancel").click()
    expect(desk.panel.get_by_text("Cancelled.")).to_be_visible(timeout=WORK)
    desk.accessible()
    shoot(desk.page, "resumed-cancelled-light")
    hold.unlink()
    desk.part("resume").click()
    expect(outcome(desk, "succeeded").get_by_test_id("mlops-taken")).to_contain_text(f"1 of 4 cells {COSTLY}")


def cancelled_on_a_runner_and_resumed_here(desk: Desk, hold: Path) -> None:
    hold.touch()
    form = desk.part("parameters-form")
    form.get_by_role("button", name="On a runner").click()
    form.get_by_label("Runner", exact=True).select_option("local", timeout=WORK)
    form.get_by_label("depth", exact=True).fill("4")
    form.get_by_test_id("mlops-submit-job").click()
    one = desk.part("submission").first
    expect(one).to_contain_text("cell 4 of 4", timeout=WORK)
    one.get_by_role("button").first.click()
    one.get_by_test_id("mlops-cancel-submission").click()
    expect(desk.panel.locator("[data-testid='mlops-submission'][data-state='cancelled']")).to_have_count(1, timeout=WORK)
    hold.unlink()
    form.get_by_role("button", name="Run here").click()
    one.get_by_role("button", name="Resume").click()
    expect(desk.part("task")).to_be_visible(timeout=WORK)
    expect(outcome(desk, "succeeded").get_by_test_id("mlops-taken")).to_contain_text(f"1 of 4 cells {COSTLY}")
    desk.accessible()
    shoot(desk.page, "resumed-here-light")


def sweep_cancelled_and_gone_on_with(desk: Desk, hold: Path) -> None:
    hold.touch()
    form = desk.part("parameters-form")
    form.get_by_role("button", name="Sweep", exact=True).click()
    form.get_by_label("depth", exact=True).fill("5, 6, 7")
    form.get_by_test_id("mlops-start-sweep").click()
    desk.part("sweeps").get_by_role("button").first.click(timeout=WORK)
    rows = desk.part("sweep-table").locator("tbody tr")
    expect(rows).to_have_count(3, timeout=WORK)
    expect(desk.part("sweep-table").locator("tr[data-state='running']")).to_have_count(2, timeout=WORK)
    desk.part("cancel-sweep").click()
    desk.panel.get_by_role("button", name="Run the other 3").wait_for(timeout=WORK)
    expect(desk.part("sweep-table").locator("tr[data-state='running']")).to_have_count(0, timeout=WORK)
    desk.both("resumed-sweep-cancelled", desk.part("sweep-table"))
    hold.unlink()
    desk.part("resume-sweep").click()
    expect(desk.panel.get_by_text("3 of 3 have ended")).to_be_visible(timeout=WORK)
    expect(desk.part("sweep-table").locator("tr[data-state='succeeded']")).to_have_count(3, timeout=WORK)
    expect(desk.part("resume-sweep")).to_have_count(0)
    expect(desk.part("sweep-table").locator("tr[data-best='true']")).to_contain_text("7")
    desk.both("resumed-sweep-done", desk.part("sweep-table"))
