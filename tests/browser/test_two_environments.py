"""Kernel and Lab often live in different environments: the panel says what that kernel lacks, in a command that works there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Page, expect

from tests.browser.desk import Desk
from tests.browser.labs import Lab, shoot, start_lab
from tests.browser.stories import MARGINS, notebook

pytestmark = [pytest.mark.browser, pytest.mark.slow]

OLD = "0.0.9"


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second virtual environment with ipykernel and nothing of ours."""
    folder = tmp_path_factory.mktemp("elsewhere") / "env with a space"
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "ipykernel"], check=True, timeout=300)
    return python


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder on whose path a kernel finds another version of the package's distribution."""
    folder = tmp_path_factory.mktemp("old")
    facts = folder / f"mlops_jupyter-{OLD}.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: mlops_jupyter\nVersion: {OLD}\n")
    return folder


@pytest.fixture(scope="module")
def lab_of_two(tmp_path_factory: pytest.TempPathFactory, elsewhere: Path, old: Path) -> Iterator[Lab]:
    """A JupyterLab that offers both kernels."""
    home = tmp_path_factory.mktemp("two")
    root = home / "root"
    root.mkdir()
    for name, python, path in (("elsewhere", str(elsewhere), ""), ("older", sys.executable, str(old))):
        spec = {"argv": [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": name,
                "language": "python", "env": {"PYTHONPATH": path} if path else {}}
        folder = home / "data" / "kernels" / name
        folder.mkdir(parents=True)
        (folder / "kernel.json").write_text(json.dumps(spec))
        nbformat.write(notebook(MARGINS, name), root / f"{name}.ipynb")
    with start_lab(home, root) as running:
        yield running


def test_a_kernel_without_the_package_is_told_the_exact_command(page: Page, lab_of_two: Lab, elsewhere: Path) -> None:
    desk = Desk(page, lab_of_two)
    desk.open("elsewhere.ipynb")
    desk.phase("not-installed")
    command = desk.part("install-command")
    expect(command).to_contain_text(f'"{elsewhere}" -m pip install')
    shoot(page, "20-not-installed-light")
    # The very command, in a shell, as a user would paste it; the panel itself need not be built for a kernel's environment.
    done = subprocess.run(command.inner_text(), shell=True, env={**os.environ, "SKIP_JUPYTER_BUILDER": "1"}, cwd=lab_of_two.root,
                          capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    desk.restart()
    desk.track()
    desk.run_all()
    expect(desk.part("execution")).to_have_count(2, timeout=60_000)
    shoot(page, "21-installed-and-tracked-light")


def test_a_kernel_with_another_version_is_named(page: Page, lab_of_two: Lab) -> None:
    desk = Desk(page, lab_of_two)
    desk.open("older.ipynb")
    expect(desk.part("version-mismatch")).to_contain_text(OLD, timeout=60_000)
    expect(desk.part("version-mismatch")).to_contain_text(f'"{sys.executable}" -m pip install')
    desk.accessible()
    shoot(page, "22-version-mismatch-light")
