"""A Containerfile is instructions that a builder knows, on files that are in the bundle, with a command that is ours."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import click
import pytest

from mlops_jupyter.cli import app
from mlops_jupyter.entities import JobManifest
from mlops_jupyter.jobs import bundle
from mlops_jupyter.jobs.containerfile import CONTAINERFILE, containerfile
from mlops_jupyter.jobs.convert import Draft
from mlops_jupyter.version import __version__

KNOWN = {"FROM", "ARG", "RUN", "COPY", "ENV", "WORKDIR", "ENTRYPOINT"}
LOCK = "# Python 3.12.1\nnumpy==2.0.2\n"
FORKED = "forked @ git+https://example.org/a/forked@abc123\n"


def instructions(text: bytes) -> list[tuple[str, str]]:
    """(instruction, its arguments) of each line; comments left out."""
    lines = [line.partition(" ") for line in text.decode().splitlines() if not line.startswith("#")]
    return [(word, rest) for word, _, rest in lines]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    manifest = JobManifest("flights", 1.0, [], [], [], 1, 1, python="3.12.1")
    files = {"notebook.ipynb": b"{}", "requirements.txt": LOCK.encode(), CONTAINERFILE: containerfile(manifest, LOCK)}
    bundle.write(Draft(manifest, {}, files, [], []), tmp_path / "job")
    return tmp_path / "job"


def test_each_instruction_is_known_and_takes_files_of_the_bundle(written: Path) -> None:
    found = instructions((written / CONTAINERFILE).read_bytes())
    assert {word for word, _ in found} <= KNOWN
    assert found[0] == ("FROM", "python:3.12-slim")
    sources = [source for word, rest in found if word == "COPY" for source in shlex.split(rest)[:-1]]
    assert sources
    assert all((written / source).exists() for source in sources)
    assert bundle.load(written).manifest.files[CONTAINERFILE]


def test_the_lock_and_this_version_of_ours_are_installed_before_the_job_is_copied(written: Path) -> None:
    found = instructions((written / CONTAINERFILE).read_bytes())
    words = [word for word, _ in found]
    assert words.index("ARG") < words.index("RUN") < len(words) - 1 - words[::-1].index("COPY")
    [command] = [shlex.split(rest) for word, rest in found if word == "RUN"]
    assert command[:4] == ["python", "-m", "pip", "install"]
    assert ("ARG", f"MLOPS_JUPYTER=mlops_jupyter=={__version__}") in found
    assert command[-1] == "$MLOPS_JUPYTER"
    copied = [shlex.split(rest)[-1] for word, rest in found if word == "COPY"]
    assert command[command.index("-r") + 1] in copied


def test_its_command_runs_the_copied_job_and_takes_what_run_takes(written: Path) -> None:
    found = dict(instructions((written / CONTAINERFILE).read_bytes()))
    program, verb, place = json.loads(found["ENTRYPOINT"])
    assert program == "mlops"
    command = app.get_command(click.Context(app), verb)
    assert command is not None
    assert command.make_context(verb, [place, "-p", "strength=2"]).params["bundle"] == place
    assert found["COPY"].split()[-1] == place


def test_a_repository_in_the_lock_needs_git_in_the_image() -> None:
    manifest = JobManifest("flights", 1.0, [], [], [], 1, 1, python="3.12.1")
    assert not re.search(r"install.* git\b", containerfile(manifest, LOCK).decode())
    first, *_ = [rest for word, rest in instructions(containerfile(manifest, LOCK + FORKED)) if word == "RUN"]
    assert re.search(r"apt-get install.* git\b", first)
