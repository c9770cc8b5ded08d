"""Search: each comparison finds what it says and nothing else, in both databases, and every mistake is named with its place."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_jupyter.entities import Dataset, Environment, Fingerprint, InputError, LocalModule, Metric, ModelRef, Param
from mlops_jupyter.entities.sessions import Distribution
from mlops_jupyter.store import Store, search
from mlops_jupyter.store.query import parse_filter, parse_order
from tests.unit.store.story import append, run, session, verdict


def data(name: str, digest: str, **columns: str) -> Dataset:
    return Dataset(name, Fingerprint("frame", digest, columns=columns), source=f"data/{name}")


def filled(store: Store) -> Store:
    """Four runs of two experiments."""
    new = Environment("env2", "3.13.0", "CPython", "Linux", "x86_64",
                      (Distribution("numpy", "2.1"), Distribution("Scikit_Learn", "1.9.1")))
    append(store, session("s1"), session("s2", path="b.ipynb", environment=new))
    store.save_runs("s1", [
        run("r1", started=100.0, ended=150.0, state="finished", notebook="a.ipynb", user="ann", metrics=[Metric("auc", 0.7)],
            params=[Param("C", 1.0), Param("penalty", "l2"), Param("warm", True)], tags={"stage": "trial"}, environment="env1",
            models=[ModelRef("o", "m", "sklearn.linear_model.LogisticRegression")],
            datasets=[data("old.csv", "fp1:a", delay="fp1:1")]),
        run("r2", started=200.0, notebook="a.ipynb", user="ann", metrics=[Metric("auc", 0.9), Metric("f1", 0.5, key="BB")],
            params=[Param("C", 10), Param("penalty", "l1")], environment="env1",
            datasets=[data("new.csv", "fp1:b", delay="fp1:2")],
            modules=[LocalModule("features", "/home/ann/features.py", "d1", "features.py")]),
    ], 1)
    store.save_runs("s2", [
        run("r3", "s2", "b", started=300.0, notebook="B.ipynb", user="bob", metrics=[Metric("auc", float("nan"))], name="it's",
            params=[Param("C", "10")], environment="env2", datasets=[data("old.csv", "fp1:a", delay="fp1:1")]),
        run("r4", "s2", "b", started=400.0, notebook="B.ipynb", user="bob", environment="env2", tags={"stage": "final", "n": "3"},
            metrics=[Metric("my auc", 0.4)]),
    ], 1)
    store.put(verdict("v1", "r1", 1.0, "different"))
    store.put(verdict("v2", "r1", 2.0))
    return store


@pytest.mark.parametrize(("words", "found"), [
    ("", "r4 r3 r2 r1"),
    ("metrics.auc > 0.8", "r2"),
    ("metrics.auc >= 0.7 and metrics.auc < 0.9", "r1"),
    ("metrics.auc != 0.7", "r2"),
    ("not metrics.auc = 0.7", "r4 r3 r2"),
    ("metrics.`f1[BB]` = 0.5", "r2"),
    ("metrics.f1 = 0.5", "r2"),
    ('metrics."my auc" < 1', "r4"),
    ("params.C = 10", "r2"),
    ("params.C = '10'", "r3 r2"),
    ("params.C = 1", "r1"),
    ("params.penalty in ('l1', 'l3')", "r2"),
    ("params.penalty not in ('l1')", "r1"),
    ("params.warm = True", "r1"),
    ("params.C > 0.5", "r2 r1"),
    ("tags.stage = 'trial'", "r1"),
    ("tags.stage like '%ial'", "r1"),
    ("tags.n >= 3", "r4"),
    ("notebook = 'a.ipynb'", "r2 r1"),
    ("notebook ilike 'b%'", "r4 r3"),
    ("notebook like 'b%'", None),
    ("user != 'ann'", "r4 r3"),
    ("state = 'finished'", "r1"),
    ("attributes.status = 'finished'", "r1"),
    ("verdict = 'identical'", "r1"),
    ("verdict = 'different'", ""),
    ("verdict != 'identical'", "r4 r3 r2"),
    ("model = LogisticRegression", "r1"),
    ("model like 'sklearn.%'", "r1"),
    ("experiment = 'b'", "r4 r3"),
    ("experiment = 'exp-a'", "r2 r1"),
    ("experiment != 'b'", "r2 r1"),
    ("number = 1 and started > 150", "r3"),
    ("started >= 200 and started < '2026-01-01'", "r4 r3 r2"),
    ("ended > 100", "r1"),
    ("name = 'it''s'", "r3"),
    ("name = \"it's\"", "r3"),
    ("session = s1 or id = r4", "r4 r2 r1"),
    ("(metrics.auc > 0.8 or user = bob) and not experiment = b", "r2"),
    ("used.dataset = old.csv", "r3 r1"),
    ("used.dataset = 'data/old.csv'", "r3 r1"),
    ("used.dataset = fp1:b", "r2"),
    ("used.dataset != old.csv", "r4 r2"),
    ("used.module = features.py", "r2"),
    ("used.module = features.py@d1", "r2"),
    ("used.module = features.py@d2", ""),
    ("used.package = numpy", "r4 r3 r2 r1"),
    ("used.package = numpy==2.0", "r2 r1"),
    ("used.package = scikit-learn==1.9.1", "r4 r3"),
    ("used.package = 'Scikit.Learn'", "r4 r3"),
    ("used.package != scikit-learn", "r2 r1"),
    ("used.package = nothing", ""),
    ("used.package in (scikit-learn==1.9.1, numpy==2.0)", "r4 r3 r2 r1"),
    ("used.environment = env2", "r4 r3"),
    ("data.columns.delay changed since r1", "r2"),
    ("data.columns.delay changed since r2", "r3"),
    ("data.columns.none changed since r1", ""),
    ("AND1 = 3", InputError),
])
def test_each_comparison_finds_what_it_says(sql_store: Store, words: str, found: str | type | None,
                                            monkeypatch: pytest.MonkeyPatch) -> None:
    filled(sql_store)
    if found is InputError:
        with pytest.raises(InputError):
            sql_store.search(words)
        return
    if found is None:  # SQLite's `like` does not look at case, PostgreSQL's does
        found = "r4 r3" if sql_store.database.path is not None else ""
    for few in (search.FEW, 0):
        monkeypatch.setattr(search, "FEW", few)
        assert " ".join(one.id for one in sql_store.search(words)) == found, few


@pytest.mark.parametrize(("order", "found"), [
    ("started", "r1 r2 r3 r4"),
    ("metrics.auc desc", "r2 r1 r4 r3"),
    ("metrics.auc", "r1 r2 r4 r3"),
    ("user desc, started asc", "r3 r4 r1 r2"),
    ("params.penalty", "r2 r1 r4 r3"),
    ("number, started", "r1 r3 r2 r4"),
])
def test_what_lacks_the_value_comes_last(sql_store: Store, order: str, found: str) -> None:
    assert " ".join(one.id for one in filled(sql_store).search(order_by=order)) == found


@pytest.mark.parametrize("order", [
    "metrics.m desc", "metrics.m", "params.p", "params.p desc, started", "ended desc", "metrics.few"])
def test_a_page_of_an_order_is_that_part_of_the_whole(sql_store: Store, order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ties, several values of one run, runs without any: the index is read for the first page only."""
    chance = random.Random(5)
    append(sql_store, session("s1"))
    made = []
    for number in range(300):
        metrics = [Metric("m", float(chance.randrange(20)), key=key) for key in chance.choice([(), ("",), ("a", "b")])]
        metrics += [Metric("few", 1.0)] if number % 50 == 0 else []
        params = [Param("p", chance.choice(["a", "B", "é", 10, 9, -1]))] if chance.random() < 0.9 else []
        made.append(run(f"r{number:03}", started=float(number % 7), metrics=metrics, params=params,
                        ended=chance.choice([None, float(chance.randrange(9))])))
    sql_store.save_runs("s1", made, sql_store.revision("s1"))
    for words in ("", "params.p = a", "number > 250"):
        monkeypatch.setattr(search, "FEW", 0)
        whole = [one.id for one in sql_store.search(words, order_by=order, limit=1_000)]
        monkeypatch.setattr(search, "FEW", 3_000)
        for limit, offset in ((1, 0), (5, 0), (20, 20), (7, 100), (50, 250), (500, 0)):
            page = [one.id for one in sql_store.search(words, order_by=order, limit=limit, offset=offset)]
            assert page == whole[offset:offset + limit], (words, limit, offset)


def test_pages_and_deleted_runs(sql_store: Store) -> None:
    filled(sql_store).delete_run("r3")
    assert [one.id for one in sql_store.search(limit=2)] == ["r4", "r2"]
    assert [one.id for one in sql_store.search(limit=2, offset=2)] == ["r1"]
    assert [one.id for one in sql_store.search(limit=2, deleted=True)] == ["r4", "r3"]


def test_marks_follow_their_runs(sql_store: Store) -> None:
    filled(sql_store).save_runs("s1", [run("r1", started=100.0, metrics=[Metric("auc", 0.1)])], 1)
    assert [one.id for one in sql_store.search("metrics.auc > 0")] == ["r1"]
    assert sql_store.search("params.C = 10 and session = s1") == []
    sql_store.forget_run("r1")
    sql_store.forget_session("s2")
    with sql_store.database.read() as connection:
        assert connection.exec_driver_sql("select count(*) from marks").scalar() == 0


@pytest.mark.parametrize(("words", "says"), [
    ("metrics.auc", "a comparison is missing at the end"),
    ("metrics.auc >", "a value is missing at the end"),
    ("metrics.auc > high", "'high' (character 15): metric is compared with a number"),
    ("metrics. > 3", "metrics. names nothing"),
    ("colour = 3", "'colour' is no field of a run"),
    ("colours.red = 3", "'colours' is none of metrics"),
    ("params.C = 1 params.D = 2", "'params.D = 2' (character 14): `and` or `or` is missing"),
    ("(params.C = 1", "`)` is missing"),
    ("params.C = 1)", "')' (character 13)"),
    ("params.C ~ 1", "'~ 1'"),
    ("params.C in 1", "a list in parentheses"),
    ("params.C in (1, 2", "`)` is missing"),
    ("params.C = 'open", "cannot be read"),
    ("params.C = (", "is no value"),
    ("3 = params.C", "is no name such as metrics.auc"),
    ("metrics.auc like 'x'", "compared with a number"),
    ("started > yesterday", "is no time"),
    ("number = many", "compared with a number"),
    ("used.car = 3", "'car' is none of used.dataset"),
    ("used.dataset > 3", "takes = != in like"),
    ("data.columns.x = 3", "takes `changed since RUN`"),
    ("data.rows > 3", "data.columns.NAME"),
    ("data.columns.x changed since nothing", "there is no run 'nothing'"),
    ("and", "comparison is missing|no field"),
    ("not", "is missing at the end"),
    ("params.C = '\0'", "NUL"),
    ("id; drop table runs", "no field"),
    ("(" * 60 + "params.C = 1" + ")" * 60, "nested more than 50"),
    ("params.C = 1 and " * 400 + "params.C = 1", "longer than 4000"),
    ("params.C in (" + ",".join(map(str, range(501))) + ")", "longer than 500"),
])
def test_a_mistake_is_named_with_its_place(store: Store, words: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        store.search(words)
    assert any(part in caught.value.what for part in says.split("|")), caught.value.what
    assert store.search("") == []


@pytest.mark.parametrize("words", ["metrics.auc sideways", "metrics.auc desc started", "colour", "metrics.auc,", ","])
def test_an_order_that_cannot_be_read_is_named(store: Store, words: str) -> None:
    with pytest.raises(InputError):
        store.search(order_by=words)


@pytest.mark.parametrize("text", ["a'b", "a\\b", "100%", "x_y", 'say "hi"', "", " ", "naïve ☕", "it''s", "select"])
def test_any_text_can_be_asked_for(store: Store, text: str) -> None:
    append(store, session("s1"))
    store.save_runs("s1", [run("r1", tags={"t": text}), run("r2", started=2.0, tags={"t": text + "x"})], 1)
    quoted = text.replace("\\", "\\\\").replace("'", "''")
    assert [one.id for one in store.search(f"tags.t = '{quoted}'")] == ["r1"]


@dataclass
class Model:
    """What a run says, as the filter's meaning is told in plain Python."""

    auc: float | None
    c: int | None
    user: str


COMPARE = {"=": lambda a, b: a == b, "!=": lambda a, b: a != b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
           "<": lambda a, b: a < b, "<=": lambda a, b: a <= b}
conditions = st.one_of(
    st.tuples(st.just("auc"), st.sampled_from(list(COMPARE)), st.integers(0, 4)),
    st.tuples(st.just("c"), st.sampled_from(list(COMPARE)), st.integers(0, 4)),
    st.tuples(st.just("user"), st.sampled_from(["=", "!="]), st.sampled_from(["ann", "bob"])),
)
filters = st.recursive(conditions, lambda inner: st.one_of(
    st.tuples(st.just("not"), inner), st.tuples(st.sampled_from(["and", "or"]), inner, inner)), max_leaves=8)
models = st.lists(st.builds(Model, st.one_of(st.none(), st.integers(0, 4).map(float)), st.one_of(st.none(), st.integers(0, 4)),
                            st.sampled_from(["ann", "bob"])), max_size=6)


def spelled(one: object) -> str:
    match one:
        case ("not", inner):
            return f"not ({spelled(inner)})"
        case ("and" | "or" as how, left, right):
            return f"({spelled(left)} {how} {spelled(right)})"
        case (name, operator, value):
            return f"{'metrics.auc' if name == 'auc' else 'params.c' if name == 'c' else 'user'} {operator} {value}"
    raise AssertionError(one)


def holds(one: object, model: Model) -> bool:
    match one:
        case ("not", inner):
            return not holds(inner, model)
        case ("and", left, right):
            return holds(left, model) and holds(right, model)
        case ("or", left, right):
            return holds(left, model) or holds(right, model)
        case (str(name), str(operator), value):
            has = getattr(model, name)
            return has is not None and COMPARE[operator](has, value)
    raise AssertionError(one)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(filter_=filters, found=models)
def test_a_filter_means_what_it_says(store: Store, filter_: object, found: list[Model]) -> None:
    append(store, session("s1"))
    runs = [run(f"r{n}", started=float(n), user=one.user, metrics=[] if one.auc is None else [Metric("auc", one.auc)],
                params=[] if one.c is None else [Param("c", one.c)]) for n, one in enumerate(found)]
    store.save_runs("s1", runs, store.revision("s1"))
    expected = [f"r{n}" for n, one in reversed(list(enumerate(found))) if holds(filter_, one)]
    assert [one.id for one in store.search(spelled(filter_))] == expected, spelled(filter_)


@settings(max_examples=500, deadline=None)
@given(st.text(max_size=60))
def test_any_words_are_read_or_refused(words: str) -> None:
    for parse in (parse_filter, parse_order):
        try:
            parse(words)
        except InputError as error:
            assert error.remedy  # noqa: PT017 (only this error may come)


