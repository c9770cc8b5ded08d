"""Any day: the kernel is restarted, the notebook renamed, the page reloaded, another notebook opened, the server away."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.desk import WORK, Desk
from tests.browser.labs import Lab, shoot
from tests.browser.stories import write_notebook

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FIRST, SECOND, RENAMED = "first.ipynb", "second.ipynb", "renamed.ipynb"
CELLS = ["import mlops_jupyter as mlops", "mlops.log_metric('total', 41.5)"]


@pytest.fixture
def desk(page: Page, lab: Lab) -> Desk:
    for name in (FIRST, SECOND):
        write_notebook(lab.root / name, CELLS)
    return Desk(page, lab)


def name_shown(desk: Desk, name: str) -> None:
    expect(desk.panel.locator(".jp-mlops-header-name strong")).to_have_text(name, timeout=30_000)


def test_restart_rename_reload_and_two_notebooks(desk: Desk) -> None:
    page = desk.page
    desk.open(FIRST)
    desk.track()
    desk.run_all()
    expect(desk.part("run")).to_have_count(1, timeout=WORK)

    desk.restart()
    desk.phase("untracked")
    expect(desk.part("execution")).to_have_count(2)  # those of the last session are still shown, as such
    expect(desk.panel).to_contain_text("Last session")
    desk.part("track").click()
    desk.phase("tracked")
    desk.run_all()
    expect(desk.part("execution")).to_have_count(2, timeout=WORK)
    expect(desk.part("run")).to_have_count(2, timeout=WORK)

    page.evaluate("name => window.jupyterapp.shell.currentWidget.context.rename(name)", RENAMED)
    name_shown(desk, RENAMED)
    expect(desk.part("run")).to_have_count(2, timeout=WORK)
    desk.phase("tracked")

    desk.command("docmanager:open", path=SECOND)
    name_shown(desk, SECOND)
    desk.phase("untracked")
    expect(desk.part("run")).to_have_count(0)
    desk.command("docmanager:open", path=RENAMED)
    name_shown(desk, RENAMED)
    expect(desk.part("run")).to_have_count(2, timeout=WORK)

    desk.tab("Jobs")
    desk.settled()
    desk.reload()
    expect(desk.panel.get_by_role("tab", name="Jobs")).to_have_attribute("aria-selected", "true", timeout=WORK)
    desk.tab("Now")
    desk.phase("tracked")
    expect(desk.part("run")).to_have_count(2, timeout=WORK)


def test_the_server_away_is_said_what_is_shown_stays_and_it_comes_back_by_itself(desk: Desk) -> None:
    desk.open(SECOND)
    desk.track()
    desk.run_all()
    expect(desk.part("run")).to_have_count(1, timeout=WORK)
    desk.page.context.set_offline(True)  # nobody presses anything: the panel notices by itself
    expect(desk.part("offline")).to_contain_text("does not answer", timeout=WORK)
    expect(desk.part("execution")).to_have_count(2)
    expect(desk.part("run")).to_have_count(1)
    shoot(desk.page, "34-offline-light")
    desk.accessible()
    desk.page.context.set_offline(False)
    expect(desk.part("offline")).to_have_count(0, timeout=WORK)


def test_it_is_found_everywhere_else_too(desk: Desk) -> None:
    page = desk.page
    desk.open(SECOND)
    page.locator("#mlops-status").click()
    expect(desk.panel).to_be_visible()
    desk.command("launcher:create")
    page.locator(".jp-LauncherCard", has_text="MLOps Runs").click()
    wide = page.locator("#jp-main-dock-panel .jp-mlops")
    expect(wide).to_be_visible(timeout=WORK)
    expect(wide.get_by_role("tab", name="Runs")).to_have_attribute("aria-selected", "true")
    shoot(page, "35-wide-light")
    page.locator("#jp-main-dock-panel .lm-TabBar-tab", has_text="MLOps").locator(".lm-TabBar-tabCloseIcon").click()
    expect(wide).to_have_count(0)
    desk.command("settingeditor:open", query="MLOps")
    expect(page.locator(".jp-SettingsForm").first).to_contain_text("Notebooks that are always tracked", timeout=WORK)
    page.locator(".jp-DirListing-item", has_text=FIRST).click(button="right")
    page.locator(".lm-Menu-itemLabel", has_text="Convert to Job").click()
    name_shown(desk, FIRST)
    desk.phase("untracked")  # the palette closes when a notebook that comes up takes the focus
    desk.command("apputils:activate-command-palette")
    for command in ("MLOps Panel", "Run Stale Cells", "MLOps Runs", "Track This Notebook"):
        labels = page.locator("#modal-command-palette .lm-CommandPalette-itemLabel", has_text=command)
        expect(labels.first).to_be_attached(timeout=10_000)
