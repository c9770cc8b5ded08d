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
from tests.unit.capture.notebook_player import UNKNOWN, Player, describe, fresh_shell, without_scan, world
from tests.unit.capture.notebook_recipes import notebook

TRAPS = """
import sys, types
calls = []
def trap(name):
    def method(*args, **kwargs):
        calls.append((name, sys._getframe(1).f_code.co_filename))
        raise RuntimeError(name)
    return method
NAMES = '''eq ne lt le gt ge hash repr str bytes format bool len iter next contains getitem setitem delitem getattr call int float index
complex add radd mul enter exit reduce reduce_ex getstate setstate copy deepcopy sizeof dir array array_ufunc array_function array_interface
dataframe length_hint fspath await aiter instancecheck subclasscheck missing reversed del_ getattribute'''.split()
body = {f'__{name}__': trap(name) for name in NAMES if name not in {'del_', 'getattribute'}}
class Meta(type):
    __eq__ = trap('meta eq')
    __hash__ = trap('meta hash')
    __repr__ = trap('meta repr')
    __instancecheck__ = trap('meta instancecheck')
    __iter__ = trap('meta iter')
Mine = Meta('Mine', (), body)
Silent = type('Silent', (), {**body, '__getattribute__': trap('getattribute')})
class Listed(list):
    __iter__ = __len__ = __eq__ = __repr__ = __getitem__ = trap('list')
class Keyed(dict):
    __iter__ = __len__ = __eq__ = __repr__ = __getitem__ = keys = values = items = trap('dict')
"""
CELLS = [
    "bomb = Mine()", "quiet = Silent()", "many = [bomb, quiet, Listed([bomb]), Keyed(a=bomb)]", "table = {'k': bomb, 'l': many}", "one = (bomb,)",
    "def f(x=bomb, *, y=quiet):\n    return bomb", "f()", "g = lambda: quiet", "g()", "import functools\np = functools.partial(f, bomb, y=quiet)", "p()",
    "import pandas as pd, numpy as np\nframe = pd.DataFrame({'a': [1, 2]})\nframe['o'] = pd.Series([bomb, quiet], dtype=object)",
    "arr = np.empty(2, dtype=object)\narr[0] = bomb", "frame.loc[0, 'a'] = 5", "exec('z = 1')", "many.append(bomb)", "del bomb", "table.pop('k')\nNone",
    "class Holder:\n    bomb = quiet\nh = Holder()\nh.inner = quiet", "h.x = 1", "gen = (x for x in [quiet])", "1 / 0", "quiet.anything", "a = b = many", "%%time\nq = quiet",
]


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


def test_no_dunder_of_a_users_object_is_called(tmp_path: Path) -> None:
    found = {}
    for track in (False, True):
        with world(tmp_path / str(track)), without_scan():
            shell = fresh_shell()
            shell.run_cell(TRAPS)
            if track:
                ipython.start(shell)
            shell.user_ns["calls"].clear()
            try:
                for source in CELLS:
                    shell.run_cell(f"{source};" if source in {"f()", "g()", "p()"} else source)
                if track:
                    status = ipython.current().status()  # type: ignore[union-attr]
                    assert (status.failures, status.notes) == (0, status.notes)
                    assert ipython.current() is not None
            finally:
                ipython.stop()
            found[track] = [name for name, _ in shell.user_ns["calls"]]
            ours = [place for _, place in shell.user_ns["calls"] if "mlops_jupyter" in place]
    assert not ours
    assert found[True] == found[False]


def test_the_oracle_tells_values_apart(tmp_path: Path) -> None:
    """A test that cannot fail is a defect: a slice that lacks a cell is found."""
    player = Player(tmp_path / "play").play([("a", "x = [1]"), ("b", "x.append(2)"), ("c", "y = len(x)")])
    assert player.check("y", 3) == ""
    assert describe(player.replay([1, 3], [], 7)["y"]) != player.values[3]["y"]
    assert describe(sys) == UNKNOWN
