"""The main job, as a user does it: track, run, look, verify, convert, run the job, and find all of it again after a reload."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.desk import AXE, WORK, Desk
from tests.browser.labs import Lab, shoot
from tests.browser.stories import FLIGHTS, code_cells

pytestmark = [pytest.mark.browser, pytest.mark.slow]

JOB = "flight_delays-job"
EXPANDED = "all => all.map(one => [one.textContent, one.ariaExpanded])"
DIGITS = re.compile(r"\d+\.\d+")


@pytest.fixture
def desk(page: Page, lab: Lab) -> Desk:
    return Desk(page, lab)


def test_the_main_job(desk: Desk) -> None:
    desk.open(FLIGHTS)
    untracked(desk)
    tracked_live(desk)
    runs_with_metrics(desk)
    a_click_leads_to_the_cell(desk)
    cells_needed(desk)
    verified(desk)
    converted(desk)
    job_run(desk)
    looks(desk)
    pictures_for_the_readme(desk)
    the_same_after_a_reload(desk)
    an_edit_is_marked(desk)


def test_a_page_that_is_not_ours_cannot_act_for_the_user(desk: Desk) -> None:
    desk.open("margins.ipynb")
    forged = "() => fetch('/mlops/api/v1/live/stale', {method: 'POST', body: '{}'}).then(answer => answer.status)"
    assert desk.page.evaluate(forged) == 403


def untracked(desk: Desk) -> None:
    desk.phase("untracked")
    expect(desk.panel).to_contain_text("Never recorded")
    shoot(desk.page, "1-untracked-light")
    desk.accessible()


def tracked_live(desk: Desk) -> None:
    cells = code_cells(desk.lab.root / FLIGHTS)
    desk.track()
    shoot(desk.page, "2-tracked-empty-light")
    desk.run_all()
    executions, running = desk.part("execution"), desk.panel.locator("[data-testid='mlops-execution'][data-state='running']")
    expect(running).to_have_count(1, timeout=WORK)
    expect(desk.panel.locator("[data-n='3'][data-state='ok']")).to_be_visible(timeout=WORK)
    expect(desk.part("no-metric")).to_have_count(0)
    shoot(desk.page, "3-running-light")
    expect(executions).to_have_count(cells, timeout=WORK)
    expect(desk.panel.locator("[data-testid='mlops-execution'][data-state='ok']")).to_have_count(cells, timeout=WORK)


def runs_with_metrics(desk: Desk) -> None:
    live = desk.lab.ask(f"mlops/api/v1/live?path={FLIGHTS}")
    assert isinstance(live, dict)
    assert live["package_count"] > 10
    expect(desk.part("run")).to_have_count(2, timeout=WORK)
    newest, baseline = desk.part("run").nth(0), desk.part("run").nth(1)
    for metric in ("auc", "average_precision", "brier"):
        expect(newest).to_contain_text(metric)
    expect(baseline).to_contain_text("baseline_auc")
    expect(baseline).not_to_contain_text("brier")
    assert 0.6 < auc(desk, 1) < auc(desk, 0) < 0.9
    shoot(desk.page, "4-runs-light")


def auc(desk: Desk, place: int) -> float:
    """The AUC in the headline of a run, by its place in the list."""
    metric = desk.part("run").nth(place).locator(".jp-mlops-metric").filter(has_text="auc").first
    found = DIGITS.search(metric.inner_text())
    assert found is not None
    return float(found.group())


def a_click_leads_to_the_cell(desk: Desk) -> None:
    active = desk.page.locator(".jp-NotebookPanel .jp-Cell.jp-mod-active")
    desk.panel.locator("[data-testid='mlops-execution'][data-n='1']").click()
    expect(active).to_contain_text("from flight_features import")
    expect(active).to_be_in_viewport()
    desk.part("execution").last.click()
    expect(active).to_contain_text("reliability")
    expect(active).to_be_in_viewport()


def cells_needed(desk: Desk) -> None:
    newest = desk.part("run").nth(0)
    newest.get_by_test_id("mlops-show-cells").click()
    needed = newest.get_by_test_id("mlops-cells-needed")
    expect(needed).to_contain_text("model = HistGradientBoostingClassifier")
    expect(needed).to_contain_text("flights = pd.read_parquet")
    for left_out in ("head()", "isna()", "axis", "by_month", "corr()", "baseline", "bins"):
        expect(needed).not_to_contain_text(left_out)
    shoot(desk.page, "5-cells-needed-light")


def verified(desk: Desk) -> None:
    newest = desk.part("run").nth(0)
    newest.get_by_test_id("mlops-verify").click()
    task = newest.get_by_test_id("mlops-task")
    expect(task).to_contain_text("cell 1 of", timeout=WORK)
    task.get_by_role("button", name="Cancel").click()
    expect(newest).to_contain_text("Cancelled.", timeout=WORK)
    expect(newest.get_by_test_id("mlops-verdict")).to_have_text("unverified")
    newest.get_by_test_id("mlops-verify").click()
    expect(task).to_contain_text("HistGradientBoostingClassifier", timeout=WORK)
    shoot(desk.page, "6-verifying-light")
    desk.finished("verify")
    expect(newest.get_by_test_id("mlops-verdict")).to_have_text("identical", timeout=WORK)
    shoot(desk.page, "7-verified-light")
    desk.accessible()


def converted(desk: Desk) -> None:
    desk.part("run").nth(0).get_by_test_id("mlops-convert").click()
    preview = desk.part("preview")
    expect(preview).to_contain_text("model.fit", timeout=WORK)
    expect(preview).to_contain_text(re.compile(rf"1[0-2] of {code_cells(desk.lab.root / FLIGHTS)}"))
    expect(preview).not_to_contain_text("isna()")
    expect(preview.locator("del").filter(has_text="test_month")).to_have_count(1)
    for parameter in ("train_months", "test_month", "late_after"):
        expect(desk.part("parameters-form")).to_contain_text(parameter)
    shoot(desk.page, "8-convert-light")
    desk.accessible()
    desk.part("create-job").click()
    expect(desk.part("task")).to_be_visible()
    desk.finished("convert")
    expect(desk.panel.get_by_text("Job written to")).to_be_visible(timeout=WORK)
    expect(desk.part("verdict").first).to_have_text("identical")
    shoot(desk.page, "9-converted-light")
    for name in ("job.yaml", "flight_features.py"):
        assert (desk.lab.root / JOB / name).is_file()


def job_run(desk: Desk) -> None:
    desk.panel.get_by_role("button", name="Show the job").click()
    form = desk.part("parameters-form")
    form.get_by_label("test_month").fill("7")
    form.get_by_test_id("mlops-run-job").click()
    expect(desk.part("task")).to_contain_text("HistGradientBoostingClassifier", timeout=WORK)
    desk.part("task").scroll_into_view_if_needed()
    shoot(desk.page, "10-job-running-light")
    desk.finished("run")
    expect(desk.part("outcome")).to_have_attribute("data-state", "succeeded", timeout=WORK)
    desk.part("outcome").scroll_into_view_if_needed()
    shoot(desk.page, "11-job-done-light")
    desk.accessible()
    desk.tab("Now")
    made = desk.part("run").filter(has=desk.page.get_by_text("job", exact=True))
    expect(made).to_have_count(1, timeout=WORK)
    expect(made).to_contain_text("test_month 6→7")
    assert auc(desk, 0) != auc(desk, 1)


def looks(desk: Desk) -> None:
    """Pictures for people, dark and light, wide and narrow; the colours are checked in both."""
    desk.accessible()
    desk.theme("JupyterLab Dark")
    shoot(desk.page, "12-job-dark")
    desk.accessible()
    desk.part("executions").scroll_into_view_if_needed()
    shoot(desk.page, "13-panel-dark")
    desk.widen(320)
    shoot(desk.page, "14-panel-dark-wide")
    desk.theme("JupyterLab Light")
    shoot(desk.page, "15-panel-light-wide")
    desk.widen(-500)
    shoot(desk.page, "16-panel-light-narrow")


def pictures_for_the_readme(desk: Desk) -> None:
    desk.page.set_viewport_size({"width": 1400, "height": 900})
    desk.command("application:toggle-left-area")
    box = desk.panel.bounding_box()
    assert box is not None
    desk.widen(380 - int(box["width"]))
    unfolded = desk.panel.locator(".jp-mlops-run-title[aria-expanded='true']")
    while unfolded.count() > 0:
        unfolded.first.click()
    desk.panel.locator("[data-testid='mlops-execution'][data-n='19']").click()
    desk.part("executions").evaluate("list => { list.scrollTop = list.scrollHeight; }")
    desk.page.locator("#mlops-panel").evaluate("panel => { panel.scrollTop = 0; }")
    desk.page.mouse.move(700, 880)
    for theme in ("Dark", "Light"):
        desk.theme(f"JupyterLab {theme}")
        shoot(desk.page, f"panel-{theme.lower()}")
    desk.part("run").nth(1).locator(".jp-mlops-run-title").click()


def the_same_after_a_reload(desk: Desk) -> None:
    titles, rows = desk.part("run").locator(".jp-mlops-run-title"), desk.part("execution")
    folds = desk.panel.locator("[aria-expanded]:not(.jp-mlops-execution)")  # what a row shows lasts as long as the look
    before, executions = titles.all_inner_texts(), [without_times(text) for text in rows.all_inner_texts()]
    expect(titles.nth(1)).to_have_attribute("aria-expanded", "true")
    opened = folds.evaluate_all(EXPANDED)
    desk.settled()
    desk.reload()
    desk.phase("tracked")
    expect(rows).to_have_count(len(executions), timeout=WORK)
    expect(titles).to_have_text(before, use_inner_text=True)
    expect(folds).to_have_count(len(opened))
    assert [without_times(text) for text in rows.all_inner_texts()] == executions
    assert folds.evaluate_all(EXPANDED) == opened
    shoot(desk.page, "17-after-reload-light")
    desk.tab("Jobs")
    expect(desk.part("jobs")).to_contain_text(JOB)
    desk.tab("Now")


def without_times(text: str) -> str:
    """A row without how long it took, which is shown with fewer digits as it grows."""
    return re.sub(r"\d+(\.\d+)?\s*(ms|s|min)\b", "", text).strip()


def an_edit_is_marked(desk: Desk) -> None:
    desk.part("execution").last.click()
    desk.page.locator(".jp-NotebookPanel .jp-Cell.jp-mod-active .cm-content").click()
    desk.page.keyboard.press("Control+End")
    desk.page.keyboard.type("\nreliability.mean()")
    expect(desk.part("execution").last).to_have_attribute("data-stale", "true", timeout=WORK)
    shoot(desk.page, "18-edited-light")


def test_a_notebook_without_a_metric_is_told_how_to_log_one(desk: Desk) -> None:
    desk.open("margins.ipynb")
    desk.track()
    desk.run_all()
    expect(desk.part("execution")).to_have_count(2, timeout=WORK)
    expect(desk.part("no-metric")).to_contain_text('mlops.log_metric("margin", margin)')
    shoot(desk.page, "19-no-metric-light")
    desk.accessible()


def test_the_checker_of_accessibility_was_there() -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not installed (npm --prefix labextension install): no journey checked accessibility")
