"""Identity of files: xxh3-128 of the bytes, remembered while size, modification time, change time and inode stay the same.

A file system's clock goes in ticks, so a file that was changed within the last moments may change again under the same time:
its digest is given, and not remembered. A file that changes while it is read has no digest. The bytes are read into one small
buffer that stays in the cache, with the interpreter's lock released; never mapped, since a file cut short by somebody else
would then kill the process.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from stat import S_ISREG

from xxhash import xxh3_128

from mlops_jupyter.entities.data import Fingerprint

_CHUNK = 512 << 10
_REMEMBERED = 4_096
_SETTLED = 2_000_000_000
"""Nanoseconds after which a change would show in the file's times, on every file system (FAT keeps two seconds)."""
_Key = tuple[str, int, int, int, int]
_seen: dict[_Key, str] = {}


def fingerprint_file(path: str | Path) -> Fingerprint:
    """Digest of a file's bytes. Missing, unreadable, changing or no regular file: digest None. Never raises."""
    try:
        where = os.fspath(path)
        status = os.stat(where)  # noqa: PTH116 (half the cost of Path.stat, and on a cell's path)
        if not S_ISREG(status.st_mode):
            return Fingerprint("file", type_name="file")
        key = _key(where, status)
        digest = _seen.get(key)
        if digest is None:
            digest = digest_of(where)
            after = os.stat(where)  # noqa: PTH116
            if _key(where, after) != key:
                return Fingerprint("file", type_name="file", nbytes=after.st_size)
            if abs(time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns)) > _SETTLED:
                _remember(key, digest)
    except (OSError, ValueError, TypeError):
        return Fingerprint("file", type_name="file")
    return Fingerprint("file", digest, type_name="file", nbytes=status.st_size)


def digest_of(path: str) -> str:
    """The digest of what can be read at `path` now, whether or not somebody writes there. Raises OSError."""
    hasher = xxh3_128()
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 (unbuffered: the chunks are the buffer)
        buffer = bytearray(min(_CHUNK, os.fstat(file.fileno()).st_size + 1))
        view = memoryview(buffer)
        while count := file.readinto(buffer):
            hasher.update(view[:count])
    return digest_text(hasher.hexdigest())


def fingerprint_bytes(data: bytes | memoryview) -> Fingerprint:
    """Digest of bytes in memory, as that of a file which holds them."""
    return Fingerprint("file", digest_text(xxh3_128(data).hexdigest()), type_name="bytes", nbytes=len(data))


def digest_text(hexdigest: str) -> str:
    """The versioned text of an xxh3-128 over plain bytes."""
    return f"fp1:xxh3-128:{hexdigest}"


def _key(where: str, status: os.stat_result) -> _Key:
    # The change time tells of a copy that brought its old modification time along (`cp -p`, `shutil.copy2`, an archive).
    return str(Path(where).absolute()), status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _remember(key: _Key, digest: str) -> None:
    if len(_seen) >= _REMEMBERED:
        _seen.clear()
    _seen[key] = digest
