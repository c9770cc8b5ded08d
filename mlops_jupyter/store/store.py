"""The Store: Ledger and Sink over one database and one blob folder. Each method is one transaction over the nouns' functions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection

from mlops_jupyter.entities import (
    CellExecution,
    Entity,
    Experiment,
    Goal,
    Merged,
    NewToken,
    Observation,
    Record,
    Remark,
    Run,
    Scope,
    Session,
    Spent,
    Submission,
    Token,
    Verification,
)
from mlops_jupyter.entities.jobs import OutcomeState
from mlops_jupyter.entities.submissions import NO_END
from mlops_jupyter.outbox import session_of
from mlops_jupyter.store import (
    blobs,
    checking,
    copying,
    executions,
    experiments,
    facts,
    forget,
    kept,
    merging,
    observations,
    remarks,
    runs,
    search,
    sessions,
    submissions,
    sweeping,
    tokens,
    verifications,
    writers,
)
from mlops_jupyter.store.blobs import Blobs, Upload
from mlops_jupyter.store.checking import Checked
from mlops_jupyter.store.copying import Copied
from mlops_jupyter.store.database import Database
from mlops_jupyter.store.facts import Facts
from mlops_jupyter.store.runs import Derived
from mlops_jupyter.store.sweeping import Swept
from mlops_jupyter.store.table import RunTable


class Store(RunTable):
    """Implements Ledger and Sink; what only a store can do is below them. Threads may share it, forks may carry it."""

    def __init__(self, url: str, database: Database, blobs: Blobs) -> None:
        self.url = url
        """The folder, or the URL without its password."""
        self.database = database
        self._blobs = blobs

    # Sink

    def shipped(self, writer: str) -> tuple[int, int]:
        """(last n, byte offset) that the store holds of this writer; (0, 0) if none."""
        with self.database.read() as connection:
            return writers.position(connection, writer)

    def append(self, writer: str, expected: int, records: Sequence[Record], offset: int) -> bool:
        """Store `records` and move the writer to `offset`, in one transaction, if it stands at n == `expected`; else False."""
        last = max([expected, *(record.n for record in records)])
        with self.database.write() as connection:
            if not writers.advance(connection, writer, expected, last, offset):
                return False
            _save(connection, [record.entity for record in records])
        return True

    def close_writer(self, writer: str, at: float) -> None:
        """The writer is gone: what it left running is `interrupted`, its open sessions have ended at `at`."""
        with self.database.write() as connection:
            ended = sessions.end(connection, writer, at)
            for session in sessions.of_writer(connection, writer):
                executions.interrupt(connection, session)
            sessions.touch(connection, ended)
            writers.close(connection, writer, at)

    def put_blob(self, data: bytes) -> str:
        """Store `data` under its content hash, durably, before any row names it."""
        return self.put_blobs([data])[0]

    def put_blobs(self, blobs_: Sequence[bytes]) -> list[str]:
        """As `put_blob` for each, in one transaction."""
        digests = self._blobs.put(blobs_)
        if digests:
            with self.database.write() as connection:
                blobs.note(connection, dict(zip(digests, map(len, blobs_), strict=True)))
        return digests

    @contextmanager
    def upload(self, digest: str) -> Iterator[Upload]:
        """A blob that comes in parts: write them; at the end of the block it is kept, after an exception nothing is left."""
        with self._blobs.upload(digest) as upload:
            yield upload
        with self.database.write() as connection:
            blobs.note(connection, {digest: upload.size})

    def writers_of(self, sessions_: Sequence[str]) -> dict[str, str]:
        """Session → writer, of those that are here."""
        with self.database.read() as connection:
            return sessions.writers(connection, sessions_)

    # Ledger

    def sessions(self, *, notebook: str | None = None, kernel: str | None = None, kinds: Sequence[str] | None = None,
                 submission: str | None = None, limit: int | None = None) -> list[Session]:
        """Sessions, newest first. `notebook` is an id or a path, `kernel` a kernel id; attempts of a `submission`."""
        with self.database.read() as connection:
            return sessions.listed(connection, sessions.chosen(notebook, kernel, kinds, submission).limit(limit))

    def session(self, id: str) -> Session:
        """One session, by id or unique prefix."""
        with self.database.read() as connection:
            return sessions.one(connection, id)

    def executions(self, session: str, cell: str | None = None) -> list[CellExecution]:
        """All cell executions of a session by n, or those of one cell."""
        with self.database.read() as connection:
            return executions.listed(connection, session, cell)

    def spent(self, since: float = 0.0) -> list[Spent]:
        """What each session that began after `since` has computed, oldest first."""
        with self.database.read() as connection:
            return executions.spent(connection, since)

    def observations(self, session: str) -> list[Observation]:
        """All observations of a session by (n, seq)."""
        with self.database.read() as connection:
            return observations.listed(connection, session)

    def runs(self, *, experiment: str | None = None, session: str | None = None, limit: int | None = None,
             deleted: bool = False) -> list[Run]:
        """Runs, newest first, each with its newest verification. `experiment`: id or name; `deleted` adds the hidden ones."""
        with self.database.read() as connection:
            return runs.listed(connection, runs.of(experiment, session, deleted).limit(limit))

    def search(self, filter: str = "", *, order_by: str = "", limit: int = 50, offset: int = 0, deleted: bool = False,
               ) -> list[Run]:
        """Runs that meet a filter (`metrics.auc > 0.9 and params.max_iter = 200`), newest first or by `order_by`."""
        with self.database.read() as connection:
            return runs.listed(connection, search.find(connection, filter, order_by, deleted, limit, offset))

    def run(self, id: str) -> Run:
        """One run, by id, unique prefix, or `#number` / `number` where only one experiment has it."""
        with self.database.read() as connection:
            return runs.one(connection, id)

    def experiments(self) -> list[Experiment]:
        """All experiments, with their goals."""
        with self.database.read() as connection:
            return experiments.listed(connection)

    def goals(self, experiment_id: str) -> list[Goal]:
        """Goals of an experiment, oldest first."""
        with self.database.read() as connection:
            return experiments.goals_of(connection, experiment_id)

    def verifications(self, *, run: str | None = None, session: str | None = None) -> list[Verification]:
        """Verifications, newest first."""
        with self.database.read() as connection:
            return verifications.listed(connection, run, session)

    def submissions(self, *, job: str | None = None, unfinished: bool = False) -> list[Submission]:
        """Hand-overs of jobs, newest first. `job` is the digest of a bundle."""
        with self.database.read() as connection:
            return submissions.listed(connection, job, unfinished)

    def get_blob(self, digest: str) -> bytes:
        """The bytes of a blob; NotFoundError if it is not there, StoreError if its bytes do not match its name."""
        return self._blobs.get(digest)

    # What only a store can do

    def put(self, entity: Entity) -> None:
        """A reader's own fact, not from an outbox: inserted, or replaced under its key."""
        with self.database.write() as connection:
            _save(connection, [entity])

    def merge(self, entities: Sequence[Entity]) -> Merged:
        """Add what is not here yet: nothing that is here is replaced, but for what was running there and has ended now."""
        with self.database.write() as connection:
            new, merged = merging.missing(connection, entities)
            _save(connection, new)
        return merged

    def settle(self, submission: Submission, was: OutcomeState) -> bool:
        """Replace what is known of a submission, if its state is still `was`. Its token ends with it."""
        with self.database.write() as connection:
            if not submissions.stands(connection, submission.id, was):
                return False
            submissions.save(connection, [submission])
            if submission.state not in NO_END:
                tokens.end(connection, tokens.of_submission(submission.id))
            return True

    def swap(self, was: Submission, now: Sequence[Submission]) -> bool:
        """Store all of `now`, if what is stored under the id of `was` is still the same. Tokens of what has ended end."""
        with self.database.write() as connection:
            if not submissions.unchanged(connection, was):
                return False
            submissions.save(connection, now)
            for one in now:
                if one.state not in NO_END:
                    tokens.end(connection, tokens.of_submission(one.id))
            return True

    def create_job_token(self, submission: str, expires: float) -> NewToken:
        """A token with which the attempts of one submission append what they record, until `expires`."""
        with self.database.write() as connection:
            return tokens.create(connection, tokens.of_submission(submission), "job", expires, f"{submission}.")

    def changed_sessions(self) -> list[str]:
        """Sessions with something newer than the runs derived from them, oldest first."""
        with self.database.read() as connection:
            return sessions.changed(connection)

    def revision(self, session: str) -> int:
        """Counts what was appended to a session. Read it before what you derive from."""
        with self.database.read() as connection:
            return sessions.revision(connection, session)[0]

    def save_runs(self, session: str, runs_: Sequence[Run], revision: int) -> list[Run]:
        """The runs of a session are these. Numbers new ones, keeps number and `deleted` of known ones; returns them as stored."""
        self.replace_runs([(session, revision, runs_)])
        return self.runs(session=session, deleted=True)

    def facts(self, ids: Sequence[str]) -> list[Facts]:
        """All that the runs of these sessions are derived from, as of one moment."""
        with self.database.read() as connection:
            return facts.of(connection, ids)

    def replace_runs(self, found: Sequence[Derived]) -> None:
        """As `save_runs` for each of these sessions, in one transaction."""
        with self.database.write() as connection:
            runs.replace(connection, found)

    def forget_run(self, id: str) -> None:
        """Purge a run with its observations, the outputs of their cells and the blobs that only it names."""
        with self.database.write() as connection:
            freed = kept.settle(connection, self._blobs, forget.run(connection, runs.one(connection, id)))
        self._purge(freed)

    def forget_session(self, id: str) -> None:
        """Purge a session with all that belongs to it; records of it still to come are dropped."""
        with self.database.write() as connection:
            freed = kept.settle(connection, self._blobs, forget.session(connection, sessions.full_id(connection, id)))
        self._purge(freed)

    def forget_dataset(self, name: str) -> list[str]:
        """Purge what is known of a file or variable, with the outputs of the cells that used it. The sessions that held it."""
        with self.database.write() as connection:
            changed, unnamed = forget.dataset(connection, name)
            freed = kept.settle(connection, self._blobs, unnamed)
            sessions.touch(connection, set(changed))
        self._purge(freed)
        return changed

    def _purge(self, digests: set[str]) -> None:
        for digest in digests:
            self._blobs.remove(digest)

    def rename_notebook(self, old: str, new: str) -> None:
        """The notebook at `old` lies at `new` now: sessions of both paths, and those to come, are of one notebook."""
        with self.database.write() as connection:
            sessions.touch(connection, sessions.rename(connection, old, new))

    # Gate

    def create_token(self, name: str, scope: Scope, expires: float | None = None, writer: str = "") -> NewToken:
        """A new token, with the secret that is shown once. `expires` in Unix seconds; `writer` binds a job's token."""
        with self.database.write() as connection:
            return tokens.create(connection, name, scope, expires, writer)

    def tokens(self) -> list[Token]:
        """All tokens, newest first, without their secrets."""
        with self.database.read() as connection:
            return tokens.listed(connection)

    def revoke_token(self, id: str) -> Token:
        """Let nobody in by this token any more (id, unique prefix or name)."""
        with self.database.write() as connection:
            return tokens.revoke(connection, id)

    def token_of(self, secret: str) -> Token | None:
        """The valid token with this secret."""
        with self.database.read() as connection:
            return tokens.owner(connection, secret)

    def bind_token(self, token: Token, writer: str) -> bool:
        """True if a job's token may append to this writer; one that is bound to none yet is bound now."""
        with self.database.write() as connection:
            return tokens.bind(connection, token, writer)

    def has_blob(self, digest: str) -> bool:
        """True if the bytes are there."""
        return self._blobs.has(digest)

    def blob_parts(self, digest: str, size: int) -> Iterator[bytes]:
        """The bytes in parts of `size`, after all of them were read once and found to be what their name says."""
        return self._blobs.parts(digest, size)

    def running(self) -> int:
        """How many sessions have not ended."""
        with self.database.read() as connection:
            return sessions.running(connection)

    def blobs(self) -> list[tuple[str, int]]:
        """(content hash, size) of every blob."""
        with self.database.read() as connection:
            return list(blobs.listed(connection))

    # Maintenance: what only whoever has the database can do

    def check(self) -> Checked:
        """Look at every row, blob and reference. Changes nothing."""
        with self.database.read() as connection:
            return checking.check(connection, self._blobs)

    def mend(self) -> int:
        """Write anew what follows from what is stored. How many runs there are."""
        with self.database.write() as connection:
            return checking.mend(connection)

    def sweep(self, grace: float, *, dry_run: bool, force: bool) -> Swept:
        """Remove blobs that nothing names and that are older than `grace` seconds."""
        with self.database.write() as connection:
            return sweeping.sweep(connection, self._blobs, grace, dry_run=dry_run, force=force)

    def copy_to(self, target: Store) -> Copied:
        """Every row and blob, as they are at one moment, into an empty store; compared when it is done."""
        with self.database.snapshot() as source:
            with target.database.write() as connection:
                copied = copying.copy(source, connection, self._blobs, target._blobs)
            with target.database.read() as connection:
                copying.must_agree(source, connection)
        return copied

    def size_bytes(self) -> int:
        """Bytes of the database and its blobs."""
        with self.database.read() as connection:
            return blobs.total(connection) + self.database.size_bytes(connection)

    def close(self) -> None:
        """Close the connections of this process."""
        self.database.close()


def _save(connection: Connection, entities: Sequence[Entity]) -> None:
    """Upsert entities by noun, without those of forgotten sessions, and mark the sessions that they belong to as changed."""
    owners = list(map(session_of, entities))
    gone = sessions.forgotten_ids(connection, set(owners) - {""})
    kept = defaultdict[type, list[Any]](list)
    changed = set()
    for entity, owner in zip(entities, owners, strict=True):
        if owner not in gone:
            kept[type(entity)].append(entity)
            if type(entity) not in {Goal, Verification, Submission, Remark}:
                changed.add(owner)
    sessions.save(connection, kept[Session])
    experiments.note(connection, kept[Session])
    executions.save(connection, kept[CellExecution])
    observations.save(connection, kept[Observation])
    experiments.save_goals(connection, kept[Goal])
    verifications.save(connection, kept[Verification])
    submissions.save(connection, kept[Submission])
    remarks.save(connection, kept[Remark])
    sessions.touch(connection, changed)
