"""A lock is read as it stands in the bundle, replaced by exact versions only, and laid beside what an interpreter has."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from mlops_jupyter.entities import Distribution, Environment, InputError, JobManifest
from mlops_jupyter.jobs import bundle
from mlops_jupyter.jobs.convert import Draft
from mlops_jupyter.jobs.lock import pylock_toml, requirements_txt
from mlops_jupyter.jobs.locked import Locked, differs, read_lock, replaced

LOCK = Locked("3.11.7", ("numpy==2.0.2", "scikit-learn==1.5.2"), {"numpy": "2.0.2", "scikit-learn": "1.5.2", "ours": "1"})
PYTHON = platform.python_version()


def test_the_lock_of_a_bundle_knows_also_what_no_installer_brings_back(tmp_path: Path) -> None:
    recorded = Environment("e", "3.11.7", "CPython", "Linux", "x86_64", (
        Distribution("Scikit_Learn", "1.5.2"), Distribution("ours", "1", "editable", "file:///src/ours"),
        Distribution("forked", "2", "vcs", "git+https://example.org/a/forked@abc123")))
    files = {"requirements.txt": requirements_txt(recorded).encode(), "pylock.toml": pylock_toml(recorded).encode()}
    manifest = JobManifest("job", 1.0, [], [], [], 1, 1, python="3.11.7")
    bundle.write(Draft(manifest, {}, files, [], []), tmp_path / "job")
    lock = read_lock(bundle.load(tmp_path / "job"))
    assert lock.lines == ("forked @ git+https://example.org/a/forked@abc123", "Scikit_Learn==1.5.2")
    assert lock.versions == {"forked": "2", "ours": "1", "scikit-learn": "1.5.2"}
    assert replaced(lock, ["scikit-learn==1.6", "forked==3"]).lines == ("scikit-learn==1.6", "forked==3")


def test_a_job_without_a_lock_is_refused_with_what_to_do(tmp_path: Path) -> None:
    bundle.write(Draft(JobManifest("job", 1.0, [], [], [], 1, 1), {}, {}, [], []), tmp_path / "job")
    with pytest.raises(InputError, match="has no lock") as caught:
        read_lock(bundle.load(tmp_path / "job"))
    assert "track the notebook again" in caught.value.remedy


def test_a_replaced_version_takes_the_place_of_the_locked_one() -> None:
    other = replaced(LOCK, ["Scikit_Learn==1.6.0"])
    assert other.lines == ("numpy==2.0.2", "scikit-learn==1.6.0")
    assert other.versions == {**LOCK.versions, "scikit-learn": "1.6.0"}
    assert replaced(LOCK, ["ours==2"]).lines[-1] == "ours==2"
    assert LOCK.lines[1] == "scikit-learn==1.5.2"


@pytest.mark.parametrize(("given", "says", "remedy"), [
    (["scikit-lern==1.6"], "no scikit-lern", "did you mean scikit-learn?"), (["rich==1"], "no rich", "numpy, ours, scikit-learn"),
    (["numpy>=2"], "NAME==VERSION", "--with"), (["numpy==2.*"], "NAME==VERSION", "--with"),
    (["numpy"], "NAME==VERSION", "--with"),
    (["=="], "NAME==VERSION", "--with"), (["numpy==2.0.2"], "numpy 2.0.2 already", "another version"),
    (["numpy==3", "NumPy==4"], "given twice", "once"),
])
def test_what_is_no_other_version_of_the_lock_is_refused(given: list[str], says: str, remedy: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        replaced(LOCK, given)
    assert remedy in caught.value.remedy


@pytest.mark.parametrize("executable", ["", sys.executable, str(Path(sys.executable).with_name("python3"))])
def test_an_interpreter_differs_by_python_by_version_and_by_what_it_lacks(executable: str) -> None:
    has = version("packaging")
    assert differs(Locked(PYTHON, (), {"packaging": has}), executable) == []
    assert differs(Locked("", (), {"packaging": has}), executable) == []
    found = differs(Locked("3.1.4", (), {"packaging": "0.1", "mlops-jupyter-nowhere": "1"}), executable)
    assert found == [f"Python 3.1.4 → {PYTHON}", f"packaging 0.1 → {has}", "-mlops-jupyter-nowhere"]


def test_what_is_no_python_is_said_and_not_taken_for_the_same(tmp_path: Path) -> None:
    assert differs(LOCK, str(tmp_path / "gone")) == [f"{tmp_path / 'gone'} does not say which packages it has"]
