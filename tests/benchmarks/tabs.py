"""What the panel's tabs cost in the browser: 10,000 runs, a session of 1,000 cells, 1,000 submissions. A Markdown table.

usage: python tests/benchmarks/tabs.py [TIMES]

A real JupyterLab and a headless Chromium, both on this machine. "Opened": from the press of a tab to the frame after its first
rows are there; each time on a page that has just been loaded. "A frame": script, styles and layout, from Chromium's own trace.
Read it on a quiet machine; no test asserts a time.
"""

from __future__ import annotations

import functools
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from playwright.sync_api import Page

from tests.benchmarks.panel import chromium, row
from tests.browser import many_runs, submissions, test_lineage_and_data, test_runs, test_submissions
from tests.browser.desk import Desk
from tests.browser.frames import traced
from tests.browser.labs import Lab, start_lab
from tests.browser.stories import write_stories

BIG = "big.ipynb"
MANY = many_runs.NOTEBOOK
RUNS = 10_000
SUBMISSIONS = 1_000
WIDER = 480
SHOWN = {
    ("Runs", MANY): "[data-testid='mlops-run']",
    ("Lineage", BIG): "[data-place]",
    ("Data", BIG): "[data-testid='mlops-dataset']",
    ("Jobs", MANY): "[data-testid='mlops-submission']",
    ("Delivery", MANY): "[data-testid='mlops-figures']",
}
"""Tab and notebook → what is there once it is drawn."""


def loaded(desk: Desk, notebook: str) -> None:
    """A fresh page with the panel open at Now."""
    desk.open(notebook)
    desk.tab("Now")
    desk.page.wait_for_load_state("networkidle")


def opened(desk: Desk, tab: str, notebook: str, times: int) -> list[float]:
    """Milliseconds from the press of the tab until it is drawn."""
    taken = []
    for _ in range(times):
        loaded(desk, notebook)
        taken.append(float(desk.page.evaluate(test_lineage_and_data.OPENED, [tab, SHOWN[tab, notebook]])))
    return taken


def framed(page: Page, act: Callable[[], object]) -> list[float]:
    """Milliseconds of work in each frame while `act` goes on."""
    with traced(page) as frames:
        act()
    return frames


def frames(desk: Desk) -> None:
    """Rows of the table for what scrolls and pans."""
    page = desk.page
    loaded(desk, MANY)
    desk.widen(WIDER)
    desk.tab("Runs")
    desk.part("row").first.wait_for()
    row(f"a frame, scrolling {RUNS:,} runs", framed(page, lambda: page.evaluate(test_runs.SCROLL, 300)), "8 ms")
    desk.tab("Jobs")
    desk.part("submission").first.wait_for()
    test_submissions.all_of_a_thousand(desk)
    row(f"a frame, scrolling {SUBMISSIONS:,} submissions", framed(page, lambda: page.evaluate(test_submissions.SCROLL)), "8 ms")
    loaded(desk, BIG)
    desk.tab("Lineage")
    desk.panel.get_by_role("checkbox", name="All cells").check()
    desk.panel.locator("[data-place]").nth(499).wait_for(state="attached")
    moves = {"scrolling": test_lineage_and_data.scroll, "dragging": test_lineage_and_data.drag}
    nodes = desk.panel.locator("[data-place]").count()
    for what, act in moves.items():
        row(f"a frame, {what} a graph of {nodes:,} nodes", framed(page, functools.partial(act, desk)), "8 ms")


def fill(lab: Lab) -> None:
    """What a busy year leaves."""
    many_runs.fill(lab.home / "store", RUNS)
    test_lineage_and_data.write_big(lab)
    submissions.many(lab, SUBMISSIONS)


def main() -> None:
    """Measure, print."""
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    with tempfile.TemporaryDirectory() as name, chromium() as page:
        home = Path(name)
        root = home / "root"
        root.mkdir()
        write_stories(root)
        with start_lab(home, root) as lab:
            fill(lab)
            desk = Desk(page, lab)
            print(f"{RUNS:,} runs, {test_lineage_and_data.CELLS:,} cells, {SUBMISSIONS:,} submissions, {times} times\n")
            print("| what | median | p95 | bar |\n|---|---|---|---|")
            for tab, notebook in SHOWN:
                row(f"opened: {tab}", opened(desk, tab, notebook, times), "300 ms")
            frames(desk)


if __name__ == "__main__":
    main()
