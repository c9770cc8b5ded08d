"""How a sweep is watched: in a terminal a line for each child that runs, in a pipe a line for each that ended."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from mlops_jupyter.cli.sweep_progress import watching
from mlops_jupyter.jobs.fleet import Step
from mlops_jupyter.jobs.progress import Progress
from mlops_jupyter.jobs.sweep import Child, Sweep

CHILDREN = [Child(1, {"p": 1}, "succeeded", seconds=2.0), Child(2, {"p": 2}, "running"), Child(3, {"p": 3}, "running")]
SWEEP = Sweep("sha256:0", "job", "study", 0.0, CHILDREN, ["p"])
STEPS = [Step(CHILDREN[1]), Step(CHILDREN[2]), Step(CHILDREN[1], Progress(0, 4, 1, "import numpy")),
         Step(Child(2, {"p": 2}, "failed", error="ValueError: no\nmore", seconds=1.0)),
         Step(Child(3, {"p": 3}, "succeeded", seconds=3.0))]


def play() -> None:
    with watching(SWEEP) as report:
        for step in STEPS:
            report(step)


def test_a_pipe_gets_a_line_for_each_child_that_ended(capsys: pytest.CaptureFixture[str]) -> None:
    play()
    assert capsys.readouterr().err.splitlines() == ["[2/3] p=2 failed in 1.0 s: ValueError: no", "[3/3] p=3 succeeded in 3.0 s"]


def test_a_quiet_sweep_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with watching(SWEEP, quiet=True) as report:
        for step in STEPS:
            report(step)
    assert capsys.readouterr() == ("", "")


def on_a_terminal(ci: str) -> str:
    """What the sweep shows on a terminal, with this value of `CI`."""
    main, terminal = pty.openpty()
    program = "from tests.unit.cli.test_sweep_progress import play; play()"
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120", "CI": ci}
    done = subprocess.run([sys.executable, "-c", program], stderr=terminal, check=False, env=environment)
    os.close(terminal)
    shown = os.read(main, 100_000).decode()
    os.close(main)
    assert done.returncode == 0, shown
    return shown


def test_the_terminal_of_a_ci_system_gets_lines() -> None:
    lines = on_a_terminal("true").splitlines()
    assert lines == ["[2/3] p=2 failed in 1.0 s: ValueError: no", "[3/3] p=3 succeeded in 3.0 s"]


def test_a_terminal_shows_the_whole_and_how_many_failed() -> None:
    shown = on_a_terminal("")
    last = shown[shown.rindex("study"):]
    assert "3/3" in last
    assert "1 failed" in last
    assert "p=" not in last  # the line of a child goes with it
