"""With `mlflow.autolog()` on. It patches for the life of the process, so test_mlflow_autolog.py runs this in one of its own."""

from tests.unit.capture.autolog_notebook import kinds
from tests.unit.capture.test_mlflow_autolog import notebook, tracking_store

__all__ = ["notebook", "tracking_store"]


def test_with_autolog_on_the_same_is_seen_and_nothing_twice(notebook):
    source = """
        clf = LogisticRegression(C=0.5).fit(X, y)
        auc = roc_auc_score(y, clf.predict_proba(X)[:, 1])
        acc = clf.score(X, y)
    """
    plain = notebook.run(source)
    notebook.run("mlflow.sklearn.autolog(log_models=False, silent=True)")
    drafts = notebook.run(source)
    assert kinds(drafts) == kinds(plain) == [("model", "clf"), ("metric", "auc"), ("metric", "acc")]
    assert [draft.value for draft in drafts] == [draft.value for draft in plain]
    assert drafts[1].models == drafts[2].models == [notebook.key(drafts[0])]
    assert [data.name for data in drafts[0].datasets] == ["X", "y"]
    logged = notebook.shell.ev("mlflow.search_runs(output_format='list')[0]")
    assert logged.data.params["C"] == "0.5"
    assert kinds(notebook.run("with mlflow.start_run(run_name='auto'):\n    again = LogisticRegression().fit(X, y)")) == [
        ("start-run", "auto"), ("model", "again"), ("end-run", "")]  # fmt: skip


def test_autolog_on_before_the_library_was_used(notebook):
    notebook.run("mlflow.sklearn.autolog(log_models=False, silent=True)")
    drafts = notebook.run("""
        from sklearn.neighbors import KNeighborsClassifier
        knn = KNeighborsClassifier(3).fit(X, y)
        p = knn.predict(X)
    """)
    assert kinds(drafts) == [("model", "knn")]
