"""Modules kept out of sight come back as they were, when they are imported, and no sooner. Each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAD = """
import os, random, sys, warnings
sys.path.insert(0, {folder!r})
from mlops_jupyter.jobs.stash import Stash
stash = Stash()
stash.fill(lambda: __import__("first"))
stash.fill(lambda: __import__("second.part"))
loaded = {{name: sys.modules[name] for name in stash.names}}
specs = {{name: module.__spec__ for name, module in loaded.items()}}
filters, environment = list(warnings.filters), dict(os.environ)
stash.hide()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "first.py").write_text("import os, warnings, random\nos.environ['FIRST'] = 'yes'\n"
                                       "warnings.filterwarnings('ignore', 'first')\nrandom.random()\nruns = []\nruns.append(1)\n")
    (tmp_path / "second").mkdir()
    (tmp_path / "second" / "__init__.py").write_text("import first, second.other\n")
    (tmp_path / "second" / "part.py").write_text("from first import runs\n")
    (tmp_path / "second" / "other.py").write_text("")
    return tmp_path


def run(folder: Path, code: str) -> None:
    program = HEAD.format(folder=str(folder)) + code
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_import_brings_back_what_was_loaded_up_to_it_and_runs_nothing_again(folder: Path) -> None:
    run(folder, """
assert not set(loaded) & set(sys.modules)
assert ("ignore", None, Warning, None, 0) not in warnings.filters and not any("first" in str(one) for one in warnings.filters)
import first
assert first is loaded["first"] and first.runs == [1] and first.__spec__ is specs["first"]
assert set(loaded) & set(sys.modules) == {"first"}
assert warnings.filters == filters and os.environ["FIRST"] == "yes"
from second import part
assert part is loaded["second.part"] and part.__spec__ is specs["second.part"] and part.runs is first.runs
assert sys.modules["second"].part is part and set(loaded) <= set(sys.modules)
assert stash not in sys.meta_path
""")


def test_a_later_import_brings_back_what_came_before_it(folder: Path) -> None:
    run(folder, """
import second
assert sys.modules["first"] is loaded["first"] and sys.modules["second.other"] is loaded["second.other"]
assert os.environ["FIRST"] == "yes"
""")


def test_draws_at_import_are_drawn_again(folder: Path) -> None:
    run(folder, """
random.seed(1)
random.random()
expected = random.random()
random.seed(1)
import first
assert random.random() == expected
""")


def test_a_finder_that_watches_for_a_module_sees_it_come(folder: Path) -> None:
    run(folder, """
from mlops_jupyter.capture.imports import ImportHooks
seen = []
hooks = ImportHooks(lambda step: step())
hooks.install()
for name in ("first", "second.other", "second.part"):
    hooks.after(name, lambda module: seen.append(module))
import second.part
assert len(seen) == 3 and all(loaded[name] in seen for name in ("first", "second.other", "second.part")), seen
assert {name: module.__spec__ for name, module in loaded.items()} == specs
assert all(spec.loader is loaded[name].__loader__ and type(spec.loader).__name__ == "SourceFileLoader"
           for name, spec in specs.items()), [spec.loader for spec in specs.values()]
""")


def test_a_module_that_seeds_at_import_cannot_be_stashed(tmp_path: Path) -> None:
    (tmp_path / "first.py").write_text("import random\nrandom.seed(3)\n")
    done = subprocess.run([sys.executable, "-c", HEAD.format(folder=str(tmp_path))], capture_output=True, text=True, check=False)
    assert "ValueError: it sets the state of the random numbers" in done.stderr
