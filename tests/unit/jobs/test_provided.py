"""What packages provide and require is what `importlib.metadata` answers, in this interpreter and in another."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import distributions, packages_distributions
from pathlib import Path

import pytest

from mlops_jupyter.jobs import provided


def test_the_answers_are_those_of_the_standard_library() -> None:
    found = provided.provided()
    needs: dict[str, list[str]] = {}
    for each in distributions():
        needs.setdefault(each.metadata["Name"], list(each.requires or []))
    assert found["needs"] == needs
    for name, packages in packages_distributions().items():
        assert set(found["provides"][name]) == set(packages), name


def test_another_interpreter_is_asked_by_the_file_itself() -> None:
    done = subprocess.run([sys.executable, "-I", provided.__file__], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["provides"]["click"] == ["click"]


def _package(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


WHEEL = {"a-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: A\nRequires-Dist: b>=1\nRequires-Dist:  c;\n extra == 'x'\n\n"
                                   "Text\n\nRequires-Dist: not-this\nName: nor this\n",
         "a-1.dist-info/RECORD": 'a/__init__.py,,\n"a/x,y.py",,\nb_a.py,,\na-1.dist-info/RECORD,,\n'}
EGG = {"a-1.egg-info/PKG-INFO": "Metadata-Version: 1.0\nName: A\n\n", "a-1.egg-info/requires.txt": "b>=1\n\n[x]\nc\n",
       "a-1.egg-info/top_level.txt": "a\nb_a\n"}


@pytest.mark.parametrize("files", [WHEEL, EGG], ids=["wheel", "egg"])
def test_a_wheel_and_an_egg(files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _package(tmp_path, files)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    found = provided.provided()
    assert {name for name, packages in found["provides"].items() if packages == ["A"]} >= {"a", "b_a"}
    first, optional = found["needs"]["A"]
    assert first == "b>=1"
    assert optional.startswith("c")
    assert "x" in optional


def test_a_package_without_a_name_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _package(tmp_path, {"a-1.dist-info/METADATA": "Metadata-Version: 2.1\n\n", "a-1.dist-info/RECORD": "a.py,,\n"})
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert provided.provided() == {"provides": {}, "needs": {}}
