"""The same cells with and without tracking: the same values, results, exceptions and random states; no dunder of a user's is called."""

# ruff: noqa: E501 (tables of cells, one line each)
from __future__ import annotations

import contextlib
import io
import random
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn.linear_model")  # what draws at its import has done so for both
pytest.importorskip("matplotlib.pyplot")

from mlops_jupyter.capture import ipython
from tests.proofs import booby_traps
from tests.unit.capture.notebook_player import UNKNOWN, Player, describe, fresh_shell, without_scan, world
from tests.unit.capture.notebook_recipes import notebook


def played(folder: Path, cells: list[tuple[str, str]], *, track: bool) -> list[object]:
    """What can be seen of each cell: value, exception, text, namespace, random states."""
    seen: list[object] = []
    with world(folder), without_scan():
        random.seed(1)
        np.random.seed(1)
        shell = fresh_shell()
        if track:
            ipython.start(shell, ipython.TrackOptions(notebook_path="nb.ipynb"))
        try:
            for cell, source in cells:
                out = io.StringIO()
                with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out), warnings.catch_warnings():
                    result = shell.run_cell(source, store_history=True, cell_id=cell)
                error = result.error_before_exec or result.error_in_exec
                state = np.random.get_state()
                names = {name: describe(value) for name, value in list(shell.user_ns.items())
                         if name[:2] not in {"_i", "__"} and name not in {"In", "_ih", "_dh", "get_ipython", "exit", "quit", "open"}}
                seen.append((source, type(error).__name__, str(error), describe(result.result), names, random.getstate(),
                             state[1].tolist(), state[2:], shell.execution_count, sorted(map(str, shell.user_ns["Out"]))))
        finally:
            ipython.stop()
    return seen


@pytest.mark.parametrize("seed", range(500, 504))
def test_the_same_with_and_without_tracking(seed: int, tmp_path: Path) -> None:
    unlike = ("%%time", "%time", "%prun", "timeit", "%who", "0x")
    cells = [(cell, source) for cell, source in notebook(random.Random(seed), 25) if not any(word in source for word in unlike)]
    plain = played(tmp_path / "plain", cells, track=False)
    tracked = played(tmp_path / "tracked", cells, track=True)
    for expected, found in zip(plain, tracked, strict=True):
        assert str(found).replace("/tracked", "/plain") == str(expected)


def test_no_special_method_of_a_users_object_is_called(tmp_path: Path) -> None:
    plain, tracked, wrong = booby_traps.compared(tmp_path, every=4)  # the proof takes them all
    assert wrong == []
    assert plain.types >= 25
    assert sum(tracked.calls.values()) > 0  # the traps do spring: what the cells themselves and IPython call is counted


def test_the_oracle_tells_values_apart(tmp_path: Path) -> None:
    """A test that cannot fail is a defect: a slice that lacks a cell is found."""
    player = Player(tmp_path / "play").play([("a", "x = [1]"), ("b", "x.append(2)"), ("c", "y = len(x)")])
    assert player.check("y", 3) == ""
    assert describe(player.replay([1, 3], [], 7)["y"]) != player.values[3]["y"]
    assert describe(sys) == UNKNOWN
