"""What is seen of LightGBM."""

import pytest

from tests.unit.capture.autolog_notebook import Notebook, kinds, values

pytest.importorskip("lightgbm", reason="LightGBM is not installed")

SETUP = """
import numpy as np, lightgbm as lgb
from sklearn.datasets import make_classification
from sklearn.metrics import roc_auc_score
X, y = make_classification(300, 6, random_state=0)
train = lgb.Dataset(X[:200], y[:200], free_raw_data=False)
valid = lgb.Dataset(X[200:], y[200:], reference=train, free_raw_data=False)
PARAMS = {"objective": "binary", "metric": "auc", "num_leaves": 4, "num_threads": 1, "verbose": -1}
"""


@pytest.fixture
def notebook():
    made = Notebook()
    made.run(SETUP)
    yield made
    made.close()


def test_train_is_a_model_with_its_history_and_its_predictions_join(notebook):
    drafts = notebook.run("""
        history = {}
        bst = lgb.train(PARAMS, train, 4, valid_sets=[valid], valid_names=["valid"], callbacks=[lgb.record_evaluation(history)])
        auc = roc_auc_score(y[200:], bst.predict(X[200:]))
    """)
    model, series, auc = drafts
    assert kinds(drafts) == [("model", "bst"), ("metric", "auc[valid]"), ("metric", "auc")]
    assert model.class_name == "lightgbm.basic.Booster"
    assert (model.params["num_leaves"], model.params["num_boost_round"]) == (4, 4)
    assert [data.name for data in model.datasets] == ["train"]
    assert series.series == notebook.shell.user_ns["history"]["valid"]["auc"]
    assert series.models == auc.models == [notebook.key(model)]


def test_without_a_recording_the_last_scores_are_known(notebook):
    drafts = notebook.run("bst = lgb.train(PARAMS, train, 50, [valid], callbacks=[lgb.early_stopping(2, verbose=False)])")
    model = drafts[0]
    assert values(drafts) == {"auc[valid_0]": notebook.shell.user_ns["bst"].best_score["valid_0"]["auc"]}
    assert int(model.details["best_iteration"]) == notebook.shell.user_ns["bst"].best_iteration


def test_two_boosters_in_one_cell_keep_their_metrics_apart(notebook):
    drafts = notebook.run("""
        one, two = lgb.train(PARAMS, train, 1), lgb.train(PARAMS, train, 9)
        p, q = one.predict(X[200:]), two.predict(X[200:])
        a, b = roc_auc_score(y[200:], p), roc_auc_score(y[200:], q)
    """)
    assert kinds(drafts) == [("model", "one"), ("model", "two"), ("metric", "a"), ("metric", "b")]
    assert [draft.models for draft in drafts[2:]] == [[notebook.key(drafts[0])], [notebook.key(drafts[1])]]


def test_an_estimator_is_one_model_with_its_history(notebook):
    drafts = notebook.run("""
        clf = lgb.LGBMClassifier(n_estimators=5, num_leaves=4, n_jobs=1, verbose=-1, max_bin=63)
        clf.fit(X[:200], y[:200], eval_set=[(X[200:], y[200:])], eval_metric="auc")
        auc = roc_auc_score(y[200:], clf.predict_proba(X[200:])[:, 1])
        raw = roc_auc_score(y[200:], clf.booster_.predict(X[200:]))
    """)
    model, auc, raw = drafts[0], *drafts[-2:]
    assert [kind for kind, _ in kinds(drafts)].count("model") == 1
    assert {"auc[valid_0]", "binary_logloss[valid_0]", "auc", "raw"} == set(values(drafts))
    assert (model.params["num_leaves"], model.params["max_bin"], model.params["learning_rate"]) == (4, 63, 0.1)
    assert {"num_leaves", "max_bin"} <= set(model.shown)
    assert auc.models == raw.models == [notebook.key(model)]


def test_cv_gives_its_means(notebook):
    drafts = notebook.run("found = lgb.cv(PARAMS, train, num_boost_round=3, nfold=2)")
    assert kinds(drafts) == [("metric", "found.valid auc")]
    assert drafts[0].series == notebook.shell.user_ns["found"]["valid auc-mean"]
