"""The start of a command: what is imported for it is set apart from garbage collection, and nothing of anybody else's ever is."""

from __future__ import annotations

import subprocess
import sys

import pytest

LATER = "\nprint(gc.get_freeze_count() > 0, gc.isenabled())"


def said(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", f"import gc, sys\n{code}{LATER}"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def test_the_command_sets_apart_what_it_imports_and_collects_what_it_makes() -> None:
    made = """
from weakref import ref
from mlops_jupyter.cli import main
sys.argv = ["mlops", "inspect", "--help"]
try:
    main()
except SystemExit:
    pass
class Loop: pass
one = Loop(); one.itself = one; seen = ref(one); del one
gc.collect()
assert seen() is None"""
    assert said(made) == "True True"


@pytest.mark.parametrize("setting", ["enable", "disable"])
def test_a_magic_changes_nothing_in_the_kernel(setting: str) -> None:
    magic = f"from mlops_jupyter.cli import app\ngc.{setting}()\napp.get_command(None, 'inspect')"
    assert said(magic) == f"False {setting == 'enable'}"


def test_a_command_that_cannot_be_imported_leaves_collection_on() -> None:
    broken = """
from mlops_jupyter.cli import app
app.alone = True
sys.modules["mlops_jupyter.cli.jobs"] = None
try:
    app.get_command(None, "inspect")
except ImportError:
    pass
else:
    raise AssertionError("it was imported")"""
    assert said(broken) == "True True"
