"""Blobs in a bucket, through fsspec: `s3://bucket/prefix`, and whatever else fsspec has a driver for.

An object is there whole or not at all, so nothing is renamed. Who asks to keep bytes that are there already writes them again
once they are no longer young: then `gc` spares them, which goes by the time that the bucket gave the object.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol, cast

from mlops_jupyter.entities import InputError, NotFoundError, StoreError, content_hash
from mlops_jupyter.store.blobs import Lying, Upload, damaged, digest_of, key_of, missing, read_parts

YOUNG = 12 * 3600.0
"""Seconds: half of what `gc` spares at least, unless it is told otherwise."""


class _FileSystem(Protocol):
    """What is used of an fsspec file system."""

    def pipe_file(self, path: str, value: bytes) -> None: ...
    def cat_file(self, path: str) -> bytes: ...
    def put_file(self, lpath: str, rpath: str) -> None: ...
    def get_file(self, rpath: str, lpath: str) -> None: ...
    def info(self, path: str) -> dict[str, object]: ...
    def find(self, path: str, *, detail: bool) -> dict[str, dict[str, object]]: ...
    def rm_file(self, path: str) -> None: ...


class Bucket:
    """Content-addressed objects under one URL. Opened when first used: a store opens without a word to the network."""

    def __init__(self, url: str) -> None:
        self.place = url.rstrip("/")

    def _open(self) -> tuple[_FileSystem, str]:
        """fsspec keeps the file system for us, and makes a new one after a fork."""
        try:
            from fsspec.core import url_to_fs

            found, root = url_to_fs(self.place, use_listings_cache=False)
        except (ImportError, ValueError) as error:
            raise InputError(f"blobs cannot be kept at {self.place}: {error}", "pip install 'mlops_jupyter[s3]'") from None
        return cast(_FileSystem, found), str(root)

    @contextmanager
    def _key(self, digest: str, *, writes: bool = False) -> Iterator[tuple[_FileSystem, str]]:
        """The file system and where the blob lies; what any driver raises is one StoreError."""
        name = key_of(digest)
        files, root = self._open()
        try:
            yield files, f"{root}/{name}"
        except StoreError:
            raise
        except Exception as error:
            if isinstance(error, FileNotFoundError) and not writes:
                raise missing(digest) from None
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> StoreError:
        """Each driver has exceptions of its own, and of what lies below it."""
        words = str(error).splitlines()[0][:200] if str(error) else ""
        return StoreError(f"blobs at {self.place}: {type(error).__name__}: {words}",
                          "look at the bucket's address (AWS_ENDPOINT_URL) and credentials")

    def put(self, blobs: Sequence[bytes]) -> list[str]:
        """Keep each of `blobs`, durably when this returns; their content hashes."""
        digests = [content_hash(data) for data in blobs]
        for digest, data in dict(zip(digests, blobs, strict=True)).items():
            with self._key(digest, writes=True) as (files, key):
                if not _is_young(files, key, len(data)):
                    files.pipe_file(key, data)
        return digests

    def get(self, digest: str) -> bytes:
        """The bytes. Raises NotFoundError if they are not there, StoreError if they are not what their name says."""
        with self._key(digest) as (files, key):
            data = files.cat_file(key)
            if content_hash(data) != digest:
                raise damaged(f"{self.place}/{key_of(digest)}")
            return data

    def parts(self, digest: str, size: int) -> Iterator[bytes]:
        """The bytes in parts of `size`, as `get` gives them: the first comes after all were looked at."""
        with self._key(digest) as (files, key):
            with tempfile.TemporaryDirectory(prefix="mlops-blob-") as folder:
                path = Path(folder) / "part"
                files.get_file(key, str(path))
                file = path.open("rb")  # which keeps the bytes when the folder goes
            if "sha256:" + hashlib.file_digest(file, "sha256").hexdigest() != digest:
                file.close()
                raise damaged(f"{self.place}/{key_of(digest)}")
        file.seek(0)
        return read_parts(file, size)

    def has(self, digest: str) -> bool:
        """True if the bytes are there."""
        try:
            with self._key(digest) as (files, key):
                files.info(key)
        except NotFoundError:
            return False
        return True

    def listed(self) -> Iterator[Lying]:
        """Everything under the URL, in order."""
        files, root = self._open()
        try:
            found = files.find(root, detail=True)
        except FileNotFoundError:
            found = {}
        except Exception as error:
            raise self._failed(error) from error
        for key in sorted(found):
            place = key.removeprefix(root).lstrip("/")
            size = cast(int, found[key].get("size", 0))
            yield Lying(digest_of(place), size, _seconds(found[key]), f"{self.place}/{place}")

    def upload(self, digest: str) -> Upload:
        """A blob that comes in parts: kept under `digest` once all of it is there and has that name."""
        key_of(digest)
        descriptor, path = tempfile.mkstemp(prefix="mlops-blob-")
        return Upload(Path(path), descriptor, digest, lambda: self._send(Path(path), digest))

    def _send(self, path: Path, digest: str) -> None:
        with self._key(digest, writes=True) as (files, key):
            files.put_file(str(path), key)

    def remove(self, digest: str) -> None:
        """Purge the bytes, if they are there."""
        with suppress(NotFoundError), self._key(digest) as (files, key):
            files.rm_file(key)

    def discard(self, digest: str, young: float) -> bool:
        """Purge the bytes unless they were written after `young`, in Unix seconds. Whether they are gone."""
        with suppress(NotFoundError), self._key(digest) as (files, key):
            if _seconds(files.info(key)) > young:
                return False
            files.rm_file(key)
        return True

    def strays(self, young: float, *, remove: bool) -> int:
        """None: an upload that was interrupted leaves no object."""
        return 0


def _is_young(files: _FileSystem, key: str, size: int) -> bool:
    """True if nothing needs to be written."""
    try:
        found = files.info(key)
    except FileNotFoundError:
        return False
    return found.get("size") == size and _seconds(found) > time.time() - YOUNG


def _seconds(found: dict[str, object]) -> float:
    """When the object was written; now, where the driver does not say: what is young is spared."""
    for name in ("LastModified", "last_modified", "mtime", "updated", "created"):
        value = found.get(name)
        if isinstance(value, int | float):
            return float(value)
        stamp = getattr(value, "timestamp", None)
        if callable(stamp):
            return float(stamp())
    return time.time()
