"""The three doors between floors: a Recorder takes facts in the kernel, a Sink appends them to a store, a Ledger reads them.

`Store` implements Sink and Ledger over SQLAlchemy; later the same two over HTTP.
Features ask for the protocol, never for the store.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mlops_jupyter.entities.records import Entity, Record
from mlops_jupyter.entities.runs import Experiment, Goal, Run, Verification
from mlops_jupyter.entities.sessions import CellExecution, Observation, Session


class Recorder(Protocol):
    """Takes facts, in microseconds. A record is safe from process death when `record` returns."""

    def record(self, entity: Entity) -> None:
        """Append one entity."""

    def blob(self, data: bytes) -> str:
        """Keep `data` and return its content hash (`sha256:…`). The same bytes are kept once."""


class Sink(Protocol):
    """Appends batches, exactly once per (writer, n)."""

    def shipped(self, writer: str) -> tuple[int, int]:
        """(last n, byte offset) that the store holds of this writer; (0, 0) if none."""

    def append(self, writer: str, expected: int, records: Sequence[Record], offset: int) -> bool:
        """Store `records`, move the writer to `offset`, in one transaction, if it stands at n == `expected`; else False."""

    def close_writer(self, writer: str, at: float) -> None:
        """The writer is gone: what it left running is `interrupted`, its open sessions have ended at `at`."""

    def put_blob(self, data: bytes) -> str:
        """Store `data` under its content hash, durably, before any row names it."""

    def put_blobs(self, blobs_: Sequence[bytes]) -> list[str]:
        """As `put_blob` for each of them at once: a disk syncs a hundred files faster than a hundred times one."""


class Ledger(Protocol):
    """Reads. Lists are ordered by time, newest last, unless said otherwise; an unknown id raises NotFoundError."""

    def sessions(self, *, notebook: str | None = None, kernel: str | None = None, kinds: Sequence[str] | None = None,
                 limit: int | None = None) -> list[Session]:
        """Sessions, newest first."""

    def session(self, id: str) -> Session:
        """One session, by id or unique prefix."""

    def executions(self, session: str) -> list[CellExecution]:
        """All cell executions of a session by n."""

    def observations(self, session: str) -> list[Observation]:
        """All observations of a session by (n, seq)."""

    def runs(self, *, experiment: str | None = None, session: str | None = None, limit: int | None = None,
             deleted: bool = False) -> list[Run]:
        """Runs, newest first, each with its newest verification."""

    def run(self, id: str) -> Run:
        """One run, by id, unique prefix, or `#number` / `number` where only one experiment has it."""

    def experiments(self) -> list[Experiment]:
        """All experiments, with their goals."""

    def goals(self, experiment_id: str) -> list[Goal]:
        """Goals of an experiment, oldest first."""

    def verifications(self, *, run: str | None = None, session: str | None = None) -> list[Verification]:
        """Verifications, newest first."""

    def get_blob(self, digest: str) -> bytes:
        """The bytes of a blob; NotFoundError if it is not there, StoreError if its bytes do not match its name."""
