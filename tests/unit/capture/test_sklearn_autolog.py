"""What is seen of scikit-learn from a notebook's cells, on either mechanism (3.11: rewriting, ≥ 3.12: monitoring).

`FUNCTIONS` marks what only the second sees: calls inside the user's functions.
"""

import gc
import subprocess
import sys
import weakref
from pathlib import Path

import pytest

from mlops_jupyter.capture import calls
from tests.unit.capture.autolog_notebook import FUNCTIONS, Notebook, kinds

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

SETUP = """
import numpy as np, pandas as pd
from sklearn.datasets import make_classification
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
X, y = make_classification(300, 6, random_state=0)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
"""


@pytest.fixture
def notebook():
    made = Notebook()
    made.run(SETUP)
    yield made
    made.close()


def test_a_fit_is_a_model_with_params_and_data(notebook):
    model, = notebook.run("model = LogisticRegression(C=0.5).fit(X_train, y_train)")
    assert (model.kind, model.name, model.class_name.rsplit(".", 1)[-1]) == ("model", "model", "LogisticRegression")
    assert model.params["C"] == 0.5
    assert model.params["max_iter"] == 100
    assert model.shown == ["C"]
    assert [(data.name, data.role, data.fingerprint.shape) for data in model.datasets] == [
        ("X_train", "X", (225, 6)), ("y_train", "y", (225,))]  # fmt: skip
    assert all(data.fingerprint.digest for data in model.datasets)
    made, = notebook.run("other = LogisticRegression().fit(X_train[:, :3], y_train)")
    assert (made.datasets[0].name, made.datasets[0].fingerprint.shape) == ("X_train[:, :3]", (225, 3))
    assert model.subject is notebook.shell.user_ns["model"]


def test_a_pipeline_names_its_steps_and_a_transformer_is_params(notebook):
    scaler, = notebook.run("scaler = StandardScaler(with_mean=False)\nZ = scaler.fit_transform(X_train)")
    assert (scaler.kind, scaler.name, scaler.shown) == ("param", "scaler", ["with_mean"])
    model, = notebook.run("pipe = make_pipeline(StandardScaler(), LogisticRegression(C=2)).fit(X_train, y_train)")
    assert model.params["logisticregression__C"] == 2
    assert model.params["standardscaler"] == "StandardScaler"
    assert {"standardscaler", "logisticregression__C"} <= set(model.shown)
    assert "standardscaler__copy" not in model.shown


def test_each_metric_joins_its_own_model(notebook):
    drafts = notebook.run("""
        base = DummyClassifier(strategy="stratified", random_state=0).fit(X_train, y_train)
        boost = HistGradientBoostingClassifier(max_iter=5).fit(X_train, y_train)
        base_auc = roc_auc_score(y_test, base.predict_proba(X_test)[:, 1])
        p = boost.predict_proba(X_test)
        auc = roc_auc_score(y_test, p[:, 1])
        train_auc = roc_auc_score(y_train, boost.predict_proba(X_train)[:, 1])
        acc = accuracy_score(y_test, p[:, 1] > 0.5)
        hard = (p[:, 1] > 0.4).astype(int)
        f = accuracy_score(y_test, hard)
    """)
    base, boost, *metrics = drafts
    assert kinds(drafts) == [("model", "base"), ("model", "boost"), ("metric", "base_auc"), ("metric", "auc"),
                             ("metric", "train_auc"), ("metric", "acc"), ("metric", "f")]  # fmt: skip
    assert [metric.models for metric in metrics] == [[notebook.key(base)]] + 4 * [[notebook.key(boost)]]
    assert [metric.datasets[0].name for metric in metrics] == ["y_test", "y_test", "y_train", "y_test", "y_test"]
    space = notebook.shell.user_ns
    assert [metric.value for metric in metrics] == [space[name] for name in ("base_auc", "auc", "train_auc", "acc", "f")]


def test_names_come_from_variable_key_or_function_and_data(notebook):
    notebook.run("m = LogisticRegression().fit(X_train, y_train)\np = m.predict(X_test)\nfound = {}")
    drafts = notebook.run("""
        found["acc"] = accuracy_score(y_test, p)
        both = {"auc": roc_auc_score(y_test, p), "acc2": round(accuracy_score(y_test, p), 3)}
        a, b = accuracy_score(y_test, p), m.score(X_test, y_test)
        print(f"{accuracy_score(y_test, p):.3f}")
        m.score(X_train, y_train)
    """)
    assert [draft.name for draft in drafts] == ["acc", "auc", "acc2", "a", "b", "accuracy_score[y_test]", "score[X_train]"]
    assert all(draft.models for draft in drafts)
    assert [draft.site.line for draft in drafts][:4] == [1, 2, 2, 3]


def test_loops_give_keys(notebook):
    notebook.run("""
        m = LogisticRegression().fit(X_train, y_train)
        test = pd.DataFrame({"y": y, "carrier": np.where(np.arange(len(y)) % 3 == 0, "UA", "AA")})
        test["p"] = m.predict_proba(X)[:, 1]
    """)
    model = next(draft for draft in notebook.drafts if draft.kind == "model")
    drafts = notebook.run("""
        aucs = {}
        for carrier, g in test.groupby("carrier"):
            aucs[carrier] = roc_auc_score(g["y"], g["p"])
        again = {c: roc_auc_score(g.y, g.p) for c, g in test.groupby("carrier")}
        whole = roc_auc_score(test["y"], test["p"])
    """)
    later = notebook.run("""
        scored = test[["y", "carrier"]].assign(probability=test["p"])
        large = scored.groupby("carrier").filter(lambda group: len(group) >= 100)
        by_carrier = {c: roc_auc_score(g["y"], g["probability"]) for c, g in large.groupby("carrier", observed=True)}
    """)
    assert all(draft.models == [notebook.key(model)] for draft in later)
    assert [(draft.name, draft.key) for draft in drafts] == [
        ("aucs", "AA"), ("aucs", "UA"), ("again", "AA"), ("again", "UA"), ("whole", "")]  # fmt: skip
    assert all(draft.models == [notebook.key(model)] for draft in drafts)


def test_models_in_a_loop_are_told_apart(notebook):
    drafts = notebook.run("""
        scores = {}
        for c in (0.1, 1.0):
            m = LogisticRegression(C=c)
            m.fit(X_train, y_train)
            scores[c] = accuracy_score(y_test, m.predict(X_test))
    """)
    assert [(draft.kind, draft.key) for draft in drafts] == [
        ("model", "0.1"), ("metric", "0.1"), ("model", "1.0"), ("metric", "1.0")]  # fmt: skip
    assert [draft.models for draft in drafts if draft.kind == "metric"] == [["s:1:1"], ["s:1:3"]]
    notebook.run("models = {'a': LogisticRegression(), 'b': DummyClassifier()}")
    models = notebook.run("for n in models: models[n].fit(X_train, y_train)")
    assert [draft.class_name.rsplit(".", 1)[-1] for draft in models] == ["LogisticRegression", "DummyClassifier"]


def test_a_search_is_one_fit_with_findings(notebook):
    drafts = notebook.run("""
        grid = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=3).fit(X_train, y_train)
        auc = roc_auc_score(y_test, grid.best_estimator_.predict_proba(X_test)[:, 1])
    """)
    assert kinds(drafts) == [("model", "grid"), ("metric", "best_score"), ("metric", "auc")]
    assert "'C'" in drafts[0].details["best_params"]
    assert len(eval(drafts[0].details["fold_scores"])) == 3
    assert drafts[2].models == [notebook.key(drafts[0])]


def test_cross_validation_is_one_metric_with_folds(notebook):
    metric, = notebook.run("cv = cross_val_score(LogisticRegression(C=3), X, y, cv=4, scoring='roc_auc')")
    assert (metric.kind, metric.name, metric.models) == ("metric", "cv", [])
    assert len(eval(metric.details["fold_scores"])) == 4
    assert metric.value == pytest.approx(notebook.shell.user_ns["cv"].mean())
    assert metric.params["C"] == 3


def test_what_a_user_estimator_or_callback_does_inside_is_not_counted(notebook):
    notebook.run("""
        from sklearn.base import BaseEstimator, ClassifierMixin
        class Mine(ClassifierMixin, BaseEstimator):
            def __init__(self, depth=1): self.depth = depth
            def fit(self, X, y):
                self.classes_ = np.unique(y)
                self.inner_ = LogisticRegression().fit(X, y)
                return self
            def predict(self, X): return self.inner_.predict(X)
    """)
    drafts = notebook.run("mine = Mine(depth=2).fit(X_train, y_train)\nacc = accuracy_score(y_test, mine.predict(X_test))")
    assert kinds(drafts) == [("model", "mine"), ("metric", "acc")]
    assert drafts[1].models == [notebook.key(drafts[0])]
    assert kinds(notebook.run("cross_val_score(Mine(), X, y, cv=2)")) == [("metric", "cross_val_score[X]")]


def test_calls_inside_functions_are_seen_where_the_interpreter_can(notebook):
    drafts = notebook.run("""
        def evaluate(model, X, truth):
            return roc_auc_score(truth, model.predict_proba(X)[:, 1])
        m = LogisticRegression().fit(X_train, y_train)
        auc = evaluate(m, X_test, y_test)
    """)
    assert kinds(drafts) == [("model", "m")] + ([("metric", "auc")] if FUNCTIONS else [])
    if FUNCTIONS:
        assert drafts[1].models == [notebook.key(drafts[0])]


def test_aliases_and_modules_are_recognised(notebook):
    drafts = notebook.run("""
        from sklearn.metrics import f1_score as f1
        from sklearn import metrics
        p = LogisticRegression().fit(X_train, y_train).predict(X_test)
        a = f1(y_test, p)
        b = metrics.recall_score(y_test, p)
    """)
    assert [draft.name for draft in drafts if draft.kind == "metric"] == ["a", "b"]
    assert all(draft.models for draft in drafts if draft.kind == "metric")
    assert kinds(notebook.run("again = f1(y_test, p)")) == [("metric", "again")]


def test_functions_of_the_same_name_that_are_not_the_librarys_are_not_seen(notebook):
    assert notebook.run("""
        class Other:
            def fit(self, *a): return self
            def score(self, *a): return 1.0
        def accuracy_score(*a): return 0.5
        Other().fit(1).score(2)
        x = accuracy_score(1, 2)
    """) == []


def test_results_and_tracebacks_are_unchanged(notebook):
    calls.before_cell()
    result = notebook.shell.run_cell("x = 1\ny2 = [accuracy_score(\n    y_test,\n    y_test[:3])]")
    assert type(result.error_in_exec) is ValueError
    frame = result.error_in_exec.__traceback__
    while frame.tb_next is not None and "sklearn" not in frame.tb_next.tb_frame.f_code.co_filename:
        frame = frame.tb_next
    assert frame.tb_lineno == 2
    assert notebook.run("accuracy_score(y_test, y_test)")[0].value == 1.0
    assert notebook.shell.user_ns["_"] == 1.0


def test_nothing_of_the_user_is_kept_alive(notebook):
    notebook.run("m = LogisticRegression().fit(X_train, y_train)\np = m.predict(X_test)\nacc = accuracy_score(y_test, p)")
    refs = [weakref.ref(notebook.shell.user_ns[name]) for name in ("m", "p")]
    notebook.drafts.clear()
    notebook.run("del m, p")
    calls.before_cell()
    gc.collect()
    assert [ref() for ref in refs] == [None, None]


def test_after_remove_nothing_is_seen(notebook):
    calls.remove()
    assert notebook.run("m = LogisticRegression().fit(X_train, y_train)") == []
    assert not [each for each in notebook.shell.ast_transformers if "mlops" in type(each).__module__]


FIRST_CELL = """
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
m = LogisticRegression(C=7).fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
acc = accuracy_score([0, 1], m.predict([[0.0], [3.0]]))
"""


def test_the_cell_that_imports_the_library_is_seen_and_nothing_imports_it_before():
    script = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[3])!r})
from tests.unit.capture.autolog_notebook import Notebook
notebook = Notebook()
assert "sklearn" not in sys.modules and "numpy" not in sys.modules
drafts = notebook.run({FIRST_CELL!r})
print([(draft.kind, draft.name, draft.models) for draft in drafts])
"""
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=120)
    assert process.stdout.strip().endswith("[('model', 'm', []), ('metric', 'acc', ['s:1:1'])]"), process.stdout + process.stderr
