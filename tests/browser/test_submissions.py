"""The list of submissions, a thousand of them on all runners: as last seen, in windows, by the keyboard to its end."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.desk import WORK, Desk
from tests.browser.frames import traced
from tests.browser.labs import Lab, shoot
from tests.browser.submissions import many

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LEAVES_OUT = 7
"""Of the newest: a schedule, and below it six of one sweep, which are one line. What follows is a list of its own."""


@pytest.fixture
def desk(page: Page, lab: Lab) -> Desk:
    return Desk(page, lab)


def all_of_a_thousand(desk: Desk) -> None:
    """Press "Older ones" until there are none."""
    older = desk.panel.get_by_role("button", name="Older ones")
    for known in (200, 800, 1000):
        older.click()
        expect(desk.panel.locator(f"[data-testid='mlops-submission'][aria-setsize='{known - LEAVES_OUT}']").first).to_be_attached(
            timeout=WORK)
    expect(older).to_have_count(0)


def test_all_runners_in_one_list_that_scrolls(desk: Desk) -> None:
    many(desk.lab, 1000)
    desk.open("margins.ipynb")
    desk.phase("untracked")
    desk.command("application:toggle-left-area")
    desk.tab("Jobs")
    rows = desk.part("submission")
    expect(desk.panel).to_contain_text("nightly-forecast", timeout=WORK)
    expect(rows.filter(has_text="nightly-forecast")).to_contain_text("As last seen: only somebody@elsewhere")
    desk.part("submission").filter(has_text="nightly-forecast").get_by_role("button").first.click()
    expect(desk.panel.get_by_text("End the schedule")).to_be_visible()
    desk.both("jobs-many")
    all_of_a_thousand(desk)
    with traced(desk.page) as cost:
        desk.page.evaluate(SCROLL)
    print(f"scrolling 1000 submissions: {len(cost)} frames, p50 {cost.at(0.5):.1f} ms, p95 {cost.at(0.95):.1f} ms")
    shoot(desk.page, "jobs-many-scrolled-light")
    assert rows.count() < 60
    by_keyboard_to_the_end(desk)


def by_keyboard_to_the_end(desk: Desk) -> None:
    """The last row opens and grows, and those above it are still there when one scrolls back."""
    desk.page.evaluate("() => { const panel = document.querySelector('#mlops-panel'); panel.scrollTop = panel.scrollHeight; }")
    last = desk.panel.locator(f"[data-testid='mlops-submission'][aria-posinset='{1000 - LEAVES_OUT}']")
    last.get_by_role("button").first.focus()
    desk.page.keyboard.press("Enter")
    expect(last.get_by_test_id("mlops-show-log")).to_be_visible()
    desk.page.keyboard.press("Shift+Tab")
    desk.page.keyboard.press("Enter")
    second = desk.panel.locator(f"[data-testid='mlops-submission'][aria-posinset='{999 - LEAVES_OUT}']")
    expect(second.get_by_role("button").first).to_have_attribute("aria-expanded", "true")
    desk.accessible()
    shoot(desk.page, "jobs-many-end-light")
    desk.page.evaluate("() => { document.querySelector('#mlops-panel').scrollTop = 0; }")
    expect(desk.panel.get_by_role("tab", name="Jobs")).to_be_visible()
    expect(second.get_by_role("button").first).to_be_focused()  # it stays, where the keyboard goes on


SCROLL = """() => new Promise(done => {
  const panel = document.querySelector('#mlops-panel');
  let frames = 0;
  const step = () => {
    panel.scrollTop += 180;
    frames += 1;
    if (frames < 300) { requestAnimationFrame(step); } else { done(frames); }
  };
  requestAnimationFrame(step);
})"""
