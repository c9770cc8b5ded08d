"""What a user does at the desk: open a notebook, look at the panel, run cells. Used by every journey."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.browser.labs import Lab, shoot

AXE = Path(__file__).resolve().parents[2] / "labextension" / "node_modules" / "axe-core" / "axe.min.js"
"""Checks a page against WCAG; a development dependency of the panel."""

WORK = 180_000
"""Milliseconds that a verification, a conversion or a job may take on a busy machine."""
QUIET = 2.0
"""Seconds without a change of the saved workspace after which it counts as settled."""
IDLE = ".jp-Notebook-ExecutionIndicator[data-status='idle']"
"""Present when the kernel is idle; a narrow window hides it behind the toolbar's menu."""
START = 60_000
"""Milliseconds that Lab may take to be ready, and a kernel to start, on a busy machine."""


class Desk:
    """One browser page with one notebook and the panel open."""

    def __init__(self, page: Page, lab: Lab) -> None:
        self.page = page
        self.lab = lab

    @property
    def panel(self) -> Locator:
        """Our panel at the side."""
        return self.page.locator("#mlops-panel").get_by_test_id("mlops-panel")

    def part(self, name: str) -> Locator:
        """A part of the panel by its test id, without the prefix."""
        return self.panel.get_by_test_id(f"mlops-{name}")

    def cell(self, place: int) -> Locator:
        """A code cell of the notebook, from 0."""
        return self.page.locator(".jp-NotebookPanel .jp-CodeCell").nth(place)

    def tab(self, name: str) -> None:
        """Press a tab of the panel, and wait until it is in front."""
        tab = self.panel.get_by_role("tab", name=name, exact=True)
        tab.click()
        expect(tab).to_have_attribute("aria-selected", "true")

    def open(self, notebook: str) -> None:
        """Open a notebook in a fresh layout, wait for its kernel, show the panel."""
        self.page.goto(self.lab.address(notebook))
        self.ready()
        self.command("mlops:open")
        expect(self.panel).to_be_visible()

    def reload(self) -> None:
        """Reload the page as a user would: the layout is restored, the panel with it."""
        self.page.goto(self.page.url)
        self.ready()
        self.command("mlops:open")
        expect(self.panel).to_be_visible()

    def ready(self) -> None:
        """Wait until Lab has started and the notebook's kernel is idle."""
        self.page.wait_for_selector("#jupyterlab-splash", state="detached", timeout=START)
        self.page.wait_for_selector(IDLE, state="attached", timeout=START)

    def command(self, name: str, **arguments: object) -> None:
        """Run a command of JupyterLab, as its menu or palette would."""
        self.page.evaluate("([name, args]) => window.jupyterapp.commands.execute(name, args).then(() => null)", [name, arguments])

    def run_all(self) -> None:
        """Run > Run All Cells."""
        self.page.evaluate("() => { void window.jupyterapp.commands.execute('notebook:run-all-cells'); }")

    def restart(self) -> None:
        """Kernel > Restart Kernel, confirmed."""
        self.page.evaluate("() => { void window.jupyterapp.commands.execute('kernelmenu:restart'); }")
        self.page.locator(".jp-Dialog .jp-mod-accept").click()
        self.page.wait_for_selector(IDLE, state="attached", timeout=START)

    def phase(self, name: str) -> None:
        """Wait until the panel is in a phase."""
        expect(self.panel).to_have_attribute("data-phase", name, timeout=START)

    def track(self) -> None:
        """Press the Track button."""
        self.phase("untracked")
        self.part("track").click()
        self.phase("tracked")

    def widen(self, pixels: int) -> None:
        """Drag the panel's left edge."""
        box = self.panel.bounding_box()
        assert box is not None
        edge, height = box["x"] - 2, 300
        self.page.mouse.move(edge, height)
        self.page.mouse.down()
        self.page.mouse.move(edge - pixels, height, steps=5)
        self.page.mouse.up()

    def to_width(self, pixels: int) -> None:
        """Drag the panel's left edge until it is so wide."""
        box = self.page.locator("#mlops-panel").bounding_box()
        assert box is not None
        self.widen(pixels - int(box["width"]))

    def both(self, name: str, at: Locator | None = None) -> None:
        """Pictures in both themes, narrow and wide, with `at` in sight; accessible in both."""
        for theme in ("Light", "Dark"):
            self.theme(f"JupyterLab {theme}")
            self.accessible()
            for width in (320, 800):
                self.to_width(width)
                if at is not None:
                    at.scroll_into_view_if_needed()
                shoot(self.page, f"{name}-{theme.lower()}-{width}")
        self.theme("JupyterLab Light")
        self.to_width(380)

    def finished(self, kind: str) -> None:
        """Wait until the newest background task of a kind has ended; it must have succeeded."""
        def newest() -> dict[str, object]:
            tasks = self.lab.ask("mlops/api/v1/tasks")
            assert isinstance(tasks, list)
            found: list[dict[str, object]] = [task for task in tasks if task["kind"] == kind]
            return found[-1] if found else {"state": "running"}

        self.until(lambda: newest()["state"] != "running", f"{kind} ends")
        assert newest()["state"] == "succeeded", newest()["error"]

    def settled(self) -> None:
        """Wait until JupyterLab has saved its layout and state as they are now, which it does a moment after a change."""
        saved, since = self.lab.ask("lab/api/workspaces"), time.monotonic()

        def quiet() -> bool:
            nonlocal saved, since
            now = self.lab.ask("lab/api/workspaces")
            if now != saved:
                saved, since = now, time.monotonic()
            return time.monotonic() - since > QUIET

        self.until(quiet, "JupyterLab's workspace stays as it is")

    def until(self, holds: Callable[[], bool], what: str) -> None:
        """Ask until it holds."""
        end = time.monotonic() + WORK / 1000
        while not holds():
            assert time.monotonic() < end, f"not within {WORK / 1000:.0f} s: {what}"
            self.page.wait_for_timeout(200)

    def accessible(self) -> None:
        """No violation that axe-core finds in the panel as it is now."""
        if not AXE.is_file():
            return
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = self.page.evaluate("() => axe.run('#mlops-panel').then(result => result.violations)")
        wrong = [(one["id"], one["help"], [node["html"] for node in one["nodes"]]) for one in found]
        assert wrong == [], wrong

    def theme(self, name: str) -> None:
        """`JupyterLab Light` or `JupyterLab Dark`."""
        self.command("apputils:change-theme", theme=name)
        expect(self.page.locator("body")).to_have_attribute("data-jp-theme-name", name)
        self.page.wait_for_selector("#jupyterlab-splash", state="detached")
