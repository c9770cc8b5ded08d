"""A watcher's memory: what it was told it tells once, and it does not grow with every session there ever was."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_jupyter.api import live
from mlops_jupyter.api.live import Seen
from mlops_jupyter.store import Store, open_store
from tests.unit.store.story import append, cell, session


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


def test_a_change_is_told_once(store: Store) -> None:
    append(store, session(), cell(1, "running"))
    seen = Seen()
    assert {change.noun for change in seen.changes(store, "s1")} == {"session", "execution"}
    assert seen.changes(store, "s1") == []
    append(store, cell(1))
    assert [(change.noun, change.state) for change in seen.changes(store, "s1")] == [("execution", "ok")]


def test_of_ended_sessions_only_the_last_are_remembered(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "REMEMBERED", 3)
    seen = Seen()
    append(store, session("runs", "w0"), writer="w0")
    for number in range(1, 10):
        append(store, session(f"e{number}", f"w{number}", state="ended"), writer=f"w{number}")
    for name in ["runs", *(f"e{number}" for number in range(1, 10))]:
        assert len(seen.changes(store, name)) == 1
    assert len(seen._told) == 3
    assert seen.changes(store, "runs") == []
    assert seen.changes(store, "e9") == []
    assert len(seen.changes(store, "e1")) == 1
