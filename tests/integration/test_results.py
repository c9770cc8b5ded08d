"""The user story of typed outputs: what a job made is read by name from its run, and is the input of another job."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_notebook

import mlops_jupyter as mlops
from mlops_jupyter.api.headless import track_notebook
from mlops_jupyter.api.jobs import Conversion, JobDone, Source, convert, run_job
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.entities import InputError, NotFoundError

FIRST = {
    "data": "import numpy as np\nimport pandas as pd\nfrom sklearn.linear_model import LinearRegression\n"
            "from sklearn.metrics import r2_score\nrows = 20",
    "features": "features = pd.DataFrame({'x': np.arange(rows) / 2, 'y': np.arange(rows) ** 2})\n"
                "features.to_csv('features.csv', index=False)",
    "fit": "model = LinearRegression().fit(features[['x']], features['y'])\npredictions = model.predict(features[['x']])\n"
           "facts = {'rows': rows}\nr2 = r2_score(features['y'], predictions)\n"
           "pair = (features, [features])\nunkept = (row for row in range(rows))",
}
SECOND = {
    "read": "import pandas as pd\nfeatures = pd.read_csv('data/features.csv')",
    "total": "total = float(features['y'].sum())",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("results")


@pytest.fixture
def first(home: Path, monkeypatch: pytest.MonkeyPatch) -> JobDone:
    """A run of the first job, with another parameter."""
    monkeypatch.setenv("MLOPS_STORE", str(home / "store"))
    monkeypatch.setenv("MLOPS_STATE", str(home / "state"))
    monkeypatch.setenv("MLOPS_WORK", str(home / "runs"))
    if not (home / "first").exists():
        (home / "data").mkdir()
        (home / "data" / "features.csv").write_text("x,y\n1.0,2\n")
        wanted = ["features", "model", "predictions", "facts", "r2", "features.csv"]
        for name, cells, results in (("first", FIRST, wanted), ("second", SECOND, ["total"])):
            made = [new_code_cell(source, id=each) for each, source in cells.items()]
            nbformat.write(new_notebook(cells=made, metadata={"kernelspec": {"name": "python3", "display_name": "python3"}}),
                           home / f"{name}.ipynb")
            done = track_notebook(home / f"{name}.ipynb")
            convert(Source(session=done.session), home / name, Conversion(results))
        run_job(home / "first", {"rows": "10"})
    ledger = open_ledger()
    session = next(one for one in ledger.sessions() if one.kind == "job" and one.origin and one.origin.parameters == {"rows": 10})
    return JobDone(session.id, None, ledger.runs(session=session.id), home)  # type: ignore[arg-type] # only its runs are used


def test_typed_outputs_are_read_by_name_from_the_run(first: JobDone) -> None:
    found = mlops.results(first.runs[0].id)
    assert set(found) >= {"features", "model", "predictions", "facts", "r2", "features.csv"}
    frame = found["features"]
    assert isinstance(frame, pd.DataFrame)
    assert len(frame) == 10
    assert found["facts"] == {"rows": 10}
    assert type(found["model"]).__name__ == "LinearRegression"
    assert list(found["predictions"]) == list(found["model"].predict(frame[["x"]]))  # type: ignore[call-overload,attr-defined]
    assert isinstance(found["r2"], float)
    assert found["features.csv"] == frame.to_csv(index=False).encode()


@pytest.mark.parametrize("name", ["features", "features.csv"])
def test_a_result_is_the_input_of_another_job(first: JobDone, home: Path, name: str) -> None:
    """As the file that the other job reads, whether it was kept as that file or as a table."""
    given = f"run:{first.runs[0].id}/{name}"
    done = run_job(home / "second", {}, {"features": given})
    assert done.outcome.state == "succeeded"
    ledger = open_ledger()
    total = [write for cell in ledger.executions(done.session) for write in cell.writes if write.name == "total"]
    assert total
    origin = ledger.session(done.session).origin
    assert origin is not None
    assert origin.inputs == {"features": given}
    assert [(check.name, check.state) for check in done.checks] == [("features", "new rows")]


@pytest.mark.parametrize(("given", "what"), [
    ("run:RUN", "names no result"), ("run:RUN/nothing", "no result 'nothing'"), ("run:RUN/model", "LinearRegression"),
    ("run:RUN/r2", "is a number"), ("run:nowhere/features", "nowhere"),
])
def test_what_is_no_such_result_is_refused_before_anything_starts(first: JobDone, home: Path, given: str, what: str) -> None:
    with pytest.raises((InputError, NotFoundError)) as caught:
        run_job(home / "second", {}, {"features": given.replace("RUN", first.runs[0].id)})
    assert what in caught.value.what
