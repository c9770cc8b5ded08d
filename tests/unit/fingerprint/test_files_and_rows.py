"""Files and rows: the same content the same digest, and no digest where the content is not certain."""

from __future__ import annotations

import datetime
import decimal
import os
import time
from pathlib import Path

import pytest

from mlops_jupyter.fingerprint import files, fingerprint_bytes, fingerprint_file
from mlops_jupyter.fingerprint.rows import fingerprint_rows


def test_a_file_changed_a_moment_ago_is_not_remembered(tmp_path: Path) -> None:
    """Two writes within one tick of the clock leave the same times behind."""
    file = tmp_path / "x"
    file.write_bytes(b"one")
    status = file.stat()
    assert fingerprint_file(file).digest == fingerprint_bytes(b"one").digest
    file.write_bytes(b"two")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert fingerprint_file(file).digest == fingerprint_bytes(b"two").digest


def test_a_settled_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"one")
    later = time.time_ns() + 10_000_000_000
    monkeypatch.setattr(time, "time_ns", lambda: later)
    read = []
    monkeypatch.setattr(files, "digest_of", lambda path, real=files.digest_of: (read.append(path), real(path))[1])
    assert fingerprint_file(file) == fingerprint_file(file) == fingerprint_file(str(file))
    assert len(read) == 1
    os.utime(file)
    fingerprint_file(file)
    assert len(read) == 2


def test_a_copy_that_brought_its_old_time_along_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"one")
    status = file.stat()
    later = time.time_ns() + 10_000_000_000
    monkeypatch.setattr(time, "time_ns", lambda: later)
    before = fingerprint_file(file)
    file.write_bytes(b"two")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert fingerprint_file(file).digest != before.digest


def test_a_file_that_grows_while_it_is_read_has_no_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"one")

    def read(path: str) -> str:
        with file.open("ab") as grown:
            grown.write(b"more")
        return "fp1:torn"

    monkeypatch.setattr(files, "digest_of", read)
    assert (fingerprint_file(file).digest, fingerprint_file(file).nbytes) == (None, 11)


@pytest.mark.parametrize("size", [0, 1, files._CHUNK - 1, files._CHUNK, files._CHUNK + 1, 3 * files._CHUNK + 7])
def test_every_byte_counts_at_every_size(tmp_path: Path, size: int) -> None:
    data = bytearray(os.urandom(size))
    (tmp_path / "x").write_bytes(data)
    assert fingerprint_file(tmp_path / "x").digest == fingerprint_bytes(bytes(data)).digest
    if size:
        data[-1] ^= 1
        assert fingerprint_file(tmp_path / "x").digest != fingerprint_bytes(bytes(data)).digest


def test_rows_as_tuples() -> None:
    rows = [(1, "a", None, 1.5, b"x", decimal.Decimal("1.10"), datetime.date(2026, 1, 2)), (2, "b", None, 0.5, b"", None, None)]
    one, other = fingerprint_rows(rows), fingerprint_rows(rows[::-1])
    assert one == fingerprint_rows([tuple(row) for row in rows])
    assert (one.count, one.unordered) == (other.count, other.unordered)
    assert one.ordered.digest != other.ordered.digest
    assert fingerprint_rows([*rows, rows[0]]).unordered != one.unordered
    assert fingerprint_rows([]).count == 0
    unknown = fingerprint_rows([(object(),)])
    assert (unknown.count, unknown.ordered.digest, unknown.unordered) == (1, None, None)


def test_iterators_are_not_consumed() -> None:
    rows = iter([(1,), (2,)])
    assert fingerprint_rows(rows).count is None
    assert list(rows) == [(1,), (2,)]


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_rows_of_a_frame_in_any_order(library: str) -> None:
    frames = pytest.importorskip(library)
    one = fingerprint_rows(frames.DataFrame({"a": [1, 2, 3], "b": ["x", "y", None]}))
    other = fingerprint_rows(frames.DataFrame({"a": [3, 1, 2], "b": [None, "x", "y"]}))
    changed = fingerprint_rows(frames.DataFrame({"a": [3, 1, 2], "b": ["x", None, "y"]}))
    assert (one.count, one.unordered) == (other.count, other.unordered)
    assert one.unordered is not None
    assert changed.unordered != one.unordered
    if one.ordered.digest is not None:
        assert one.ordered.digest != other.ordered.digest
