"""What a user does at the desk: open a notebook, look at the panel, run cells. Used by every journey."""

from __future__ import annotations

import time

from playwright.sync_api import Locator, Page, expect

from tests.browser.labs import Lab

WORK = 180_000
"""Milliseconds that a verification, a conversion or a job may take on a busy machine."""
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
        """Our panel."""
        return self.page.get_by_test_id("mlops-panel")

    def part(self, name: str) -> Locator:
        """A part of the panel by its test id, without the prefix."""
        return self.panel.get_by_test_id(f"mlops-{name}")

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

    def finished(self, kind: str) -> None:
        """Wait until the newest background task of a kind has ended; it must have succeeded."""
        end = time.monotonic() + WORK / 1000
        while time.monotonic() < end:
            tasks = self.lab.ask("mlops/api/v1/tasks")
            assert isinstance(tasks, list)
            newest = [task for task in tasks if task["kind"] == kind][-1]
            if newest["state"] != "running":
                assert newest["state"] == "succeeded", newest["error"]
                return
            self.page.wait_for_timeout(200)
        raise AssertionError(f"{kind} did not end within {WORK / 1000:.0f} s")

    def theme(self, name: str) -> None:
        """`JupyterLab Light` or `JupyterLab Dark`."""
        self.command("apputils:change-theme", theme=name)
        expect(self.page.locator("body")).to_have_attribute("data-jp-theme-name", name)
