"""Where results come from, and which data there is: the Lineage and Data tabs, after a notebook ran and with 500 nodes."""

from __future__ import annotations

import json
import random
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Page, expect

from mlops_jupyter.entities import CellExecution, Fingerprint, NotebookRef, Observation, Read, Session, VariableVersion
from mlops_jupyter.store import open_store
from tests.browser.desk import WORK, Desk
from tests.browser.frames import traced
from tests.browser.labs import Lab, shoot
from tests.browser.stories import notebook
from tests.unit.store.story import append

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SALES = """
# %%
import numpy as np
import pandas as pd
from pathlib import Path
first = not Path('sales.csv').exists()
# %%
rng = np.random.default_rng(1 if first else 2)
rows = 3000 if first else 3600
table = pd.DataFrame({
    'hour': rng.integers(0, 24, rows),
    'amount': rng.gamma(2, 20 if first else 32, rows).round(2),
    'region': rng.choice(['north', 'south', 'east', 'west'], rows, p=[0.4, 0.3, 0.2, 0.1] if first else [0.25, 0.25, 0.25, 0.25]),
    'day': pd.Timestamp('2026-01-01') + pd.to_timedelta(rng.integers(0, 180, rows), 'D'),
    'discount': np.where(rng.random(rows) < 0.3, np.nan, rng.random(rows).round(3)),
})
table.to_csv('sales.csv', index=False)
# %%
sales = pd.read_csv('sales.csv', parse_dates=['day'])
# %%
sales['late'] = sales['hour'] > 17
# %%
sales.describe()
# %%
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
X = sales[['amount', 'hour']]
model = LogisticRegression(C=0.5).fit(X, sales['late'])
# %%
auc = roc_auc_score(sales['late'], model.predict_proba(X)[:, 1])
auc
"""
CELLS = 1000
SHOWS = {"Lineage": "[data-place]", "Data": "[data-testid='mlops-dataset']"}
OPENED = """
([tab, shown]) => new Promise(resolve => {
  const panel = document.querySelector('#mlops-panel');
  const from = performance.now();
  const observer = new MutationObserver(() => {
    if (panel.querySelector(shown)) {
      observer.disconnect();
      requestAnimationFrame(() => setTimeout(() => resolve(Math.round(performance.now() - from)), 0));
    }
  });
  observer.observe(panel, {childList: true, subtree: true});
  [...panel.querySelectorAll('[role=tab]')].find(one => one.textContent === tab).click();
})
"""
FRAMES = """
async ([dx, dy]) => {
  const view = document.querySelector('[data-testid="mlops-graph"]');
  for (let i = 0; i < 120; i += 1) {
    await new Promise(requestAnimationFrame);
    view.scrollBy(i % 60 < 30 ? dx : -dx, i % 60 < 30 ? dy : -dy);
  }
}
"""


@pytest.fixture
def desk(page: Page, lab: Lab) -> Desk:
    """The desk, with the notebook of sales in the folder."""
    nbformat.write(notebook(SALES), lab.root / "sales.ipynb")
    return Desk(page, lab)


def test_where_a_result_comes_from(desk: Desk) -> None:
    desk.open("sales.ipynb")
    desk.tab("Lineage")
    expect(desk.part("lineage")).to_contain_text("No cells yet")
    desk.tab("Data")
    expect(desk.panel).to_contain_text("No data yet")
    shoot(desk.page, "60-data-empty-light")
    desk.tab("Now")
    desk.track()
    run(desk, 1)
    graph(desk)
    by_keyboard(desk)
    a_card_leads_to_the_cell(desk)
    only_what_it_needs(desk)
    in_words(desk)
    the_data(desk)
    run(desk, 2)
    two_versions(desk)


def dark(desk: Desk) -> None:
    themed(desk, "JupyterLab Dark")


def light(desk: Desk) -> None:
    themed(desk, "JupyterLab Light")


def themed(desk: Desk, name: str) -> None:
    """In another theme, once the splash over the change has gone."""
    desk.theme(name)
    desk.page.wait_for_selector("#jupyterlab-splash", state="detached")


def run(desk: Desk, times: int) -> None:
    desk.tab("Now")
    desk.run_all()
    done = desk.panel.locator("[data-testid='mlops-execution'][data-state='ok']")
    expect(done).to_have_count(7 * times, timeout=WORK)
    expect(desk.part("run")).not_to_have_count(0, timeout=WORK)


def graph(desk: Desk) -> None:
    desk.tab("Lineage")
    nodes = desk.panel.locator("[data-kind='metric'][data-place]")
    expect(nodes).to_have_count(1)
    expect(nodes).to_contain_text("auc")
    expect(desk.panel.locator("[data-kind='model'][data-place]")).to_contain_text("LogisticRegression")
    desk.accessible()
    shoot(desk.page, "61-lineage-320-light")
    dark(desk)
    shoot(desk.page, "62-lineage-320-dark")
    light(desk)


def by_keyboard(desk: Desk) -> None:
    reached = desk.panel.locator("[data-place][tabindex='0']")
    expect(reached).to_have_count(1)
    reached.focus()
    desk.page.keyboard.press("ArrowUp")
    expect(reached).to_have_attribute("data-kind", "cell")
    desk.page.keyboard.press("Enter")
    expect(desk.part("card")).to_contain_text("As it ran")
    expect(desk.part("as-run")).to_contain_text("roc_auc_score")
    desk.page.keyboard.press("Escape")
    expect(desk.part("card")).to_have_count(0)
    scale = "() => document.querySelector('.jp-mlops-layer').style.transform"
    before = desk.page.evaluate(scale)
    desk.page.keyboard.press("+")
    assert desk.page.evaluate(scale) != before
    desk.page.keyboard.press("0")


def a_card_leads_to_the_cell(desk: Desk) -> None:
    metric = desk.panel.locator("[data-kind='metric'][data-place]")
    metric.click()
    expect(desk.part("card")).to_be_visible()
    expect(metric).to_be_in_viewport()
    desk.accessible()
    shoot(desk.page, "63-lineage-card-light")
    desk.part("reveal").click()
    expect(desk.page.locator(".jp-Notebook .jp-Cell.jp-mod-active")).to_contain_text("roc_auc_score(sales")


def only_what_it_needs(desk: Desk) -> None:
    model = desk.panel.locator("[data-kind='model'][data-place]")
    model.focus()
    desk.page.keyboard.press("f")
    expect(desk.part("lineage")).to_contain_text("What model needs")
    expect(desk.panel.locator("[data-kind='metric'][data-place]")).to_have_count(0)
    desk.widen(480)
    expect(desk.part("graph")).to_be_visible()
    shoot(desk.page, "64-lineage-focus-800-light")
    desk.panel.get_by_role("button", name="Show everything").first.click()
    desk.part("lineage-search").fill("sales")
    desk.part("lineage-search").press("Enter")
    expect(desk.panel.locator("[data-place]:focus")).to_contain_text("sales")
    desk.accessible()
    shoot(desk.page, "65-lineage-800-light")
    dark(desk)
    shoot(desk.page, "66-lineage-800-dark")
    light(desk)
    desk.widen(-480)


def in_words(desk: Desk) -> None:
    desk.panel.get_by_role("checkbox", name="As a list").check()
    outline = desk.part("outline")
    expect(outline).to_contain_text("reads sales")
    desk.accessible()
    desk.panel.get_by_role("checkbox", name="As a list").uncheck()


def the_data(desk: Desk) -> None:
    desk.tab("Data")
    expect(desk.part("dataset")).not_to_have_count(0)
    expect(desk.panel).to_contain_text("sales.csv")
    desk.accessible()
    shoot(desk.page, "67-data-320-light")
    desk.panel.get_by_role("button", name="sales.csv").click()
    expect(desk.part("column")).to_have_count(5, timeout=WORK)
    expect(desk.panel.get_by_role("img", name="Histogram from 0 to 23", exact=False)).to_be_visible()
    desk.accessible()
    shoot(desk.page, "68-dataset-320-light")
    desk.panel.get_by_role("button", name="Back").click()
    expect(desk.panel.locator("[data-leads]:focus")).to_contain_text("sales.csv")
    desk.panel.locator("[data-kind='value']", has_text="sales").first.click()
    expect(desk.part("no-profile")).to_contain_text("in memory")
    expect(desk.panel).to_contain_text("timestamp")


def two_versions(desk: Desk) -> None:
    desk.tab("Data")
    desk.panel.get_by_role("button", name="sales.csv").click()
    expect(desk.part("versions").get_by_role("button")).to_have_count(2)
    desk.part("against").select_option(index=1)
    expect(desk.part("difference")).to_contain_text("differs", timeout=WORK)
    expect(desk.panel).to_contain_text("moved", timeout=WORK)
    desk.accessible()
    shoot(desk.page, "69-dataset-two-versions-light")
    desk.widen(480)
    shoot(desk.page, "70-dataset-two-versions-800-light")
    dark(desk)
    desk.part("column").first.scroll_into_view_if_needed()
    shoot(desk.page, "71-dataset-two-versions-800-dark")
    desk.widen(-480)
    shoot(desk.page, "72-dataset-two-versions-320-dark")
    light(desk)
    of_a_run(desk)


def of_a_run(desk: Desk) -> None:
    """A run's graph among all cells, in the narrowest panel."""
    desk.widen(-400)
    shoot(desk.page, "75-dataset-240-light")
    desk.tab("Lineage")
    desk.part("lineage-run").select_option(index=1)
    expect(desk.panel.locator("[data-place]").first).to_be_visible()
    desk.panel.get_by_role("checkbox", name="All cells").check()
    expect(desk.panel.locator("[data-place][data-needed='false']")).not_to_have_count(0)
    desk.panel.get_by_role("button", name="Fit").click()
    desk.accessible()
    shoot(desk.page, "76-lineage-of-a-run-240-light")


def test_five_hundred_nodes(desk: Desk, page: Page) -> None:
    """Panning five hundred nodes: what a frame costs in script and layout, from the browser's own trace."""
    write_big(desk.lab)
    desk.open("big.ipynb")
    desk.part("execution").first.wait_for()
    opened = {name: page.evaluate(OPENED, [name, shown]) for name, shown in SHOWS.items()}
    print("\nms from the press of the tab until it is drawn:", json.dumps(opened))
    desk.tab("Lineage")
    desk.panel.get_by_role("checkbox", name="All cells").check()
    expect(desk.part("lineage")).to_contain_text(f"{CELLS} cells of {CELLS}")
    nodes = desk.panel.locator("[data-place]").count()
    assert nodes >= 500
    shoot(page, "73-lineage-500-light")
    for what, act in {"scroll": scroll, "drag": drag, "zoom": zoom, "arrows": arrows}.items():
        with traced(page) as frames:
            act(desk)
        print(f"{what}: {len(frames)} frames of {nodes} nodes, p50 {frames.at(0.5):.1f} ms, p95 {frames.at(0.95):.1f} ms")
    desk.widen(480)
    desk.panel.get_by_role("button", name="Fit").click()
    shoot(page, "74-lineage-500-fit-800-light")


def scroll(desk: Desk) -> None:
    desk.page.evaluate(FRAMES, [7, 23])


def drag(desk: Desk) -> None:
    box = desk.part("graph").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    desk.page.mouse.move(x, y)
    desk.page.mouse.down()
    for at in range(60):
        desk.page.mouse.move(x + at, y + at * 2)
    desk.page.mouse.up()


def zoom(desk: Desk) -> None:
    desk.panel.locator("[data-place][tabindex='0']").focus()
    for key in "-" * 4 + "+" * 4:
        desk.page.keyboard.press(key)


def arrows(desk: Desk) -> None:
    desk.panel.locator("[data-place][tabindex='0']").focus()
    for _ in range(20):
        desk.page.keyboard.press("ArrowUp")


def write_big(lab: Lab) -> None:
    """A session of a thousand cells that hand on frames, as a kernel would have shipped it."""
    nbformat.write(notebook("# %%\n1 + 1"), lab.root / "big.ipynb")
    draw = random.Random(5)
    session = Session("big1", "big-writer", "notebook", "big", "e-big", 1000.0, notebook=NotebookRef("nb-big", "big.ipynb"),
                      cwd=str(lab.root), state="ended", ended=9000.0)
    facts: list[object] = [session]
    names: list[str] = []
    for n in range(1, CELLS + 1):
        back = [int(draw.random() ** 2 * 20) for _ in range(draw.randrange(1, 3))]
        reads = sorted({names[max(0, len(names) - 1 - steps)] for steps in back} if names else [])
        mark = Fingerprint("frame", f"fp1:xxh3-128:{n:032x}", "pandas.core.frame.DataFrame", (1000 + n, 12), 96_000)
        facts.append(CellExecution("big1", n, f"frame_{n} = step_{n}({', '.join(reads)})", "ok", cell=f"c{n}", started=1000.0 + n,
                                   ended=1000.5 + n, reads=[Read(name) for name in reads],
                                   writes=[VariableVersion(f"frame_{n}", "created", mark)]))
        names.append(f"frame_{n}")
        if n % 4 == 0:
            facts.append(Observation("big1", n, 0, 1000.0 + n, "metric", f"auc_{n}", value=draw.random()))
    store = open_store(str(Path(lab.home) / "store"))
    append(store, *facts, writer="big-writer")
    store.close()
