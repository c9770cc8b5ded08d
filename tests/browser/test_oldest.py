"""The same build of the panel in the oldest JupyterLab and Notebook that it is for; the other journeys run in the newest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.desk import WORK, Desk
from tests.browser.labs import TOKEN, Lab, shoot, start_lab
from tests.browser.stories import write_notebook
from tests.engines import ci_tools

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NAME = "scores.ipynb"
CELLS = ["import mlops_jupyter as mlops\nscale = 2", "total = float(sum(scale * row for row in range(10)))",
         "mlops.log_metric('total', total)"]


@pytest.fixture(params=["lab", "notebook"])
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lab]:
    """One of the two, of the oldest version, on a folder with a notebook."""
    root = tmp_path / "root"
    root.mkdir()
    write_notebook(root / NAME, CELLS)
    with start_lab(tmp_path, root, request.param, str(ci_tools.oldest())) as running:
        yield running


def test_it_tracks_marks_runs_again_and_shows_every_tab(page: Page, lab: Lab, request: pytest.FixtureRequest) -> None:
    desk, app = Desk(page, lab), request.node.callspec.params["lab"]
    page.goto(f"{lab.url}/{'lab/tree' if app == 'lab' else 'notebooks'}/{NAME}?token={TOKEN}")
    desk.ready()
    desk.command("mlops:open")
    desk.track()
    desk.run_all()
    expect(desk.part("execution")).to_have_count(3, timeout=WORK)
    page.locator(".jp-Notebook .jp-CodeCell").first.locator(".cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.type("1")
    expect(page.locator(".jp-Cell > .jp-mlops-margin")).to_have_count(3, timeout=WORK)
    desk.part("run-stale").click()
    expect(page.locator(".jp-Cell > .jp-mlops-margin")).to_have_count(0, timeout=WORK)
    expect(desk.part("run").first).to_contain_text("945", timeout=WORK)
    its_source_comes_back(desk)
    lineage_is_drawn(desk)
    a_sweep_is_a_table(desk)
    for tab in desk.panel.get_by_role("tab").all_inner_texts():
        desk.tab(tab)
        page.wait_for_load_state("networkidle")
        expect(desk.panel.get_by_role("alert")).to_have_count(0)
    shoot(page, f"24-oldest-{app}")


def its_source_comes_back(desk: Desk) -> None:
    """The cell that was changed and run again: as it first ran."""
    changed = desk.page.locator(".jp-Notebook .jp-CodeCell").first.locator(".cm-content")
    expect(changed).to_contain_text("scale = 21")
    desk.part("execution").last.click()
    desk.panel.locator("[data-testid='mlops-execution'][data-n='4']").click()
    desk.part("history").click()
    expect(desk.part("version")).to_have_count(2, timeout=WORK)
    first = desk.part("version").nth(1)
    first.get_by_role("button").first.click()
    first.get_by_test_id("mlops-restore").click()
    first.get_by_test_id("mlops-restore-now").click()
    expect(changed).to_contain_text("scale = 2")
    expect(changed).not_to_contain_text("scale = 21")
    desk.panel.get_by_role("button", name="Back").click()


def lineage_is_drawn(desk: Desk) -> None:
    desk.tab("Lineage")
    nodes = desk.panel.locator("[data-place]")
    expect(nodes.first).to_be_visible(timeout=WORK)
    nodes.first.click()
    expect(desk.part("card")).to_be_visible(timeout=WORK)


def a_sweep_is_a_table(desk: Desk) -> None:
    desk.tab("Now")
    desk.part("run").first.get_by_test_id("mlops-convert").click()
    desk.part("create-job").click(timeout=WORK)
    desk.finished("convert")
    desk.panel.get_by_role("button", name="Show the job").click(timeout=WORK)
    form = desk.part("parameters-form")
    form.get_by_role("button", name="Sweep", exact=True).click()
    form.get_by_label("scale", exact=True).fill("1, 3")
    form.get_by_test_id("mlops-start-sweep").click()
    desk.part("sweeps").get_by_role("button").click(timeout=WORK)
    expect(desk.panel.get_by_text("2 of 2 have ended")).to_be_visible(timeout=WORK)
    best = desk.part("sweep-table").locator("tr[data-best='true']")
    expect(best).to_contain_text("135", timeout=WORK)
    desk.panel.get_by_role("button", name="Back").click()
