"""What people say of runs outlives deriving, export and import; it is searched by, and goes with what is forgotten."""

from __future__ import annotations

from pathlib import Path

from mlops_jupyter.api.ledger import derive_runs
from mlops_jupyter.entities import AnyStore, Metric, Param
from mlops_jupyter.store import Store, archive, open_store
from tests.unit.store.story import append, cell, metric, run, session


def told(store: AnyStore) -> list[tuple[bool, bool, dict[str, str]]]:
    return [(one.starred, one.baseline, one.tags) for one in store.runs()]


def scored(store: AnyStore) -> str:
    """A session with one run; its id."""
    append(store, session(tags={"made": "by us"}), cell(1), metric(1))
    if isinstance(store, Store):
        derive_runs(store)
    return store.runs()[0].id


def test_a_remark_stays_when_its_run_is_derived_anew(any_store: AnyStore) -> None:
    key = scored(any_store)
    said = any_store.remark(key, starred=True, tags={"paper": "yes", "made": "by me"})
    assert (said.starred, said.baseline, said.tags) == (True, False, {"paper": "yes", "made": "by me"})
    append(any_store, cell(2), metric(2, value=0.7))
    if isinstance(any_store, Store):
        derive_runs(any_store)
    again = any_store.run(key)
    assert (again.starred, again.tags["paper"]) == (True, "yes")
    assert [one.id for one in any_store.search("starred = true and tags.paper = yes")] == [key]
    assert any_store.count("starred = true") == 1
    taken = any_store.remark(key, starred=False, tags={"paper": None, "made": None})
    assert (taken.starred, taken.tags) == (False, {})
    assert any_store.search("starred = true or tags.paper = yes") == []


def test_a_recorded_tag_that_was_taken_off_stays_off_until_it_is_given_again(any_store: AnyStore) -> None:
    key = scored(any_store)
    assert any_store.run(key).tags == {"made": "by us"}
    assert any_store.remark(key, tags={"made": None, "other": None}).tags == {}
    assert [one.taken_off for one in any_store.remarks()] == [["made"]]
    append(any_store, cell(2), metric(2, value=0.7))
    if isinstance(any_store, Store):
        derive_runs(any_store)
    assert any_store.run(key).tags == {}
    assert any_store.search("tags.made = 'by us'") == []
    assert any_store.remark(key, tags={"made": "anew"}).tags == {"made": "anew"}
    assert [one.taken_off for one in any_store.remarks()] == [[]]


def test_an_experiment_has_one_baseline(sql_store: Store) -> None:
    append(sql_store, session("s1"))
    sql_store.save_runs("s1", [run("r1"), run("r2"), run("r3", experiment="b")], sql_store.revision("s1"))
    for key in ("r1", "r3", "r2"):
        sql_store.remark(key, baseline=True)
    assert [one.id for one in sql_store.search("baseline = true", order_by="id")] == ["r2", "r3"]
    sql_store.remark("r2", baseline=False)
    assert [one.id for one in sql_store.search("baseline = true")] == ["r3"]


def test_an_archive_carries_remarks_and_what_is_here_stays(store: Store, tmp_path: Path) -> None:
    key = scored(store)
    archive.write(store, store.runs(), tmp_path / "plain.mlops")
    store.remark(key, starred=True, tags={"paper": "yes"})
    archive.write(store, store.runs(), tmp_path / "a.mlops")
    other = open_store(str(tmp_path / "other"))
    archive.merge(tmp_path / "a.mlops", other)
    derive_runs(other)
    assert told(other) == told(store)
    other.remark(key, starred=False)
    archive.merge(tmp_path / "a.mlops", other)
    assert other.run(key).starred is False
    with archive.opened(tmp_path / "plain.mlops") as plain, archive.opened(tmp_path / "a.mlops") as spoken:
        assert [archive.header_of(file).archive for file in (plain, spoken)] == [1, 2]


def test_a_store_with_remarks_is_whole_and_forgets_them(sql_store: Store) -> None:
    key = scored(sql_store)
    sql_store.remark(key, starred=True, tags={"a": "1"})
    assert sql_store.check().problems == []
    sql_store.mend()
    assert [one.id for one in sql_store.search("starred = true and tags.a = 1")] == [key]
    remarks = sql_store.remarks()
    sql_store.forget_run(key)
    assert sql_store.remarks() == []
    sql_store.put(remarks[0])
    assert sql_store.remarks() == [], "what was forgotten does not come back"


def test_counts_moments_and_names_follow_the_filter(sql_store: Store) -> None:
    append(sql_store, session("s1"))
    made = [run(f"r{at}", started=float(at), params=[Param("C", at)],
                metrics=[Metric("auc", at / 10), Metric("auc", 0.1, key="UA")])
            for at in range(12)]
    sql_store.save_runs("s1", [*made, run("x", experiment="b", metrics=[Metric("loss", 1.0)])], sql_store.revision("s1"))
    assert sql_store.count() == 13
    assert sql_store.count("metrics.auc > 0.75") == 4
    assert sql_store.moments("number > 10 and experiment = a") == [11.0, 10.0]
    assert [(one.kind, one.name, one.runs) for one in sql_store.names("exp-a")] == [
        ("metric", "auc", 12), ("metric", "auc[UA]", 12), ("param", "C", 12)]
    assert [one.name for one in sql_store.names()][-1] == "loss"
    assert [one.id for one in sql_store.search("params.C >= 9", order_by="params.C")] == ["r9", "r10", "r11"], "as numbers"


def test_a_filter_that_many_meet_goes_with_an_order(sql_store: Store) -> None:
    append(sql_store, session("s1"))
    made = [run(f"r{at:04}", started=float(at), metrics=[Metric("auc", at / 1e4)]) for at in range(3_100)]
    sql_store.save_runs("s1", made, sql_store.revision("s1"))
    found = sql_store.search("metrics.auc >= 0", order_by="metrics.auc desc", limit=2)
    assert [one.id for one in found] == ["r3099", "r3098"]
