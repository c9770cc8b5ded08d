"""Opening a store: private, migrated once by many at once, and one clear error for each way in which it cannot be had."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from mlops_jupyter.entities import InputError, Observation, StoreError
from mlops_jupyter.outbox import Outbox, pending, ship
from mlops_jupyter.store import Store, database, open_store, schema
from tests.unit.store.story import append, cell, metric, session

DATA = Path(__file__).parents[2] / "data"


def raw(store: Store) -> sqlite3.Connection:
    return sqlite3.connect(Path(store.url) / "ledger.db", isolation_level=None)


def test_a_new_store_is_private_and_of_this_version(store: Store) -> None:
    folder = Path(store.url)
    store.put_blob(b"x")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()} == {0o600}
    assert raw(store).execute("select version_num from alembic_version").fetchall() == [(schema.VERSION,)]
    assert schema.VERSIONS[-1] == schema.VERSION


def test_the_migrations_make_what_the_queries_expect(store: Store) -> None:
    with store.database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []


def test_the_pragmas_that_keep_it_safe(store: Store) -> None:
    with store.database.read() as connection:
        found = {name: connection.exec_driver_sql(f"pragma {name}").scalar()
                 for name in ("synchronous", "foreign_keys", "journal_mode", "mmap_size", "busy_timeout")}
    wal = sqlite3.sqlite_version_info >= (3, 51, 3)
    assert found == {"synchronous": 2, "foreign_keys": 1, "journal_mode": "wal" if wal else "delete", "mmap_size": 0,
                     "busy_timeout": database.BUSY_SECONDS * 1000}


def test_a_network_folder_is_no_place_for_wal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Part:
        def __init__(self, mountpoint: str, fstype: str) -> None:
            self.mountpoint, self.fstype = mountpoint, fstype

    parts = [Part("/", "ext4"), Part(str(tmp_path), "nfs4"), Part(str(tmp_path / "local"), "xfs")]
    monkeypatch.setattr(database.psutil, "disk_partitions", lambda **_: parts)
    assert database.is_local(Path("/etc/passwd"))
    assert not database.is_local(tmp_path / "ledger.db")
    assert database.is_local(tmp_path / "local" / "ledger.db")


def test_a_newer_schema_is_refused_with_both_versions_and_the_command(store: Store) -> None:
    raw(store).execute("update alembic_version set version_num = '0999'")
    with pytest.raises(StoreError, match=f"0999.*{schema.VERSION}") as caught:
        open_store(store.url)
    assert caught.value.remedy == "pip install -U mlops_jupyter"
    assert caught.value.exit_code == 3


def test_a_store_of_schema_1_is_opened_with_all_that_it_holds(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "ledger.db")
    connection.executescript((DATA / "ledger_v1.sql").read_text())
    connection.close()
    store = open_store(str(tmp_path), create=False)
    assert [found.id for found in store.sessions()] == ["s1"]
    assert store.sessions()[0].environment is not None
    assert [found.n for found in store.executions("s1")] == [1, 2]
    assert [found.value for found in store.observations("s1")] == [0.5]
    assert [(found.number, found.verification and found.verification.id) for found in store.runs()] == [(1, "v1")]
    assert [goal.text for goal in store.goals("exp-a")] == ["good"]


def test_a_missing_store_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=f"no store at {tmp_path}/none") as caught:
        open_store(str(tmp_path / "none"), create=False)
    assert caught.value.remedy
    assert not (tmp_path / "none").exists()


def test_a_store_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=f"{tmp_path}/file/store/ledger.db cannot be made: Not a directory"):
        open_store(str(tmp_path / "file" / "store"))


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_text("hello\n" * 1000)
    with pytest.raises(StoreError, match=f"{tmp_path}/ledger.db is not a store"):
        open_store(str(tmp_path))
    assert (tmp_path / "ledger.db").read_text().startswith("hello")


def test_somebody_elses_database_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "ledger.db") as other:
        other.execute("create table recipes (id)")
    with pytest.raises(StoreError, match="not a store of ours"):
        open_store(str(tmp_path))
    with sqlite3.connect(tmp_path / "ledger.db") as other:
        assert other.execute("select name from sqlite_master").fetchall() == [("recipes",)]


def test_a_locked_store_is_named_after_the_wait(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    other = raw(store)
    other.execute("begin immediate")
    waiting = open_store(store.url)
    with pytest.raises(StoreError, match="locked by another process") as caught:
        append(waiting, session())
    assert store.url in caught.value.what
    other.execute("rollback")
    append(waiting, session())


def test_a_read_only_store_is_read_and_writing_is_refused(store: Store) -> None:
    append(store, session())
    reader = open_store(f"sqlite:///file:{store.url}/ledger.db?mode=ro&uri=true", create=True)
    assert reader.session("s1").id == "s1"
    with pytest.raises(StoreError, match="is read-only") as caught:
        append(reader, cell(1))
    assert "chmod" in caught.value.remedy


def test_an_sql_url_names_the_same_store(store: Store) -> None:
    append(store, session())
    blob = store.put_blob(b"x")
    by_url = open_store(f"sqlite:///{store.url}/ledger.db", create=False)
    assert by_url.session("s1") == store.session("s1")
    assert by_url.get_blob(blob) == b"x"


def test_a_password_is_never_said() -> None:
    with pytest.raises(StoreError) as caught:
        open_store("postgresql+psycopg://me:hunter2@127.0.0.1:1/ledger?password=hunter3&connect_timeout=1")
    assert "127.0.0.1" in str(caught.value)
    assert "hunter" not in str(caught.value)


@pytest.mark.parametrize("url", ["mysql://me:hunter2@host/db", "://", "what://hunter2@x", "sqlite://", "sqlite:///:memory:"])
def test_a_url_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises((InputError, StoreError)) as caught:
        open_store(url)
    assert "hunter" not in str(caught.value)
    assert caught.value.remedy


def test_eight_processes_open_a_fresh_store_at_once(tmp_path: Path) -> None:
    code = """
import sys
from mlops_jupyter.entities import Record, Observation
from mlops_jupyter.store import open_store
sys.stdin.readline()
store = open_store(sys.argv[1])
seen = Observation("s1", 1, int(sys.argv[2]), 1.0, "metric", "auc")
assert store.append(sys.argv[2], 0, [Record(sys.argv[2], 1, 1.0, seen)], 10)
"""
    command = [sys.executable, "-c", code, str(tmp_path / "store")]
    processes = [subprocess.Popen([*command, str(n)], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for n in range(8)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate(timeout=60)[1] for process in processes] == [""] * 8
    assert len(open_store(str(tmp_path / "store"), create=False).observations("s1")) == 8


def test_eight_threads_make_eight_stores_at_once(tmp_path: Path) -> None:
    barrier = threading.Barrier(8)
    failures: list[BaseException] = []

    def make(number: int) -> None:
        try:
            barrier.wait(30)
            store = open_store(str(tmp_path / f"s{number}"))
            append(store, session())
            assert store.check().problems == []
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=make, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []


def test_a_forked_child_uses_connections_of_its_own(store: Store) -> None:
    append(store, session())
    parent = store.database.engine
    child = os.fork()
    if child == 0:
        try:
            append(store, cell(1))
            os._exit(0 if store.database.engine is not parent and database._abandoned == [parent] else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert [found.n for found in store.executions("s1")] == [1]
    assert store.database.engine is parent


def test_threads_and_two_shippers_lose_and_double_nothing(store: Store, tmp_path: Path) -> None:
    boxes = [Outbox(tmp_path / "outbox") for _ in range(4)]
    failures: list[BaseException] = []

    def write(box: Outbox, number: int) -> None:
        box.record(session(f"s{number}", box.writer))
        for seq in range(300):
            box.record(metric(1, seq, session=f"s{number}", blob=box.blob(b"%d" % (seq % 5))))
        box.close()

    def read() -> None:
        try:
            other = open_store(store.url)
            while pending(tmp_path / "outbox"):
                ship(tmp_path / "outbox", other, batch=20)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(box, number)) for number, box in enumerate(boxes)]
    threads += [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    for number in range(4):
        seen = store.observations(f"s{number}")
        assert [found.seq for found in seen] == list(range(300))
        assert store.session(f"s{number}").state == "ended"
        assert all(isinstance(found, Observation) and store.get_blob(found.blob or "") for found in seen[:5])


def test_the_store_is_moved_with_its_folder(store: Store, tmp_path: Path) -> None:
    append(store, session())
    blob = store.put_blob(b"x")
    store.close()
    shutil.move(store.url, tmp_path / "elsewhere")
    moved = open_store(str(tmp_path / "elsewhere"), create=False)
    assert moved.session("s1").id == "s1"
    assert moved.get_blob(blob) == b"x"
