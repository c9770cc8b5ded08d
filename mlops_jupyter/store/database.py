"""One database behind a URL: opened, migrated, locked and read in one way, so that the nouns only write queries.

SQLite is used as its own documentation asks for where several processes share a file: the rollback journal unless the library
is free of the WAL-reset bug (≥ 3.51.3) and the file system local, `synchronous=FULL`, every write under BEGIN IMMEDIATE with a
busy timeout, no mmap, what is deleted overwritten. A connection never crosses a fork: a child opens its own, and leaves its
parent's alone, even unclosed.
Every failure of the driver leaves here as a StoreError that names the store without its password.
"""

from __future__ import annotations

import functools
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import psutil
import xxhash
from sqlalchemy import URL, Connection, Dialect, Engine, Table, create_engine, event, inspect, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from mlops_jupyter.entities import InputError, StoreError
from mlops_jupyter.store.schema import VERSION, VERSIONS

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

BUSY_SECONDS = 15.0
PATIENCE = {"connect_timeout": 10, "keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3,
            "tcp_user_timeout": 20_000}
"""How long a PostgreSQL may not answer, in libpq's words (seconds; the last in milliseconds): a dead network hangs nobody."""
MIGRATION_LOCK = 7_061_929
"""Key of PostgreSQL's advisory lock; SQLite's is the write lock itself."""
NETWORK = ("nfs", "cifs", "smb", "afs", "lustre", "gpfs", "ceph", "9p", "fuse.", "glusterfs", "beegfs", "webdav")
_migrating = threading.Lock()
"""Alembic keeps the migration that runs in a variable of its module: one at a time in a process."""
_abandoned: list[Engine] = []
"""Engines of a parent process: closing their connections in a child is as unsafe as using them."""

DATABASE_ERROR: type[Exception] = SQLAlchemyError
"""What a database that is not ours may raise too: MLflow's, when runs are exported there."""
Row = Mapping[str, object]


class Database:
    """Connections to one database, in read and write transactions."""

    def __init__(self, url: URL, *, create: bool) -> None:
        """Open and migrate. Raises StoreError if that cannot be done."""
        self.url = url
        self.name = shown(url)
        self.path = file_of(url)
        if self.path is not None:
            _make_file(self.path, create and url.query.get("mode") != "ro")
        self._pid = os.getpid()
        self._engine = self._connect()
        self._prepare()

    @property
    def engine(self) -> Engine:
        """The engine of this very process."""
        if os.getpid() != self._pid:
            _abandoned.append(self._engine)
            self._pid = os.getpid()
            self._engine = self._connect()
        return self._engine

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the store."""
        with self._named(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A transaction that sees one state of the store for as long as it lasts, in every database."""
        options = {"isolation_level": "REPEATABLE READ"} if self.path is None else {}  # SQLite's transactions are that
        with self._named(), self.engine.connect().execution_options(**options) as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that holds the write lock from its beginning; committed at the end, rolled back by an exception."""
        with self._named(), self.engine.connect().execution_options(write=True) as connection, connection.begin():
            yield connection

    def size_bytes(self, connection: Connection) -> int:
        """Bytes of the database, without blobs."""
        if self.path is None:
            return int(connection.execute(text("select pg_database_size(current_database())")).scalar_one())
        return self.path.stat().st_size

    def close(self) -> None:
        """Close every connection of this process."""
        if os.getpid() == self._pid:
            self._engine.dispose()

    def _connect(self) -> Engine:
        try:
            if self.path is None:
                given = {name: value for name, value in PATIENCE.items() if name not in self.url.query}
                return create_engine(self.url, pool_pre_ping=True, connect_args=given)
            engine = create_engine(self.url, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False})
        except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
            raise StoreError(f"there is no driver for the store {self.name}: {error}", "pip install 'psycopg[binary]'") from None
        event.listen(engine, "connect", _set_pragmas)
        event.listen(engine, "begin", _begin)
        return engine

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise self._explain(error) from error

    def _explain(self, error: Exception) -> StoreError:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        for word, what, remedy in (
            ("locked", "is locked by another process", "wait for that process or end it, then try again"),
            ("readonly", "is read-only", f"chmod u+w {self.path or ''} and its folder, or set MLOPS_STORE to another folder"),
            ("not a database", "is not a store: the file is no SQLite database", "set MLOPS_STORE to another folder"),
            ("malformed", "is damaged", "mlops doctor"),
            ("disk is full", "cannot grow: the disk is full", "make room on the disk, then try again"),
            ("unable to open", "cannot be opened", f"check that you may write to {self.path and self.path.parent}"),
        ):
            if word in reason:
                return StoreError(f"the store {self.name} {what}", remedy)
        return StoreError(f"the store {self.name} failed: {reason}", "mlops doctor")

    def _prepare(self) -> None:
        """Bring the schema to this package's version. Of several processes at once, one does it and the others find it done."""
        with self.read() as connection:
            found = self._version(connection)
        if self.path is not None:
            self._choose_journal()
        if found != VERSION:
            with self.write() as connection:
                if connection.dialect.name == "postgresql":
                    connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
                if self._version(connection) != VERSION:
                    try:
                        _migrate(connection)
                    except OSError as error:  # of its own files
                        raise self._explain(error) from error

    def _version(self, connection: Connection) -> str | None:
        tables = inspect(connection).get_table_names()
        if "alembic_version" not in tables:
            if tables and self.path is not None:
                raise StoreError(f"{self.path} is a database, but not a store of ours", "set MLOPS_STORE to another folder")
            return None
        found = connection.execute(text("select version_num from alembic_version")).scalar()
        if found is not None and found not in VERSIONS:
            what = f"the store {self.name} has schema {found}, this mlops_jupyter knows up to {VERSION}"
            raise StoreError(what, "pip install -U mlops_jupyter")
        return found

    def _choose_journal(self) -> None:
        assert self.path is not None
        wanted = "wal" if sqlite3.sqlite_version_info >= (3, 51, 3) and is_local(self.path) else "delete"
        with self._named(), self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            if connection.exec_driver_sql("pragma journal_mode").scalar() != wanted:
                with suppress(OperationalError):  # somebody has it open: the next to come will change it
                    connection.exec_driver_sql(f"pragma journal_mode={wanted}")


def upsert(connection: Connection, table: Table, rows: Sequence[Row], keep: Iterable[str] = ()) -> None:
    """Insert `rows`, or replace those with the same key, but for the columns in `keep`. Of equal keys the last wins.

    All rows name the same columns. They go to the driver as they are: SQLAlchemy writes the statement once.
    """
    if not rows:
        return
    how = _upserting(connection.dialect, table, tuple(rows[0]), frozenset(keep))
    newest = {how.key(row): row for row in map(_without_nul, rows)}
    if how.said is not None:
        newest = {key: {**row, "checksum": how.said(row)} for key, row in newest.items()}
    connection.exec_driver_sql(how.text, list(newest.values() if how.order is None else map(how.order, newest.values())))


class _Upserting(NamedTuple):
    """How rows of the same columns go into a table: the statement in the driver's words, and what is read from each row."""

    text: str
    order: Callable[[Row], tuple[object, ...]] | None
    """A row's parameters in order; None where they go by name."""
    key: Callable[[Row], object]
    said: Callable[[Row], str] | None
    """A row's checksum; None where the table keeps none."""


def _upserting(dialect: Dialect, table: Table, names: tuple[str, ...], keep: frozenset[str]) -> _Upserting:
    known = (dialect.name, table.name, names, keep)
    if known not in _ways:
        columns = [*names, "checksum"] if "checksum" in table.c else list(names)
        keys = [column.name for column in table.primary_key]
        insert = _insert(dialect, table)
        changed = {name: insert.excluded[name] for name in columns if name not in {*keys, *keep}}
        whole = insert.on_conflict_do_update(index_elements=keys, set_=changed) if changed else insert.on_conflict_do_nothing()
        compiled = whole.compile(dialect=dialect, column_keys=columns)
        _ways[known] = _Upserting(
            str(compiled), itemgetter(*compiled.positiontup) if compiled.positional and compiled.positiontup else None,
            itemgetter(*keys), _checksums(table.name, names) if "checksum" in table.c else None,
        )
    return _ways[known]


def _insert(dialect: Dialect, table: Table) -> sqlite.Insert | postgresql.Insert:
    if dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql  # as long to import as the rest of this module, and seldom needed

        return postgresql.insert(table)
    return sqlite.insert(table)


_ways: dict[tuple[str, str, tuple[str, ...], frozenset[str]], _Upserting] = {}


UNCHECKED = {"sessions": frozenset({"revision", "derived", "environment"}), "runs": frozenset({"deleted"})}
"""Columns that are changed by themselves."""


def checksum(table: str, row: Row) -> str:
    """Of all that a row says, in every database the same."""
    return _checksums(table, tuple(row))(row)


@functools.cache
def _checksums(table: str, names: tuple[str, ...]) -> Callable[[Row], str]:
    """The checksum of rows with these columns: of `[table, (column, value), …]` as Python writes it, columns by name."""
    said = sorted(set(names) - UNCHECKED.get(table, frozenset()) - {"checksum"})
    text = f"[{', '.join([repr(table), *(f'({name!r}, %({name})r)' for name in said)])}]"
    return lambda row: xxhash.xxh3_128_hexdigest((text % row).encode("utf-8", "surrogatepass"))


def _without_nul(row: Row) -> Row:
    """PostgreSQL takes no NUL in a text; a path or a name that has one is kept with a mark in its place."""
    for value in row.values():
        if isinstance(value, str) and "\0" in value:
            break
    else:
        return row
    return {name: value.replace("\0", "\N{SYMBOL FOR NULL}") if isinstance(value, str) else value for name, value in row.items()}


def file_of(url: URL) -> Path | None:
    """The file of an SQLite URL, plain or as `file:…`; None for a database of a server."""
    if url.get_backend_name() != "sqlite":
        return None
    if not url.database or ":memory:" in url.database:
        raise InputError("a store cannot be in memory: every process would have its own", "set MLOPS_STORE to a folder")
    return Path(url.database.removeprefix("file:"))


def is_local(path: Path) -> bool:
    """Whether the file lies on a disk of this machine, as far as the mount table tells."""
    resolved = path.resolve()
    best = ("", "")
    try:
        parts = psutil.disk_partitions(all=True)
    except OSError:
        return False
    for part in parts:
        if resolved.is_relative_to(part.mountpoint) and len(part.mountpoint) >= len(best[0]):
            best = (part.mountpoint, part.fstype)
    return bool(best[1]) and not best[1].startswith(NETWORK)


def shown(url: URL) -> str:
    """The URL as it may be printed: a file's path; of anything else no password and no options."""
    if url.get_backend_name() == "sqlite":
        return str(file_of(url))
    return url.set(query={}).render_as_string(hide_password=True)


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    with _migrating:
        command.upgrade(config, "head")


def _make_file(path: Path, create: bool) -> None:
    """A private, empty file. One that exists is not even opened: closing it would drop the locks of this process on it."""
    if not path.exists() and not create:
        raise StoreError(f"there is no store at {path}", "mlops track NOTEBOOK makes one, or set MLOPS_STORE")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreError(f"the store {path} cannot be made: {error.strerror}", "set MLOPS_STORE to a folder of yours") from None


def _set_pragmas(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # transactions are begun by `_begin`, not by the driver
    cursor = connection.cursor()
    for pragma in ("synchronous=FULL", "foreign_keys=ON", "trusted_schema=OFF", "mmap_size=0", "secure_delete=ON"):
        cursor.execute(f"pragma {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("begin immediate" if connection.get_execution_options().get("write") else "begin")
