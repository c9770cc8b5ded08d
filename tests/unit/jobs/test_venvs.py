"""An environment is there whole or not at all, is what its name says, and is built once. Real installers, nothing downloaded."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import distribution
from pathlib import Path

import pytest

from mlops_jupyter.entities import JobFailedError
from mlops_jupyter.jobs.interpreters import find, uv
from mlops_jupyter.jobs.locked import Locked
from mlops_jupyter.jobs.venvs import WHOLE, Ours, build, environment_of, ours
from tests.wheels import MODULE, NAME, wheel

LINE = f"{NAME}==1.0"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place that packages come from."""
    for name in ("UV_FIND_LINKS", "PIP_FIND_LINKS"):
        monkeypatch.setenv(name, str(tmp_path / "wheels"))
    for name in ("UV_NO_INDEX", "PIP_NO_INDEX"):
        monkeypatch.setenv(name, "1")
    wheel(tmp_path / "wheels", "1.0")
    return tmp_path / "wheels"


def says(python: Path) -> str:
    words = [str(python), "-c", f"import {MODULE}; print({MODULE}.VERSION)"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("tool", [uv(), []], ids=["uv", "pip"])
def test_each_installer_builds_it_from_empty(index: Path, tmp_path: Path, tool: list[str]) -> None:
    assert uv(), "uv is one of the test requirements"
    build(tmp_path / "env", find(""), [LINE], Ours(()), tool)
    assert says(tmp_path / "env" / "bin" / "python") == "1.0"
    assert f"{MODULE}-1.0.dist-info" in (tmp_path / "env" / WHOLE).read_text()


def test_an_installer_that_fails_is_quoted_and_leaves_nothing(index: Path, tmp_path: Path) -> None:
    with pytest.raises(JobFailedError, match=rf"(?s)could not be built.*{NAME}.*9\.9") as caught:
        build(tmp_path / "env", find(""), [f"{NAME}==9.9"], Ours(()), uv())
    assert "--with" in caught.value.remedy
    assert not (tmp_path / "env").exists()


Get = Callable[[], Path]


@pytest.fixture
def get(index: Path) -> Get:
    """The environment of a lock of one package; without ours, whose requirements would have to be downloaded."""
    return lambda: environment_of(Locked("", (LINE,), {NAME: "1.0"}), own=Ours(()))


def test_it_is_built_once_and_again_where_it_is_not_what_its_name_says(get: Get) -> None:
    python = get()
    folder = python.parents[1]
    made = (folder / WHOLE).stat().st_mtime_ns
    assert get() == python
    assert (folder / WHOLE).stat().st_mtime_ns == made

    shutil.rmtree(next(folder.glob(f"lib/*/site-packages/{MODULE}-1.0.dist-info")))
    other = get()  # a cell removed a package: who runs there keeps it, everybody else gets a new one
    assert other != python
    assert folder.exists()
    assert says(other) == "1.0"
    assert get() == other

    (other.parents[1] / WHOLE).unlink()
    (other.parents[1] / "half").touch()  # a builder was killed
    assert get() == other
    assert not (other.parents[1] / "half").exists()


def test_of_two_builders_one_waits_for_the_other(get: Get) -> None:
    with ThreadPoolExecutor(2) as both:
        first, second = both.map(lambda _: get(), range(2))
    assert first == second
    assert [each.name for each in first.parents[2].iterdir() if each.is_dir()] == [first.parents[1].name]


def test_another_version_is_another_environment(get: Get, index: Path) -> None:
    wheel(index, "2.0")
    other = environment_of(Locked("", (f"{NAME}==2.0",), {NAME: "2.0"}), own=Ours(()))
    assert other != get()
    assert (says(other), says(get())) == ("2.0", "1.0")


def test_we_are_installed_from_where_this_process_has_us() -> None:
    source = distribution("mlops_jupyter").read_text("direct_url.json")
    words = ours().words
    if source is None:
        assert words == (f"mlops_jupyter=={distribution('mlops_jupyter').version}",)
    else:
        assert json.loads(source)["url"].endswith(words[-1])
        assert ("-e" in words) == json.loads(source).get("dir_info", {}).get("editable", False)
