"""Papermill's own tests of engines, execution, autosave and command line, run with our engine in the place of its own.

They come with the installed papermill. What fails stands in a table with its reason, and is run with papermill's own engine too:
there it must fail as well. A test that is not in the table passes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import IPython.core.display
import pytest

PLUGIN = Path(__file__).with_name("papermill_engine.py")
PARTS = {"test_engines": 2, "test_execute": 20, "test_autosave": 2, "test_clientwrap": 0, "test_cli": 7}
"""Module of papermill's tests → notebooks that it executes at least; a mock in place of the engine executes none."""
FAILS_WITH_BOTH = {} if hasattr(IPython.core.display, "display") else {
    "test_execute.TestBrokenNotebook2.test": "its notebook takes display from IPython.core.display, where IPython 9 has none",
}


def outcomes(folder: Path, part: str, *, ours: bool, chosen: str = "") -> dict[str, bool]:
    """Test of papermill → did it pass."""
    folder.mkdir()
    shutil.copyfile(PLUGIN, folder / "sitecustomize.py")
    report = folder / "report.xml"
    words = [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "--rootdir", str(folder), "-p", "no:cacheprovider",
             "-p", "no:kmock", f"--junitxml={report}", *(["-p", "sitecustomize"] if ours else []),
             "--pyargs", f"papermill.tests.{part}{chosen}"]
    environment = {**os.environ, "PYTHONPATH": str(folder) if ours else ""}
    ran = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert report.exists(), ran.stdout + ran.stderr
    print(ran.stdout)
    names = {case: ".".join(filter(None, [part, (case.get("classname") or "").strip("."), case.get("name")]))
             for case in ET.parse(report).iter("testcase")}
    return {name: not any(child.tag in {"failure", "error", "skipped"} for child in case) for case, name in names.items()}


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_their_tests_pass_with_our_engine(part: str, tmp_path: Path) -> None:
    found = outcomes(tmp_path / "ours", part, ours=True)
    assert len(found) > 2
    assert {name for name, passed in found.items() if not passed} == {name for name in FAILS_WITH_BOTH if name.startswith(part)}
    assert len(list(Path(os.environ["MLOPS_STATE"]).rglob("*.jsonl"))) >= PARTS[part], "it was another engine that executed"


@pytest.mark.parametrize("test", FAILS_WITH_BOTH)
def test_what_fails_with_our_engine_fails_with_theirs(test: str, tmp_path: Path) -> None:
    part, *inside = test.split(".")
    [passed] = outcomes(tmp_path / "theirs", part, ours=False, chosen="::" + "::".join(inside)).values()
    assert not passed
