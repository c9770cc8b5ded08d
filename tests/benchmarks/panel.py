"""What the panel costs in the browser: with ten thousand runs in the store and a session of a thousand cells. A Markdown table.

usage: python tests/benchmarks/panel.py [RUNS] [CELLS] [TIMES]

A real JupyterLab and a headless Chromium, both on this machine. "First paint": from the command that opens the panel to the frame
after its rows are there, on a page that has just been loaded. "A cell that has finished": from the kernel's answer in the browser
to the frame after the panel says so. "Typing": from a key to the frame after the letter stands, with the panel open and shut in
turns. "Script and layout": of each frame, from Chromium's own trace. Read it on a quiet machine; no test asserts a time.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import FLAGS
from tests.browser.crowd import NOTEBOOK, crowd
from tests.browser.desk import Desk
from tests.browser.frames import traced
from tests.browser.labs import start_lab
from tests.browser.stories import write_notebook

WORKED = "worked.ipynb"
PAINT = """() => new Promise(resolve => {
  const begun = performance.now();
  const look = () => document.querySelector('#mlops-panel [data-testid="mlops-execution"]')?.getClientRects().length > 0
    ? requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - begun)))
    : requestAnimationFrame(look);
  window.jupyterapp.commands.execute('mlops:open');
  look();
})"""
FINISHED = """n => new Promise(resolve => {
  const panel = window.jupyterapp.shell.currentWidget;
  const kernel = panel.sessionContext.session.kernel;
  let answered = 0;
  kernel.anyMessage.connect((_, { msg, direction }) => {
    if (direction === 'recv' && msg.header.msg_type === 'execute_reply') answered = performance.now();
  });
  const look = () => answered && document.querySelector(`#mlops-panel [data-n="${n}"][data-state="ok"]`)
    ? requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - answered)))
    : requestAnimationFrame(look);
  window.jupyterapp.commands.execute('notebook:run-cell');
  look();
})"""
TYPED = """() => new Promise(resolve => {
  document.addEventListener('keydown', event => {
    const begun = event.timeStamp;
    requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - begun)));
  }, { once: true, capture: true });
})"""


def paints(desk: Desk, times: int) -> list[float]:
    """First paint, on so many fresh pages."""
    taken = []
    for _ in range(times):
        desk.page.goto(desk.lab.address(NOTEBOOK))
        desk.ready()
        desk.page.wait_for_load_state("networkidle")
        taken.append(float(desk.page.evaluate(PAINT)))
    return taken


def finished(desk: Desk, cells: int, times: int) -> list[float]:
    """A cell that has finished, in a session of so many."""
    desk.open(WORKED)
    desk.track()
    desk.run_all()
    desk.until(lambda: desk.panel.locator(f"[data-n='{cells}'][data-state='ok']").count() == 1, "all cells have run")
    taken = []
    desk.page.locator(".jp-NotebookPanel .jp-CodeCell").last.locator(".cm-content").click()
    for place in range(times):
        desk.page.wait_for_timeout(2500)  # the rest of a person between two cells
        taken.append(float(desk.page.evaluate(FINISHED, cells + 1 + place)))
    return taken


def typing(page: Page, keys: int) -> list[float]:
    """From a key to its frame."""
    taken = []
    for _ in range(keys):
        waiting = page.evaluate_handle(f"() => ({{ promise: ({TYPED})() }})")
        page.keyboard.type("a")
        taken.append(float(waiting.evaluate("held => held.promise")))
    return taken


def typed(desk: Desk, keys: int) -> tuple[list[float], list[float]]:
    """With the panel open, and without, in turns of ten keys."""
    opened: list[float] = []
    shut: list[float] = []
    for turn in range(0, keys, 10):
        desk.command("mlops:open")
        desk.page.locator(".jp-NotebookPanel .jp-CodeCell").last.locator(".cm-content").click()
        opened += typing(desk.page, 10)
        desk.command("application:toggle-right-area")
        desk.page.locator(".jp-NotebookPanel .jp-CodeCell").last.locator(".cm-content").click()
        shut += typing(desk.page, 10)
        assert turn < keys
    return opened, shut


def row(what: str, taken: list[float], bar: str) -> None:
    """A line of the table."""
    ordered = sorted(taken)
    late = ordered[int(0.95 * (len(ordered) - 1))]
    print(f"| {what} | {statistics.median(ordered):.1f} ms | {late:.1f} ms | {bar} |", flush=True)


@contextmanager
def chromium() -> Iterator[Page]:
    """A page as wide as a desk."""
    found = next(found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser.new_page(viewport={"width": 1600, "height": 1000})
        browser.close()


def main() -> None:
    """Measure, print."""
    runs, cells, times = (int(word) for word in (*sys.argv[1:], *("10000", "1000", "15")[len(sys.argv) - 1:]))
    with tempfile.TemporaryDirectory() as name, chromium() as page:
        home = Path(name)
        root = home / "root"
        root.mkdir()
        write_notebook(root / NOTEBOOK, ["1"])
        write_notebook(root / WORKED, [f"x{n} = {n}" for n in range(cells)])
        crowd(str(home / "store"), NOTEBOOK, runs, cells)
        with start_lab(home, root) as lab:
            desk = Desk(page, lab)
            print(f"{runs:,} runs, {cells:,} cells, {times} times\n\n| what | median | p95 | bar |\n|---|---|---|---|")
            row("first paint of the panel", paints(desk, times), "300 ms")
            desk.command("mlops:open")
            with traced(page) as scrolled:
                page.locator("#mlops-panel .jp-mlops-executions").hover()
                for _ in range(40):
                    page.mouse.wheel(0, -240)
                    page.wait_for_timeout(16)
            row("script and layout of a frame, scrolling the session", scrolled, "8 ms")
            opened, shut = typed(desk, 10 * times)
            row("typing, panel open", opened, "within 5 % of shut")
            row("typing, panel shut", shut, "")
            row(f"a cell that has finished, among {cells:,}", finished(desk, cells, times), "200 ms")


if __name__ == "__main__":
    main()
