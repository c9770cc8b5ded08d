"""The doubles of all tests: real interfaces, kept in memory."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from keyring.backend import KeyringBackend

from mlops_jupyter.entities import Entity, Observation, Record, content_hash


class MemorySink:
    """A Sink in memory with the real compare-and-swap."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.blobs: dict[str, bytes] = {}
        self.offsets: dict[str, tuple[int, int]] = {}
        self.closed: dict[str, float] = {}
        self.lock = threading.Lock()

    def shipped(self, writer: str) -> tuple[int, int]:
        return self.offsets.get(writer, (0, 0))

    def append(self, writer: str, expected: int, records: Sequence[Record], offset: int) -> bool:
        with self.lock:
            if self.shipped(writer)[0] != expected:
                return False
            self.records += records
            self.offsets[writer] = (max([expected, *(record.n for record in records)]), offset)
            return True

    def close_writer(self, writer: str, at: float) -> None:
        self.closed[writer] = at

    def put_blob(self, data: bytes) -> str:
        digest = content_hash(data)
        self.blobs[digest] = data
        return digest

    def put_blobs(self, blobs_: Sequence[bytes]) -> list[str]:
        return [self.put_blob(data) for data in blobs_]

    def names(self) -> list[str]:
        return [record.entity.name for record in self.records if isinstance(record.entity, Observation)]


class MemoryRecorder:
    """A Recorder in memory."""

    def __init__(self) -> None:
        self.entities: list[Entity] = []
        self.blobs: dict[str, bytes] = {}

    def record(self, entity: Entity) -> None:
        self.entities.append(entity)

    def blob(self, data: bytes) -> str:
        digest = content_hash(data)
        self.blobs[digest] = data
        return digest


class MemoryKeyring(KeyringBackend):
    """A keyring in memory: (service, user) → value."""

    priority = 1  # type: ignore[assignment] # a property of its class there

    def __init__(self, values: dict[tuple[str, str], str]) -> None:
        super().__init__()
        self.values = values

    def get_password(self, service: str, username: str) -> str | None:
        return self.values.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.values[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.values[service, username]
