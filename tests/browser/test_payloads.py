"""Nothing stored can run: 150 payloads in every field that the panel shows, each tab and page opened and pressed."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from playwright.sync_api import Page, expect

from tests.browser.desk import WORK, Desk
from tests.browser.labs import Lab
from tests.browser.payloads import SEVERAL, payloads, plant
from tests.browser.stories import write_notebook

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NAME = "planted.ipynb"
UNFOLD = """() => {
  const closed = [...document.querySelectorAll('#mlops-panel [aria-expanded="false"]')].filter(one => !one.dataset.pressed);
  closed.forEach(one => { one.dataset.pressed = 'yes'; one.click(); });
  return closed.length;
}"""
TEXTS = "() => document.querySelector('#mlops-panel').textContent"
WATCH = """() => {
  window.ran = 0;
  window.jupyterapp.commands.addCommand('canary', { execute: () => { window.ran = 1; } });
}"""


class Canary:
    """An address that must never be asked."""

    def __init__(self) -> None:
        asked: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_error(404)

            def log_message(self, *words: object) -> None:
                """Nothing."""

        self.asked = asked
        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def canary() -> Iterator[Canary]:
    canary = Canary()
    yield canary
    canary.server.shutdown()
    canary.server.server_close()


@pytest.fixture
def desk(page: Page, lab: Lab) -> Desk:
    return Desk(page, lab)


def plain(text: str) -> str:
    """As a browser would show it: one space where there is any."""
    return re.sub(r"\s+", " ", text).strip()


def look_at_all(desk: Desk, seen: set[str], texts: list[str]) -> None:
    """Unfold what can be unfolded, note which texts are there, wait until the page asks nothing any more."""
    for _ in range(4):
        if desk.page.evaluate(UNFOLD) == 0:
            break
        desk.page.wait_for_load_state("networkidle")
    shown = plain(desk.page.evaluate(TEXTS))
    seen |= {text for text in texts if plain(text)[:60] in shown}


def test_no_payload_runs_asks_or_commands_anything(desk: Desk, canary: Canary) -> None:
    page, texts = desk.page, payloads(canary.address)[:SEVERAL]
    write_notebook(desk.lab.root / NAME, ["1"])
    plant(str(desk.lab.home / "store"), NAME, texts)
    opened: list[str] = []
    page.on("dialog", lambda dialog: opened.append(dialog.message))
    page.on("popup", lambda popup: opened.append(popup.url))
    desk.open(NAME)
    page.evaluate(WATCH)
    expect(desk.part("execution").first).to_be_visible(timeout=WORK)
    seen: set[str] = set()
    for tab in desk.panel.get_by_role("tab").all_inner_texts():
        desk.tab(tab)
        page.wait_for_load_state("networkidle")
        look_at_all(desk, seen, texts)
    for tab, things in {"Lineage": "[data-place]", "Data": "[data-testid='mlops-dataset']"}.items():
        desk.tab(tab)
        page.wait_for_load_state("networkidle")
        expect(desk.panel.locator(things)).not_to_have_count(0)
        for at in range(min(3, desk.panel.locator(things).count())):
            desk.panel.locator(things).nth(at).click()
            page.wait_for_load_state("networkidle")
            look_at_all(desk, seen, texts)
            desk.tab(tab)
            page.wait_for_load_state("networkidle")
    desk.tab("Now")
    desk.part("execution").first.click()
    for way in ("history", "convert"):
        if desk.part(way).count() > 0:
            desk.part(way).first.click()
            page.wait_for_load_state("networkidle")
            look_at_all(desk, seen, texts)
            desk.tab("Now")
    assert len(seen) > SEVERAL * 0.9, sorted(set(texts) - seen)
    assert page.evaluate("() => window.ran") == 0
    assert canary.asked == []
    assert opened == []
    assert page.url.split("?")[0].endswith(NAME)
