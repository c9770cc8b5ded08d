"""Run archives: what is carried arrives whole, once, over what is there already, and nothing hostile gets in with it."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from mlops_jupyter.api.ledger import derive_runs, open_ledger
from mlops_jupyter.entities import (
    AnyStore,
    ConflictError,
    Fingerprint,
    Goal,
    InputError,
    NotFoundError,
    Output,
    StoreError,
    content_hash,
)
from mlops_jupyter.entities.sessions import CellError, VariableVersion
from mlops_jupyter.store import Store, archive, open_store
from tests.unit.store.story import append, cell, metric, session, verdict


@pytest.fixture
def full(tmp_path: Path) -> Store:
    """A session with a run, a picture and a goal."""
    store = open_store(str(tmp_path / "from"))
    picture = store.put_blob(b"picture")
    made = VariableVersion("auc", "created", Fingerprint("scalar", "fp1:auc", "float"))
    shown = Output("display", "image/png", blob=picture)
    append(store, session(state="ended", ended=200.0), cell(1, outputs=[shown], writes=[made], stores=["auc"]),
           metric(1, variable="auc"), cell(2, "error", error=CellError("KeyError", "'secret row'", "Traceback: secret row")))
    store.put(Goal("exp-a", 1.0, "good", metric="auc", at_least=0.4))
    derive_runs(store)
    store.put(verdict("v1", store.runs()[0].id, 9.0))
    return store


@pytest.fixture
def file(full: Store, tmp_path: Path) -> Path:
    path = tmp_path / "a.mlops"
    archive.write(full, full.runs(), path)
    return path


def facts(store: AnyStore) -> list[object]:
    """All that a reader sees."""
    return [store.sessions(), [store.executions(one.id) for one in store.sessions()],
            [store.observations(one.id) for one in store.sessions()], store.runs(), store.experiments(), store.verifications()]


def test_what_is_carried_arrives_whole_and_once(full: Store, file: Path, any_store: AnyStore) -> None:
    carried, sessions = archive.merge(file, any_store)
    assert (carried.sessions, carried.records, carried.blobs, carried.known) == (1, 6, 1, 0)
    if isinstance(any_store, Store):
        derive_runs(any_store)
    assert facts(any_store) == facts(full)
    assert any_store.get_blob(content_hash(b"picture")) == b"picture"
    again, _ = archive.merge(file, any_store)
    assert again.known == 1
    assert facts(any_store) == facts(full)
    assert sessions == ["s1"]
    assert len(any_store.runs(session="s1")) == 1


def test_importing_twice_marks_nothing_as_changed(file: Path, sql_store: Store) -> None:
    archive.merge(file, sql_store)
    derive_runs(sql_store)
    revision = sql_store.revision("s1")
    archive.merge(file, sql_store)
    assert sql_store.revision("s1") == revision
    assert sql_store.changed_sessions() == []


def test_what_is_there_is_not_replaced_but_for_what_has_ended_since(file: Path, store: Store) -> None:
    append(store, session(tags={"mine": "yes"}), cell(1, "running"))
    archive.merge(file, store)
    assert store.session("s1").state == "ended"
    assert [one.state for one in store.executions("s1")] == ["ok", "error"]
    append(store, session("s1", state="ended", tags={"mine": "yes"}), cell(1, "ok", effects=["mine"]))
    archive.merge(file, store)
    assert store.session("s1").tags == {"mine": "yes"}
    assert store.executions("s1")[0].effects == ["mine"]


def test_what_was_forgotten_is_not_taken_back(file: Path, store: Store) -> None:
    archive.merge(file, store)
    store.forget_session("s1")
    assert archive.merge(file, store)[0].forgotten == 1
    assert store.sessions() == store.executions("s1") == []


def test_two_archives_that_share_a_session_merge(full: Store, file: Path, store: Store, tmp_path: Path) -> None:
    append(full, session("s2", "w2", path="b.ipynb"), cell(1, session="s2"), metric(1, session="s2"), writer="w2")
    derive_runs(full)
    archive.write(full, full.runs(), tmp_path / "b.mlops")
    for name in ("b.mlops", "a.mlops", "b.mlops"):
        archive.merge(tmp_path / name, store)
    derive_runs(store)
    assert {one.id for one in store.runs()} == {one.id for one in full.runs()}
    assert len(store.sessions()) == 2


def test_without_outputs_nothing_that_a_cell_showed_leaves(full: Store, store: Store, tmp_path: Path) -> None:
    archive.write(full, full.runs(), tmp_path / "b.mlops", without_outputs=True)
    with zipfile.ZipFile(tmp_path / "b.mlops") as made:
        assert made.namelist() == [archive.EVENTS]
        text = made.read(archive.EVENTS)
    assert b"secret row" not in text
    assert json.loads(text.splitlines()[0])["without"] == ["outputs"]
    archive.merge(tmp_path / "b.mlops", store)
    assert store.executions("s1")[0].outputs_dropped == 1
    assert store.observations("s1") == full.observations("s1")


def test_leaves_of_kept_files_travel_with_their_manifest(full: Store, store: Store, tmp_path: Path) -> None:
    from mlops_jupyter.entities.kept import Manifest

    leaves = [full.put_blob(b"first"), full.put_blob(b"second")]
    manifest = full.put_blob(msgspec.json.encode(Manifest("fp1:x", 11, tuple(leaves))))
    append(full, cell(3, outputs=[Output("display", blob=manifest)]))
    archive.write(full, full.runs(), tmp_path / "b.mlops")
    archive.merge(tmp_path / "b.mlops", store)
    assert [store.get_blob(leaf) for leaf in leaves] == [b"first", b"second"]


def test_an_archive_is_looked_into_where_it_lies(full: Store, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLOPS_STORE", str(file))
    ledger = open_ledger()
    assert facts(ledger) == facts(full)
    with pytest.raises(StoreError, match="read-only"):
        ledger.delete_run(ledger.runs()[0].id)
    assert sorted(path.name for path in file.parent.iterdir()) == ["a.mlops", "from"]


def test_a_file_that_is_there_is_not_replaced(full: Store, file: Path) -> None:
    before = file.read_bytes()
    with pytest.raises(ConflictError, match="exists already"):
        archive.write(full, full.runs(), file)
    assert file.read_bytes() == before
    archive.write(full, full.runs(), file, force=True)


def test_a_disk_that_refuses_leaves_nothing(full: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full_disk)
    with pytest.raises(InputError, match="No space left"):
        archive.write(full, full.runs(), tmp_path / "b.mlops")
    assert [path.name for path in tmp_path.iterdir()] == ["from"]


def rebuilt(file: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The archive with its members changed."""
    with zipfile.ZipFile(file) as old:
        members = {name: old.read(name) for name in old.namelist()}
    change(members)
    with zipfile.ZipFile(file, "w") as new:
        for name, data in members.items():
            new.writestr(name, data)
    return file


def lines(members: dict[str, bytes], change: Callable[[list[bytes]], None]) -> None:
    found = members[archive.EVENTS].splitlines()
    change(found)
    members[archive.EVENTS] = b"\n".join(found)


@pytest.mark.parametrize(("change", "says"), [
    (lambda members: members.pop(archive.EVENTS), "has no events.jsonl"),
    (lambda members: members.update({archive.EVENTS: b""}), "first line"),
    (lambda members: members.update({archive.EVENTS: b"[]\n"}), "first line"),
    (lambda members: lines(members, lambda found: found.__setitem__(0, b'{"archive": 99, "made_by": "x"}')), "format 99"),
    (lambda members: lines(members, lambda found: found.__setitem__(3, b"{")), "line 4"),
    (lambda members: lines(members, lambda found: found.__setitem__(3, b'{"type": "virus"}')), "line 4"),
    (lambda members: lines(members, lambda found: found.pop(2)), "not in it"),
    (lambda members: members.update({next(name for name in members if name.startswith("blobs/")): b"pixture"}), "is damaged"),
])
def test_a_damaged_archive_is_named_and_nothing_of_it_is_taken(file: Path, store: Store, says: str,
                                                               change: Callable[[dict[str, bytes]], None]) -> None:
    with pytest.raises(InputError, match=says) as caught:
        archive.merge(rebuilt(file, change), store)
    assert caught.value.remedy
    assert store.sessions() == store.experiments() == []


def test_members_that_lead_elsewhere_are_not_taken(file: Path, store: Store, tmp_path: Path) -> None:
    hostile = {"../evil": b"1", "/etc/evil": b"2", "blobs/../evil": b"3", f"blobs/{'0' * 64}": b"4", "blobs/x": b"5"}
    archive.merge(rebuilt(file, lambda members: members.update(hostile)), store)
    assert store.blobs() == [(content_hash(b"picture"), 7)]
    assert not list(tmp_path.rglob("evil"))


@pytest.mark.parametrize("data", [b"", b"hello", b"PK\x03\x04" + b"\0" * 100])
def test_what_is_no_archive_is_named(store: Store, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.mlops").write_bytes(data)
    with pytest.raises(InputError, match="no archive of runs"):
        archive.merge(tmp_path / "x.mlops", store)
    with pytest.raises(NotFoundError, match="there is no archive"):
        archive.merge(tmp_path / "none.mlops", store)


def test_an_archive_cut_short_at_any_place_is_named(file: Path, store: Store, tmp_path: Path) -> None:
    whole = file.read_bytes()
    for length in range(0, len(whole), 97):
        (tmp_path / "cut.mlops").write_bytes(whole[:length])
        with pytest.raises(InputError):
            archive.merge(tmp_path / "cut.mlops", store)
    assert store.sessions() == []


def test_any_byte_changed_is_named_or_harmless(full: Store, file: Path, tmp_path: Path) -> None:
    whole, expected = file.read_bytes(), facts(full)
    for place in range(0, len(whole), 61):
        target = tmp_path / "changed.mlops"
        target.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1:])
        fresh = open_store(str(tmp_path / f"to{place}"))
        try:
            archive.merge(target, fresh)
        except InputError:
            assert fresh.sessions() == []
        else:
            derive_runs(fresh)
            assert facts(fresh)[:4] == expected[:4], place
        fresh.close()


