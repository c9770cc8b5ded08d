"""A store, however it is kept: what is appended once is read back whole, numbered for good, and forgotten when asked."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from msgspec.structs import replace

from mlops_jupyter.entities import (
    AnyStore,
    CellExecution,
    Column,
    Dataset,
    Fingerprint,
    Firing,
    Goal,
    InputError,
    Metric,
    MlopsError,
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


def test_what_is_appended_is_read_back_whole(any_store: AnyStore) -> None:
    facts = [session(tags={"k": "v"}), cell(1), cell(2, "error"), metric(2, 1, 0.7), metric(2, 0, 0.6), metric(1)]
    append(any_store, *facts)
    assert any_store.session("s1") == facts[0]
    assert any_store.session("s1").environment == ENVIRONMENT
    assert any_store.executions("s1") == facts[1:3]
    assert any_store.observations("s1") == [facts[5], facts[4], facts[3]]
    assert [found.id for found in any_store.experiments()] == ["exp-a"]


def test_the_same_key_again_replaces(any_store: AnyStore) -> None:
    append(any_store, session(), cell(1, "running"), cell(1, "ok", ended=2.0))
    append(any_store, session(environment=None, state="ended"))
    assert [found.state for found in any_store.executions("s1")] == ["ok"]
    assert any_store.session("s1").state == "ended"
    assert any_store.session("s1").environment == ENVIRONMENT


def test_numbers_that_json_has_no_word_for(sql_store: Store) -> None:
    append(sql_store, session(), metric(1, value=math.nan))
    value = sql_store.observations("s1")[0].value
    assert isinstance(value, float)
    assert math.isnan(value)
    saved = sql_store.save_runs("s1", [run("r", metrics=[Metric("auc", math.nan, series=(math.inf, 1.0))])], 1)
    assert math.isnan(saved[0].metrics[0].value)
    assert saved[0].metrics[0].series == (math.inf, 1.0)


def test_append_is_compare_and_swap(any_store: AnyStore) -> None:
    record = Record("w1", 1, 1.0, cell(1))
    assert any_store.append("w1", 0, [record], 100)
    assert any_store.shipped("w1") == (1, 100)
    assert not any_store.append("w1", 0, [Record("w1", 1, 1.0, cell(7))], 100)
    assert not any_store.append("w1", 5, [Record("w1", 6, 1.0, cell(8))], 200)
    assert any_store.append("w1", 1, [], 150), "a batch of damaged lines moves the offset"
    assert not any_store.append("w1", 1, [], 150), "and only once"
    assert any_store.shipped("w1") == (1, 150)
    assert [found.n for found in any_store.executions("s1")] == [1]


def test_a_batch_that_fails_leaves_nothing(any_store: AnyStore) -> None:
    bad = Record("w1", 2, 1.0, Observation("s1", 1, None, 1.0, "metric", "auc"))  # type: ignore[arg-type]
    with pytest.raises(MlopsError):
        any_store.append("w1", 0, [Record("w1", 1, 1.0, cell(1)), bad], 100)
    assert any_store.shipped("w1") == (0, 0)
    assert any_store.executions("s1") == []


def test_a_closed_writer_leaves_nothing_running(sql_store: Store) -> None:
    append(sql_store, session(), cell(1), cell(2, "running", started=5.0))
    append(sql_store, session("s2", "w2"), cell(1, session="s2"), writer="w2")
    for writer in ("w1", "w2"):
        sql_store.save_runs(f"s{writer[1]}", [], sql_store.revision(f"s{writer[1]}"))
        sql_store.close_writer(writer, 500.0)
    assert [found.state for found in sql_store.executions("s1")] == ["ok", "interrupted"]
    assert sql_store.executions("s1")[1].seconds is None
    assert (sql_store.session("s1").state, sql_store.session("s1").ended) == ("interrupted", 500.0)
    assert (sql_store.session("s2").state, sql_store.session("s2").ended) == ("ended", 500.0)
    assert sql_store.changed_sessions() == ["s1", "s2"]
    sql_store.save_runs("s1", [], sql_store.revision("s1"))
    sql_store.close_writer("w1", 600.0)
    assert sql_store.session("s1").ended == 500.0
    assert sql_store.changed_sessions() == ["s2"]


def test_a_writer_that_ended_its_session_is_not_interrupted(any_store: AnyStore) -> None:
    append(any_store, session(state="ended", ended=300.0))
    any_store.close_writer("w1", 500.0)
    assert (any_store.session("s1").state, any_store.session("s1").ended) == ("ended", 300.0)


def test_sessions_are_found_by_notebook_kernel_and_kind(any_store: AnyStore) -> None:
    append(any_store, session("s1", kernel_id="k1"), session("s2", path="b.ipynb", kernel_id="k2"))
    assert [found.id for found in any_store.sessions()] == ["s2", "s1"]
    assert [found.id for found in any_store.sessions(notebook="a.ipynb")] == ["s1"]
    assert [found.id for found in any_store.sessions(notebook="nb-b")] == ["s2"]
    assert [found.id for found in any_store.sessions(kernel="k1")] == ["s1"]
    assert any_store.sessions(kinds=["job"]) == []
    assert len(any_store.sessions(limit=1)) == 1
    assert any_store.session("s2").id == "s2"
    with pytest.raises(InputError, match="several sessions: s1, s2"):
        any_store.session("s")
    with pytest.raises(NotFoundError, match="no session 'x'"):
        any_store.session("x")


def test_runs_keep_their_number_and_mark(sql_store: Store) -> None:
    append(sql_store, session())
    assert [found.number for found in sql_store.save_runs("s1", [run("aa", started=1.0), run("ab", started=2.0)], 1)] == [2, 1]
    sql_store.delete_run("#1")
    saved = sql_store.save_runs("s1", [run("ab", started=2.0), run("aa", started=1.0), run("c", started=3.0)], 1)
    assert [(found.id, found.number, found.deleted) for found in saved] == [("c", 3, False), ("ab", 2, False), ("aa", 1, True)]
    assert [found.id for found in sql_store.runs()] == ["c", "ab"]
    assert [found.id for found in sql_store.runs(deleted=True, limit=2)] == ["c", "ab"]
    assert [found.id for found in sql_store.runs(experiment="a")] == [found.id for found in sql_store.runs(experiment="exp-a")]
    assert sql_store.restore_run("aa").deleted is False
    sql_store.save_runs("s1", [run("aa", started=1.0)], 1)
    assert [(found.id, found.number) for found in sql_store.runs()] == [("aa", 1)]


def test_runs_derived_from_an_older_state_do_not_win(sql_store: Store) -> None:
    append(sql_store, session())
    append(sql_store, cell(1))
    sql_store.save_runs("s1", [run("new")], 2)
    assert [found.id for found in sql_store.save_runs("s1", [run("old")], 1)] == ["new"]
    assert sql_store.changed_sessions() == []
    append(sql_store, metric(1))
    assert sql_store.changed_sessions() == ["s1"]
    assert sql_store.revision("s1") == 3


def test_runs_of_many_sessions_are_replaced_at_once_but_for_those_that_are_older_or_gone(sql_store: Store) -> None:
    append(sql_store, *(session(f"s{at}") for at in range(4)))
    sql_store.save_runs("s1", [run("new", "s1")], 9)
    sql_store.forget_session("s2")
    sql_store.replace_runs([("s0", 1, [run("a", "s0")]), ("s1", 1, [run("old", "s1")]), ("s2", 1, [run("b", "s2")]),
                            ("s3", 1, [run("c", "s3"), run("d", "s3", "other")])])
    assert {found.id: found.number for found in sql_store.runs()} == {"new": 1, "a": 2, "c": 3, "d": 1}
    assert sql_store.changed_sessions() == []


def test_facts_are_those_of_each_session_in_the_order_asked(sql_store: Store) -> None:
    append(sql_store, session("s1"), session("s2"), cell(2, session="s2"), cell(1, session="s2"), metric(1, session="s1"))
    first, second = sql_store.facts(["s2", "none", "s1"])
    assert (first.session.id, [one.n for one in first.executions], first.observations) == ("s2", [1, 2], [])
    assert (second.session.id, second.executions, len(second.observations)) == ("s1", [], 1)
    assert (first.revision, second.revision) == (sql_store.revision("s2"), sql_store.revision("s1"))


def test_a_run_is_found_by_id_prefix_and_number(sql_store: Store) -> None:
    append(sql_store, session("s1"), session("s2", path="b.ipynb"))
    sql_store.save_runs("s1", [run("abc"), run("abd", started=2.0)], 1)
    sql_store.save_runs("s2", [run("b77", "s2", "b")], 1)
    assert sql_store.run("abc").id == "abc"
    assert sql_store.run("b").id == "b77"
    assert sql_store.run("#2").id == sql_store.run("2").id == "abd"
    with pytest.raises(InputError, match=r"several experiments: .*abc.*#1 of a"):
        sql_store.run("#1")
    with pytest.raises(InputError, match="several runs"):
        sql_store.run("ab")
    for missing in ("nope", "#99", ""):
        with pytest.raises(NotFoundError, match="mlops runs list"):
            sql_store.run(missing)


def test_a_run_carries_its_newest_verification(sql_store: Store) -> None:
    append(sql_store, session())
    sql_store.save_runs("s1", [run("r1")], 1)
    for found in (verdict("v2", "r1", 20.0, "different"), verdict("v1", "r1", 10.0)):
        sql_store.put(found)
    newest = sql_store.run("r1").verification
    assert newest is not None
    assert newest.id == "v2"
    assert [found.id for found in sql_store.verifications(run="r1")] == ["v2", "v1"]
    assert [found.id for found in sql_store.verifications(session="s1")] == ["v2", "v1"]
    assert sql_store.changed_sessions() == [], "a verdict changes no run"


def test_goals_and_submissions(any_store: AnyStore) -> None:
    append(any_store, session())
    any_store.put(Goal("exp-a", 2.0, "better", metric="auc", at_least=0.8))
    any_store.put(Goal("exp-a", 1.0, "good", metric="auc", at_least=0.7))
    assert [goal.text for goal in any_store.goals("exp-a")] == ["good", "better"]
    assert [goal.text for goal in any_store.experiments()[0].goals] == ["good", "better"]
    any_store.put(Submission("u1", "job1", "local", 1.0, "running"))
    any_store.put(Submission("u1", "job1", "local", 1.0, "succeeded"))
    assert [found.state for found in any_store.submissions(job="job1")] == ["succeeded"]


def test_of_many_who_decide_on_the_same_facts_one_does_what_follows(any_store: AnyStore) -> None:
    stored = Submission("u1", "job1", "cron", 1.0, "scheduled", firings=[Firing(0.1 + 0.2, 2.0, "missed")])
    any_store.put(stored)

    def fire(number: int) -> bool:
        child = Submission(f"c{number}", "job1", "local", 3.0, "queued", parent="u1")
        return any_store.swap(stored, [replace(stored, firings=[*stored.firings, Firing(3.0, 3.0, "run", child.id)]), child])

    with ThreadPoolExecutor(8) as threads:
        done = list(threads.map(fire, range(8)))
    assert done.count(True) == 1
    parent, child = sorted(any_store.submissions(), key=lambda one: one.at)
    assert parent.firings[-1].child == child.id == f"c{done.index(True)}"
    assert not any_store.swap(Submission("u2", "job1", "cron", 1.0, "scheduled"), [child]), "what is not there is not the same"


def test_a_renamed_notebook_keeps_its_identity(sql_store: Store) -> None:
    append(sql_store, session("s1", path="a.ipynb"), session("s2", path="b.ipynb"))
    sql_store.save_runs("s1", [run("r1")], 1)
    sql_store.save_runs("s2", [run("r2", "s2", "b")], 1)
    sql_store.rename_notebook("a.ipynb", "b.ipynb")
    assert {(found.notebook.id, found.notebook.path) for found in sql_store.sessions() if found.notebook} == {("nb-a", "b.ipynb")}
    assert sql_store.changed_sessions() == ["s1", "s2"]
    append(sql_store, session("s3", path="b.ipynb"))
    assert sql_store.session("s3").notebook == sql_store.session("s1").notebook
    assert sql_store.session("s3").experiment_id == "exp-a"
    assert len(sql_store.sessions(notebook="nb-a")) == 3


def test_a_rename_of_nothing_is_nothing(any_store: AnyStore) -> None:
    any_store.rename_notebook("x.ipynb", "y.ipynb")
    append(any_store, session(path="y.ipynb"))
    assert any_store.sessions()[0].notebook == session(path="y.ipynb").notebook


def test_forgetting_a_run_purges_it_and_it_does_not_come_back(sql_store: Store, tmp_path: Path) -> None:
    secret, shared = sql_store.put_blob(b"secret picture"), sql_store.put_blob(b"shared picture")
    shown = [Output("display", "image/png", blob=secret), Output("display", "image/png", blob=shared)]
    append(sql_store, session(), CellExecution("s1", 1, "plot()", "ok", outputs=shown), metric(1))
    append(sql_store, cell(2, outputs=shown[1:]), metric(2))
    sql_store.save_runs("s1", [scored("r1", "s1:1:0"), scored("r2", "s1:2:0", started=2.0)], 2)
    sql_store.put(verdict("v", "r1", 1.0))
    sql_store.forget_run("r1")
    assert [found.id for found in sql_store.runs(deleted=True)] == ["r2"]
    assert [found.n for found in sql_store.observations("s1")] == [2]
    assert sql_store.executions("s1")[0].outputs == []
    assert sql_store.executions("s1")[0].source == "plot()"
    assert sql_store.verifications() == []
    assert [digest for digest, _ in sql_store.blobs()] == [shared]
    with pytest.raises(NotFoundError):
        sql_store.get_blob(secret)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"secret picture" in path.read_bytes()]
    saved = sql_store.save_runs("s1", [scored("r1", "s1:1:0"), run("r3", started=3.0)], 2)
    assert [(found.id, found.number) for found in saved] == [("r3", 2)]


def test_forgetting_a_session_purges_it_and_what_is_still_to_come(sql_store: Store) -> None:
    blob = sql_store.put_blob(b"picture")
    append(sql_store, session(), cell(1, outputs=[Output("display", blob=blob)]), metric(1))
    sql_store.save_runs("s1", [run("r1")], 1)
    sql_store.forget_session("s1")
    append(sql_store, session(), cell(2))
    assert sql_store.sessions() == sql_store.executions("s1") == sql_store.observations("s1") == []
    assert sql_store.runs() == sql_store.blobs() == []


def test_forgetting_a_dataset_purges_its_marks_and_what_showed_it(sql_store: Store) -> None:
    picture, other = sql_store.put_blob(b"its picture"), sql_store.put_blob(b"other picture")
    mark = Fingerprint("frame", "fp1:secret", columns={"salary": "fp1:column"})
    read = cell(1, files=[FileAccess("data/people.csv", "read", mark)], writes=[VariableVersion("people", "created", mark)])
    derived = cell(2, reads=[Read("people")], writes=[VariableVersion("means", "created", mark)])
    shown = cell(3, reads=[Read("means")], outputs=[Output("display", blob=picture)], error=CellError("KeyError", "'Ann'"))
    apart = cell(4, reads=[Read("weather")], outputs=[Output("display", blob=other)])
    fitted = metric(3, datasets=[Dataset("people", mark, "data/people.csv", "X", Schema((Column("salary", "int64"),)))])
    append(sql_store, session(), read, derived, shown, apart, fitted)
    sql_store.save_runs("s1", [], sql_store.revision("s1"))
    assert sql_store.forget_dataset("people") == ["s1"]
    cells = sql_store.executions("s1")
    assert cells[0].writes[0].fingerprint == Fingerprint("frame")
    assert cells[2].outputs == []
    assert "Ann" not in str(cells[2].error)
    assert cells[3] == apart
    assert [digest for digest, _ in sql_store.blobs()] == [other]
    assert sql_store.observations("s1")[0].datasets[0].schema is None
    assert sql_store.observations("s1")[0].value == 0.5
    assert sql_store.changed_sessions() == ["s1"]
    path = sql_store.database.path
    assert path is None or b"secret" not in path.read_bytes()
    assert sql_store.forget_dataset("nothing") == []


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


def test_blobs_are_kept_once_and_checked_when_read(sql_store: Store, tmp_path: Path) -> None:
    digest = sql_store.put_blob(b"picture")
    assert sql_store.put_blob(b"picture") == digest == content_hash(b"picture")
    assert sql_store.blobs() == [(digest, 7)]
    assert sql_store.get_blob(digest) == b"picture"
    assert sql_store.size_bytes() > 7
    path = tmp_path / "store" / "blobs" / digest[7:9] / digest[9:]
    path.write_bytes(b"pixture")
    with pytest.raises(StoreError, match="damaged"):
        sql_store.get_blob(digest)
    with pytest.raises(NotFoundError):
        sql_store.get_blob(content_hash(b"another"))
    for bad in ("sha256:../../etc/passwd", "../x", "", "sha256:" + "g" * 64):
        with pytest.raises(InputError, match="no content hash"):
            sql_store.get_blob(bad)


def test_a_store_is_read_by_a_second_one(store: Store) -> None:
    append(store, session())
    assert open_store(store.url, create=False).session("s1") == session()
