"""Files are kept after the cell, byte for byte as they were read, or it is said why not."""

from __future__ import annotations

import hashlib
import os
from contextlib import nullcontext
from pathlib import Path

import pytest

from mlops_jupyter.capture.files import FileWatch
from mlops_jupyter.capture.keeping import Keeping, source_version
from mlops_jupyter.entities import FileAccess, Observation
from mlops_jupyter.entities.kept import LEAF, Manifest, manifest_of, prune_kept
from mlops_jupyter.fingerprint import fingerprint_file
from mlops_jupyter.outbox import Outbox, ship
from tests.fakes import MemoryRecorder, MemorySink


def access(file: Path) -> FileAccess:
    return FileAccess(str(file), "read", fingerprint_file(file), file.name)


def keep(recorder: MemoryRecorder | Outbox, folder: Path, *accesses: FileAccess, limit: int = 50 * LEAF) -> Keeping:
    keeping = Keeping("s", recorder, folder, limit, nullcontext)
    keeping.cell_ended(1, accesses)
    keeping.close(None)
    assert keeping.failures == []
    return keeping


def seen(recorder: MemoryRecorder) -> list[Observation]:
    return [one for one in recorder.entities if isinstance(one, Observation)]


@pytest.mark.parametrize("size", [0, 1, LEAF, LEAF + 1, 3 * LEAF - 1])
def test_a_kept_file_is_its_leaves_in_order(tmp_path: Path, size: int) -> None:
    file = tmp_path / "x.bin"
    file.write_bytes(os.urandom(size))
    recorder = MemoryRecorder()
    keep(recorder, tmp_path / "kept", access(file))
    (observation,) = seen(recorder)
    assert (observation.kind, observation.name, observation.details) == ("dataset", "x.bin", {"kept": "yes"})
    manifest = manifest_of(recorder.blobs[str(observation.blob)])
    assert manifest is not None
    assert (manifest.size, manifest.fingerprint) == (size, fingerprint_file(file).digest)
    assert b"".join(recorder.blobs[leaf] for leaf in manifest.leaves) == file.read_bytes()
    assert sum(manifest.sizes().values()) <= size


def test_a_file_that_changed_meanwhile_is_not_kept(tmp_path: Path) -> None:
    file = tmp_path / "x.bin"
    file.write_bytes(b"as read")
    read = access(file)
    file.write_bytes(b"changed")
    recorder = MemoryRecorder()
    keep(recorder, tmp_path / "kept", read)
    (observation,) = seen(recorder)
    assert (observation.blob, observation.details) == (None, {"kept": "no", "why": "it changed before it was kept"})
    file.unlink()
    keep(recorder, tmp_path / "kept", read)
    assert "could not be read" in seen(recorder)[-1].details["why"]


def test_the_limit_is_for_all_sessions_and_shared_leaves_count_once(tmp_path: Path) -> None:
    one, two, three = (tmp_path / name for name in ("one", "two", "three"))
    one.write_bytes(os.urandom(2 * LEAF))
    two.write_bytes(one.read_bytes() + b"more")
    three.write_bytes(os.urandom(LEAF))
    recorder = MemoryRecorder()
    keep(recorder, tmp_path / "kept", access(one), limit=2 * LEAF + 10)
    keep(recorder, tmp_path / "kept", access(two), access(three), limit=2 * LEAF + 10)
    assert [observation.blob is not None for observation in seen(recorder)] == [True, True, False]
    assert "bytes, and 2,097,156 of the 2,097,162 to keep are used" in seen(recorder)[-1].details["why"]


def test_each_session_names_what_it_read_and_nothing_is_written_twice(tmp_path: Path) -> None:
    file = tmp_path / "x.bin"
    file.write_bytes(b"x")
    first, second = MemoryRecorder(), MemoryRecorder()
    keep(first, tmp_path / "kept", access(file))
    keep(second, tmp_path / "kept", access(file))
    assert seen(first)[0].blob == seen(second)[0].blob
    assert len(second.blobs) == 1, "the manifest alone"
    keeping = keep(second, tmp_path / "kept", access(file), access(file))
    keeping.cell_ended(2, [access(file)])
    assert len(seen(second)) == 2, "once for each session"


def test_what_was_forgotten_can_be_kept_again(tmp_path: Path) -> None:
    file = tmp_path / "x.bin"
    file.write_bytes(b"x")
    recorder = MemoryRecorder()
    keep(recorder, tmp_path / "kept", access(file))
    assert prune_kept(tmp_path / "kept", lambda digest: digest == seen(recorder)[0].blob) == 0
    assert prune_kept(tmp_path / "kept", lambda digest: False) == 1
    again = MemoryRecorder()
    keep(again, tmp_path / "kept", access(file))
    assert len(again.blobs) == 2


def test_leaves_are_in_the_store_before_their_manifest(tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(os.urandom(6 * LEAF + 1))
    outbox = Outbox(tmp_path / "outbox")
    keep(outbox, tmp_path / "kept", access(tmp_path / "x.bin"))
    order: list[bool] = []

    class Sink(MemorySink):
        def put_blob(self, data: bytes) -> str:
            order.append(manifest_of(data) is not None)
            return super().put_blob(data)

    sink = Sink()
    ship(tmp_path / "outbox", sink)
    assert order == [False] * 7 + [True]
    assert list((tmp_path / "outbox" / "blobs").iterdir()) == []
    outbox.close()


def test_our_own_reading_is_not_taken_for_the_users(tmp_path: Path) -> None:
    file = tmp_path / "x.bin"
    file.write_bytes(b"x")
    watch = FileWatch()
    watch.install()
    watch.configure(tmp_path, ())
    read = access(file)
    reached = watch.begin()
    keeping = Keeping("s", MemoryRecorder(), tmp_path / "kept", 100, watch.unseen)
    keeping.cell_ended(1, [read])
    keeping.close(None)
    assert watch.end(reached).files == []


def test_the_version_that_dvc_has(tmp_path: Path) -> None:
    file = tmp_path / "x.bin"
    file.write_bytes(b"x")
    assert source_version(file) == ""
    md5 = hashlib.md5(b"x").hexdigest()
    (tmp_path / "x.bin.dvc").write_text(f"outs:\n- md5: {md5}\n  size: 1\n  hash: md5\n  path: x.bin\n")
    assert source_version(file) == f"dvc:{md5}"
    file.write_bytes(b"y")
    assert source_version(file) == ""


def test_any_other_blob_is_no_manifest() -> None:
    for data in (b"", b"{}", b'{"mlops":"kept-1",', b'{"mlops":"kept-1","leaves":3}', b"\x00" * 100):
        assert manifest_of(data) is None
    assert Manifest("fp", 0, ()).sizes() == {}
