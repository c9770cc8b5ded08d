"""A picture of every view of the panel, in light and dark, from the narrowest to the main area: for people to look at.

    python tests/browser/gallery.py OUT [PART]

`PART`: empty, phases, full, wide, many or away; all of them by default. What no picture shows is said: what is wider than the
panel, and what axe-core finds.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Error, Locator, Page, Route, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.browser.conftest import FLAGS
from tests.browser.desk import AXE, START, WORK, Desk
from tests.browser.gallery_scenes import CELLS, EMPTY, EMPTY_TABS, FULL, SHOP, Scene, dataset, now, write_sales, write_scene
from tests.browser.labs import TOKEN, Lab, start_lab
from tests.browser.many_runs import NOTEBOOK as MANY
from tests.browser.many_runs import fill
from tests.browser.submissions import many

WIDTHS = (240, 320, 800)
WIDE = 1200
THEMES = ("Light", "Dark")
PARTS = ("empty", "phases", "full", "wide", "many", "away")
HEIGHT = 1500
SIDE, MAIN = "#mlops-panel", "#jp-main-dock-panel .jp-mlops-widget"

OVERFLOWS = """root => {
  const { left, right } = root.getBoundingClientRect();
  const scrolls = one => {
    for (let box = one.parentElement; box && box !== root; box = box.parentElement) {
      if (getComputedStyle(box).overflowX !== 'visible') { return true; }
    }
    return false;
  };
  const beyond = one => {
    const box = one.getBoundingClientRect();
    return box.width > 0 && (box.right > right + 1 || box.left < left - 1) && !scrolls(one);
  };
  const name = one => `${one.tagName} .${one.getAttribute('class') ?? ''} "${one.textContent.slice(0, 40)}"`;
  return [...root.querySelectorAll('*')].filter(beyond).map(name);
}"""
"""What stands beyond the panel's edges, but for what is in a box that scrolls or cuts."""
CUT = """root => [...root.querySelectorAll('*')].filter(one => {
  const hides = getComputedStyle(one).overflowX === 'hidden' && one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 4;
  return hides && one.closest('[title]:not([title=""]), .jp-mlops-hidden') === null;
}).map(one => `.${one.getAttribute('class') ?? ''} "${one.textContent.slice(0, 40)}"`)"""
"""Words that are cut short, and that no title has in full."""


class Gallery(Desk):
    """A desk whose views are photographed; `main`: the panel in the main area is meant, not the one at the side.

    Without a folder for pictures it only notes what is wrong.
    """

    def __init__(self, page: Page, lab: Lab, out: Path | None = None, *, main: bool = False) -> None:
        super().__init__(page, lab)
        self.out = out
        self.main = main
        self.found: list[str] = []

    @property
    def panel(self) -> Locator:
        """The panel that is photographed."""
        return self.widget.get_by_test_id("mlops-panel")

    @property
    def widget(self) -> Locator:
        """The box around it."""
        return self.page.locator(MAIN if self.main else SIDE)

    def look(self, name: str) -> None:
        """Pictures of what is in front now; what is wrong with it is noted."""
        for theme in THEMES:
            self.theme(f"JupyterLab {theme}")
            for width in (WIDE,) if self.main else WIDTHS:
                if not self.main:
                    self.to_width(width)
                if self.out is not None:
                    self.page.mouse.move(5, 700)
                    self.widget.screenshot(path=self.out / f"{name}-{width}-{theme.lower()}.png")
                self.note(name, width)
            self.accessible_or_noted(name, theme)
        self.theme("JupyterLab Light")

    def to_width(self, width: int) -> None:
        """Drag the edge until the panel is as wide as that."""
        box = self.widget.bounding_box()
        assert box is not None
        if abs(box["width"] - width) > 1:
            self.widen(width - round(box["width"]))

    def note(self, name: str, width: int) -> None:
        """Note what stands beyond the edge, or cannot be read to its end."""
        self.found += [f"{name} at {width}: beyond the edge: {one}" for one in self.widget.evaluate(OVERFLOWS)]
        self.found += [f"{name} at {width}: cut: {one}" for one in sorted(set(self.widget.evaluate(CUT)))]

    def accessible_or_noted(self, name: str, theme: str) -> None:
        """Note what axe-core finds."""
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        wrong = self.page.evaluate("selector => axe.run(selector).then(result => result.violations)",
                                   MAIN if self.main else SIDE)
        self.found += [f"{name} in {theme}: {one['id']}: {[node['html'] for node in one['nodes']]}" for one in wrong]


def each(desk: Gallery, prefix: str, scenes: list[Scene]) -> None:
    """Go to each and look; one that cannot be reached is noted, and the others are looked at."""
    for scene in scenes:
        try:
            scene.go(desk)
        except (AssertionError, Error) as error:
            desk.found.append(f"{prefix}-{scene.name} was not reached: {str(error).splitlines()[0]}")
            continue
        desk.look(f"{prefix}-{scene.name}")


def fresh(desk: Gallery, notebook: str) -> None:
    """Open a notebook with the left area away."""
    desk.open(notebook)
    desk.command("application:toggle-left-area")


def empty(desk: Gallery) -> None:
    """An empty store, before and after tracking starts."""
    fresh(desk, EMPTY)
    desk.phase("untracked")
    desk.look("empty-now")
    each(desk, "empty", EMPTY_TABS)
    desk.tab("Now")
    desk.track()
    desk.look("empty-tracked")


def phases(desk: Gallery) -> None:
    """Each reason for which a notebook is not tracked."""
    for notebook, phase in (("bare.ipynb", "not-installed"), ("other.ipynb", "other-language"), ("older.ipynb", "untracked")):
        fresh(desk, notebook)
        desk.phase(phase)
        desk.look(f"phase-{phase}-{notebook.removesuffix('.ipynb')}")
    desk.page.evaluate("() => { void window.jupyterapp.commands.execute('kernelmenu:shutdown'); }")
    desk.phase("no-kernel")
    desk.look("phase-no-kernel")
    nothing = f"{desk.lab.url}/lab?reset&token={TOKEN}"
    for address, phase in ((nothing, "no-notebook"), (desk.lab.address("slow.ipynb"), "checking")):
        desk.page.goto(address)
        desk.page.wait_for_selector("#mlops-panel", state="attached", timeout=START)
        desk.page.wait_for_selector("#jupyterlab-splash", state="detached", timeout=START)
        desk.command("mlops:open")
        desk.command("application:toggle-left-area")
        desk.phase(phase)
        desk.look(f"phase-{phase}")
    desk.phase("checking")  # still: a kernel that is slow to come up is no missing one
    desk.page.route("**/mlops/api/**", lambda route: route.fulfill(status=404, body=""))
    fresh(desk, EMPTY)
    desk.phase("no-server")
    desk.look("phase-no-server")
    desk.page.unroute("**/mlops/api/**")


def ran(desk: Gallery, times: int) -> None:
    """All cells have run once more."""
    desk.tab("Now")
    desk.run_all()
    ended(desk, times)


def ended(desk: Gallery, times: int) -> None:
    """Wait until they have."""
    expect(desk.part("execution")).to_have_count(CELLS * times, timeout=WORK)
    expect(desk.panel.locator("[data-testid='mlops-execution'][data-state='error']")).to_have_count(times, timeout=WORK)


def type_into(desk: Gallery, cell: int, find: str, words: str) -> None:
    """Edit a cell of the notebook, as a user would."""
    source = desk.page.locator(".jp-NotebookPanel .jp-CodeCell").nth(cell).locator(".cm-content")
    source.click()
    text = source.inner_text().replace(find, words)
    desk.page.keyboard.press("Control+A")
    desk.page.keyboard.insert_text(text)


def lived_in(desk: Gallery) -> None:
    """A notebook that was worked on: three runs, two versions of its data, a job with a submission and a sweep."""
    fresh(desk, SHOP)
    desk.track()
    desk.run_all()
    expect(desk.panel.locator("[data-testid='mlops-execution'][data-n='7'][data-state='running']")).to_be_visible(timeout=WORK)
    desk.look("full-now-running")
    ended(desk, 1)
    dataset(desk)  # takes the statistics of the first version
    type_into(desk, 1, "0.3", "0.1")
    ran(desk, 2)
    write_sales(desk.lab.root, 2)
    ran(desk, 3)
    expect(desk.part("run")).to_have_count(3, timeout=WORK)
    verified_and_made(desk)
    type_into(desk, 3, "> 17", "> 18")
    expect(desk.part("stale")).to_be_visible(timeout=WORK)


def verified_and_made(desk: Gallery) -> None:
    """The newest run is verified, made a job, handed to a runner, and swept."""
    desk.part("run").first.get_by_test_id("mlops-verify").click()
    desk.finished("verify")
    desk.part("run").first.get_by_test_id("mlops-convert").click()
    expect(desk.part("preview")).to_be_visible(timeout=WORK)
    desk.part("create-job").click()
    desk.finished("convert")
    expect(desk.panel.get_by_text("Job written to")).to_be_visible(timeout=WORK)
    desk.look("full-converted")
    desk.panel.get_by_role("button", name="Show the job").click()
    form = desk.part("parameters-form")
    form.get_by_role("button", name="On a runner").click()
    form.get_by_label("Runner", exact=True).select_option("local", timeout=WORK)
    form.get_by_test_id("mlops-submit-job").click()
    expect(desk.panel.locator("[data-testid='mlops-submission'][data-state='succeeded']")).to_have_count(1, timeout=WORK)
    form.get_by_role("button", name="Sweep", exact=True).click()
    form.get_by_label("learning_rate", exact=True).fill("0.1, 0.3")
    form.get_by_label("max_depth_of_each_tree", exact=True).fill("2, 3")
    form.get_by_test_id("mlops-start-sweep").click()
    desk.finished("sweep")
    desk.tab("Now")


def full(desk: Gallery) -> None:
    """Every view of a notebook that was worked on."""
    lived_in(desk)
    each(desk, "full", FULL)


def wide(desk: Gallery) -> None:
    """The same in the main area."""
    if not desk.page.locator("#mlops-panel").count() or SHOP not in desk.page.url:
        lived_in(desk)
    desk.page.set_viewport_size({"width": WIDE + 70, "height": HEIGHT})
    desk.command("application:toggle-right-area")
    desk.command("mlops:open-wide")
    big = Gallery(desk.page, desk.lab, desk.out, main=True)
    each(big, "wide", FULL)
    desk.found += big.found
    desk.page.set_viewport_size({"width": 1600, "height": HEIGHT})


def filled(lab: Lab) -> None:
    """Runs and submissions of many days in its store."""
    fill(lab.home / "store", 300)
    many(lab, 60)


def crowded(desk: Gallery) -> None:
    """Runs and submissions by the hundred."""
    filled(desk.lab)
    fresh(desk, MANY)
    desk.phase("untracked")
    wanted = ("runs-list", "runs-table", "runs-columns", "charts", "compare", "delivery")
    each(desk, "many", [scene for scene in FULL if scene.name in wanted])
    desk.tab("Jobs")
    expect(desk.part("submission").first).to_be_visible(timeout=WORK)
    desk.part("submission").first.get_by_role("button").first.click()
    desk.look("many-jobs")


ROUTES = {"Runs": "runs", "Lineage": "lineage", "Data": "data", "Jobs": "submissions", "Delivery": "delivery"}

WAITS = ".jp-mlops-waiting, .jp-mlops-skeleton"
"""While a tab is read."""


def refused(route: Route) -> None:
    """What the server says of something that it cannot do."""
    route.fulfill(status=503, content_type="application/json",
                  body=json.dumps({"message": "The store at /home/ana/mlops is locked", "remedy": "mlops doctor"}))


def away(desk: Gallery) -> None:
    """While a tab is read, where the server refuses, and where it does not answer."""
    for word, act, shown in (("loading", lambda route: None, WAITS), ("refused", refused, "[role='alert']")):
        fresh(desk, SHOP)
        pattern = "**/mlops/api/v1/{runs,lineage,data,datasets,submissions,sweeps,delivery}{,/**,?*}"
        desk.page.route(pattern, act)
        for name, key in ROUTES.items():
            desk.tab(name)
            expect(desk.panel.locator(shown).first).to_be_visible(timeout=WORK)
            desk.look(f"{word}-{key}")
        desk.page.unroute(pattern)
    fresh(desk, SHOP)
    desk.track()
    ran(desk, 1)
    for name, shown in {"Runs": "[data-testid='mlops-run']", "Lineage": "[data-place]"}.items():
        desk.tab(name)
        expect(desk.panel.locator(shown).first).to_be_visible(timeout=WORK)
    now(desk)
    # Only what is ours stays away: a theme has to be fetched.
    desk.page.route("**/mlops/api/**", lambda route: route.abort())
    desk.page.context.set_offline(True)
    expect(desk.part("offline")).to_be_visible(timeout=WORK)
    desk.page.context.set_offline(False)
    desk.look("away-now")
    for name, key in ROUTES.items():
        desk.tab(name)
        desk.look(f"away-{key}")


ACTS = {"empty": empty, "phases": phases, "full": full, "wide": wide, "many": crowded, "away": away}


@contextlib.contextmanager
def desk_in(home: Path, out: Path) -> Iterator[Gallery]:
    """A browser at a Lab of its own."""
    root = home / "root"
    root.mkdir()
    write_scene(home, root)
    with start_lab(home, root) as lab, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_context(viewport={"width": 1600, "height": HEIGHT}).new_page()
        yield Gallery(page, lab, out)
        browser.close()


def main(out: Path, parts: tuple[str, ...]) -> int:
    """Take the pictures; print what is wrong. Exit code 1 if something is."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, desk_in(Path(home), out) as desk:
        for part in parts:
            ACTS[part](desk)
            print(f"{part}: done", flush=True)
        for one in desk.found:
            print(one)
        return 1 if desk.found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), tuple(sys.argv[2:]) or PARTS))
