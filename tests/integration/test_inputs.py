"""The user story of a job's inputs: files, addresses and questions are a contract that is checked at each run.

A real kernel, a real database, a real server of files. The notebook is tracked and converted once for the whole file.
"""

from __future__ import annotations

import functools
import http.server
import json
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from mlops_jupyter.api.headless import track_notebook
from mlops_jupyter.api.jobs import Conversion, JobDone, Running, Source, convert, inspect, run_job
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.entities import InputError, JobFailedError, JobInput

CELLS = {
    "imports": "import sqlite3\nimport pandas as pd",
    "flights": "flights = pd.read_csv('data/flights.csv')\nprices = pd.read_parquet('prices.parquet')",
    "planes": "planes = pd.read_csv('ADDRESS/planes.csv')",
    "airlines": "connection = sqlite3.connect('DATABASE')\n"
                "airlines = pd.read_sql('select * from airlines order by name', connection)",
    "result": "total = int(flights['delay'].sum() + len(prices) + planes['seats'].sum() + len(airlines))",
}


class Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A notebook, its data, a database beside it, and a server of files."""
    home = tmp_path_factory.mktemp("inputs")
    (home / "work" / "data").mkdir(parents=True)
    (home / "web").mkdir()
    (home / "work" / "data" / "flights.csv").write_text("carrier,delay\nUA,5\nB6,7\n")
    pd = pytest.importorskip("pandas")
    pd.DataFrame({"price": [1.0, 2.0]}).to_parquet(home / "work" / "prices.parquet")
    (home / "web" / "planes.csv").write_text("tail,seats\nN1,100\n")
    _fill(home / "airlines.db", ["United"])
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Silent, directory=str(home / "web")))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sources = {name: source.replace("ADDRESS", f"http://127.0.0.1:{server.server_port}").replace(
        "DATABASE", str(home / "airlines.db")) for name, source in CELLS.items()}
    nbformat.write(new_notebook(cells=[new_code_cell(source, id=name) for name, source in sources.items()],
                                metadata={"kernelspec": {"name": "python3", "display_name": "python3"}}),
                   home / "work" / "delays.ipynb")
    yield home
    server.shutdown()
    server.server_close()


def _fill(file: Path, names: list[str]) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("create table if not exists airlines (name text)")
        connection.executemany("insert into airlines values (?)", [(name,) for name in names])
    connection.close()


@pytest.fixture
def bundle(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MLOPS_STORE", str(home / "store"))
    monkeypatch.setenv("MLOPS_STATE", str(home / "state"))
    monkeypatch.setenv("MLOPS_WORK", str(home / "runs"))
    if not (home / "job").exists():
        done = track_notebook(home / "work" / "delays.ipynb")
        how = Conversion(["total"], policies={"prices": "fail"}, allow_effects=True)
        convert(Source(session=done.session), home / "job", how)
    return home / "job"


def ran(bundle: Path, inputs: dict[str, str]) -> tuple[JobDone, list[str], dict[str, str]]:
    """(the run, what was said before it, input → its state)."""
    said: list[str] = []
    done = run_job(bundle, {}, inputs, Running(say=said.append))
    return done, said, {check.name: check.state for check in done.checks}


def test_inputs_are_a_contract(bundle: Path) -> None:
    """Every file, address and question, with columns, rows, content and statistics, and what happens when they change."""
    found: dict[str, JobInput] = {each.name: each for each in inspect(bundle).inputs}
    assert {name: (each.kind, each.carried, each.policy) for name, each in found.items()} == {
        "flights": ("file", True, "warn"), "prices": ("file", True, "fail"), "planes": ("url", False, "warn"),
        "airlines": ("file", False, "warn"), "query": ("query", False, "warn"),
    }
    assert [column.name for column in found["flights"].schema.columns] == ["carrier", "delay"]  # type: ignore[union-attr]
    assert (found["flights"].rows, found["query"].rows) == (2, 1)
    assert found["query"].path == "select * from airlines order by name"
    profiles = json.loads((bundle / "reference" / "inputs.json").read_text())
    assert profiles["flights"]["rows"] == 2
    assert {column["name"] for column in profiles["flights"]["columns"]} == {"carrier", "delay"}


def test_the_same_inputs_are_the_same_without_a_word(bundle: Path) -> None:
    done, said, states = ran(bundle, {})
    assert done.outcome.state == "succeeded"
    assert states == dict.fromkeys(["flights", "prices", "airlines", "planes", "query"], "same")
    assert said == []


def test_new_rows_are_normal_and_recorded(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "july.csv").write_text("carrier,delay\nUA,5\nB6,7\nDL,1.5\n")
    (tmp_path / "planes.csv").write_text("tail,seats\nN1,100\nN2,50\n")
    _fill(bundle.parent / "airlines.db", ["Delta"])
    done, said, states = ran(bundle, {"flights": str(tmp_path / "july.csv"), "planes": str(tmp_path / "planes.csv")})
    assert states == {"flights": "new rows", "prices": "same", "airlines": "new rows", "planes": "new rows", "query": "new rows"}
    assert said == []
    origin = open_ledger().session(done.session).origin
    assert origin is not None
    assert [check.detail for check in origin.checks if check.name == "flights"] == ["3 rows, 2 when the job was made"]


def test_another_schema_is_said_with_its_columns_before_the_job_runs(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "july.csv").write_text("airline,delay\nUA,late\n")
    done, said, states = ran(bundle, {"flights": str(tmp_path / "july.csv")})
    assert states["flights"] == "schema changed"
    assert said == ["input flights: schema changed (without carrier, with airline, delay: string, was int64)"]
    assert done.outcome.state == "failed"


@pytest.mark.parametrize(("data", "why"), [(b"", "the file is empty"), (b"PAR1 cut off", "broken")])
def test_a_broken_input_keeps_the_job_from_starting_where_its_policy_says_so(bundle: Path, tmp_path: Path, data: bytes,
                                                                             why: str) -> None:
    (tmp_path / "prices.parquet").write_bytes(data)
    before = len(open_ledger().sessions())
    with pytest.raises(JobFailedError, match="prices") as caught:
        ran(bundle, {"prices": str(tmp_path / "prices.parquet")})
    assert why in caught.value.what
    assert len(open_ledger().sessions()) == before


def test_a_question_takes_no_file_and_an_unknown_policy_is_refused(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="question"):
        ran(bundle, {"query": str(bundle / "job.yaml")})
    session = inspect(bundle).made_from_session
    with pytest.raises(InputError, match="'plans'"):
        convert(Source(session=session), tmp_path / "other", Conversion(["total"], policies={"plans": "fail"}))
