"""The table of cases of DESIGN.md: what counts as a run, and what belongs to it."""

from __future__ import annotations

import itertools
import math

import msgspec
import pytest

from mlops_jupyter.entities import CellError, CellExecution, Goal, Origin, Run
from mlops_jupyter.lineage.drafts import POINTS, thinned
from mlops_jupyter.lineage.runs import derive, judge_goal
from tests.unit.lineage.played_notebook import Notebook, metric, model, said

PREPARE = "data = [1, 2, 3]"
FIT = "clf = [sum(data), {C}]"
SCORE = "auc = clf[0] / 10"


def runs(book: Notebook, state: str = "running") -> list[Run]:
    found = derive(book.session(state), book.executions, book.observations)
    assert [one.id for one in derive(book.session(state), book.executions, book.observations)] == [one.id for one in found]
    assert len({one.id for one in found}) == len(found)
    return found


def metrics(run: Run) -> dict[str, float]:
    return {one.name + (f"[{one.key}]" if one.key else ""): one.value for one in run.metrics}


def test_baseline_then_boosted(book: Notebook) -> None:
    book.run("prepare", PREPARE)
    book.run("look", "print(data)")
    book.run("base", "base = [sum(data)]", model("base", "LogisticRegression", C=0.5, shown=("C",)))
    book.run("base-auc", "base_auc = base[0] / 10", metric("base_auc", 0.6, "base"))
    book.run("boost", "boost = [max(data)]", model("boost", "HistGradientBoostingClassifier", max_iter=200))
    book.run("boost-auc", "auc = boost[0] / 10", metric("auc", 0.7, "boost"))
    base, boost = runs(book)
    assert (metrics(base), metrics(boost)) == ({"base_auc": 0.6}, {"auc": 0.7})
    assert (base.cells, boost.cells) == ([1, 3, 4], [1, 5, 6])
    assert boost.change == "model LogisticRegression→HistGradientBoostingClassifier"
    assert (base.state, boost.state) == ("finished", "open")
    assert [(one.name, one.value, one.shown) for one in base.params] == [("C", 0.5, True), ("data", [1, 2, 3], True)]


def test_without_a_link_the_only_model_of_the_slice(book: Notebook) -> None:
    book.run("p", PREPARE)
    book.run("a", FIT.format(C=1), model("clf"))
    book.run("b", "other = [1]", model("other"))
    book.run("c", SCORE, metric("auc", 0.6))
    first, second = runs(book)
    assert (metrics(first), metrics(second)) == ({"auc": 0.6}, {})


def test_train_and_test_score_join_one_run(book: Notebook) -> None:
    book.run("a", "clf = {1}", model("clf"))
    book.run("b", "train = clf[0]\ntest = clf[0]", metric("train", 0.9, "clf"), metric("test", 0.8, "clf"))
    (run,) = runs(book)
    assert metrics(run) == {"train": 0.9, "test": 0.8}


def test_two_unnamed_scores_of_one_function_are_told_apart(book: Notebook) -> None:
    book.run("a", "clf = {1}", model("clf"))
    book.run("b", "print(clf[0])\nprint(clf[0])", metric("auc[y]", 0.9, "clf"), metric("auc[y]", 0.8, "clf"))
    (run,) = runs(book)
    assert metrics(run) == {"auc[y]": 0.9, "auc[y] (2)": 0.8}


def test_score_by_group_in_a_loop_keeps_its_keys(book: Notebook) -> None:
    book.run("a", "clf = {1}", model("clf"))
    book.run("b", "auc = {g: clf[0] for g in 'UD'}", metric("auc", 0.7, "clf", key="U"), metric("auc", 0.8, "clf", key="D"))
    (run,) = runs(book)
    assert metrics(run) == {"auc[U]": 0.7, "auc[D]": 0.8}


def test_repeats_without_a_key_are_a_series(book: Notebook) -> None:
    book.run("a", "clf = {1}", model("clf"))
    seen = [metric("loss", value, "clf", step=step, logged=True) for step, value in enumerate((0.5, 0.4, 0.3), 1)]
    book.run("b", "for _ in range(3):\n    loss = clf[0]", *seen)
    (run,) = runs(book)
    assert [(one.name, one.value, one.series) for one in run.metrics] == [("loss", 0.3, (0.5, 0.4, 0.3))]


def test_a_long_series_is_thinned_and_keeps_its_ends_and_extremes() -> None:
    values = [float((place * 7919) % 10_007) for place in range(100_000)]
    values[54_321], values[12_345] = 99_999.0, -1.0
    series, steps = thinned(values)
    assert len(series) == len(steps) <= POINTS + 2
    assert list(series) == [values[step] for step in steps]
    assert list(steps) == sorted(set(steps))
    assert {0, 99_999, 54_321, 12_345} <= {*steps}
    assert thinned(values[:POINTS]) == (tuple(values[:POINTS]), ())
    assert len(thinned([math.nan] * 5_000)[0]) <= POINTS + 2
    assert max(b - a for a, b in itertools.pairwise(steps)) <= 2 * 2 * 100_000 / POINTS


def test_several_models_in_one_cell_are_siblings(book: Notebook) -> None:
    seen = [model("lr", "LogisticRegression"), model("rf", "RandomForestClassifier"),
            metric("lr_auc", 0.6, "lr"), metric("rf_auc", 0.7, "rf")]
    book.run("a", "lr, rf = [1], [2]\nlr_auc, rf_auc = 0.6, 0.7", *seen)
    first, second = runs(book)
    assert (metrics(first), metrics(second)) == ({"lr_auc": 0.6}, {"rf_auc": 0.7})


def test_fits_in_a_loop_are_siblings(book: Notebook) -> None:
    book.run("a", "for c in (1, 2, 3):\n    clf = [c]", *(model("clf", C=c) for c in (1, 2, 3)))
    assert [run.change for run in runs(book)] == ["", "C 1→2", "C 2→3"]


def test_an_unlinked_metric_over_several_models_is_shared(book: Notebook) -> None:
    book.run("a", "one = {1}", model("one"))
    book.run("b", "two = {2}", model("two"))
    book.run("c", "gap = two[0] - one[0]", metric("gap", 1.0))
    assert [[(one.name, one.shared) for one in run.metrics] for run in runs(book)] == [[("gap", True)], [("gap", True)]]


def test_a_search_is_one_fit_with_its_fold_scores(book: Notebook) -> None:
    search = model("search", "GridSearchCV", cv=5, shown=("cv",))
    search.details = {"best_params": "{'C': 1}"}
    book.run("a", "search = [1]", search, metric("best_score", 0.8, "search"))
    (run,) = runs(book)
    assert (metrics(run), run.models[0].class_name) == ({"best_score": 0.8}, "GridSearchCV")


def test_cross_validation_is_one_run_with_a_series(book: Notebook) -> None:
    book.run("a", "clf = {1}\nscores = [0.7, 0.8]", model("clf"), *(metric("scores", v, "clf", step=1) for v in (0.7, 0.8)))
    (run,) = runs(book)
    assert len(run.models) == 1
    assert metrics(run)["scores"] in {0.7, 0.8}


def test_the_same_cells_again_replace(book: Notebook) -> None:
    book.run("p", PREPARE)
    for value in (0.6, 0.65):
        book.run("a", FIT.format(C=1), model("clf", C=1))
        book.run("b", SCORE, metric("auc", value, "clf"))
    (run,) = runs(book)
    assert (metrics(run), run.cells) == ({"auc": 0.65}, [1, 4, 5])


def test_a_value_that_a_variable_gives_to_a_model_is_named_once_by_the_variable(book: Notebook) -> None:
    book.run("p", PREPARE)
    for strength, seed in ((1, 3), (2, 4)):
        book.run("s", f"strength = {strength}")
        book.run("a", "clf = Fit(X, strength)", model("clf", C=strength, random_state=seed))
    assert runs(book)[1].change == "random_state 3→4, strength 1→2"


def test_another_threshold_opens_a_variant_and_the_first_stays(book: Notebook) -> None:
    book.run("a", "clf = {1}", model("clf"))
    for threshold, value in ((0.5, 0.6), (0.4, 0.7)):
        book.run("t", f"threshold = {threshold}")
        book.run("f", "f1 = clf[0] > threshold", metric("f1", value, "clf"))
        book.run("r", "recall = clf[0] > threshold", metric("recall", value, "clf"))
    first, second = runs(book)
    assert (metrics(first), metrics(second)) == ({"f1": 0.6, "recall": 0.6}, {"f1": 0.7, "recall": 0.7})
    assert second.change == "threshold 0.5→0.4"
    assert [(one.name, one.value) for one in first.params] == [("threshold", 0.5)]
    assert second.models[0].name == "clf"


def test_back_to_the_first_threshold_replaces_there(book: Notebook) -> None:
    book.run("a", "clf = {1}", model("clf"))
    for threshold, value in ((0.5, 0.6), (0.4, 0.7), (0.5, 0.61)):
        book.run("t", f"threshold = {threshold}")
        book.run("f", "f1 = clf[0] > threshold", metric("f1", value, "clf"))
    assert [metrics(run) for run in runs(book)] == [{"f1": 0.61}, {"f1": 0.7}]


def test_another_threshold_in_plain_ipython(book: Notebook) -> None:
    book.run("", "clf = {1}", model("clf"))
    for threshold, value in ((0.5, 0.6), (0.4, 0.7)):
        book.run("", f"threshold = {threshold}")
        book.run("", "f1 = clf[0] > threshold", metric("f1", value, "clf"))
    assert [metrics(run) for run in runs(book)] == [{"f1": 0.6}, {"f1": 0.7}]


def test_an_edited_fit_opens_a_variant(book: Notebook) -> None:
    book.run("p", PREPARE)
    for c, value in ((1, 0.6), (2, 0.7)):
        book.run("a", FIT.format(C=c), model("clf", C=c))
        book.run("b", SCORE, metric("auc", value, "clf"))
    first, second = runs(book)
    assert (metrics(first), metrics(second), second.change) == ({"auc": 0.6}, {"auc": 0.7}, "C 1→2")
    assert all(one.shown for run in (first, second) for one in run.params)


def test_an_edit_beside_the_metric_is_no_new_run(book: Notebook) -> None:
    book.run("a", "clf = {1}", model("clf"))
    book.run("b", "auc = clf[0]", metric("auc", 0.6, "clf"))
    book.run("b", "print('look')\nauc = clf[0]\nap = clf[0]", metric("auc", 0.6, "clf"), metric("ap", 0.5, "clf"))
    (run,) = runs(book)
    assert metrics(run) == {"auc": 0.6, "ap": 0.5}


def test_an_edit_of_the_metric_is(book: Notebook) -> None:
    book.run("a", "clf = {1}", model("clf"))
    book.run("b", "auc = clf[0]", metric("auc", 0.6, "clf"))
    book.run("b", "auc = clf[0] / 2", metric("auc", 0.3, "clf"))
    assert [metrics(run) for run in runs(book)] == [{"auc": 0.6}, {"auc": 0.3}]


def test_scores_collected_in_a_dict_stay_apart(book: Notebook) -> None:
    book.run("d", "scores = {}")
    for _ in range(2):
        book.run("a", "one = {1}\nscores['one'] = one[0]", model("one"), metric("one", 0.6, "one"))
        book.run("b", "two = {2}\nscores['two'] = two[0]", model("two"), metric("two", 0.7, "two"))
    first, second = runs(book)
    assert (metrics(first), metrics(second)) == ({"one": 0.6}, {"two": 0.7})
    assert (first.cells, second.cells) == ([1, 4], [1, 5])


def test_the_final_refit_is_a_run_of_its_own(book: Notebook) -> None:
    book.run("p", PREPARE)
    book.run("a", FIT.format(C=1), model("clf", C=1))
    book.run("b", SCORE, metric("auc", 0.6, "clf"))
    book.run("z", "clf = [sum(data) + 1]", model("clf", C=1))
    first, second = runs(book)
    assert (metrics(first), metrics(second)) == ({"auc": 0.6}, {})


def test_data_changed_in_place_before_a_refit_opens_a_variant(book: Notebook) -> None:
    book.run("p", PREPARE)
    book.run("m", "data.append(4)")
    book.run("a", FIT.format(C=1), model("clf"))
    book.run("m", "data.append(4)")
    book.run("a", FIT.format(C=1), model("clf"))
    assert len(runs(book)) == 2


def test_no_model_at_all_is_the_session_s_own_run(book: Notebook) -> None:
    book.run("p", PREPARE)
    book.run("a", "mae = sum(data) / 10", metric("mae", 0.6))
    (run,) = runs(book)
    assert (metrics(run), run.cells, run.models) == ({"mae": 0.6}, [1, 2], [])


def test_only_what_is_in_the_slice_is_a_param(book: Notebook) -> None:
    book.run("p", "size = 10\nname = 'x'")
    book.run("q", "months = 6\ndebug = True\nlow = -1.5")
    book.run("a", "clf = {months}", model("clf", C=1))
    (run,) = runs(book)
    assert {one.name: one.value for one in run.params} == {"C": 1, "months": 6, "debug": True, "low": -1.5}


def test_what_the_user_logged_is_never_lost(book: Notebook) -> None:
    book.run("l", "pass", said("param", "note", "early"))
    book.run("a", "clf = {1}", model("clf"))
    book.run("t", "pass", said("tag", "team", "ops"), said("artifact", "plot.png"))
    (run,) = runs(book)
    assert [(one.name, one.value, one.source) for one in run.params] == [("note", "early", "logged")]
    assert (run.tags, [one.name for one in run.artifacts]) == ({"team": "ops"}, ["plot.png"])


def test_logged_params_without_a_model_make_a_run(book: Notebook) -> None:
    book.run("l", "pass", said("param", "lr", 0.1))
    assert [one.value for one in runs(book)[0].params] == [0.1]


def test_start_run_wins(book: Notebook) -> None:
    book.run("s", "pass", said("start-run", "final"))
    book.run("a", "one = {1}\ntwo = [2]", model("one"), model("two"))
    book.run("b", "auc = one[0]", metric("auc", 0.6, "one"))
    book.run("e", "pass", said("end-run"))
    book.run("c", "three = [3]", model("three"))
    first, second = runs(book)
    assert (first.name, first.state, len(first.models), metrics(first)) == ("final", "finished", 2, {"auc": 0.6})
    assert [one.name for one in second.models] == ["three"]


def test_mlflow_blocks_are_runs_with_their_names(book: Notebook) -> None:
    book.run("a", "one = {1}\nauc = 0.6", said("start-run", "sly-fox-1", mlflow_run="r1"), model("one", max_depth=3),
             metric("auc", 0.6, "one"), said("param", "note", "x"), said("end-run"),
             said("start-run", "big-cow-2", mlflow_run="r2"), said("metric", "auc", 0.7), said("end-run"))
    book.run("b", "late = 1", metric("late", 1.0, "one"))
    first, second = runs(book)
    assert [(one.name, one.state) for one in (first, second)] == [("sly-fox-1", "finished"), ("big-cow-2", "finished")]
    assert (metrics(first), metrics(second)) == ({"auc": 0.6, "late": 1.0}, {"auc": 0.7})
    assert {one.name: one.value for one in first.params if one.source != "literal"} == {"max_depth": 3, "note": "x"}


def test_a_nested_run_interrupts_the_one_around_it(book: Notebook) -> None:
    book.run("a", "best = 2", said("start-run", "search"), said("start-run", "child 1", nested="yes"), said("metric", "auc", 0.1),
             said("end-run"), said("start-run", "child 2", nested="yes"), said("metric", "auc", 0.2), said("end-run"),
             said("metric", "best", 0.2), said("end-run"))
    book.run("b", "clf = {1}", model("clf"))
    assert [(run.name, metrics(run)) for run in runs(book)] == [
        ("search", {"best": 0.2}), ("child 1", {"auc": 0.1}), ("child 2", {"auc": 0.2}), ("", {})]


def test_a_resumed_run_goes_on(book: Notebook) -> None:
    book.run("a", "a = 1", said("start-run", "r", mlflow_run="r1"), said("metric", "auc", 0.1), said("end-run"))
    book.run("b", "b = 1", said("start-run", "r", mlflow_run="r1"), said("metric", "f1", 0.2), said("end-run"))
    (run,) = runs(book)
    assert metrics(run) == {"auc": 0.1, "f1": 0.2}


def test_a_start_run_without_an_end_is_over_with_the_next(book: Notebook) -> None:
    book.run("a", "pass", said("start-run", "one"), said("start-run", "child", nested="yes"), said("metric", "auc", 0.1))
    book.run("b", "pass", said("start-run", "two"), said("metric", "auc", 0.2))
    assert [(run.name, metrics(run)) for run in runs(book)] == [("one", {}), ("child", {"auc": 0.1}), ("two", {"auc": 0.2})]


def test_a_history_seen_at_once_is_the_series(book: Notebook) -> None:
    seen = metric("auc[valid]", 0.8, "bst")
    seen.series = [0.6, 0.7, 0.8]
    book.run("a", "bst = {1}", model("bst", "Booster", max_depth=2), seen)
    (run,) = runs(book)
    assert [(one.name, one.value, one.series) for one in run.metrics] == [("auc[valid]", 0.8, (0.6, 0.7, 0.8))]


def test_two_boosters_in_one_cell_are_siblings_with_their_own_histories(book: Notebook) -> None:
    book.run("a", "one, two = {1}, {2}", model("one", "Booster", max_depth=1), metric("auc[valid]", 0.6, "one"),
             model("two", "Booster", max_depth=6), metric("auc[valid]", 0.7, "two"))
    first, second = runs(book)
    assert (metrics(first), metrics(second), second.change) == ({"auc[valid]": 0.6}, {"auc[valid]": 0.7}, "max_depth 1→6")


def test_train_then_evaluate_then_train_further(book: Notebook) -> None:
    for epochs, loss in ((3, 0.5), (6, 0.4)):
        book.run("t", f"epochs = {epochs}\nnet = [epochs]", model("net", "Sequential", epochs=epochs),
                 metric("loss", loss, "net"))
        book.run("e", "found = net[0]", metric("loss[x_test]", loss + 0.1, "net"))
    first, second = runs(book)
    assert (metrics(first), metrics(second)) == ({"loss": 0.5, "loss[x_test]": 0.6}, {"loss": 0.4, "loss[x_test]": 0.5})
    assert second.change.startswith("epochs 3→6")


def test_a_model_logged_with_mlflow_belongs_to_the_fit_it_names(book: Notebook) -> None:
    book.run("a", "clf = {1}", model("clf", "OLS"))
    kept = msgspec.structs.replace(model("clf", "RegressionResultsWrapper"), logged=True, fingerprint=None, models=["clf"],
                                   variable="", details={"format": "mlflow"})
    book.run("b", "pass", kept)
    (run,) = runs(book)
    assert [one.class_name for one in run.models] == ["OLS"]


def test_a_job_is_one_run(book: Notebook) -> None:
    book = Notebook(kind="job", origin=Origin(job="d1", parameters={"month": 7, "weeks": [1, 2]}))
    book.run("p", "month = 7")
    book.run("a", "one = {month}", model("one", C=1), metric("auc", 0.6, "one"))
    book.run("b", "two = {2}", model("two"), metric("ap", 0.5))
    (run,) = runs(book, "ended")
    assert (metrics(run), run.state, run.cells) == ({"auc": 0.6, "ap": 0.5}, "finished", [1, 2, 3])
    assert run.origin == book.origin
    assert [(one.name, one.value) for one in run.params][:2] == [("month", 7), ("weeks", [1, 2])]
    assert runs(book)[0].state == "open"
    assert runs(book, "interrupted")[0].state == "interrupted"


def test_a_job_that_failed_says_so(book: Notebook) -> None:
    book = Notebook(kind="job", origin=Origin(job="d1"))
    book.run("a", "x = 1")
    book.run("b", "1 / 0")
    (run,) = runs(book, "ended")
    assert (run.state, run.error) == ("failed", "ZeroDivisionError: division by zero")


def test_a_verification_has_no_runs() -> None:
    book = Notebook(kind="verification")
    book.run("a", "clf = {1}", model("clf"))
    assert runs(book) == []


@pytest.mark.parametrize(("state", "expected"), [("running", "open"), ("ended", "finished"), ("interrupted", "finished")])
def test_a_run_ends_with_its_session(book: Notebook, state: str, expected: str) -> None:
    book.run("a", "clf = {1}", model("clf"))
    assert runs(book, state)[0].state == expected


def test_interrupted_only_if_it_was_at_work(book: Notebook) -> None:
    book.run("a", "clf = {1}", model("clf"))
    book.executions.append(CellExecution("s1", 2, "auc = long(clf)", "interrupted", cell="b", started=1003.0))
    assert runs(book, "interrupted")[0].state == "interrupted"
    book.executions[-1] = CellExecution("s1", 2, "other = 1", "interrupted", cell="b", started=1003.0)
    assert runs(book, "interrupted")[0].state == "finished"


def test_no_run_goes_on_when_its_session_is_over(book: Notebook) -> None:
    book.run("a", "clf = {1}", model("clf"), state="running")
    assert runs(book, "interrupted")[0].state == "interrupted"
    assert runs(book)[0].state == "open"


def test_a_fit_that_ended_in_an_error(book: Notebook) -> None:
    execution = book.run("a", "clf = {1}", model("clf"))
    book.executions[-1] = msgspec.structs.replace(execution, state="error", error=CellError("ValueError", "bad"))
    assert (runs(book)[0].state, runs(book)[0].error) == ("failed", "ValueError: bad")


def test_cells_before_tracking_make_a_run_incomplete(book: Notebook) -> None:
    book.before_tracking("p", PREPARE)
    book.run("a", FIT.format(C=1), model("clf"))
    assert runs(book)[0].incomplete


def test_goals_are_judged() -> None:
    book = Notebook()
    book.run("a", "clf = {1}", model("clf"), metric("auc", 0.7, "clf"))
    (run,) = runs(book)
    goal = Goal("e1", 1.0, "good", "auc", at_least=0.75)
    assert judge_goal(run, goal) == "missed"
    assert judge_goal(run, msgspec.structs.replace(goal, at_least=0.7)) == "met"
    assert judge_goal(run, msgspec.structs.replace(goal, metric="brier")) == ""
    assert judge_goal(run, msgspec.structs.replace(goal, at_least=None)) == ""
