"""What is seen of XGBoost."""

import pytest

from tests.unit.capture.autolog_notebook import FUNCTIONS, Notebook, kinds, values

pytest.importorskip("xgboost", reason="XGBoost is not installed")

SETUP = """
import numpy as np, xgboost as xgb
from sklearn.datasets import make_classification
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import cross_val_score
X, y = make_classification(300, 6, random_state=0)
dtrain, dtest = xgb.DMatrix(X[:200], y[:200]), xgb.DMatrix(X[200:], y[200:])
"""
PARAMS = "dict(objective='binary:logistic', eval_metric='auc', max_depth=2, nthread=1)"


@pytest.fixture
def notebook():
    made = Notebook()
    made.run(SETUP)
    yield made
    made.close()


def test_train_is_a_model_with_its_history_and_its_predictions_join(notebook):
    drafts = notebook.run(f"""
        history = {{}}
        bst = xgb.train({PARAMS}, dtrain, num_boost_round=4, evals=[(dtrain, "train"), (dtest, "valid")],
                        evals_result=history, verbose_eval=False)
        p = bst.predict(dtest)
        auc = roc_auc_score(y[200:], p)
    """)
    model = drafts[0]
    assert kinds(drafts) == [("model", "bst"), ("metric", "auc[train]"), ("metric", "auc[valid]"), ("metric", "auc")]
    assert model.class_name == "xgboost.core.Booster"
    assert (model.params["max_depth"], model.params["num_boost_round"]) == (2, 4)
    assert {"max_depth", "objective", "num_boost_round"} <= set(model.shown)
    assert [data.name for data in model.datasets] == ["dtrain"]
    assert [draft.models for draft in drafts[1:]] == 3 * [[notebook.key(model)]]
    assert (drafts[2].series, drafts[2].step) == (notebook.shell.user_ns["history"]["valid"]["auc"], 4)
    assert drafts[2].value == drafts[2].series[-1]


def test_two_boosters_in_one_cell_keep_their_metrics_apart(notebook):
    drafts = notebook.run("""
        small = xgb.train({"max_depth": 1, "nthread": 1}, dtrain)
        large = xgb.train({"max_depth": 6, "nthread": 1}, dtrain, 20)
        a = roc_auc_score(y[200:], small.predict(dtest))
        b = roc_auc_score(y[200:], large.inplace_predict(X[200:]))
    """)
    small, large, a, b = drafts
    assert kinds(drafts) == [("model", "small"), ("model", "large"), ("metric", "a"), ("metric", "b")]
    assert (a.models, b.models) == ([notebook.key(small)], [notebook.key(large)])
    assert (small.params["num_boost_round"], large.params["num_boost_round"]) == (10, 20)


def test_early_stopping_notes_the_best_round(notebook):
    drafts = notebook.run(f"""
        bst = xgb.train({PARAMS}, dtrain, 100, evals=[(dtest, "valid")], early_stopping_rounds=2, verbose_eval=False)
    """)
    model = drafts[0]
    assert int(model.details["best_iteration"]) == notebook.shell.user_ns["bst"].best_iteration
    assert values(drafts)["best_score"] == pytest.approx(notebook.shell.user_ns["bst"].best_score)
    assert model.params["early_stopping_rounds"] == 2
    assert ("auc[valid]" in values(drafts)) == FUNCTIONS  # without evals_result, the history is only in the function's frame


def test_a_loop_over_depths_is_siblings(notebook):
    drafts = notebook.run("""
        scores = {}
        for depth in (1, 3):
            m = xgb.train({"max_depth": depth, "nthread": 1}, dtrain)
            scores[depth] = roc_auc_score(y[200:], m.predict(dtest))
    """)
    assert [(draft.kind, draft.key) for draft in drafts] == [("model", "1"), ("metric", "1"), ("model", "3"), ("metric", "3")]
    assert [draft.models for draft in drafts if draft.kind == "metric"] == [["s:1:1"], ["s:1:3"]]


def test_an_estimator_is_one_model_with_its_history(notebook):
    drafts = notebook.run("""
        clf = xgb.XGBClassifier(n_estimators=5, max_depth=2, n_jobs=1, eval_metric="logloss")
        clf.fit(X[:200], y[:200], eval_set=[(X[200:], y[200:])], verbose=False)
        auc = roc_auc_score(y[200:], clf.predict_proba(X[200:])[:, 1])
        raw = roc_auc_score(y[200:], clf.get_booster().predict(dtest))
    """)
    model, history, auc, raw = drafts
    assert kinds(drafts) == [("model", "clf"), ("metric", "logloss[validation_0]"), ("metric", "auc"), ("metric", "raw")]
    assert model.class_name == "xgboost.sklearn.XGBClassifier"
    assert (model.params["max_depth"], model.params["n_estimators"], model.params["learning_rate"]) == (2, 5, None)
    assert {"max_depth", "n_estimators", "eval_metric"} <= set(model.shown)
    assert "learning_rate" not in model.shown
    assert [(data.name, data.fingerprint.shape) for data in model.datasets] == [("X[:200]", (200, 6)), ("y[:200]", (200,))]
    assert len(history.series) == 5
    assert history.models == auc.models == raw.models == [notebook.key(model)]


def test_what_a_validation_trains_inside_is_not_counted(notebook):
    drafts = notebook.run("cv = cross_val_score(xgb.XGBClassifier(n_estimators=2, n_jobs=1), X, y, cv=2)")
    assert kinds(drafts) == [("metric", "cv")]


@pytest.mark.parametrize("as_pandas", [True, False])
def test_cv_gives_its_means(notebook, as_pandas):
    drafts = notebook.run(f"found = xgb.cv({PARAMS}, dtrain, num_boost_round=3, nfold=2, as_pandas={as_pandas})")
    assert kinds(drafts) == [("metric", "found.train-auc"), ("metric", "found.test-auc")]
    assert list(drafts[1].series) == list(notebook.shell.user_ns["found"]["test-auc-mean"])
    assert float(drafts[1].details["std"]) == list(notebook.shell.user_ns["found"]["test-auc-std"])[-1]
    assert drafts[1].params["max_depth"] == 2


def test_training_inside_a_function_is_seen_where_the_interpreter_can(notebook):
    drafts = notebook.run("""
        def fit(**settings):
            return xgb.train(settings, dtrain, 3)
        m = fit(max_depth=2, nthread=1)
    """)
    assert kinds(drafts) == ([("model", "m")] if FUNCTIONS else [])
    if FUNCTIONS:
        assert drafts[0].params == {"max_depth": 2, "nthread": 1, "num_boost_round": 3}


def test_a_training_that_fails_raises_as_it_did(notebook):
    with pytest.raises(TypeError, match="evals"):
        notebook.run("xgb.train({}, dtrain, evals=[(X, 'x')])")
    assert notebook.run("1") == []
