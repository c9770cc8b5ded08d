"""An outbox that outlasts a disk that refuses: what cannot be written now waits in memory and is written, in order, once it can.

The user is told once when that begins and once when it is over. What waits dies with its process, and is bounded: beyond
`MOST` bytes a record is refused as by a plain outbox.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from mlops_jupyter.entities import content_hash
from mlops_jupyter.outbox import Outbox

MOST = 64 * 2**20
"""Bytes that may wait."""


class PatientOutbox(Outbox):
    """`say(line)` tells the user."""

    def __init__(self, folder: Path, say: Callable[[str], None], writer: str | None = None) -> None:
        self._say = say
        self._lines: deque[bytes] = deque()
        self._blobs: dict[str, bytes] = {}
        self._bytes = 0
        super().__init__(folder, writer)

    @property
    def waiting(self) -> int:
        """Records that the disk has not taken yet."""
        return len(self._lines)

    def blob(self, data: bytes) -> str:
        """As `Outbox.blob`; bytes that the disk refuses wait with the records that name them."""
        if not self._waits():
            try:
                return super().blob(data)
            except OSError as error:
                self._begin(error, len(data))
        digest = content_hash(data)
        if digest not in self._blobs:
            self._room_for(len(data))
            self._blobs[digest] = data
        return digest

    def close(self) -> None:
        """As `Outbox.close`, after a last try to write what waits."""
        with suppress(OSError):
            self._catch_up()
        if self._lines:
            self._say(f"mlops: {len(self._lines)} records could not be written to {self.folder} and are lost.")
        super().close()

    def _append(self, line: bytes) -> None:
        if self._waits():
            self._room_for(len(line))
            self._lines.append(line)
            with suppress(OSError):
                self._catch_up()
            return
        try:
            super()._append(line)
        except OSError as error:
            self._begin(error, len(line))
            self._room_for(len(line))
            self._lines.append(line)

    def _waits(self) -> bool:
        return bool(self._lines or self._blobs)

    def _begin(self, error: OSError, size: int) -> None:
        if size > MOST:
            raise error
        self._say(f"mlops: {self.folder} cannot be written ({error.strerror or error}). Your cells are not affected; "
                  "what they do is kept in memory until it can be.")

    def _room_for(self, size: int) -> None:
        if self._bytes + size > MOST:
            raise OSError(f"{self._bytes} bytes wait in memory already, since {self.folder} cannot be written")
        self._bytes += size

    def _catch_up(self) -> None:
        """Blobs first: a record never names what is not there. Raises OSError where the disk still refuses."""
        if not self._waits():
            return
        with self._lock:
            while self._blobs:
                digest, data = next(iter(self._blobs.items()))
                super().blob(data)
                del self._blobs[digest]
            while self._lines:
                super()._append(b"\n" + self._lines[0] if self._torn else self._lines[0])
                self._lines.popleft()
        self._bytes = 0
        self._say(f"mlops: {self.folder} can be written again; nothing was lost.")
