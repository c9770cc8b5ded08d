"""What a warm parent imports, and when it may not fork. Each look at a process in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_notebook

from mlops_jupyter.jobs.fleet import POOLS, bounds, cores
from mlops_jupyter.jobs.warm import wanted
from mlops_jupyter.jobs.zygote import Wanted


def test_the_imports_of_cells_are_found_in_order_and_those_of_functions_are_not() -> None:
    cells = ["import numpy as np, os.path\n%matplotlib inline", "from a.b import c, d\nfrom e import *\nfrom . import f",
             "try:\n    import g\nexcept ImportError:\n    import h\nif True:\n    import i\ndef j():\n    import k", "x = ("]
    found = wanted(new_notebook(cells=[new_code_cell(source) for source in cells]))
    assert found == [Wanted("numpy"), Wanted("os.path"), Wanted("a.b", ("c", "d")), Wanted("e"), Wanted("g"), Wanted("h"),
                     Wanted("i")]


@pytest.mark.parametrize(("code", "says"), [
    ("", ""), ("import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()", "started threads"),
    ("import socket; held = socket.socket()", "opened a connection"),
    ("sys.modules['tensorflow'] = sys", "imports tensorflow"),
    ("import types; sys.modules['torch.cuda'] = types.SimpleNamespace(is_initialized=lambda: True)", "GPU"),
    ("import types; sys.modules['torch.cuda'] = types.SimpleNamespace(is_initialized=lambda: False)", ""),
    ("ours.add(__import__('socket').socket())", ""),
])
def test_a_process_that_a_fork_would_harm_says_why(code: str, says: str) -> None:
    program = f"import sys\nfrom mlops_jupyter.jobs.zygote import unsafe\nours = set()\n{code}\nprint(unsafe(ours))"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()
    assert says in told
    assert bool(says) == bool(told)


@pytest.mark.parametrize(("module", "says"), [
    ("noisy", "print"), ("seeds", "sets the state"), ("draws", "random numbers of numpy"), ("broken", "fails: ZeroDivisionError"),
    ("absent", ""), ("quiet", ""),
])
def test_an_import_that_would_be_seen_in_its_cell_is_not_done_before(module: str, says: str, tmp_path: Path) -> None:
    for name, text in {"noisy": "print('hello')", "seeds": "import random; random.seed(1)", "broken": "1 / 0", "quiet": "",
                       "draws": "import numpy; numpy.random.random()"}.items():
        (tmp_path / f"{name}.py").write_text(text)
    program = (f"import sys, numpy.random\nsys.path.insert(0, {str(tmp_path)!r})\nfrom mlops_jupyter.jobs import zygote\n"
               f"from mlops_jupyter.jobs.stash import Stash\nprint(zygote.load([zygote.Wanted({module!r})], Stash()))")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert says in done.stdout
    assert bool(says) == bool(done.stdout.strip())


def test_the_users_own_modules_are_not_imported_before(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("raise SystemExit('imported')")
    program = (f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\nfrom mlops_jupyter.jobs.zygote import is_installed\n"
               "print([is_installed(name) for name in ('mine', 'numpy.random', 'json', 'absent')])")
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert told.strip() == "[False, True, True, False]"


def test_pools_share_the_cores_but_for_what_somebody_set() -> None:
    assert set(bounds(1, {}).values()) == {str(cores())}
    assert set(bounds(10_000, {}).values()) == {"1"}
    assert set(bounds(1, {}, warm=True).values()) == {"1"}
    assert set(bounds(1, {"OMP_NUM_THREADS": "7"})) == {*POOLS} - {"OMP_NUM_THREADS"}
