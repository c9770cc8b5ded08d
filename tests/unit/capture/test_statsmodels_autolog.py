"""What is seen of statsmodels: the results are the model."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.capture.autolog_notebook import FUNCTIONS, Notebook, kinds, values

pytest.importorskip("statsmodels", reason="statsmodels is not installed")

SETUP = """
import pickle
import numpy as np, pandas as pd, statsmodels.api as sm, statsmodels.formula.api as smf
from sklearn.metrics import mean_squared_error, roc_auc_score
rng = np.random.default_rng(0)
df = pd.DataFrame(rng.normal(size=(200, 2)), columns=["a", "b"])
df["y"] = 2 * df.a - df.b + rng.normal(size=200)
X, y, late = sm.add_constant(df[["a", "b"]]), df["y"], (df["y"] > 0).astype(int)
"""


@pytest.fixture
def notebook():
    made = Notebook()
    made.run(SETUP)
    yield made
    made.close()


def test_a_fit_is_a_model_with_its_quality_and_its_predictions_join(notebook):
    drafts = notebook.run("""
        res = sm.OLS(y, X).fit(cov_type="HC1")
        mse = mean_squared_error(y, res.predict(X))
    """)
    model = drafts[0]
    res = notebook.shell.user_ns["res"]
    assert (model.kind, model.name, model.class_name) == ("model", "res", "statsmodels.regression.linear_model.OLS")
    assert model.params == {"endog": "y", "exog": "['const', 'a', 'b']", "cov_type": "HC1"}
    assert [(data.name, data.fingerprint.shape) for data in model.datasets] == [("X", (200, 3)), ("y", (200,))]
    found = values(drafts)
    assert found.pop("mse") == notebook.shell.user_ns["mse"]
    assert found == pytest.approx({name: getattr(res, name) for name in ("rsquared", "rsquared_adj", "llf", "aic", "bic")})
    assert all(draft.models == [notebook.key(model)] for draft in drafts[1:])


def test_the_results_themselves_stay_as_they_were(notebook):
    notebook.run("res = sm.OLS(y, X).fit()")
    assert vars(object.__getattribute__(notebook.shell.user_ns["res"], "_results"))["_cache"] == {}


def test_no_warning_comes_from_us(notebook):
    import warnings

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        notebook.run("flat = sm.OLS(np.ones(20), np.ones((20, 1))).fit()\nexact = sm.OLS(np.arange(9.0), np.arange(9.0)).fit()")
    assert [str(each.message) for each in caught] == []


def test_a_formula_is_a_param_and_its_frame_the_data(notebook):
    drafts = notebook.run('res = smf.ols("y ~ a + b", data=df).fit()\nmse = mean_squared_error(df.y, res.predict(df))')
    assert drafts[0].params["formula"] == "y ~ a + b"
    assert [(data.name, data.role) for data in drafts[0].datasets] == [("df", "X")]
    assert drafts[-1].models == [notebook.key(drafts[0])]


def test_a_logit_does_not_fit_a_null_model_for_us(notebook):
    drafts = notebook.run("""
        model = sm.Logit(late, X)
        res = model.fit(disp=0, method="bfgs")
        p = res.predict(X)
        auc = roc_auc_score(late, p)
    """)
    assert kinds(drafts)[0] == ("model", "res")
    assert drafts[0].params["method"] == "bfgs"
    assert set(values(drafts)) == {"llf", "aic", "bic", "auc"}
    assert drafts[-1].models == [notebook.key(drafts[0])]


def test_more_kinds_of_models(notebook):
    drafts = notebook.run("""
        glm = sm.GLM(late, X, family=sm.families.Binomial()).fit()
        lasso = sm.OLS(y, X).fit_regularized(alpha=0.1)
        robust = sm.RLM(y, X).fit()
    """)
    models = [draft for draft in drafts if draft.kind == "model"]
    assert [(draft.name, draft.class_name.rpartition(".")[2]) for draft in models] == [
        ("glm", "GLM"), ("lasso", "OLS"), ("robust", "RLM")]  # fmt: skip
    assert models[0].params["family"] == "Binomial"
    assert models[1].params["alpha"] == 0.1


def test_a_time_series_forecast_joins_its_model(notebook):
    drafts = notebook.run("""
        from statsmodels.tsa.arima.model import ARIMA
        series = np.cumsum(rng.normal(size=80))
        res = ARIMA(series[:70], order=(1, 0, 0)).fit()
        mse = mean_squared_error(series[70:], res.forecast(10))
    """)
    assert kinds(drafts)[0] == ("model", "res")
    assert drafts[0].params["order"] == "(1, 0, 0)"
    assert drafts[-1].models == [notebook.key(drafts[0])]
    assert "aic" in values(drafts)


def test_what_the_library_fits_for_itself_is_no_model(notebook):
    assert notebook.run("""
        from statsmodels.stats.outliers_influence import variance_inflation_factor
        from statsmodels.tsa.stattools import adfuller
        vif = variance_inflation_factor(X.values, 1)
        stationary = adfuller(y)
    """) == []


def test_a_fit_inside_a_function_is_seen_where_the_interpreter_can(notebook):
    drafts = notebook.run("""
        def fit(formula):
            return smf.ols(formula, df).fit()
        one = fit("y ~ a")
    """)
    assert [draft.name for draft in drafts if draft.kind == "model"] == (["one"] if FUNCTIONS else [])


def test_the_cell_that_imports_the_library_is_seen():
    cell = "from statsmodels.regression.linear_model import OLS\nres = OLS([1.0, 2.0, 4.0], [[1, 0], [1, 1], [1, 2]]).fit()"
    script = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[3])!r})
from tests.unit.capture.autolog_notebook import Notebook
drafts = Notebook().run({cell!r})
print([(draft.kind, draft.name) for draft in drafts][:2])
"""
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=120)
    assert process.stdout.strip().endswith("[('model', 'res'), ('metric', 'rsquared')]"), process.stdout + process.stderr
