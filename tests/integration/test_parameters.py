"""The user story of a job's parameters: they are a contract, each arrives as what it was, and a secret stays one.

Real kernels, real papermill. The notebook is tracked and converted once for the whole file.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from mlops_jupyter.api.headless import track_notebook
from mlops_jupyter.api.jobs import Conversion, Source, convert, run_job
from mlops_jupyter.entities import InputError, JobManifest
from mlops_jupyter.jobs.terms import read_terms

SECRET = "hunter2-is-no-placeholder"
CELLS = {
    "imports": "import json\nimport os\nfrom datetime import date, datetime\nfrom decimal import Decimal\n"
               "from pathlib import Path\nimport numpy as np\nimport pandas as pd",
    "settings": "since = date(2013, 6, 30)\nat = datetime(2013, 6, 30, 12)\nstamp = pd.Timestamp('2013-06-30 12:00')\n"
                "price = Decimal('0.10')\nsize = (8, 4)\ncarriers = {'UA', 'B6'}\nplace = Path('out')\n"
                "rate = np.float32(0.5)\ncount = np.int64(3)\nn = 20  # trees\nsolver = 'lbfgs'\nplain = [1, 2]",
    "key": f"password = '{SECRET}'",
    "types": "values = [since, at, stamp, price, size, carriers, place, rate, count, n, solver, plain]\n"
             "seen = {type(value).__name__: str(sorted(value) if isinstance(value, set) else value) for value in values}\n"
             "Path('seen.json').write_text(json.dumps(seen))\nprint(password, len(password))",
    "result": "if n == 99:\n    raise ValueError(password)\ntotal = len(seen) + int(n) + len(password)",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("parameters")


@pytest.fixture
def bundle(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The job, made once in a store that the tests of this file share."""
    monkeypatch.setenv("MLOPS_STORE", str(home / "store"))
    monkeypatch.setenv("MLOPS_STATE", str(home / "state"))
    monkeypatch.setenv("MLOPS_WORK", str(home / "runs"))
    monkeypatch.setenv("PASSWORD", SECRET)
    if not (home / "job").exists():
        cells = [new_code_cell(source, id=name) for name, source in CELLS.items()]
        nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "python3"}}),
                       home / "settings.ipynb")
        done = track_notebook(home / "settings.ipynb")
        terms = read_terms(["n.rename=trees", "n.range=1..99", "n.help=how many trees", "solver.choices=lbfgs,saga",
                            "count.range=1..9"])
        convert(Source(session=done.session), home / "job", Conversion(["total"], terms=terms))
    return home / "job"


def manifest_of(bundle: Path) -> JobManifest:
    from mlops_jupyter.api.jobs import inspect

    return inspect(bundle)


def seen(output: Path) -> dict[str, str]:
    found = json.loads((output.parent / "seen.json").read_text())
    assert isinstance(found, dict)
    return found


def test_parameters_are_a_contract(bundle: Path) -> None:
    """Types, ranges, choices, help texts and names as the user confirmed them, as JSON Schema, with what each arrives as."""
    found = {each.name: each for each in manifest_of(bundle).parameters}
    assert {name: (each.type, each.arrives) for name, each in found.items()} == {
        "since": ("date", "date.fromisoformat"), "at": ("datetime", "datetime.fromisoformat"),
        "stamp": ("datetime", "pd.Timestamp"), "price": ("decimal", "Decimal"), "size": ("array", "tuple"),
        "carriers": ("array", "set"), "place": ("path", "Path"),
        "rate": ("number", "np.float32"), "count": ("integer", "np.int64"), "trees": ("integer", ""), "solver": ("string", ""),
        "plain": ("array", ""), "password": ("secret", ""),
    }
    assert found["trees"].schema == {"type": "integer", "minimum": 1, "maximum": 99}
    assert found["trees"].description == "how many trees"
    assert found["solver"].schema == {"type": "string", "enum": ["lbfgs", "saga"]}
    assert found["password"].default == "env:PASSWORD"


def test_each_value_arrives_as_what_it_was(bundle: Path) -> None:
    done = run_job(bundle, {
        "since": "2013-01-02", "at": "2013-01-02T03:04", "stamp": "2013-01-02", "price": "0.30", "size": "3,4",
        "carriers": "AA,DL", "place": "elsewhere", "rate": "0.25", "count": "5", "trees": "7", "solver": "saga", "plain": "[3]"})
    assert done.outcome.state == "succeeded"
    assert seen(done.output) == {
        "date": "2013-01-02", "datetime": "2013-01-02 03:04:00", "Timestamp": "2013-01-02 00:00:00", "Decimal": "0.30",
        "tuple": "(3, 4)", "set": "['AA', 'DL']", "PosixPath": "elsewhere", "float32": "0.25", "int64": "5", "int": "7",
        "str": "saga", "list": "[3]"}


def test_plain_papermill_gives_the_same(bundle: Path, tmp_path: Path) -> None:
    """Nothing of ours in the notebook: papermill alone, with the values as it writes them."""
    words = ["-m", "papermill", str(bundle / "notebook.ipynb"), str(tmp_path / "out.ipynb"), "--cwd", str(tmp_path), "-p",
             "trees", "7", "-p", "price", "0.30", "-y", "size: [3, 4]", "--no-progress-bar"]
    subprocess.run([sys.executable, *words], check=True, capture_output=True)
    found = json.loads((tmp_path / "seen.json").read_text())
    assert (found["int"], found["Decimal"], found["tuple"], found["date"]) == ("7", "0.3", "(3, 4)", "2013-06-30")


@pytest.mark.parametrize(("given", "what"), [
    ({"trees": "100"}, "trees"), ({"n": "5"}, "'n'"), ({"solver": "newton"}, "solver"), ({"price": "free"}, "price"),
    ({"size": "a,b"}, "size"), ({"carriers": "AA,AA"}, "carriers"), ({"stamp": "soon"}, "stamp"),
    ({"password": SECRET}, "password"),
    ({"a b": "1"}, "'a b'"),
])
def test_what_breaks_it_is_refused_before_anything_starts(bundle: Path, given: dict[str, str], what: str) -> None:
    before = sorted((bundle.parent / "runs").glob("*"))
    with pytest.raises(InputError) as caught:
        run_job(bundle, given)
    assert what in caught.value.what
    assert SECRET not in str(caught.value)
    assert sorted((bundle.parent / "runs").glob("*")) == before


def test_a_secret_is_in_no_file_and_in_no_message(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It reaches the code, which prints it and fails with it; every byte that was written is looked through."""
    monkeypatch.delenv("PASSWORD")
    other = "correct-horse-battery"
    (tmp_path / "key").write_text(other + "\n")
    done = run_job(bundle, {"password": f"file:{tmp_path}/key", "trees": "99"})
    assert done.outcome.state == "failed"
    assert done.outcome.error == "ValueError: [redacted:secret]"
    text = done.output.read_text()
    assert f"[redacted:secret] {len(other)}" in text
    for file in bundle.parent.rglob("*"):
        if file.is_file() and file.name != "settings.ipynb":
            data = file.read_bytes()
            assert other.encode() not in data, file
            assert SECRET.encode() not in data or file.is_relative_to(bundle.parent / "headless"), file


def mlops(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "mlops_jupyter.cli", *words], capture_output=True, text=True, check=False)


def test_the_command_line_has_an_option_for_each(bundle: Path) -> None:
    """Listed by --help with range, default and help text; the same as -p, and refused in the same words."""
    told = " ".join(mlops("run", str(bundle), "--help").stdout.split())
    assert "--trees INTEGER how many trees; 1 to 99; default 20" in told
    assert "--solver STRING lbfgs or saga; default lbfgs" in told
    refused = mlops("run", str(bundle), "--trees", "100")
    assert refused.returncode == 2
    assert "parameter trees: 100 is greater than the maximum" in refused.stderr
    done = mlops("run", str(bundle), "--trees", "7", "-p", "solver=saga", "--json")
    assert done.returncode == 0, done.stderr
    assert seen(Path(json.loads(done.stdout)["output"]))["int"] == "7"


def test_the_form_runs_the_job(bundle: Path) -> None:
    import mlops_jupyter

    form = mlops_jupyter.job(bundle).form()
    form.fields["trees"].value = 9
    form.button.click()
    assert form.done is not None, form.note.value
    assert form.done.outcome.state == "succeeded"
    assert seen(form.done.output)["int"] == "9"
    assert form.bar.value == form.bar.max
    assert "succeeded" in form.note.value


def test_execution_has_limits_and_further_attempts(bundle: Path, tmp_path: Path) -> None:
    """Each attempt is a run of its own; what took too long says so, with exit code 1, and leaves no kernel."""
    failed = mlops("run", str(bundle), "--trees", "99", "--retries", "1", "--wait", "0.1s", "--json")
    assert failed.returncode == 1
    assert failed.stderr.count("attempt 1 failed: ValueError: [redacted:secret]; again in 0.1 s, 1 left") == 1
    late = mlops("run", str(bundle), "--timeout", "0.5s", "--json")
    assert late.returncode == 1, late.stderr
    assert json.loads(late.stdout)["outcome"]["state"] == "timed-out"
    assert mlops("run", str(bundle), "--timeout", "soon").returncode == 2
