"""Upkeep: every damage is found and none is imagined, nothing that is named is swept, a backup holds what the store held."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mlops_jupyter.api import upkeep
from mlops_jupyter.api.ledger import derive_runs
from mlops_jupyter.entities import ConflictError, Goal, InputError, Output, StoreError, content_hash
from mlops_jupyter.entities.kept import Manifest, encode_manifest
from mlops_jupyter.store import Store, blobs, open_store, schema, sweeping
from tests.postgres import Cluster
from tests.unit.store.story import append, cell, metric, session, verdict

DAY = 86_400.0


def filled(store: Store) -> Store:
    """Something in every table that facts go to."""
    shown = [Output("display", "image/png", blob=store.put_blob(b"picture %d" % n)) for n in range(3)]
    append(store, session(tags={"k": "naïve ☕"}), cell(1, outputs=shown), metric(1), metric(2))
    store.put(Goal("exp-a", 1.0, "good", metric="auc", at_least=0.4))
    derive_runs(store)
    store.put(verdict("v1", store.runs()[0].id, 9.0))
    store.create_token("me", "read")
    return store


def test_a_store_that_is_whole_is_found_whole(sql_store: Store) -> None:
    found = filled(sql_store).check()
    assert found.problems == []
    assert (found.rows, found.blobs) == (9, 3)
    sql_store.delete_run(sql_store.runs()[0].id)
    sql_store.rename_notebook("a.ipynb", "b.ipynb")
    sql_store.close_writer("w1", 500.0)
    sql_store.revoke_token("me")
    derive_runs(sql_store)
    assert sql_store.check().problems == []


def test_a_session_of_which_no_environment_was_seen_is_whole(sql_store: Store) -> None:
    append(sql_store, session(environment=None), cell(1))
    assert not sql_store.check().problems


def damage_row(store: Store, chance: random.Random) -> None:
    """One value of one row that holds an entity becomes another."""
    assert store.database.path is not None
    tables = [table for table in schema.metadata.sorted_tables if "checksum" in table.c]
    with sqlite3.connect(store.database.path) as connection:
        table = chance.choice([one for one in tables if connection.execute(f"select count(*) from {one.name}").fetchone()[0]])
        free = {"sessions": {"revision", "derived", "environment"}, "runs": {"deleted"}}.get(table.name, set())
        column = chance.choice([one.name for one in table.columns if one.name not in free])
        row = chance.choice(connection.execute(f"select rowid, {column} from {table.name}").fetchall())
        value = row[1]
        if isinstance(value, str) and value:
            at = chance.randrange(len(value))
            other = value[:at] + chance.choice([chr(ord(value[at]) ^ 1), "", value[at] * 2]) + value[at + 1:]
        else:
            other = "x" if isinstance(value, str) else (value or 0) + chance.choice([1, -1, 0.5])
        with contextlib.suppress(sqlite3.IntegrityError):
            connection.execute(f"update {table.name} set {column} = ? where rowid = ?", (other, row[0]))
            return
    damage_row(store, chance)  # another row has that key


def damage_blob(store: Store, chance: random.Random) -> None:
    """A byte changes, or the file is cut, or goes."""
    path = Path(chance.choice(list(store._blobs.listed())).place)
    data = bytearray(path.read_bytes())
    kind = chance.choice(["flip", "cut", "grow", "remove"])
    if kind == "flip":
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    elif kind == "cut":
        del data[chance.randrange(len(data)):]
    elif kind == "grow":
        data.append(0)
    if kind == "remove":
        path.unlink()
    else:
        path.write_bytes(data)


@pytest.mark.parametrize("damage", [damage_row, damage_blob])
def test_every_damage_is_found(tmp_path: Path, damage: Callable[[Store, random.Random], None]) -> None:
    whole = filled(open_store(str(tmp_path / "whole")))
    whole.close()
    for seed in range(60):
        target = tmp_path / f"s{seed}"
        shutil.copytree(tmp_path / "whole", target)
        store = open_store(str(target))
        damage(store, random.Random(seed))
        assert store.check().problems, seed
        store.close()


def test_an_index_that_lost_something_is_found_and_mended(sql_store: Store) -> None:
    filled(sql_store)
    with sql_store.database.write() as connection:
        connection.execute(schema.marks.delete().where(schema.marks.c.kind == "metric"))
    assert {one.remedy for one in sql_store.check().problems} == {"mlops fsck --mend"}
    sql_store.mend()
    assert sql_store.check().problems == []


def test_a_name_without_its_blob_and_a_file_that_is_no_blob_are_found(store: Store) -> None:
    filled(store)
    append(store, cell(5, outputs=[Output("display", blob=content_hash(b"never stored"))]))
    (Path(store.url) / "blobs" / "ab").mkdir(exist_ok=True)
    (Path(store.url) / "blobs" / "ab" / "notes.txt").write_text("hello")
    found = store.check().problems
    assert [one.where for one in found] == ["executions s1:5", str(Path(store.url) / "blobs" / "ab" / "notes.txt")]


def age(store: Store, digest: str, days: float = 2) -> Path:
    """As if it had been stored so long ago."""
    path = store._blobs.path(digest)
    then = time.time() - days * DAY
    os.utime(path, (then, then))
    with store.database.write() as connection:
        connection.execute(schema.blobs.update().where(schema.blobs.c.digest == digest).values(at=then))
    return path


def test_what_nothing_names_goes_after_its_grace_and_nothing_else(sql_store: Store) -> None:
    filled(sql_store)
    for digest, _ in sql_store.blobs():
        age(sql_store, digest)
    old, young = sql_store.put_blob(b"old"), sql_store.put_blob(b"young")
    age(sql_store, old)
    assert sql_store.sweep(DAY, dry_run=True, force=False).blobs == 1
    assert sql_store.has_blob(old)
    swept = sql_store.sweep(DAY, dry_run=False, force=False)
    assert (swept.blobs, swept.nbytes, swept.spared) == (1, 3, 1)
    assert not sql_store.has_blob(old)
    assert sql_store.has_blob(young)
    assert len(sql_store.blobs()) == 4
    assert sql_store.check().problems == []


def test_leaves_of_a_kept_file_are_named_by_its_manifest(store: Store) -> None:
    leaves = [store.put_blob(b"first"), store.put_blob(b"second")]
    manifest = store.put_blob(encode_manifest(Manifest("fp1:x", 11, tuple(leaves))))
    append(store, session(), cell(1, outputs=[Output("display", blob=manifest)]))
    for digest in [*leaves, manifest]:
        age(store, digest)
    assert store.sweep(DAY, dry_run=False, force=True).blobs == 0
    store._blobs.path(leaves[0]).unlink()
    assert any(leaves[0] in one.what or leaves[0] in one.where for one in store.check().problems)


def test_too_much_at_once_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "SMALL", 10)
    age(store, store.put_blob(b"x" * 100))
    with pytest.raises(ConflictError, match="100 of 100 bytes"):
        store.sweep(DAY, dry_run=False, force=False)
    assert store.sweep(DAY, dry_run=False, force=True).blobs == 1


def test_what_an_interrupted_write_left_goes(store: Store) -> None:
    path = age(store, store.put_blob(b"x"))
    stray = path.with_name(".half")
    stray.write_bytes(b"half")
    os.utime(stray, (1.0, 1.0))
    assert store.sweep(DAY, dry_run=False, force=True).strays == 1
    assert not stray.exists()


def test_a_writer_that_stores_the_same_bytes_meanwhile_never_loses_them(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever puts a blob while it is being swept has it afterwards: at every step of the sweep."""
    rename = Path.rename
    for number, step in enumerate(["before", "after", "unlink"] * 20):
        data = b"data %d" % number
        digest = store.put_blob(data)
        age(store, digest)

        def put(data: bytes = data) -> None:
            writer = threading.Thread(target=lambda: store._blobs.put([data]))
            writer.start()
            writer.join()

        def slow(path: Path, target: Path, step: str = step, put: Callable[[], None] = put) -> Path:
            swept = target.name.startswith(".") and not path.name.startswith(".")
            if swept and step == "before":
                put()
            moved = rename(path, target)
            if swept and step == "after":
                put()
            return moved

        monkeypatch.setattr(Path, "rename", slow)
        store.sweep(DAY, dry_run=False, force=True)
        monkeypatch.setattr(Path, "rename", rename)
        if step == "unlink":
            put()
        assert store.get_blob(digest) == data, step
        with store.database.write() as connection:
            blobs.note(connection, {digest: len(data)})


def test_a_backup_restores_to_what_was_backed_up(own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = filled(open_store(str(own_home / "store")))
    copied = upkeep.back_up(tmp_path / "backup")
    assert (copied.blobs, copied.rows["executions"], copied.rows["observations"]) == (3, 1, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup"], "no scratch is left"
    append(store, cell(9))
    monkeypatch.setenv("MLOPS_STORE", str(tmp_path / "again"))
    upkeep.restore(tmp_path / "backup")
    again = open_store(str(tmp_path / "again"))
    assert [one.n for one in again.executions("s1")] == [1]
    assert again.runs() == store.runs()
    assert again.blobs() == store.blobs()
    assert again.shipped("w1")[0] == 4
    assert again.check().problems == []
    with pytest.raises(ConflictError, match="holds something already"):
        upkeep.restore(tmp_path / "backup")


@pytest.fixture(scope="module")
def cluster(postgres: Cluster) -> Cluster:
    return postgres


def test_a_backup_goes_from_one_kind_of_database_to_the_other(cluster: Cluster, tmp_path: Path,
                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLOPS_BLOBS", str(tmp_path / "blobs"))
    monkeypatch.setenv("MLOPS_STORE", cluster.database())
    store = filled(open_store(os.environ["MLOPS_STORE"]))
    upkeep.back_up(tmp_path / "backup")
    monkeypatch.setenv("MLOPS_BLOBS", str(tmp_path / "other"))
    monkeypatch.setenv("MLOPS_STORE", cluster.database())
    upkeep.restore(tmp_path / "backup")
    again = open_store(os.environ["MLOPS_STORE"])
    assert again.executions("s1") == store.executions("s1")
    assert again.runs() == store.runs()
    assert again.check().problems == []


def test_a_store_that_is_damaged_is_not_backed_up(own_home: Path, tmp_path: Path) -> None:
    store = filled(open_store(str(own_home / "store")))
    digest = store.blobs()[0][0]
    store._blobs.path(digest).write_bytes(b"other")
    with pytest.raises(StoreError, match="is damaged"):
        upkeep.back_up(tmp_path / "backup")
    assert list(tmp_path.iterdir()) == [], "nothing half is left"


def test_bad_places_are_named(own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(open_store(str(own_home / "store")))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("")
    with pytest.raises(ConflictError, match="is not empty"):
        upkeep.back_up(tmp_path / "full")
    with pytest.raises(InputError, match="is no backup"):
        upkeep.restore(tmp_path / "full")
    with pytest.raises(ConflictError, match="the store itself"):
        upkeep.restore(own_home / "store")


@pytest.mark.parametrize("version", range(1, len(schema.VERSIONS)))
def test_a_store_of_every_older_schema_is_whole_after_it_was_opened(tmp_path: Path, version: int) -> None:
    data = Path(__file__).parents[2] / "data" / f"ledger_v{version}.sql"
    connection = sqlite3.connect(tmp_path / "ledger.db")
    connection.executescript(data.read_text())
    connection.close()
    store = open_store(str(tmp_path), create=False)
    derive_runs(store)
    assert [one.n for one in store.executions("s1")] == [1, 2]
    assert [one for one in store.check().problems if "blob" not in one.what] == []
    assert len(store.search("used.package = numpy")) == len(store.runs())


def test_a_manifest_of_any_size_keeps_its_leaves(store: Store) -> None:
    leaf = store.put_blob(b"leaf")
    manifest = store.put_blob(encode_manifest(Manifest("fp1:x", 4, (leaf,) * 20_000)))
    append(store, session(), cell(1, outputs=[Output("display", blob=manifest)]))
    for digest in (leaf, manifest):
        age(store, digest)
    assert store.sweep(DAY, dry_run=False, force=True).blobs == 0
    store._blobs.path(leaf).unlink()
    assert store.check().problems
