"""The outbox: an acknowledged record is in the sink exactly once, whatever dies, tears or races."""

from __future__ import annotations

import errno
import math
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from mlops_jupyter.entities import ConflictError, InputError, Observation, Record, content_hash
from mlops_jupyter.outbox import Outbox, alive, pending, scrub, ship
from tests.fakes import MemorySink


def metric(name: str, value: float = 1.0, blob: str | None = None) -> Observation:
    return Observation("s1", 1, 1, 1.0, "metric", name, value=value, blob=blob)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_records_arrive_in_order_and_once(tmp_path: Path) -> None:
    sink, box = MemorySink(), Outbox(tmp_path / "outbox")
    for number in range(1_201):
        box.record(metric(str(number)))
    shipped = ship(box.folder, sink, batch=500)
    assert (shipped.records, shipped.writers, shipped.sessions) == (1_201, 1, {"s1"})
    box.record(metric("last"))
    assert ship(box.folder, sink).records == 1
    assert ship(box.folder, sink).records == 0
    assert sink.names() == [*map(str, range(1_201)), "last"]
    assert [record.n for record in sink.records] == list(range(1, 1_203))


def test_files_are_private(tmp_path: Path) -> None:
    box = Outbox(tmp_path / "outbox", "w")
    digest = box.blob(b"picture")
    assert mode(box.folder) == 0o700
    assert mode(box.folder / "w.jsonl") == 0o600
    assert mode(box.folder / "blobs") == 0o700
    assert mode(box.folder / "blobs" / digest.removeprefix("sha256:")) == 0o600


def test_a_living_writer_keeps_its_file_and_a_closed_one_loses_it(tmp_path: Path) -> None:
    sink, box = MemorySink(), Outbox(tmp_path, "w")
    box.record(metric("a"))
    ship(tmp_path, sink)
    assert alive(tmp_path, "w")
    assert pending(tmp_path) == 1
    assert sink.closed == {}
    box.close()
    assert not alive(tmp_path, "w")
    assert ship(tmp_path, sink).closed == 1
    assert pending(tmp_path) == 0
    assert list(sink.closed) == ["w"]
    with pytest.raises(ConflictError, match="closed"):
        box.record(metric("b"))


def test_a_name_is_used_once_and_is_no_path(tmp_path: Path) -> None:
    box = Outbox(tmp_path, "w")
    with pytest.raises(ConflictError, match="exists already"):
        Outbox(tmp_path, "w")
    with pytest.raises(InputError, match="no name"):
        Outbox(tmp_path, "../w")
    assert [path.name for path in tmp_path.iterdir()] == ["w.jsonl"]
    box.close()


def test_strings_and_numbers_without_a_word_in_json(tmp_path: Path) -> None:
    sink, box = MemorySink(), Outbox(tmp_path)
    box.record(metric("lone \udc80", math.nan))
    box.record(Observation("s1", 1, 2, 1.0, "param", "p", value=2**100, params={"missing": math.inf, "none": None}))
    assert ship(tmp_path, sink).damaged == 0
    first, second = (record.entity for record in sink.records)
    assert isinstance(first, Observation)
    assert first.name == r"lone \udc80"
    assert isinstance(first.value, float)
    assert math.isnan(first.value)
    assert isinstance(second, Observation)
    assert second.value == str(2**100)
    assert second.params == {"missing": "inf", "none": None}


def test_a_torn_last_line_waits_for_its_writer_and_is_dropped_with_it(tmp_path: Path) -> None:
    sink, box = MemorySink(), Outbox(tmp_path, "w")
    box.record(metric("a"))
    path = tmp_path / "w.jsonl"
    whole = path.read_bytes()
    with path.open("ab") as file:
        file.write(b'{"writer": "w", "n": 2')
    assert ship(tmp_path, sink).records == 1
    assert sink.offsets["w"] == (1, len(whole))
    box.close()
    shipped = ship(tmp_path, sink)
    assert (shipped.records, shipped.closed) == (0, 1)
    assert "torn" in shipped.warnings[0]
    assert sink.names() == ["a"]


def test_a_damaged_line_is_set_aside_and_blocks_nothing(tmp_path: Path) -> None:
    sink, box = MemorySink(), Outbox(tmp_path, "w")
    box.record(metric("a"))
    with (tmp_path / "w.jsonl").open("ab") as file:
        file.write(b'{"writer": "w", "n": 2, "at": 1, "entity": {"type": "of tomorrow"}}\n\xff\xfe\n')
    box.record(metric("b"))
    shipped = ship(tmp_path, sink)
    assert (shipped.records, shipped.damaged, len(shipped.warnings)) == (2, 2, 2)
    assert sink.names() == ["a", "b"]
    assert b"of tomorrow" in (tmp_path / "damaged" / "w.jsonl").read_bytes()
    box.close()


def test_blobs_come_before_their_records_and_leave_the_outbox(tmp_path: Path) -> None:
    class Careful(MemorySink):
        def append(self, writer: str, expected: int, records: Sequence[Record], offset: int) -> bool:
            named = {record.entity.blob for record in records if isinstance(record.entity, Observation) and record.entity.blob}
            assert named <= set(self.blobs)
            return super().append(writer, expected, records, offset)

    sink, box = Careful(), Outbox(tmp_path, "w")
    digest = box.blob(b"picture")
    assert box.blob(b"picture") == digest == content_hash(b"picture")
    assert len(list((tmp_path / "blobs").iterdir())) == 1
    box.record(metric("a", blob=digest))
    ship(tmp_path, sink)
    assert sink.blobs == {digest: b"picture"}
    assert list((tmp_path / "blobs").iterdir()) == []
    box.record(metric("b", blob=box.blob(b"picture")))
    ship(tmp_path, sink)
    assert len(sink.records) == 2
    box.close()


def test_a_forked_child_writes_nothing_and_does_not_hold_the_lock(tmp_path: Path) -> None:
    code = """
import os, pathlib, signal, sys
from mlops_jupyter.entities import Observation
from mlops_jupyter.outbox import Outbox
box = Outbox(pathlib.Path(sys.argv[1]), "w")
box.record(Observation("s1", 1, 1, 1.0, "metric", "parent"))
parent = os.getpid()
if os.fork() == 0:
    box.record(Observation("s1", 1, 2, 1.0, "metric", "child"))
    box.blob(b"child")
    box.close()
    os.kill(parent, signal.SIGKILL)
    print("orphaned", flush=True)
    sys.stdin.read()
    os._exit(0)
signal.pause()
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        assert process.stdout.readline() == "orphaned\n"
        process.wait(10)
        assert not alive(tmp_path, "w"), "the child still holds the lock"
        sink = MemorySink()
        assert ship(tmp_path, sink).closed == 1
        assert sink.names() == ["parent"]
        assert sink.blobs == {}
    finally:
        process.stdin.close()
        process.stdout.close()


def test_a_full_disk_raises_and_the_next_record_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink, box, write = MemorySink(), Outbox(tmp_path, "w"), os.write
    box.record(metric("a"))

    def half(fd: int, data: bytes) -> int:
        if len(data) < 40:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(fd, data[: len(data) - 30])

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(OSError, match="No space"):
        box.record(metric("b"))
    def refuse(fd: int, length: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "ftruncate", refuse)
    with pytest.raises(OSError, match="No space"):
        box.record(metric("c"))
    monkeypatch.undo()
    box.record(metric("d"))
    shipped = ship(tmp_path, sink)
    assert sink.names() == ["a", "d"]
    assert [record.n for record in sink.records] == [1, 2]
    assert shipped.damaged <= 1
    box.close()


def test_threads_share_one_outbox(tmp_path: Path) -> None:
    sink, box = MemorySink(), Outbox(tmp_path)
    threads = [threading.Thread(target=lambda: [box.record(metric("x")) for _ in range(200)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ship(tmp_path, sink)
    assert [record.n for record in sink.records] == list(range(1, 1_601))
    box.close()


def test_two_shippers_on_one_outbox_ship_each_record_once(tmp_path: Path) -> None:
    sink = MemorySink()
    boxes = [Outbox(tmp_path) for _ in range(3)]
    for box in boxes:
        for number in range(2_000):
            box.record(metric(str(number), blob=box.blob(b"%d" % (number % 7))))
        box.close()
    shippers = [threading.Thread(target=ship, args=(tmp_path, sink), kwargs={"batch": 10}) for _ in range(2)]
    for thread in shippers:
        thread.start()
    for thread in shippers:
        thread.join()
    ship(tmp_path, sink)
    keys = [(record.writer, record.n) for record in sink.records]
    assert len(keys) == len(set(keys)) == 6_000
    assert pending(tmp_path) == 0
    assert len(sink.blobs) == 7


def test_a_killed_writer_leaves_what_it_acknowledged(tmp_path: Path) -> None:
    code = """
import sys, pathlib
from mlops_jupyter.entities import Observation
from mlops_jupyter.outbox import Outbox
box = Outbox(pathlib.Path(sys.argv[1]), "w")
for number in range(10**9):
    box.record(Observation("s1", 1, number, 1.0, "metric", str(number)))
    if number % 100 == 0:
        print(number, flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    acknowledged = [int(process.stdout.readline()) for _ in range(5)][-1]
    assert alive(tmp_path, "w")
    process.kill()
    process.wait()
    process.stdout.close()
    sink = MemorySink()
    assert ship(tmp_path, sink).closed == 1
    assert sink.names() == [str(number) for number in range(len(sink.records))]
    assert len(sink.records) > acknowledged


def test_what_a_reader_has_seen_costs_the_sink_nothing(tmp_path: Path) -> None:
    sink, box, seen = MemorySink(), Outbox(tmp_path, "w"), dict[str, int]()
    box.record(metric("a"))
    assert ship(tmp_path, sink, seen=seen).records == 1
    sink.offsets.clear()  # asked again, it would take the record again
    assert ship(tmp_path, sink, seen=seen).records == 0
    sink.offsets["w"] = (1, seen["w"])
    box.record(metric("b"))
    assert ship(tmp_path, sink, seen=seen).records == 1
    box.close()
    assert ship(tmp_path, sink, seen=seen).closed == 1
    assert seen == {}


def test_a_reader_hears_of_what_others_shipped(tmp_path: Path) -> None:
    sink, box, seen = MemorySink(), Outbox(tmp_path), {}
    box.record(metric("first"))
    assert ship(tmp_path, sink, seen=seen).sessions == {"s1"}
    box.record(metric("second"))
    assert ship(tmp_path, sink).records == 1
    again = ship(tmp_path, sink, seen=seen)
    assert (again.records, again.sessions) == (0, {"s1"})
    assert ship(tmp_path, sink, seen=seen).sessions == set()


def test_a_line_longer_than_a_chunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlops_jupyter.outbox.CHUNK", 1_000)
    sink, box = MemorySink(), Outbox(tmp_path)
    names = ["a", "b" * 10_000, "c", "d" * 999, "e"]
    for name in names:
        box.record(metric(name))
    ship(tmp_path, sink)
    assert sink.names() == names
    box.close()


def test_a_missing_folder_is_an_empty_one(tmp_path: Path) -> None:
    assert ship(tmp_path / "nowhere", MemorySink()).records == 0
    assert pending(tmp_path / "nowhere") == 0
    assert not alive(tmp_path / "nowhere", "w")


def test_scrubbing_leaves_no_copy_of_what_was_shipped_and_disturbs_nobody(tmp_path: Path) -> None:
    sink, box = MemorySink(), Outbox(tmp_path, "w")
    box.record(metric("secret"))
    ship(tmp_path, sink)
    box.record(metric("next"))
    assert scrub(tmp_path, sink) == sink.offsets["w"][1]
    text = (tmp_path / "w.jsonl").read_bytes()
    assert b"secret" not in text
    assert b"next" in text
    box.record(metric("last"))
    shipped = ship(tmp_path, sink)
    assert (sink.names(), shipped.damaged) == (["secret", "next", "last"], 0)
    assert scrub(tmp_path / "nowhere", sink) == 0
    box.close()
