"""The gallery at each width: nothing beyond the edge, no word cut for good, nothing that axe-core finds in either theme."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.browser.gallery import Gallery, crowded, empty, phases
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
    assert "\n".join(desk.found) == ""


def test_every_reason_not_to_be_tracked_is_told_so_too(page: Page, scene: Lab) -> None:
    desk = Gallery(page, scene)
    phases(desk)
    assert "\n".join(desk.found) == ""
