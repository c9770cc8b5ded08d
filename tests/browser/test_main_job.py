"""The main job, as a user does it: track, run, look, verify, convert, run the job, and find all of it again after a reload."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.desk import WORK, Desk
from tests.browser.labs import Lab, shoot
from tests.browser.stories import STUDY_CODE_CELLS

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def desk(page: Page, lab: Lab) -> Desk:
    return Desk(page, lab)


def test_the_main_job(desk: Desk) -> None:
    desk.open("tumours.ipynb")
    untracked(desk)
    tracked_live(desk)
    runs_with_metrics(desk)
    a_click_leads_to_the_cell(desk)
    cells_needed(desk)
    verified(desk)
    converted(desk)
    job_run(desk)
    looks(desk)
    the_same_after_a_reload(desk)


def test_a_page_that_is_not_ours_cannot_act_for_the_user(desk: Desk) -> None:
    desk.open("margins.ipynb")
    forged = "() => fetch('/mlops/api/v1/live/stale', {method: 'POST', body: '{}'}).then(answer => answer.status)"
    assert desk.page.evaluate(forged) == 403


def untracked(desk: Desk) -> None:
    desk.phase("untracked")
    expect(desk.panel).to_contain_text("Never recorded")
    shoot(desk.page, "1-untracked-light")


def tracked_live(desk: Desk) -> None:
    desk.track()
    shoot(desk.page, "2-tracked-empty-light")
    desk.run_all()
    expect(desk.part("execution").first).to_be_visible(timeout=WORK)
    shoot(desk.page, "3-running-light")
    expect(desk.part("execution")).to_have_count(STUDY_CODE_CELLS, timeout=WORK)
    expect(desk.panel.locator("[data-testid='mlops-execution'][data-state='ok']")).to_have_count(STUDY_CODE_CELLS, timeout=WORK)


def runs_with_metrics(desk: Desk) -> None:
    live = desk.lab.ask("mlops/api/v1/live?path=tumours.ipynb")
    assert isinstance(live, dict)
    assert live["package_count"] > 10
    expect(desk.part("run")).to_have_count(2, timeout=WORK)
    newest, baseline = desk.part("run").nth(0), desk.part("run").nth(1)
    expect(newest).to_contain_text("auc")
    expect(newest).to_contain_text("accuracy")
    expect(baseline).to_contain_text("baseline_auc")
    expect(baseline).not_to_contain_text("accuracy")
    shoot(desk.page, "4-runs-light")


def a_click_leads_to_the_cell(desk: Desk) -> None:
    active = desk.page.locator(".jp-NotebookPanel .jp-Cell.jp-mod-active")
    desk.panel.locator("[data-testid='mlops-execution'][data-n='1']").click()
    expect(active).to_contain_text("from nucleus import add_ratios")
    expect(active).to_be_in_viewport()
    desk.panel.locator(f"[data-testid='mlops-execution'][data-n='{STUDY_CODE_CELLS}']").click()
    expect(active).to_contain_text("value_counts")
    expect(active).to_be_in_viewport()


def cells_needed(desk: Desk) -> None:
    newest = desk.part("run").nth(0)
    newest.get_by_test_id("mlops-show-cells").click()
    needed = newest.get_by_test_id("mlops-cells-needed")
    expect(needed).to_contain_text("boosted = HistGradientBoostingClassifier")
    expect(needed).to_contain_text("tumours = pd.read_csv")
    for left_out in ("describe()", "groupby", "baseline", "value_counts"):
        expect(needed).not_to_contain_text(left_out)
    shoot(desk.page, "5-cells-needed-light")


def verified(desk: Desk) -> None:
    newest = desk.part("run").nth(0)
    newest.get_by_test_id("mlops-verify").click()
    expect(newest.get_by_test_id("mlops-task")).to_be_visible()
    shoot(desk.page, "6-verifying-light")
    desk.finished("verify")
    expect(newest.get_by_test_id("mlops-verdict")).to_have_text("identical", timeout=WORK)
    shoot(desk.page, "7-verified-light")


def converted(desk: Desk) -> None:
    desk.part("run").nth(0).get_by_test_id("mlops-convert").click()
    preview = desk.part("preview")
    expect(preview).to_contain_text("boosted", timeout=WORK)
    expect(preview).not_to_contain_text("describe()")
    expect(preview.locator("del").filter(has_text="max_iter")).to_have_count(1)
    expect(desk.part("parameters-form")).to_contain_text("test_share")
    shoot(desk.page, "8-convert-light")
    desk.part("create-job").click()
    expect(desk.part("task")).to_be_visible()
    desk.finished("convert")
    expect(desk.panel.get_by_text("Job written to")).to_be_visible(timeout=WORK)
    expect(desk.part("verdict")).to_have_text("identical")
    shoot(desk.page, "9-converted-light")
    assert (desk.lab.root / "tumours-job" / "job.yaml").is_file()
    assert (desk.lab.root / "tumours-job" / "nucleus.py").is_file()


def job_run(desk: Desk) -> None:
    desk.panel.get_by_role("button", name="Show the job").click()
    form = desk.part("parameters-form")
    form.get_by_label("max_iter").fill("80")
    form.get_by_test_id("mlops-run-job").click()
    expect(desk.part("task")).to_be_visible()
    desk.part("task").scroll_into_view_if_needed()
    shoot(desk.page, "10-job-running-light")
    desk.finished("run")
    expect(desk.part("outcome")).to_have_attribute("data-state", "succeeded", timeout=WORK)
    expect(desk.part("run").filter(has=desk.page.get_by_text("job", exact=True))).to_have_count(1, timeout=WORK)
    desk.part("outcome").scroll_into_view_if_needed()
    shoot(desk.page, "11-job-done-light")


def looks(desk: Desk) -> None:
    """Nothing to assert: pictures for people, dark and light, wide and narrow."""
    desk.theme("JupyterLab Dark")
    shoot(desk.page, "12-job-dark")
    desk.part("executions").scroll_into_view_if_needed()
    shoot(desk.page, "13-panel-dark-narrow")
    desk.widen(320)
    shoot(desk.page, "14-panel-dark-wide")
    desk.theme("JupyterLab Light")
    shoot(desk.page, "15-panel-light-wide")


def the_same_after_a_reload(desk: Desk) -> None:
    titles = desk.part("run").locator(".jp-mlops-run-title")
    before = titles.all_inner_texts()
    executions = [without_times(text) for text in desk.part("execution").all_inner_texts()]
    desk.reload()
    desk.phase("tracked")
    expect(desk.part("execution")).to_have_count(STUDY_CODE_CELLS, timeout=WORK)
    assert [without_times(text) for text in desk.part("execution").all_inner_texts()] == executions
    expect(titles).to_have_text(before, use_inner_text=True)
    expect(desk.part("jobs")).to_contain_text("tumours-job")
    shoot(desk.page, "16-after-reload-light")


def without_times(text: str) -> str:
    """A row without how long it took, which is shown with fewer digits as it grows."""
    return re.sub(r"\d+(\.\d+)?\s*(ms|s|min)\b", "", text).strip()


def test_a_notebook_without_a_metric_is_told_how_to_log_one(desk: Desk) -> None:
    desk.open("margins.ipynb")
    desk.track()
    desk.run_all()
    expect(desk.part("execution")).to_have_count(2, timeout=WORK)
    expect(desk.part("no-metric")).to_contain_text('mlops.log_metric("margin", margin)')
    shoot(desk.page, "17-no-metric-light")
