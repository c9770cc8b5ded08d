"""What the gallery shows: a folder with a notebook of everything, kernels of every kind, and the ways to each view."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nbformat
from playwright.sync_api import Locator, expect

from tests.browser.desk import WORK, Desk
from tests.browser.stories import MARGINS, notebook

SHOP, EMPTY = "shop_sales_forecast.ipynb", "empty.ipynb"
SALES = """
# %%
import time
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import mean_absolute_error, roc_auc_score
# %%
learning_rate = 0.3
max_depth_of_each_tree = 3
region_left_out = 'north'
# %%
sales = pd.read_csv('sales.csv', parse_dates=['day'])
# %%
kept = sales[sales['region'] != region_left_out].copy()
kept['evening'] = kept['hour'] > 17
# %%
kept.describe()
# %%
X, y = kept[['amount', 'hour']], kept['late']
model = HistGradientBoostingClassifier(
    learning_rate=learning_rate, max_depth=max_depth_of_each_tree, l2_regularization=0.1, random_state=0).fit(X, y)
# %%
time.sleep(1.5)
chance = model.predict_proba(X)[:, 1]
auc = roc_auc_score(y, chance)
mean_absolute_error_of_the_chance = mean_absolute_error(y, chance)
# %%
auc_by_region = {}
for region, part in kept.groupby('region'):
    auc_by_region[region] = roc_auc_score(part['late'], model.predict_proba(part[['amount', 'hour']])[:, 1])
# %%
raise ValueError('a last cell that fails, and says so at some length so that the line must go on in the next one')
"""
CELLS = 9
COLUMNS = ("hour", "amount", "region", "late", "discount", "day", "a_column_with_quite_a_long_name")

_HIDDEN = ("import importlib.util as u; real = u.find_spec; "
           "u.find_spec = lambda name, package=None: None if name == 'mlops_jupyter' else real(name, package); "
           "from ipykernel import kernelapp; kernelapp.launch_new_instance()")
_SLOW = "import time; time.sleep(25); from ipykernel import kernelapp; kernelapp.launch_new_instance()"
_OTHER = """
from ipykernel.kernelapp import IPKernelApp
from ipykernel.kernelbase import Kernel

class Other(Kernel):
    implementation, implementation_version, banner = 'other', '1', ''
    language_info = {'name': 'julia', 'mimetype': 'text/plain', 'file_extension': '.jl'}

IPKernelApp.launch_instance(kernel_class=Other)
"""


def write_scene(home: Path, root: Path) -> None:
    """The notebooks, the data, and the kernels that lack something."""
    nbformat.write(notebook(SALES), root / SHOP)
    nbformat.write(notebook("# %%\n1 + 1"), root / EMPTY)
    nbformat.write(notebook(MARGINS), root / "margins.ipynb")
    write_sales(root, 1)
    old = home / "old" / "mlops_jupyter-0.0.9.dist-info"
    old.mkdir(parents=True)
    (old / "METADATA").write_text("Metadata-Version: 2.1\nName: mlops_jupyter\nVersion: 0.0.9\n")
    for name, code, path in (("bare", _HIDDEN, ""), ("slow", _SLOW, ""), ("other", _OTHER, ""), ("older", "", str(old.parent))):
        start = ["-c", code] if code else ["-m", "ipykernel_launcher"]
        spec = {"argv": [sys.executable, *start, "-f", "{connection_file}"], "display_name": f"Python ({name})",
                "language": "julia" if name == "other" else "python", "env": {"PYTHONPATH": path} if path else {}}
        folder = home / "data" / "kernels" / name
        folder.mkdir(parents=True)
        (folder / "kernel.json").write_text(json.dumps(spec))
        nbformat.write(notebook(MARGINS, name), root / f"{name}.ipynb")


def write_sales(root: Path, version: int) -> None:
    """The data: the second version has more rows and other prices."""
    draw, lines = random.Random(version), [",".join(COLUMNS)]
    for at in range(1500 + 400 * version):
        hour, amount = draw.randrange(24), round(draw.gammavariate(2, 20 * version), 2)
        late = hour + draw.gauss(0, 6) > 15
        region = draw.choice(("north", "south", "east", "west" if version > 1 else "south"))
        discount = "" if draw.random() < 0.3 else f"{draw.random():.3f}"
        lines.append(f"{hour},{amount},{region},{late},{discount},2026-0{at % 6 + 1}-{at % 27 + 1:02},{at}")
    (root / "sales.csv").write_text("\n".join(lines) + "\n")


@dataclass(frozen=True)
class Scene:
    """A view, and how a user gets there; again whenever it is asked for."""

    name: str
    go: Callable[[Desk], None]


def tab(name: str, shows: str) -> Callable[[Desk], None]:
    """Press a tab, and wait for what it shows."""
    def go(desk: Desk) -> None:
        desk.tab(name)
        expect(desk.panel.locator(shows).first).to_be_visible(timeout=WORK)

    return go


def unfold(button: Locator) -> None:
    """Press it unless it is open."""
    if button.get_attribute("aria-expanded") == "false":
        button.click()


def now(desk: Desk) -> None:
    """The Now tab with a row opened, and why cells do not hold."""
    tab("Now", "[data-testid='mlops-execution']")(desk)
    unfold(desk.part("execution").first)
    if desk.part("stale-why").count():
        unfold(desk.part("stale-why"))


def newest(desk: Desk) -> Locator:
    """The newest run's card in the list of the Runs tab, opened."""
    as_list(desk)
    card = desk.panel.get_by_role("list", name="Newest runs").get_by_test_id("mlops-run").first
    unfold(card.locator(".jp-mlops-run-title"))
    return card


def as_list(desk: Desk) -> None:
    """Runs as cards, at any width."""
    desk.tab("Runs")
    desk.part("as-list").click()
    expect(desk.panel.get_by_role("list", name="Newest runs")).to_be_visible(timeout=WORK)


def run_list(desk: Desk) -> None:
    """Runs as cards, the newest with all that it has."""
    card = newest(desk)
    for fold in card.locator(".jp-mlops-fold-title").all():
        unfold(fold)
    expect(card.get_by_test_id("mlops-cells-needed")).to_be_visible(timeout=WORK)


def tagging(desk: Desk) -> None:
    """The tags of a run, as they are written."""
    card = newest(desk)
    tags = card.get_by_role("button", name="Tags of")
    if tags.get_attribute("aria-pressed") == "false":
        tags.click()


def table(desk: Desk) -> None:
    """Runs as a table."""
    desk.tab("Runs")
    desk.part("as-table").click()
    expect(desk.part("row").first).to_be_visible(timeout=WORK)


def columns(desk: Desk) -> None:
    """The table with the list of columns open, and two rows chosen."""
    table(desk)
    for box in desk.part("table").get_by_role("checkbox").all()[:2]:
        box.check()
    unfold(desk.part("columns"))


def charts(desk: Desk) -> None:
    """The charts of the runs."""
    desk.tab("Runs")
    desk.part("charts").click()
    expect(desk.part("charts-page").locator("svg.jp-mlops-plot").first).to_be_visible(timeout=WORK)


def compare(desk: Desk) -> None:
    """What changed in the newest run."""
    newest(desk).get_by_test_id("mlops-changed").click()
    expect(desk.part("compare-page")).to_be_visible(timeout=WORK)


def convert(desk: Desk) -> None:
    """From a run to a job, with everything open."""
    as_list(desk)
    cards = desk.panel.get_by_role("list", name="Newest runs").get_by_test_id("mlops-run")
    card = cards.filter(has_not=desk.page.get_by_text("job", exact=True)).first
    unfold(card.locator(".jp-mlops-run-title"))
    card.get_by_test_id("mlops-convert").click()
    expect(desk.part("preview")).to_be_visible(timeout=WORK)
    if desk.part("show-dropped").count():
        unfold(desk.part("show-dropped"))
    unfold(desk.panel.get_by_role("button", name="Contract of learning_rate"))
    runner = desk.panel.get_by_role("button", name="Then hand it to a runner")
    unfold(runner)
    desk.part("order").get_by_label("Runner", exact=True).select_option("local", timeout=WORK)


def job(desk: Desk, way: str) -> None:
    """The job, opened, with one of the ways to start it."""
    desk.tab("Jobs")
    title = desk.part("job").first.locator(".jp-mlops-run-title")
    expect(title).to_be_visible(timeout=WORK)
    unfold(title)
    desk.part("parameters-form").get_by_role("button", name=way, exact=True).click()


def on_runner(desk: Desk) -> None:
    """The job's way to a runner, and a submission opened."""
    job(desk, "On a runner")
    desk.part("parameters-form").get_by_label("Runner", exact=True).select_option("local", timeout=WORK)


def submission(desk: Desk) -> None:
    """A submission with its log."""
    desk.tab("Jobs")
    first = desk.part("submission").first
    unfold(first.get_by_role("button").first)
    unfold(first.get_by_test_id("mlops-show-log"))
    first.scroll_into_view_if_needed()


def swept(desk: Desk) -> None:
    """The table of a sweep."""
    job(desk, "Sweep")
    desk.part("sweeps").get_by_role("button").first.click(timeout=WORK)
    expect(desk.part("sweep-table")).to_be_visible(timeout=WORK)


def history(desk: Desk) -> None:
    """The history of the cell of the numbers, an older execution opened."""
    tab("Now", "[data-testid='mlops-execution']")(desk)
    row = desk.panel.locator("[data-testid='mlops-execution'][data-n='2']")
    unfold(row)
    desk.part("history").click()
    expect(desk.part("version").first).to_be_visible(timeout=WORK)
    desk.part("version").last.get_by_role("button").first.click()


def lineage(desk: Desk) -> None:
    """The graph."""
    tab("Lineage", "[data-place]")(desk)
    if desk.panel.get_by_test_id("mlops-card").count():
        desk.part("card").get_by_role("button", name="Close").click()


def card(desk: Desk) -> None:
    """The graph with a node's card."""
    lineage(desk)
    desk.panel.locator("[data-kind='metric'][data-place]").first.click()
    expect(desk.part("as-run")).to_be_visible(timeout=WORK)


def dataset(desk: Desk) -> None:
    """One dataset."""
    desk.tab("Data")
    desk.panel.get_by_role("button", name="sales.csv").first.click(timeout=WORK)
    expect(desk.part("column").first).to_be_visible(timeout=WORK)


def two_versions(desk: Desk) -> None:
    """One dataset over its former version."""
    dataset(desk)
    desk.part("against").select_option(index=1)
    expect(desk.part("difference")).to_be_visible(timeout=WORK)
    expect(desk.panel.get_by_text("moved", exact=False).first).to_be_visible(timeout=30_000)


def delivery(desk: Desk) -> None:
    """The figures of delivery, and how they are counted."""
    tab("Delivery", "[data-testid='mlops-figures']")(desk)
    unfold(desk.panel.get_by_role("button", name="How this is counted"))


EMPTY_TABS = [
    Scene("runs", tab("Runs", ".jp-mlops-nothing")),
    Scene("lineage", tab("Lineage", ".jp-mlops-nothing")),
    Scene("data", tab("Data", ".jp-mlops-nothing")),
    Scene("jobs", tab("Jobs", ".jp-mlops-nothing")),
    Scene("delivery", tab("Delivery", ".jp-mlops-nothing")),
]
FULL = [
    Scene("now", now),
    Scene("runs-list", run_list),
    Scene("runs-tags", tagging),
    Scene("runs-table", table),
    Scene("runs-columns", columns),
    Scene("charts", charts),
    Scene("compare", compare),
    Scene("convert", convert),
    Scene("job-here", lambda desk: job(desk, "Run here")),
    Scene("job-runner", on_runner),
    Scene("job-sweep", lambda desk: job(desk, "Sweep")),
    Scene("submission", submission),
    Scene("sweep", swept),
    Scene("history", history),
    Scene("lineage", lineage),
    Scene("lineage-card", card),
    Scene("data", tab("Data", "[data-testid='mlops-dataset']")),
    Scene("dataset", dataset),
    Scene("versions", two_versions),
    Scene("delivery", delivery),
]
