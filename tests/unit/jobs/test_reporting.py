"""A reporter copies what is recorded into a second store while it is recorded, takes nothing away, and never holds up a run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from mlops_jupyter.entities import Record, StoreError, content_hash
from mlops_jupyter.jobs import reporting
from mlops_jupyter.jobs.reporting import Reporter
from mlops_jupyter.outbox import Outbox, pending, ship
from mlops_jupyter.store import Store, open_store
from tests.unit.store.story import cell, metric, session


def until(met: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not met():
        assert time.monotonic() < end
        time.sleep(0.02)


class Moody(Store):
    """A real store that refuses as long as it is told to."""

    refuses: threading.Event

    def append(self, writer: str, expected: int, records: Sequence[Record], offset: int) -> bool:
        if self.refuses.is_set():
            raise StoreError("it is shut today")
        return super().append(writer, expected, records, offset)


def moody(folder: Path) -> Moody:
    store = open_store(str(folder))
    store.__class__ = Moody
    assert isinstance(store, Moody)
    store.refuses = threading.Event()
    return store


def test_it_is_there_while_it_runs_and_the_own_store_gets_all_of_it_too(tmp_path: Path) -> None:
    far, own = open_store(str(tmp_path / "far")), open_store(str(tmp_path / "own"))
    outbox = Outbox(tmp_path / "outbox", "s.1")
    reporter = Reporter(tmp_path / "outbox", lambda: far)
    reporter.begin()
    outbox.record(session(writer="s.1"))
    digest = outbox.blob(b"a picture")
    outbox.record(cell(1))
    outbox.record(metric(1, blob=digest))
    until(lambda: far.session("s1").state == "running" if far.sessions() else False)
    until(lambda: len(far.executions("s1")) == 1)
    outbox.record(cell(2))
    outbox.close()
    assert reporter.end() == ""
    assert pending(tmp_path / "outbox") == 1
    ship(tmp_path / "outbox", own)
    for store in (far, own):
        assert [one.n for one in store.executions("s1")] == [1, 2]
        assert store.get_blob(digest) == b"a picture"
        assert store.session("s1").state == "ended"
    assert pending(tmp_path / "outbox") == 0


def test_a_store_that_refuses_for_a_while_gets_each_record_once(tmp_path: Path) -> None:
    far = moody(tmp_path / "far")
    outbox = Outbox(tmp_path / "outbox", "s.1")
    reporter = Reporter(tmp_path / "outbox", lambda: far)
    reporter.begin()
    outbox.record(session(writer="s.1"))
    until(lambda: bool(far.sessions()))
    far.refuses.set()
    for number in range(1, 50):
        outbox.record(cell(number))
    far.refuses.clear()
    outbox.close()
    assert reporter.end() == ""
    assert [one.n for one in far.executions("s1")] == list(range(1, 50))
    assert far.shipped("s.1")[0] == 50


def test_one_that_is_not_there_is_asked_once_at_the_end_and_named(tmp_path: Path) -> None:
    asked = []

    def nobody() -> Store:
        asked.append(time.monotonic())
        raise StoreError("nobody answers at far.example")

    outbox = Outbox(tmp_path / "outbox", "s.1")
    outbox.record(session(writer="s.1"))
    reporter = Reporter(tmp_path / "outbox", nobody)
    reporter.begin()
    until(lambda: bool(asked))
    outbox.close()
    began = time.monotonic()
    assert reporter.end() == "nobody answers at far.example"
    assert time.monotonic() - began < reporting.LAST / 2
    assert pending(tmp_path / "outbox") == 1


def test_one_that_hangs_is_left_behind(tmp_path: Path) -> None:
    free = threading.Event()

    def hangs() -> Store:
        free.wait()
        raise StoreError("too late")

    outbox = Outbox(tmp_path / "outbox", "s.1")
    outbox.record(session(writer="s.1"))
    reporter = Reporter(tmp_path / "outbox", hangs)
    reporter.begin()
    outbox.close()
    try:
        assert "within 0.2 s" in reporter.end(0.2)
    finally:
        free.set()


def test_bytes_are_there_before_what_names_them(tmp_path: Path) -> None:
    far = open_store(str(tmp_path / "far"))
    outbox = Outbox(tmp_path / "outbox", "s.1")
    outbox.record(session(writer="s.1"))
    data = [b"%d" % number * 1000 for number in range(20)]
    for number, one in enumerate(data, 1):
        outbox.record(metric(1, number, blob=outbox.blob(one)))
    ship(tmp_path / "outbox", far, leave=True)
    assert all(far.has_blob(content_hash(one)) for one in data)
    assert sorted((tmp_path / "outbox" / "blobs").iterdir()) != []
    outbox.close()
