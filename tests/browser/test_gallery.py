"""What the gallery shows, at each width: nothing stands beyond the panel's edge, and axe-core finds nothing in either theme."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.browser.gallery import Gallery, crowded, empty
from tests.browser.gallery_scenes import write_scene
from tests.browser.labs import Lab, start_lab

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A JupyterLab on the folder of the gallery."""
    home = tmp_path_factory.mktemp("gallery")
    root = home / "root"
    root.mkdir()
    write_scene(home, root)
    with start_lab(home, root) as running:
        yield running


def test_every_view_keeps_within_the_panel_and_is_accessible(page: Page, scene: Lab) -> None:
    desk = Gallery(page, scene)
    empty(desk)
    crowded(desk)
    assert desk.found == []
