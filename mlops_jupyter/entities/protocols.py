"""The doors between floors: a Recorder takes facts in the kernel, a Sink appends them to a store, a Ledger reads them, a
Custodian changes what is stored on a person's word.

`Store` implements the last three over SQLAlchemy, `RemoteStore` over HTTP. What can be asked over HTTP follows from the
signatures here (`entities/calls.py`), so every argument has a type and a name. Features ask for a protocol, never for the store.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Protocol, TypeAlias

import msgspec

from mlops_jupyter.entities.jobs import OutcomeState
from mlops_jupyter.entities.records import Entity, Record
from mlops_jupyter.entities.runs import Experiment, Goal, Named, Remark, Run, Verification
from mlops_jupyter.entities.sessions import CellExecution, Observation, Session, SessionKind
from mlops_jupyter.entities.submissions import Submission
from mlops_jupyter.entities.tokens import NewToken, Scope, Token

Limit: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
"""At most so many."""


class Merged(msgspec.Struct):
    """What came of a merge: entities added, sessions that were here before, sessions that were forgotten and stay so."""

    added: int = 0
    known: int = 0
    forgotten: int = 0


class Spent(msgspec.Struct):
    """What one session has computed: how many cells have ended in it, the seconds that they took together, how many failed.

    Of a session that a job made: the job's digest, whether the job was verified, the submission that it was an attempt of.
    """

    session: str
    experiment_id: str
    kind: SessionKind
    started: float
    seconds: float = 0.0
    executions: int = 0
    failed: int = 0
    job: str = ""
    verified: bool = False
    submission: str = ""


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
                 submission: str | None = None, limit: Limit | None = None) -> list[Session]:
        """Sessions, newest first."""

    def session(self, id: str) -> Session:
        """One session, by id or unique prefix."""

    def executions(self, session: str, cell: str | None = None) -> list[CellExecution]:
        """All cell executions of a session by n, or those of one cell."""

    def spent(self, since: float = 0.0) -> list[Spent]:
        """What each session that began after `since` has computed, oldest first."""

    def observations(self, session: str) -> list[Observation]:
        """All observations of a session by (n, seq)."""

    def runs(self, *, experiment: str | None = None, session: str | None = None, limit: Limit | None = None,
             deleted: bool = False) -> list[Run]:
        """Runs, newest first, each with its newest verification."""

    def search(self, filter: str = "", *, order_by: str = "", limit: Limit = 50, offset: Limit = 0, deleted: bool = False,
               ) -> list[Run]:
        """Runs that meet a filter (`metrics.auc > 0.9 and params.max_iter = 200`), newest first or by `order_by`."""

    def count(self, filter: str = "", *, deleted: bool = False) -> int:
        """How many runs meet a filter."""

    def moments(self, filter: str = "", *, deleted: bool = False) -> list[float]:
        """When each run that meets a filter started, newest first: in the order of `search`."""

    def names(self, experiment: str | None = None) -> list[Named]:
        """The metrics and params that runs of an experiment (its id), or of all, have; those that most have first."""

    def remarks(self, *, session: str | None = None) -> list[Remark]:
        """What people said of runs, newest last."""

    def run(self, id: str) -> Run:
        """One run, by id, unique prefix, or `#number` / `number` where only one experiment has it."""

    def experiments(self) -> list[Experiment]:
        """All experiments, with their goals."""

    def goals(self, experiment_id: str) -> list[Goal]:
        """Goals of an experiment, oldest first."""

    def verifications(self, *, run: str | None = None, session: str | None = None) -> list[Verification]:
        """Verifications, newest first."""

    def submissions(self, *, job: str | None = None, unfinished: bool = False) -> list[Submission]:
        """Hand-overs of jobs, newest first. `job` is the digest of a bundle; `unfinished`: only those that have not ended."""

    def get_blob(self, digest: str) -> bytes:
        """The bytes of a blob; NotFoundError if it is not there, StoreError if its bytes do not match its name."""

    def has_blob(self, digest: str) -> bool:
        """True if the bytes are there."""

    def size_bytes(self) -> int:
        """Bytes of the database and its blobs."""


class Custodian(Protocol):
    """Changes on a person's word."""

    def put(self, entity: Entity) -> None:
        """A reader's own fact, not from an outbox: inserted, or replaced under its key."""

    def merge(self, entities: Sequence[Entity]) -> Merged:
        """Add what is not here yet: nothing that is here is replaced, but for what was running there and has ended now."""

    def delete_run(self, id: str) -> Run:
        """Hide a run from lists."""

    def restore_run(self, id: str) -> Run:
        """Show a hidden run again."""

    def remark(self, id: str, *, starred: bool | None = None, baseline: bool | None = None,
               tags: dict[str, str | None] | None = None) -> Run:
        """Star a run, make it its experiment's baseline, tag it; what is None stays as it is, a tag of None goes."""

    def forget_run(self, id: str) -> None:
        """Purge a run with its observations, the outputs of their cells and the blobs that only it names."""

    def forget_session(self, id: str) -> None:
        """Purge a session with all that belongs to it; records of it still to come are dropped."""

    def forget_dataset(self, name: str) -> list[str]:
        """Purge what is known of a file or variable, with the outputs of the cells that used it. The sessions that held it."""

    def settle(self, submission: Submission, was: OutcomeState) -> bool:
        """Replace what is known of a submission, if its state is still `was`; else False: somebody else was faster.

        Once it has ended, its token lets nobody in.
        """

    def swap(self, was: Submission, now: Sequence[Submission]) -> bool:
        """Store all of `now` in one transaction, if what is stored of `was` is still the same; else False, and nothing is stored.

        So of many who decide on the same facts, one does what follows.
        """

    def create_job_token(self, submission: str, expires: float) -> NewToken:
        """A token with which the attempts of one submission append what they record, and nothing else, until `expires`."""

    def rename_notebook(self, old: str, new: str) -> None:
        """The notebook at `old` lies at `new` now: sessions of both paths, and those to come, are of one notebook."""


class Gate(Protocol):
    """Who may come in: the tokens of a server."""

    def create_token(self, name: str, scope: Scope, expires: float | None = None, writer: str = "") -> NewToken:
        """A new token, with the secret that is shown once. `expires` in Unix seconds; `writer` binds a job's token."""

    def tokens(self) -> list[Token]:
        """All tokens, newest first, without their secrets."""

    def revoke_token(self, id: str) -> Token:
        """Let nobody in by this token any more (id, unique prefix or name)."""


class AnyStore(Sink, Ledger, Custodian, Gate, Protocol):
    """All of it, wherever it is kept."""

    url: str
    """The folder, or the URL without its password."""

    def close(self) -> None:
        """Let connections go."""
