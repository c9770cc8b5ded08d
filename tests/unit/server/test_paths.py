"""Contents paths stay below the server's folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_jupyter.entities import InputError, NotFoundError
from mlops_jupyter.server.paths import contents_path, resolve


def test_a_contents_path_is_a_folder_below_the_root(tmp_path: Path) -> None:
    assert resolve(tmp_path, "jobs/flight") == tmp_path.resolve() / "jobs" / "flight"
    assert resolve(tmp_path, "") == tmp_path.resolve()


@pytest.mark.parametrize("path", ["../x", "a/../../x", "a/..", "/etc/passwd", "~/x", "~root/x", "RTC:a", "C:/x", "a\\..\\x",
                                  "a\0b", ".ssh/x", "a/.git/hooks"])
def test_what_is_no_contents_path_is_refused_as_text(tmp_path: Path, path: str) -> None:
    with pytest.raises(InputError):
        resolve(tmp_path, path)


def test_a_link_that_leads_out_is_not_followed(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (root / "door").symlink_to(outside)
    (root / "inner").mkdir()
    (root / "short").symlink_to(root / "inner")
    with pytest.raises(NotFoundError, match="door"):
        resolve(root, "door/job")
    assert resolve(root, "short/job") == root.resolve() / "inner" / "job"


def test_a_file_outside_the_root_has_no_contents_path(tmp_path: Path) -> None:
    assert contents_path(tmp_path, tmp_path / "a" / "b") == "a/b"
    assert contents_path(tmp_path / "a", tmp_path / "b") == ""
