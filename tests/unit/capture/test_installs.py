"""A session knows when its environment is another one, whatever installed what."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import pytest

from mlops_jupyter.capture.installs import DIFFERS, Installs
from mlops_jupyter.entities import CellExecution, Distribution, Environment, Session
from mlops_jupyter.entities.environments import differences, differences_line, environments_of


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "site-packages"
    (place / "first-1.0.dist-info").mkdir(parents=True)
    monkeypatch.setattr(sys, "path", [str(place)])
    return place


def names(found: Environment | None) -> list[tuple[str, str]] | None:
    return None if found is None else [(one.name, one.version) for one in found.distributions]


def test_an_installed_package_is_found_after_the_cell_and_once(packages: Path, tmp_path: Path) -> None:
    installs = Installs(tmp_path / "state", "nb")
    assert names(installs.take()[0]) == [("first", "1.0")]
    assert installs.after_cell() is None
    (packages / "second-2.0.dist-info").mkdir()
    assert names(installs.after_cell()) == [("first", "1.0"), ("second", "2.0")]
    assert installs.after_cell() is None
    (packages / "first-1.0.dist-info").rename(packages / "first-1.1.dist-info")
    assert names(installs.after_cell()) == [("first", "1.1"), ("second", "2.0")]
    (packages / "module.py").touch()  # the folder changed, and no package
    assert installs.after_cell() is None


def test_a_folder_that_joins_the_path_counts(packages: Path, tmp_path: Path) -> None:
    installs = Installs(tmp_path / "state", "nb")
    installs.take()
    (tmp_path / "more" / "third-3.0.dist-info").mkdir(parents=True)
    sys.path.append(str(tmp_path / "more"))
    assert names(installs.after_cell()) == [("first", "1.0"), ("third", "3.0")]


def test_the_next_session_says_what_differs(packages: Path, tmp_path: Path) -> None:
    one = Installs(tmp_path / "state", "nb")
    assert one.take()[1] == ""
    one.after_cell()
    (packages / "first-1.0.dist-info").rename(packages / "first-1.1.dist-info")
    (packages / "second-2.0.dist-info").mkdir()
    assert Installs(tmp_path / "state", "nb").take()[1] == f"{DIFFERS}first 1.0 → 1.1, +second"
    assert Installs(tmp_path / "state", "nb").take()[1] != "", "nothing has run in it: the saved outputs are still the older ones"
    assert Installs(tmp_path / "state", "other").take()[1] == ""
    (tmp_path / "state" / "nb.json").write_text("{")
    assert Installs(tmp_path / "state", "nb").take()[1] == ""


def environment(name: str, *distributions: str, python: str = "3.12.1") -> Environment:
    found = tuple(Distribution(*one.split("==")) for one in distributions)
    return Environment(name, python, "CPython", "Linux", "x86_64", found)


def test_differences_in_words() -> None:
    before = environment("a", "pandas==2.2.3", "dask==1", "Typing_Extensions==4.1")
    after = environment("b", "pandas==3.1.1", "polars==1", "typing-extensions==4.1", python="3.13.0")
    assert differences(before, after) == ["Python 3.12.1 → 3.13.0", "pandas 2.2.3 → 3.1.1", "-dask", "+polars"]
    many = environment("c", *(f"p{n}==1" for n in range(20)))
    assert differences_line(environment("d"), many).endswith("+p7, and 12 more")
    assert differences_line(many, many) == ""
    editable = msgspec.structs.replace(after, distributions=(Distribution("pandas", "3.1.1", "editable", "file:///x"),))
    assert differences(msgspec.structs.replace(after, distributions=after.distributions[:1]), editable) == [
        "pandas 3.1.1 from another source"]


def test_the_environment_of_each_execution() -> None:
    one, two = environment("one"), environment("two")
    cells = [CellExecution("s", n, "", "ok", environment=changed) for n, changed in ((1, ""), (2, "two"), (3, ""), (4, "one"))]
    session = Session("s", "w", "notebook", "e", "e", 0.0, environment=one, environments=[one, two])
    assert [found.id for found in environments_of(session, cells).values()] == ["one", "two", "two", "one"]
    plain = Session("s", "w", "notebook", "e", "e", 0.0, environment=one)
    assert [found.id for found in environments_of(plain, cells[:1]).values()] == ["one"]
    assert environments_of(Session("s", "w", "notebook", "e", "e", 0.0), cells) == {}
