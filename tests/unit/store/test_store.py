"""The Store as Ledger and Sink: what is appended once is read back whole, numbered for good, and forgotten when asked."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from mlops_jupyter.entities import (
    CellExecution,
    Column,
    Dataset,
    Fingerprint,
    Goal,
    InputError,
    Metric,
    NotFoundError,
    Observation,
    Output,
    Record,
    Schema,
    StoreError,
    Submission,
    content_hash,
)
from mlops_jupyter.entities.sessions import CellError, FileAccess, Read, VariableVersion
from mlops_jupyter.store import Store, open_store
from tests.unit.store.story import ENVIRONMENT, append, cell, metric, run, scored, session, verdict


def test_what_is_appended_is_read_back_whole(store: Store) -> None:
    facts = [session(tags={"k": "v"}), cell(1), cell(2, "error"), metric(2, 1, 0.7), metric(2, 0, 0.6), metric(1)]
    append(store, *facts)
    assert store.session("s1") == facts[0]
    assert store.session("s1").environment == ENVIRONMENT
    assert store.executions("s1") == facts[1:3]
    assert store.observations("s1") == [facts[5], facts[4], facts[3]]
    assert [found.id for found in store.experiments()] == ["exp-a"]


def test_the_same_key_again_replaces(store: Store) -> None:
    append(store, session(), cell(1, "running"), cell(1, "ok", ended=2.0))
    append(store, session(environment=None, state="ended"))
    assert [found.state for found in store.executions("s1")] == ["ok"]
    assert store.session("s1").state == "ended"
    assert store.session("s1").environment == ENVIRONMENT


def test_numbers_that_json_has_no_word_for(store: Store) -> None:
    append(store, session(), metric(1, value=math.nan))
    value = store.observations("s1")[0].value
    assert isinstance(value, float)
    assert math.isnan(value)
    saved = store.save_runs("s1", [run("r", metrics=[Metric("auc", math.nan, series=(math.inf, 1.0))])], 1)
    assert math.isnan(saved[0].metrics[0].value)
    assert saved[0].metrics[0].series == (math.inf, 1.0)


def test_append_is_compare_and_swap(store: Store) -> None:
    record = Record("w1", 1, 1.0, cell(1))
    assert store.append("w1", 0, [record], 100)
    assert store.shipped("w1") == (1, 100)
    assert not store.append("w1", 0, [Record("w1", 1, 1.0, cell(7))], 100)
    assert not store.append("w1", 5, [Record("w1", 6, 1.0, cell(8))], 200)
    assert store.append("w1", 1, [], 150), "a batch of damaged lines moves the offset"
    assert not store.append("w1", 1, [], 150), "and only once"
    assert store.shipped("w1") == (1, 150)
    assert [found.n for found in store.executions("s1")] == [1]


def test_a_batch_that_fails_leaves_nothing(store: Store) -> None:
    bad = Record("w1", 2, 1.0, Observation("s1", 1, None, 1.0, "metric", "auc"))  # type: ignore[arg-type]
    with pytest.raises(StoreError):
        store.append("w1", 0, [Record("w1", 1, 1.0, cell(1)), bad], 100)
    assert store.shipped("w1") == (0, 0)
    assert store.executions("s1") == []


def test_a_closed_writer_leaves_nothing_running(store: Store) -> None:
    append(store, session(), cell(1), cell(2, "running", started=5.0))
    append(store, session("s2", "w2"), cell(1, session="s2"), writer="w2")
    for writer in ("w1", "w2"):
        store.save_runs(f"s{writer[1]}", [], store.revision(f"s{writer[1]}"))
        store.close_writer(writer, 500.0)
    assert [found.state for found in store.executions("s1")] == ["ok", "interrupted"]
    assert store.executions("s1")[1].seconds is None
    assert (store.session("s1").state, store.session("s1").ended) == ("interrupted", 500.0)
    assert (store.session("s2").state, store.session("s2").ended) == ("ended", 500.0)
    assert store.changed_sessions() == ["s1", "s2"]
    store.save_runs("s1", [], store.revision("s1"))
    store.close_writer("w1", 600.0)
    assert store.session("s1").ended == 500.0
    assert store.changed_sessions() == ["s2"]


def test_a_writer_that_ended_its_session_is_not_interrupted(store: Store) -> None:
    append(store, session(state="ended", ended=300.0))
    store.close_writer("w1", 500.0)
    assert (store.session("s1").state, store.session("s1").ended) == ("ended", 300.0)


def test_sessions_are_found_by_notebook_kernel_and_kind(store: Store) -> None:
    append(store, session("s1", kernel_id="k1"), session("s2", path="b.ipynb", kernel_id="k2"))
    assert [found.id for found in store.sessions()] == ["s2", "s1"]
    assert [found.id for found in store.sessions(notebook="a.ipynb")] == ["s1"]
    assert [found.id for found in store.sessions(notebook="nb-b")] == ["s2"]
    assert [found.id for found in store.sessions(kernel="k1")] == ["s1"]
    assert store.sessions(kinds=["job"]) == []
    assert len(store.sessions(limit=1)) == 1
    assert store.session("s2").id == "s2"
    with pytest.raises(InputError, match="several sessions: s1, s2"):
        store.session("s")
    with pytest.raises(NotFoundError, match="no session 'x'"):
        store.session("x")


def test_runs_keep_their_number_and_mark(store: Store) -> None:
    append(store, session())
    assert [found.number for found in store.save_runs("s1", [run("aa", started=1.0), run("ab", started=2.0)], 1)] == [2, 1]
    store.delete_run("#1")
    saved = store.save_runs("s1", [run("ab", started=2.0), run("aa", started=1.0), run("c", started=3.0)], 1)
    assert [(found.id, found.number, found.deleted) for found in saved] == [("c", 3, False), ("ab", 2, False), ("aa", 1, True)]
    assert [found.id for found in store.runs()] == ["c", "ab"]
    assert [found.id for found in store.runs(deleted=True, limit=2)] == ["c", "ab"]
    assert [found.id for found in store.runs(experiment="a")] == [found.id for found in store.runs(experiment="exp-a")]
    assert store.restore_run("aa").deleted is False
    store.save_runs("s1", [run("aa", started=1.0)], 1)
    assert [(found.id, found.number) for found in store.runs()] == [("aa", 1)]


def test_runs_derived_from_an_older_state_do_not_win(store: Store) -> None:
    append(store, session())
    append(store, cell(1))
    store.save_runs("s1", [run("new")], 2)
    assert [found.id for found in store.save_runs("s1", [run("old")], 1)] == ["new"]
    assert store.changed_sessions() == []
    append(store, metric(1))
    assert store.changed_sessions() == ["s1"]
    assert store.revision("s1") == 3


def test_a_run_is_found_by_id_prefix_and_number(store: Store) -> None:
    append(store, session("s1"), session("s2", path="b.ipynb"))
    store.save_runs("s1", [run("abc"), run("abd", started=2.0)], 1)
    store.save_runs("s2", [run("b77", "s2", "b")], 1)
    assert store.run("abc").id == "abc"
    assert store.run("b").id == "b77"
    assert store.run("#2").id == store.run("2").id == "abd"
    with pytest.raises(InputError, match=r"several experiments: .*abc.*#1 of a"):
        store.run("#1")
    with pytest.raises(InputError, match="several runs"):
        store.run("ab")
    for missing in ("nope", "#99", ""):
        with pytest.raises(NotFoundError, match="mlops runs list"):
            store.run(missing)


def test_a_run_carries_its_newest_verification(store: Store) -> None:
    append(store, session())
    store.save_runs("s1", [run("r1")], 1)
    for found in (verdict("v2", "r1", 20.0, "different"), verdict("v1", "r1", 10.0)):
        store.put(found)
    newest = store.run("r1").verification
    assert newest is not None
    assert newest.id == "v2"
    assert [found.id for found in store.verifications(run="r1")] == ["v2", "v1"]
    assert [found.id for found in store.verifications(session="s1")] == ["v2", "v1"]
    assert store.changed_sessions() == [], "a verdict changes no run"


def test_goals_and_submissions(store: Store) -> None:
    append(store, session())
    store.put(Goal("exp-a", 2.0, "better", metric="auc", at_least=0.8))
    store.put(Goal("exp-a", 1.0, "good", metric="auc", at_least=0.7))
    assert [goal.text for goal in store.goals("exp-a")] == ["good", "better"]
    assert [goal.text for goal in store.experiments()[0].goals] == ["good", "better"]
    store.put(Submission("u1", "job1", "local", 1.0, "running"))
    store.put(Submission("u1", "job1", "local", 1.0, "succeeded"))
    assert [found.state for found in store.submissions(job="job1")] == ["succeeded"]


def test_a_renamed_notebook_keeps_its_identity(store: Store) -> None:
    append(store, session("s1", path="a.ipynb"), session("s2", path="b.ipynb"))
    store.save_runs("s1", [run("r1")], 1)
    store.save_runs("s2", [run("r2", "s2", "b")], 1)
    store.rename_notebook("a.ipynb", "b.ipynb")
    assert {(found.notebook.id, found.notebook.path) for found in store.sessions() if found.notebook} == {("nb-a", "b.ipynb")}
    assert store.changed_sessions() == ["s1", "s2"]
    append(store, session("s3", path="b.ipynb"))
    assert store.session("s3").notebook == store.session("s1").notebook
    assert store.session("s3").experiment_id == "exp-a"
    assert len(store.sessions(notebook="nb-a")) == 3


def test_a_rename_of_nothing_is_nothing(store: Store) -> None:
    store.rename_notebook("x.ipynb", "y.ipynb")
    append(store, session(path="y.ipynb"))
    assert store.sessions()[0].notebook == session(path="y.ipynb").notebook


def test_forgetting_a_run_purges_it_and_it_does_not_come_back(store: Store, tmp_path: Path) -> None:
    secret, shared = store.put_blob(b"secret picture"), store.put_blob(b"shared picture")
    shown = [Output("display", "image/png", blob=secret), Output("display", "image/png", blob=shared)]
    append(store, session(), CellExecution("s1", 1, "plot()", "ok", outputs=shown), metric(1))
    append(store, cell(2, outputs=shown[1:]), metric(2))
    store.save_runs("s1", [scored("r1", "s1:1:0"), scored("r2", "s1:2:0", started=2.0)], 2)
    store.put(verdict("v", "r1", 1.0))
    store.forget_run("r1")
    assert [found.id for found in store.runs(deleted=True)] == ["r2"]
    assert [found.n for found in store.observations("s1")] == [2]
    assert store.executions("s1")[0].outputs == []
    assert store.executions("s1")[0].source == "plot()"
    assert store.verifications() == []
    assert [digest for digest, _ in store.blobs()] == [shared]
    with pytest.raises(NotFoundError):
        store.get_blob(secret)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"secret picture" in path.read_bytes()]
    saved = store.save_runs("s1", [scored("r1", "s1:1:0"), run("r3", started=3.0)], 2)
    assert [(found.id, found.number) for found in saved] == [("r3", 2)]


def test_forgetting_a_session_purges_it_and_what_is_still_to_come(store: Store) -> None:
    blob = store.put_blob(b"picture")
    append(store, session(), cell(1, outputs=[Output("display", blob=blob)]), metric(1))
    store.save_runs("s1", [run("r1")], 1)
    store.forget_session("s1")
    append(store, session(), cell(2))
    assert store.sessions() == store.executions("s1") == store.observations("s1") == store.runs() == store.blobs() == []


def test_forgetting_a_dataset_purges_its_marks_and_what_showed_it(store: Store) -> None:
    picture, other = store.put_blob(b"its picture"), store.put_blob(b"other picture")
    mark = Fingerprint("frame", "fp1:secret", columns={"salary": "fp1:column"})
    read = cell(1, files=[FileAccess("data/people.csv", "read", mark)], writes=[VariableVersion("people", "created", mark)])
    derived = cell(2, reads=[Read("people")], writes=[VariableVersion("means", "created", mark)])
    shown = cell(3, reads=[Read("means")], outputs=[Output("display", blob=picture)], error=CellError("KeyError", "'Ann'"))
    apart = cell(4, reads=[Read("weather")], outputs=[Output("display", blob=other)])
    fitted = metric(3, datasets=[Dataset("people", mark, "data/people.csv", "X", Schema((Column("salary", "int64"),)))])
    append(store, session(), read, derived, shown, apart, fitted)
    store.save_runs("s1", [], store.revision("s1"))
    assert store.forget_dataset("people") == ["s1"]
    cells = store.executions("s1")
    assert cells[0].writes[0].fingerprint == Fingerprint("frame")
    assert cells[2].outputs == []
    assert "Ann" not in str(cells[2].error)
    assert cells[3] == apart
    assert [digest for digest, _ in store.blobs()] == [other]
    assert store.observations("s1")[0].datasets[0].schema is None
    assert store.observations("s1")[0].value == 0.5
    assert store.changed_sessions() == ["s1"]
    assert b"secret" not in (Path(store.url) / "ledger.db").read_bytes()
    assert store.forget_dataset("nothing") == []


def test_what_is_forgotten_is_not_left_in_free_pages(store: Store) -> None:
    append(store, session(), CellExecution("s1", 1, "password = 'tr0ub4dor'" + "#" * 20_000, "ok"), metric(1))
    file = Path(store.url) / "ledger.db"
    assert b"tr0ub4dor" in file.read_bytes()
    store.save_runs("s1", [run("bare")], 1)
    store.forget_run("bare")
    assert store.runs(deleted=True) == []
    store.forget_session("s1")
    store.close()
    assert b"tr0ub4dor" not in file.read_bytes()


def test_blobs_are_kept_once_and_checked_when_read(store: Store, tmp_path: Path) -> None:
    digest = store.put_blob(b"picture")
    assert store.put_blob(b"picture") == digest == content_hash(b"picture")
    assert store.blobs() == [(digest, 7)]
    assert store.get_blob(digest) == b"picture"
    assert store.size_bytes() > 7
    path = tmp_path / "store" / "blobs" / digest[7:9] / digest[9:]
    path.write_bytes(b"pixture")
    with pytest.raises(StoreError, match="damaged"):
        store.get_blob(digest)
    with pytest.raises(NotFoundError):
        store.get_blob(content_hash(b"another"))
    for bad in ("sha256:../../etc/passwd", "../x", "", "sha256:" + "g" * 64):
        with pytest.raises(InputError, match="no content hash"):
            store.get_blob(bad)


def test_a_store_is_read_by_a_second_one(store: Store) -> None:
    append(store, session())
    assert open_store(store.url, create=False).session("s1") == session()
