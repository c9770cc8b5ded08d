"""Small but real notebooks for the browser: what a data scientist would write, with what our answers must leave out."""

from __future__ import annotations

from pathlib import Path

import nbformat

HELPER = '''"""Features of a cell nucleus."""

import pandas as pd

SCALE = 100.0


def add_ratios(frame: pd.DataFrame) -> pd.DataFrame:
    """Two ratios that a pathologist looks at."""
    return frame.assign(
        compactness_ratio=frame["mean perimeter"] / frame["mean area"] * SCALE,
        concave_share=frame["mean concave points"] / frame["mean concavity"].clip(lower=1e-6),
    )
'''

STUDY = '''
# %% [markdown]
# Is a breast tumour malignant?
569 tumours, 30 measurements each, from the Wisconsin study.
# %%
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from nucleus import add_ratios
# %%
test_share = 0.3
split_seed = 7
max_iter = 40
# %%
tumours = pd.read_csv("tumours.csv")
tumours.head()
# %% [markdown]
## A look around
# %%
tumours.describe().T.head(8)
# %%
tumours.groupby("target")[["mean radius", "mean texture"]].mean()
# %% [markdown]
## Features and split
# %%
features = add_ratios(tumours.drop(columns="target"))
target = tumours["target"]
X_train, X_test, y_train, y_test = train_test_split(
    features, target, test_size=test_share, random_state=split_seed, stratify=target
)
# %% [markdown]
## A baseline
# %%
baseline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(X_train, y_train)
baseline_auc = roc_auc_score(y_test, baseline.predict_proba(X_test)[:, 1])
baseline_auc
# %% [markdown]
## Boosted trees
# %%
boosted = HistGradientBoostingClassifier(max_iter=max_iter, random_state=0).fit(X_train, y_train)
# %%
auc = roc_auc_score(y_test, boosted.predict_proba(X_test)[:, 1])
accuracy = accuracy_score(y_test, boosted.predict(X_test))
auc, accuracy
# %%
pd.Series(boosted.predict(X_test)).value_counts().rename("predicted")
'''
STUDY_CODE_CELLS = 10

MARGINS = """
# %% [markdown]
# Margins
Nothing here is a model, and no function that we know computes a score.
# %%
prices = [12.5, 14.0, 13.2, 15.9]
costs = [9.1, 9.9, 10.4, 11.0]
# %%
margin = sum(p - c for p, c in zip(prices, costs)) / sum(prices)
margin
"""


def notebook(text: str, kernel: str = "python3") -> nbformat.NotebookNode:
    """A notebook of text in the percent format, each cell with an id that says where it stands."""
    cells = []
    for place, part in enumerate(text.strip().removeprefix("# %%").split("\n# %%")):
        head, _, source = part.partition("\n")
        if head.strip() == "[markdown]":
            cells.append(nbformat.v4.new_markdown_cell(source.strip(), id=f"text-{place}"))
        else:
            cells.append(nbformat.v4.new_code_cell(source.strip(), id=f"code-{place}"))
    spec = {"kernelspec": {"name": kernel, "display_name": kernel, "language": "python"}}
    return nbformat.v4.new_notebook(cells=cells, metadata=spec)


def write_cancer_study(folder: Path) -> Path:
    """The study: a table, a helper module, a notebook."""
    from sklearn.datasets import load_breast_cancer

    load_breast_cancer(as_frame=True).frame.to_csv(folder / "tumours.csv", index=False)
    (folder / "nucleus.py").write_text(HELPER)
    nbformat.write(notebook(MARGINS), folder / "margins.ipynb")
    nbformat.write(notebook(STUDY), folder / "tumours.ipynb")
    return folder / "tumours.ipynb"
