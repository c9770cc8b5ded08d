"""Fixtures of the browser journeys: a real JupyterLab, driven by a real Chromium."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Error, Page, sync_playwright

from tests.browser.labs import Lab, start_lab
from tests.browser.stories import write_stories

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]


@pytest.fixture(autouse=True)
def jp_asyncio_loop() -> None:
    """The one of pytest-jupyter opens an event loop in this thread; Playwright has its own there."""


@pytest.fixture(autouse=True)
def jp_server_cleanup() -> None:
    """The one of pytest-jupyter stops a server in this process; ours is a process of its own."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The system's Chromium; the skip names what is missing."""
    path = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("chromium is not installed (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab on a folder that holds the stories. Its settings, runtime files, store and outbox lie beside that folder."""
    home = tmp_path_factory.mktemp("lab")
    root = home / "root"
    root.mkdir()
    write_stories(root)
    with start_lab(home, root) as running:
        yield running


def _is_theirs(error: Error) -> bool:
    """An error of the page's own, which is there without us too.

    JupyterLab 4.6 removes its splash from a timer, twice where a slow start shows it twice: one frame, in its core. Notebook
    7 misses `last_modified` and a schema in its own bundles.
    """
    frames = [line for line in (error.stack or "").splitlines() if line.strip().startswith("at ")]
    splash = "removeChild" in str(error) and len(frames) == 1 and "/jlab_core." in frames[0]
    return splash or (bool(frames) and all("/static/notebook/" in frame for frame in frames))


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page of a fresh browser profile; an error in the page's own code fails the test."""
    context = chromium.new_context(viewport={"width": 1600, "height": 1000})
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: None if _is_theirs(error) else errors.append(f"{error}\n{error.stack}"))
    yield page
    context.close()
    assert errors == []
