"""The same panel in Jupyter Notebook 7, which knows the same commands and has a right side of its own."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.desk import WORK, Desk
from tests.browser.labs import TOKEN, shoot, start_lab
from tests.browser.stories import MARGINS, notebook

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_the_panel_opens_and_tracks_in_notebook_7(chromium: Browser, tmp_path: Path) -> None:
    pytest.importorskip("notebook", reason="Jupyter Notebook is not installed (pip install notebook)")
    root = tmp_path / "root"
    root.mkdir()
    nbformat.write(notebook(MARGINS), root / "margins.ipynb")
    # Notebook 7.6 raises an error about a schema in its own page, with our extension and without: errors are not judged here.
    with start_lab(tmp_path, root, "notebook") as lab:
        page = chromium.new_page(viewport={"width": 1400, "height": 900})
        desk = Desk(page, lab)
        page.goto(f"{lab.url}/notebooks/margins.ipynb?token={TOKEN}")
        desk.ready()
        desk.command("mlops:open")
        expect(desk.panel).to_be_visible()
        desk.track()
        desk.run_all()
        expect(desk.part("execution")).to_have_count(2, timeout=WORK)
        shoot(page, "23-notebook-7-light")
        page.close()
