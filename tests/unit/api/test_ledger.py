"""Opening the ledger: what kernels have recorded is in it, runs derived, whatever a single session does."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_jupyter.api.ledger import open_ledger, refresh, scrub_outboxes
from mlops_jupyter.config import Settings
from mlops_jupyter.entities import CellExecution, Observation, Session
from mlops_jupyter.outbox import Outbox


def kernel(session: str = "s1", experiment: str = "a") -> Outbox:
    """A kernel whose first cell has logged a metric and still runs."""
    box = Outbox(Settings.current().outbox_folder())
    box.record(Session(session, box.writer, "notebook", experiment, f"exp-{experiment}", 1.0))
    box.record(CellExecution(session, 1, "log_metric('auc', 0.5)", "running", started=1.0))
    box.record(Observation(session, 1, 1, 1.0, "metric", "auc", value=0.5, logged=True))
    return box


def test_reading_ships_and_derives_first(own_home: Path) -> None:
    box = kernel()
    store = open_ledger()
    assert store.url == str(own_home / "store")
    assert [metric.value for run in store.runs() for metric in run.metrics] == [0.5]
    number = store.runs()[0].number
    box.record(CellExecution("s1", 1, "log_metric('auc', 0.5)", "ok", started=1.0, ended=2.0))
    assert refresh()[1] == {"s1"}
    assert refresh()[1] == set()
    assert [run.number for run in open_ledger().runs()] == [number]
    box.close()
    assert refresh()[1] == {"s1"}
    assert open_ledger().session("s1").state == "ended"


def test_a_dead_kernel_is_noticed_though_its_outbox_does_not_grow() -> None:
    box = kernel()
    refresh()
    box.close()
    store, sessions = refresh()
    assert sessions == {"s1"}
    assert store.session("s1").state == "interrupted"
    assert [run.state for run in store.runs()] == ["interrupted"]


def test_another_store_is_read_without_this_ones_outbox(tmp_path: Path) -> None:
    box = kernel()
    assert open_ledger(str(tmp_path / "other")).sessions() == []
    assert len(open_ledger().sessions()) == 1
    box.close()


def test_a_store_that_was_removed_is_made_anew(own_home: Path) -> None:
    kernel().close()
    assert len(open_ledger().sessions()) == 1
    (own_home / "store" / "ledger.db").unlink()
    assert open_ledger().sessions() == []


def test_a_session_that_cannot_be_derived_does_not_hide_the_others(
        monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    from mlops_jupyter.lineage import runs

    derive = runs.derive

    def broken(session: Session, *facts: list[object]) -> object:
        if session.id == "bad":
            raise ZeroDivisionError
        return derive(session, *facts)  # type: ignore[arg-type]

    monkeypatch.setattr(runs, "derive", broken)
    boxes = [kernel("bad"), kernel("good", "b")]
    assert [run.session for run in open_ledger().runs()] == ["good"]
    assert "session bad cannot be derived" in caplog.text
    monkeypatch.undo()
    for box in boxes:
        box.close()


def test_what_was_forgotten_leaves_the_outbox_too() -> None:
    box = kernel()
    store = open_ledger()
    store.forget_session("s1")
    scrub_outboxes(store)
    assert b"log_metric" not in b"".join(path.read_bytes() for path in box.folder.glob("*.jsonl"))
    box.record(CellExecution("s1", 2, "more", "ok"))
    assert open_ledger().executions("s1") == []
    box.close()
