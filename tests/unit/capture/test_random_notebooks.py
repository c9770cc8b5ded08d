"""A slice may be too large, never too small: notebooks played under real tracking, their slices played again in a fresh shell."""

# ruff: noqa: E501 (tables of cells, one line each)
from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.unit.capture.notebook_player import Player
from tests.unit.capture.notebook_recipes import SETUP, notebook

IMPORTS = "import random, conf, os, io, functools\nimport numpy as np"

REGRESSIONS = {
    "a method kept under a name changes its object": ("l = [1]", "push = l.append", "push(2)", "l.append(3)"),
    "a generator changes and reads globals": (
        "k = 5", "log = []", "def up(n):\n    for v in range(n):\n        log.append(v)\n        yield v + k", "g = up(9)", "a = next(g)", "k = 7",
        "b = next(g)", "n = len(log)"),
    "an iterator over an iterator": ("g = iter(range(9))", "m = map(str, g)", "a = next(m)", "b = next(g)", "c = next(m)"),
    "a flat iterator writes into its array": ("a = np.zeros(3)", "it = a.flat", "it[0] = 5", "s = float(a.sum())"),
    "a generator that spawned is another one": (
        "r = np.random.default_rng(1)", "kid = r.spawn(1)[0]", "kid = r.spawn(1)[0]", "x = float(kid.random())"),
    "a class keeps count": (
        "class C:\n    n = 0\n    seen = []\n    def add(self):\n        type(self).n += 1\n        self.seen.append(1)", "c = C()", "c.add()",
        "d = C()", "a = C.n", "b = len(d.seen)"),
    "a local module keeps count": ("conf.tally(2)", "n = 1", "a = conf.tally(3)", "t = conf.TABLE", "conf.tally(1)", "b = dict(t)"),
    "a local module under two names": ("import conf as other\nother.KNOB += 4", "from conf import knob", "a = knob()"),
    "a function put into a module": ("k = 1", "conf.knob = lambda: k", "k = 5", "conf.tally(3)", "a = conf.knob()"),
    "the namespace by its module": ("i = 1", "import __main__\n__main__.i = 5", "a = i + 1"),
    "the namespace by the shell": ("i = 1", "get_ipython().user_ns['i'] = 5", "a = i + 1"),
    "a seed that was never reached": ("random.seed(1)", "x = random.random()\n1 / 0\nrandom.seed(2)", "y = random.random()"),
    "a draw before the seed of the same cell": ("random.seed(1)", "a = random.random()\nrandom.seed(2)", "b = random.random()"),
    "a draw before the seed, nothing seeded before": ("a = random.random()\nrandom.seed(2)", "b = random.random()"),
    "a seed in a branch not taken": ("a = 0\nif a:\n    random.seed(2)", "b = random.random()"),
    "a state shown, then put back": ("s = random.getstate()", "a = random.random()", "random.setstate(s)", "b = random.random()"),
    "is the file there": ("open('n.txt', 'w').close()", "a = os.path.exists('n.txt')", "os.remove('n.txt')", "b = os.path.exists('n.txt')"),
    "a file listed by a process": ("open('n.txt', 'w').close()", "files = !ls", "n = len(files)"),
    "a file removed before it is written again": (
        "with open('n.txt', 'a') as f:\n    f.write('1')", "os.remove('n.txt')", "with open('n.txt', 'a') as f:\n    f.write('2')",
        "a = open('n.txt').read()"),
    "a file renamed": ("with open('n.txt', 'w') as f:\n    f.write('1')", "os.rename('n.txt', 'm.txt')", "a = open('m.txt').read()"),
    "a file written through an open handle": (
        "f = open('n.txt', 'w')", "f.write('1')", "import time\ntime.sleep(0.03)\nf.flush()", "a = open('n.txt').read()"),
    "a script written, then run": ("%%writefile script.py\nmade = 3", "%run script.py", "a = made"),
    "a file made by a process": ("!echo 3 > shell.txt", "files = !ls", "n = len(files)"),
    "the results as a whole": ("5", "o = Out", "7", "n = len(o)"),
    "notes on a frame": ("import pandas as pd\nt = pd.DataFrame({'v': [1]})", "t.attrs['k'] = 2", "a = t.attrs['k']"),
    "an attribute of a function": ("def f(): pass", "f.tag = []", "f.tag.append(1)", "a = len(f.tag)"),
    "a queue of the standard library shares": (
        "l = [1]", "from contextlib import ExitStack\nstack = ExitStack()", "_ = stack.callback(l.append, 2)", "stack.close()", "n = len(l)"),
}


@pytest.mark.parametrize("cells", REGRESSIONS.values(), ids=REGRESSIONS.keys())
def test_every_value_comes_back_from_its_slice(cells: tuple[str, ...], tmp_path: Path) -> None:
    player = Player(tmp_path / "play").play([("imports", IMPORTS), *((f"c{at}", source) for at, source in enumerate(cells))])
    last = max(player.values)
    changed = [name for name in player.values[last] if name not in player.values[1]]
    problems = [player.check(name, n, number) for number, (n, name) in enumerate(
        (n, name) for name in changed for n in range(2, last + 1)
        if name in player.values[n] and player.values[n][name] != player.values[n - 1].get(name))]
    assert not [problem for problem in problems if problem]


@pytest.mark.parametrize("seed", range(8))
def test_random_notebooks(seed: int, tmp_path: Path) -> None:
    draw = random.Random(seed)
    player = Player(tmp_path / "play").play(notebook(draw), seed)
    changed = [(name, n) for n in range(len(SETUP) + 1, max(player.values) + 1) for name, value in player.values[n].items()
               if value != player.values[n - 1].get(name)]
    problems = [player.check(name, n, number) for number, (name, n) in enumerate(draw.sample(changed, min(3, len(changed))))]
    assert not [problem for problem in problems if problem]
