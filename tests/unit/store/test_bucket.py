"""Blobs in a folder and in a bucket: the same promises. Real S3 calls to a server on this machine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import fsspec
import pytest

from mlops_jupyter.entities import InputError, NotFoundError, Output, StoreError, content_hash
from mlops_jupyter.store import open_store
from mlops_jupyter.store.blobs import BlobFolder, Blobs
from mlops_jupyter.store.bucket import Bucket
from tests.bucket import S3
from tests.ports import free_port
from tests.postgres import Cluster
from tests.unit.store.story import append, cell, session

HELLO = content_hash(b"hello")


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    server = S3()
    yield server
    server.remove()


@pytest.fixture
def bucket(s3: S3, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    return s3.bucket()


@pytest.fixture(params=["folder", "bucket", "memory"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    """Each place: files, S3, and another of fsspec's drivers."""
    if request.param == "folder":
        return BlobFolder(tmp_path / "blobs")
    if request.param == "memory":
        return Bucket(f"memory://{tmp_path.name}/blobs")
    return Bucket(request.getfixturevalue("bucket"))


def test_what_was_put_is_there(blobs: Blobs) -> None:
    assert list(blobs.listed()) == []
    assert blobs.put([b"hello", b"", b"hello"]) == [HELLO, content_hash(b""), HELLO]
    assert blobs.get(HELLO) == b"hello"
    assert list(blobs.parts(HELLO, 2)) == [b"he", b"ll", b"o"]
    assert blobs.has(HELLO)
    assert {(one.digest, one.size) for one in blobs.listed()} == {(HELLO, 5), (content_hash(b""), 0)}
    assert all(abs(one.at - time.time()) < 60 for one in blobs.listed())


def test_what_was_not_put_is_not(blobs: Blobs) -> None:
    assert not blobs.has(HELLO)
    for ask in (lambda: blobs.get(HELLO), lambda: list(blobs.parts(HELLO, 2))):
        with pytest.raises(NotFoundError, match=HELLO):
            ask()
    blobs.remove(HELLO)
    assert blobs.discard(HELLO, time.time())


@pytest.mark.parametrize("name", ["", "sha256:", "../etc/passwd", "sha256:../" + "a" * 61, "sha256:" + "A" * 64])
def test_nobody_names_a_place(blobs: Blobs, name: str) -> None:
    for ask in (blobs.get, blobs.has, blobs.upload, blobs.remove, lambda name: list(blobs.parts(name, 2))):
        with pytest.raises(InputError, match="no content hash"):
            ask(name)


def test_parts_are_kept_whole_or_not_at_all(blobs: Blobs) -> None:
    with blobs.upload(HELLO) as upload:
        upload.write(b"hel")
        assert not blobs.has(HELLO)
        upload.write(b"lo")
    assert blobs.get(HELLO) == b"hello"
    other = content_hash(b"other")
    with pytest.raises(InputError, match="not sha256"), blobs.upload(other) as upload:
        upload.write(b"something")
    with suppress(KeyboardInterrupt), blobs.upload(other) as upload:
        upload.write(b"other")
        raise KeyboardInterrupt
    assert not blobs.has(other)


def test_only_what_is_old_is_discarded(blobs: Blobs) -> None:
    blobs.put([b"hello"])
    assert not blobs.discard(HELLO, time.time() - 60)
    assert blobs.has(HELLO)
    assert blobs.discard(HELLO, time.time() + 60)
    assert not blobs.has(HELLO)


def test_damage_is_seen(bucket: str) -> None:
    blobs = Bucket(bucket)
    blobs.put([b"hello"])
    files, root = fsspec.core.url_to_fs(bucket)
    files.pipe_file(f"{root}/{HELLO[7:9]}/{HELLO[9:]}", b"hellO")
    for ask in (lambda: blobs.get(HELLO), lambda: list(blobs.parts(HELLO, 2))):
        with pytest.raises(StoreError, match="damaged"):
            ask()
    files.pipe_file(f"{root}/notes.txt", b"mine")
    assert [one.digest for one in blobs.listed()] == [HELLO, ""]


def test_what_is_old_is_made_young_by_who_asks_to_keep_it(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs = Bucket(bucket)
    blobs.put([b"hello"])
    first = next(blobs.listed()).at
    monkeypatch.setattr("mlops_jupyter.store.bucket.YOUNG", -1.0)
    while next(blobs.listed()).at == first:  # S3 tells whole seconds
        blobs.put([b"hello"])
        assert time.time() < first + 30


def test_a_store_of_a_team_keeps_its_blobs_in_a_bucket(bucket: str, postgres: Cluster, tmp_path: Path,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLOPS_BLOBS", bucket)
    store = open_store(postgres.database())
    append(store, session("s1"))
    append(store, cell(1, outputs=[Output("display", blob=store.put_blob(b"a picture"))]))
    free = store.put_blob(b"nobody names this")
    assert store.check().problems == []
    assert store.get_blob(content_hash(b"a picture")) == b"a picture"
    assert store.sweep(-60, dry_run=False, force=True).blobs == 1
    assert not store.has_blob(free)
    copy = open_store(str(tmp_path / "copy"))
    assert store.copy_to(copy).blobs == 1
    assert copy.get_blob(content_hash(b"a picture")) == b"a picture"
    store.forget_session("s1")
    assert not store.has_blob(content_hash(b"a picture"))
    for one in (store, copy):
        one.close()


def test_a_bucket_that_cannot_be_had_is_named(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="nosuch://place"):
        Bucket("nosuch://place").has(HELLO)
    missing = Bucket("s3://b00000000-not-there/blobs")
    with pytest.raises(StoreError, match="s3://b00000000-not-there"):
        missing.put([b"hello"])
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    fsspec.filesystem("s3").clear_instance_cache()
    with pytest.raises(StoreError, match="AWS_ENDPOINT_URL"):
        Bucket(bucket).get(HELLO)
