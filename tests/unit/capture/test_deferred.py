"""What is too long to read on a cell's path is read after it; a torn fingerprint is never stored; nobody waits long."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from mlops_jupyter.capture import deferred as module
from mlops_jupyter.capture import ipython
from mlops_jupyter.capture.deferred import Deferred, Patience
from mlops_jupyter.capture.fence import Fence
from mlops_jupyter.entities import CellExecution
from mlops_jupyter.entities.data import Fingerprint
from mlops_jupyter.entities.records import decode
from mlops_jupyter.fingerprint import fingerprint
from tests.unit.capture.notebook_player import fresh_shell, without_scan

SLOW = [[number] for number in range(40_000)]
"""Plain objects: tens of milliseconds to read."""


def no_trip(line: str) -> None:
    raise AssertionError(line)


class Told:
    """What `finished` was called with."""

    def __init__(self) -> None:
        self.found: dict[int, Mapping[str, Fingerprint | None]] = {}
        self.all = threading.Event()

    def __call__(self, n: int, found: Mapping[str, Fingerprint | None]) -> None:
        self.found[n] = found
        self.all.set()


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def reader(told: Told) -> Callable[[float | None], Deferred]:
    def make(wait: float | None) -> Deferred:
        deferred = Deferred(Fence(no_trip), None, wait)
        deferred.finished = told
        return deferred

    return make


def test_a_value_that_takes_too_long_is_not_read_on_the_path() -> None:
    assert Patience(0.001).read(SLOW, None) is None
    assert Patience(0.001).read([1, 2, 3], None) == fingerprint([1, 2, 3])


def test_patience_that_is_used_up_still_reads_small_values() -> None:
    patience = Patience(0.0)
    assert patience.read({"a": 1}, None) == fingerprint({"a": 1})


def test_what_is_read_later_is_what_would_have_been_read_at_once(reader: Callable[[float | None], Deferred], told: Told) -> None:
    deferred = reader(None)
    array = np.arange(3_000_000)
    deferred.start(7, {"slow": SLOW, "array": array, "alias": SLOW})
    assert deferred.settle({"slow", "array", "alias"}) == {
        "slow": fingerprint(SLOW), "array": fingerprint(array), "alias": fingerprint(SLOW)}
    assert told.all.wait(10)
    assert told.found[7]["slow"] == fingerprint(SLOW)


def test_a_cell_waits_for_its_values_only_so_long_and_nothing_torn_is_kept(
    reader: Callable[[float | None], Deferred], told: Told
) -> None:
    deferred = reader(0.0)
    deferred.start(1, {"slow": SLOW})
    assert deferred.settle({"slow"}) == {}
    assert told.all.wait(10)
    assert told.found[1] == {"slow": None}


def test_a_cell_that_cannot_touch_a_value_does_not_wait_for_it(reader: Callable[[float | None], Deferred], told: Told) -> None:
    deferred = reader(0.0)
    deferred.start(1, {"slow": SLOW})
    assert deferred.settle({"other"}) == {}
    assert told.all.wait(10)
    assert told.found[1] == {"slow": fingerprint(SLOW)}


def test_a_value_that_was_given_up_is_let_go_of(reader: Callable[[float | None], Deferred]) -> None:
    class Big(list[object]):
        pass

    deferred = reader(0.0)
    big = Big(SLOW)
    gone = weakref.ref(big)
    deferred.start(1, {"big": big})
    deferred.settle({"big"})
    del big
    gc.collect()
    assert gone() is None


def test_the_thread_ends_when_nothing_is_left_to_read(reader: Callable[[float | None], Deferred]) -> None:
    deferred = reader(None)
    deferred.start(1, {"slow": SLOW})
    thread = deferred._thread
    assert thread is not None
    deferred.close(None)
    assert not thread.is_alive()


def recorded(cells: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[int, list[CellExecution]]:
    """Every record of each execution of these cells, where no value but the smallest can be read on the path."""
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    monkeypatch.chdir(tmp_path)
    shell = fresh_shell()
    with without_scan():
        tracking = ipython.start(shell, ipython.TrackOptions(kind="headless"))
        for cell in cells:
            shell.run_cell(cell, store_history=True)
        path = tracking._outbox.folder / f"{tracking._outbox.writer}.jsonl"
        tracking.end()
        entities = [decode(line).entity for line in path.read_bytes().splitlines(keepends=True)]
    found: dict[int, list[CellExecution]] = {}
    for entity in entities:
        if isinstance(entity, CellExecution):
            found.setdefault(entity.n, []).append(entity)
    return found


def test_a_record_says_unverified_and_is_written_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    records = recorded(["rows = [[number] for number in range(40_000)]"], monkeypatch, tmp_path)[1]
    assert [(record.state, record.unverified) for record in records] == [("running", []), ("ok", ["rows"]), ("ok", [])]
    assert records[-1].writes[0].fingerprint == fingerprint(SLOW)
    assert records[-1].writes[0].how == "created"


def test_a_change_of_a_value_that_is_read_later_is_a_change(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cells = ["rows = [[number] for number in range(40_000)]", "n = len(rows)", "rows[7].append(1)"]
    last = {n: records[-1] for n, records in recorded(cells, monkeypatch, tmp_path).items()}
    assert [(write.name, write.how) for write in last[2].writes] == [("n", "created")], "reading is no change"
    assert [(write.name, write.how) for write in last[3].writes] == [("rows", "mutated")]
    assert last[3].writes[0].fingerprint.digest is not None


def test_nobody_waits_for_a_reading_that_failed(
    monkeypatch: pytest.MonkeyPatch, reader: Callable[[float | None], Deferred]
) -> None:
    def broken(stop: object, value: object, budget: object) -> None:
        raise RuntimeError("ours")

    monkeypatch.setattr(module, "fingerprint_unless", broken)
    monkeypatch.setenv("MLOPS_TESTING", "0")
    deferred = reader(None)
    deferred.start(1, {"first": SLOW, "second": [1], "third": [2]})
    assert deferred.settle({"first", "second", "third"}) == {}
    assert not deferred._jobs
    monkeypatch.undo()
    deferred.start(2, {"fourth": [1]})
    assert deferred.settle({"fourth"}) == {"fourth": fingerprint([1])}
