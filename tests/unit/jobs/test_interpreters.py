"""The Python of a job: the exact version, else its minor version, else an error that says what to install."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_jupyter.entities import InputError
from mlops_jupyter.jobs.interpreters import Interpreter, asked, choose, find, of_kernel

OWN = Interpreter(sys.executable, platform.python_version(), "")


def known(*versions: str) -> list[Interpreter]:
    return [Interpreter(f"/python{at}", version, "CPython") for at, version in enumerate(versions)]


@pytest.mark.parametrize(("wanted", "there", "taken"), [
    ("3.11.7", ["3.12.1", "3.11.9", "3.11.7"], "3.11.7"), ("3.11.7", ["3.12.1", "3.11.9", "3.11.2"], "3.11.9"),
    ("", ["3.12.1", "3.11.9"], "3.12.1"), ("3.1.7", ["3.11.7", "3.1.9"], "3.1.9"),
])
def test_the_exact_version_first_then_any_of_its_minor_version(wanted: str, there: list[str], taken: str) -> None:
    assert choose(wanted, known(*there)).version == taken


def test_no_more_interpreters_are_asked_than_needed() -> None:
    def endless() -> Iterator[Interpreter]:
        yield from known("3.11.7")
        raise AssertionError("one more was asked")

    assert choose("3.11.7", endless()).version == "3.11.7"


def test_a_python_that_is_not_here_is_named_with_what_installs_it() -> None:
    with pytest.raises(InputError, match=r"made with Python 3\.2\.1, and there is no Python 3\.2 here") as caught:
        find("3.2.1")
    assert caught.value.remedy.startswith("uv python install 3.2")


def test_this_python_is_found_and_says_what_it_is() -> None:
    found = find(OWN.version)
    assert found == asked(sys.executable)
    assert (found.path, found.version) == (OWN.path, OWN.version)
    patch = ".".join([*OWN.version.split(".")[:2], "99"])
    assert find(patch).minor == OWN.minor


def test_what_only_looks_like_a_python_is_passed_over(tmp_path: Path) -> None:
    launcher = tmp_path / "python3.2"
    launcher.write_text("#!/bin/sh\necho no such version >&2\nexit 127\n")
    launcher.chmod(0o755)
    assert asked(str(launcher)) is None
    assert asked(str(tmp_path / "gone")) is None


def test_the_kernel_of_this_environment_is_this_python() -> None:
    assert of_kernel("python3") == sys.executable
    assert of_kernel("mlops-no-such-kernel") == ""
