"""The state of the user's own modules: what a helper keeps but nobody changes is no change."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mlops_jupyter.capture.modules import ModuleStates

HELPER = """
from __future__ import annotations
import logging, re
from typing import Optional
log = logging.getLogger(__name__)
WORD = re.compile("[a-z]+")
Names = Optional[list[str]]
COLUMNS = ["a", "b"]
"""


def test_a_module_with_a_logger_a_pattern_and_annotations_is_known_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_helper.py").write_text(HELPER, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    import own_helper  # type: ignore[import-not-found]

    try:
        states = ModuleStates()
        reached = states.reached(["own_helper"])
        states.before(reached)
        assert states.after(reached) == []
        own_helper.COLUMNS.append("c")
        assert [(one.name, one.how) for one in states.after(reached)] == [("$module own_helper", "mutated")]
    finally:
        del sys.modules["own_helper"]


def test_a_module_out_of_sys_modules_is_followed_while_somebody_holds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_gone.py").write_text("ROWS = []\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    import own_gone  # type: ignore[import-not-found]

    states = ModuleStates()
    states.before(states.reached(["own_gone"]))
    del sys.modules["own_gone"]
    own_gone.ROWS.append(1)
    assert [one.name for one in states.after(states.reached(["own_gone"]))] == ["$module own_gone"]


def test_a_module_that_autoreload_loads_anew_when_asked_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its file had changed many cells before, while autoreload was off (notebook 12000021 of oracle.py)."""
    pytest.importorskip("IPython.extensions.autoreload")
    (tmp_path / "own_live.py").write_text("K = 1\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    import own_live  # type: ignore[import-not-found]

    try:
        states = ModuleStates()
        states.before(states.reached(["own_live"]))
        (tmp_path / "own_live.py").write_text("K = 4444\n", encoding="utf-8")
        states.reloaded(asked=False)
        assert not states.reloaded(asked=False), "a file that has not changed since"
        assert states.reloaded(asked=True)
        own_live.K = 4444
        assert "$module own_live" in [one.name for one in states.after(states.reached([], everything=True))]
    finally:
        del sys.modules["own_live"]
