"""A job's whole life in the panel: its cells, its contract, its clean run, runners, logs, sweeps; and the history of a cell."""

from __future__ import annotations

import re

import nbformat
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.desk import WORK, Desk
from tests.browser.labs import Lab, shoot
from tests.browser.stories import notebook

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NOTEBOOK, JOB = "rates.ipynb", "rates-job"
RATES = """
# %%
import time
from sklearn.metrics import mean_absolute_error
# %%
rate = 0.3
depth = 2
# %%
errors = [abs(x * rate - depth / 10) for x in range(5)]
# %%
shares = sorted(errors)
print(shares)
# %%
print("nothing rests on this")
# %%
time.sleep(2)
print("scoring", len(errors))
score = mean_absolute_error([0] * len(errors), errors)
score
"""


@pytest.fixture
def desk(page: Page, lab: Lab) -> Desk:
    file = lab.root / NOTEBOOK
    if not file.exists():
        nbformat.write(notebook(RATES), file)
    return Desk(page, lab)


def test_from_a_cells_history_to_a_job_on_a_runner(desk: Desk) -> None:
    desk.open(NOTEBOOK)
    desk.track()
    desk.command("application:toggle-left-area")
    desk.run_all()
    expect(desk.panel.locator("[data-testid='mlops-execution'][data-state='ok']")).to_have_count(6, timeout=WORK)
    another_rate(desk)
    history_of_the_cell(desk)
    converted(desk)
    handed_to_a_runner(desk)
    swept(desk)
    delivered(desk)


def another_rate(desk: Desk) -> None:
    """The user types another number and runs the cell, and the one that scores."""
    desk.cell(1).locator(".cm-content").click()
    desk.page.keyboard.press("Control+A")
    desk.page.keyboard.type("rate = 0.4\ndepth = 2")
    for place in (1, 2, 3, 5):
        desk.cell(place).locator(".cm-content").click()
        desk.page.keyboard.press("Control+Enter")
    expect(desk.panel.locator("[data-testid='mlops-execution'][data-state='ok']")).to_have_count(10, timeout=WORK)


def history_of_the_cell(desk: Desk) -> None:
    desk.panel.locator("[data-testid='mlops-execution'][data-n='7']").click()
    desk.part("history").click()
    expect(desk.part("version")).to_have_count(2, timeout=WORK)
    newest, oldest = desk.part("version").nth(0), desk.part("version").nth(1)
    expect(newest).to_contain_text("+1 −1")
    expect(newest.locator("ins")).to_contain_text("rate = 0.4")
    oldest.get_by_role("button").first.click()
    expect(oldest).to_contain_text("first seen")
    desk.both("jobs-history")
    oldest.get_by_test_id("mlops-restore").click()
    expect(oldest.locator("ins").last).to_contain_text("rate = 0.3")
    shoot(desk.page, "jobs-history-restore-light")
    desk.accessible()
    oldest.get_by_test_id("mlops-restore-now").click()
    expect(desk.cell(1).locator(".cm-content")).to_contain_text("rate = 0.3")
    desk.cell(1).locator(".cm-content").click()
    desk.page.keyboard.press("Control+Z")
    expect(desk.cell(1).locator(".cm-content")).to_contain_text("rate = 0.4")
    desk.panel.get_by_role("button", name="Back").click()


def converted(desk: Desk) -> None:
    desk.part("run").nth(0).get_by_test_id("mlops-convert").click()
    expect(desk.part("preview")).to_contain_text("errors = ", timeout=WORK)
    desk.part("show-dropped").click()
    dropped = desk.part("dropped")
    expect(dropped).to_contain_text("makes shares, which no result reads")
    expect(desk.part("preview")).not_to_contain_text("sorted(errors)")
    dropped.locator("li", has_text="sorted(errors)").get_by_role("checkbox").click()
    expect(desk.part("preview")).to_contain_text("sorted(errors)", timeout=WORK)
    expect(desk.part("preview")).to_contain_text("added by hand")
    desk.panel.get_by_role("button", name="Contract of rate").click()
    desk.panel.get_by_label("Range").fill("0.5..1")
    expect(desk.panel.get_by_role("alert")).to_contain_text("rate", timeout=WORK)
    expect(desk.part("create-job")).to_be_disabled()
    shoot(desk.page, "jobs-convert-refused-light")
    desk.panel.get_by_label("Range").fill("0..1")
    expect(desk.panel.get_by_role("alert")).to_have_count(0, timeout=WORK)
    desk.panel.get_by_role("button", name="Then hand it to a runner").click()
    desk.part("order").get_by_label("Runner", exact=True).select_option("local", timeout=WORK)
    desk.both("jobs-convert")
    desk.part("create-job").click()
    expect(desk.part("clean-run").locator("[data-state='running']")).to_have_count(1, timeout=WORK)
    shoot(desk.page, "jobs-clean-run-light")
    desk.finished("convert")
    expect(desk.part("compared")).to_contain_text("score", timeout=WORK)
    expect(desk.part("compared").get_by_test_id("mlops-verdict")).to_have_text("identical")
    desk.part("submit-made").scroll_into_view_if_needed()
    shoot(desk.page, "jobs-converted-light")
    desk.accessible()
    desk.part("submit-made").click()
    expect(desk.panel.get_by_text("Handed to local.")).to_be_visible(timeout=WORK)
    desk.panel.get_by_role("button", name="Show the job").click()


def submissions(desk: Desk, state: str) -> Locator:
    return desk.panel.locator(f"[data-testid='mlops-submission'][data-state='{state}']")


def handed_to_a_runner(desk: Desk) -> None:
    expect(desk.part("submission")).to_have_count(1, timeout=WORK)
    form = desk.part("parameters-form")
    expect(form.get_by_label("rate", exact=True)).to_have_attribute("max", "1")
    desk.part("submission").get_by_role("button").first.click()
    desk.part("show-log").click()
    expect(desk.part("log")).to_contain_text("scoring 5", timeout=WORK)
    expect(submissions(desk, "succeeded")).to_have_count(1, timeout=WORK)
    expect(desk.panel.get_by_role("button", name="Show the run")).to_be_visible(timeout=WORK)
    desk.part("retry").click()
    expect(desk.part("submission")).to_have_count(2, timeout=WORK)
    desk.part("submission").first.get_by_role("button").first.click()
    desk.part("submission").first.get_by_test_id("mlops-cancel-submission").click()
    expect(submissions(desk, "cancelled")).to_have_count(1, timeout=WORK)
    form.get_by_role("button", name="On a runner").click()
    form.get_by_label("Runner", exact=True).select_option("local", timeout=WORK)
    form.get_by_label("rate", exact=True).fill("0.25")
    form.get_by_test_id("mlops-submit-job").click()
    expect(desk.part("submission").first).to_contain_text("rate=0.25", timeout=WORK)
    expect(desk.part("submission").first.locator("progress")).to_be_visible(timeout=WORK)
    shoot(desk.page, "jobs-running-light")
    desk.accessible()
    expect(submissions(desk, "succeeded")).to_have_count(2, timeout=WORK)


def swept(desk: Desk) -> None:
    form = desk.part("parameters-form")
    form.get_by_role("button", name="Sweep", exact=True).click()
    form.get_by_label("rate", exact=True).fill("0.1, 0.2, 0.3")
    form.get_by_label("depth", exact=True).fill("1, 2")
    expect(form).to_contain_text("6 runs")
    shoot(desk.page, "jobs-sweep-form-light")
    form.get_by_test_id("mlops-start-sweep").click()
    desk.part("sweeps").get_by_role("button").click(timeout=WORK)
    table = desk.part("sweep-table")
    expect(table.locator("tbody tr")).to_have_count(6, timeout=WORK)
    shoot(desk.page, "jobs-sweep-running-light")
    expect(desk.panel.get_by_text("6 of 6 have ended")).to_be_visible(timeout=WORK)
    expect(table.locator("tr[data-best='true']")).to_contain_text("0.3")
    table.get_by_role("button", name="rate").click()
    expect(table.locator("th[aria-sort='ascending']")).to_have_text("rate ↑")
    desk.panel.get_by_label("the least").check()
    expect(table.locator("tr[data-best='true']")).to_contain_text("0.1", timeout=WORK)
    desk.both("jobs-sweep")
    desk.panel.get_by_role("button", name="Back").click()


def delivered(desk: Desk) -> None:
    desk.tab("Delivery")
    figures = desk.part("figures")
    expect(figures).to_contain_text("First run to verified job", timeout=WORK)
    expect(figures.get_by_label("First run to verified job", exact=True)).not_to_contain_text("no verified job yet")
    expect(figures.get_by_label("Jobs that fail", exact=True)).to_contain_text(re.compile(r"0 of \d+ jobs"))
    desk.panel.get_by_role("button", name="How this is counted").click()
    desk.both("jobs-delivery")
