"""What a notebook takes from outside, in a real kernel: packages, queries, addresses."""

from __future__ import annotations

import functools
import http.server
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_jupyter.entities.environments import environments_of
from mlops_jupyter.fingerprint import fingerprint_bytes
from tests.integration.real_kernel import Kernel


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "work"
    place.mkdir()
    return place


@pytest.fixture
def kernel(tmp_path: Path, folder: Path) -> Iterator[Kernel]:
    kernel = Kernel(folder, tmp_path / "state")
    yield kernel
    kernel.close()


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A server on this machine that gives `tmp_path/web`."""
    (tmp_path / "web").mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(tmp_path / "web")))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_cell_that_installs_something_changes_the_environment(kernel: Kernel, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "packages" / "first-1.0.dist-info").mkdir(parents=True)
    kernel.run(f"import sys; sys.path.append({str(tmp_path / 'packages')!r})")
    kernel.track("notebook_path='nb.ipynb'")
    kernel.run("x = 1")
    kernel.run(f"!mkdir {tmp_path / 'packages' / 'second-2.0.dist-info'}")
    kernel.run("y = 1")
    _, x, install, y = kernel.executions()
    session = kernel.session()
    assert session.environment is not None
    assert (x.environment, install.environment, y.environment) == ("", session.environment.id, "")
    found = environments_of(session, kernel.executions())
    assert {one.name for one in found[y.n].distributions} - {one.name for one in found[x.n].distributions} == {"second"}


def test_the_next_session_of_a_notebook_is_told_what_differs(kernel: Kernel, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "packages" / "first-1.0.dist-info").mkdir(parents=True)
    kernel.run(f"import sys; sys.path.append({str(tmp_path / 'packages')!r})\n%load_ext mlops_jupyter")
    shown = kernel.run("%mlops track")
    assert "differs" not in str(shown)
    kernel.track("notebook_path='nb.ipynb'")
    kernel.run("%mlops off")
    kernel.track("notebook_path='nb.ipynb'")
    kernel.run("x = 1")
    kernel.run("%mlops off")
    (tmp_path / "packages" / "first-1.0.dist-info").rename(tmp_path / "packages" / "first-1.1.dist-info")
    kernel.track("notebook_path='nb.ipynb'")
    assert "environment differs from the last session: first 1.0 → 1.1" in str(kernel.run("%mlops status"))


def test_rows_of_a_query_are_identified_and_secrets_are_not_kept(kernel: Kernel, folder: Path) -> None:
    with sqlite3.connect(folder / "base.db") as base:
        base.execute("create table t (a integer, b text)")
        base.executemany("insert into t values (?, ?)", [(1, "x"), (2, "y"), (3, "z")])
    base.close()
    kernel.run("import sqlite3, pandas as pd, polars as pl, sqlalchemy as sa")
    kernel.track()
    kernel.run("con = sqlite3.connect('base.db')\none = pd.read_sql('select * from t', con)")
    one = kernel.last()
    assert [(query.kind, query.text, query.rows) for query in one.queries] == [("sql", "select * from t", 3)]
    assert one.queries[0].source == f"sqlite:///{folder}/base.db"
    assert [(file.relative, file.mode) for file in one.files] == [("base.db", "read")]
    assert one.effects == []
    kernel.run("two = pd.read_sql('select * from t order by a desc', con)")
    two = kernel.last()
    assert two.queries[0].fingerprint.digest != one.queries[0].fingerprint.digest
    assert two.queries[0].unordered == one.queries[0].unordered is not None
    kernel.run("engine = sa.create_engine('sqlite:///base.db')\nwith engine.connect() as c:\n"
               "    three = pd.read_sql(sa.text('select * from t'), c)\n    rows = c.execute(sa.text('select a from t')).all()")
    found = kernel.last().queries
    assert [(query.text, query.rows, query.source) for query in found] == [
        ("select * from t", 3, "sqlite:///base.db"), ("select a from t", 3, "sqlite:///base.db")]
    assert found[0].fingerprint.digest == one.queries[0].fingerprint.digest
    kernel.run("four = pl.read_database('select * from t', con)")
    assert [(query.text, query.rows) for query in kernel.last().queries] == [("select * from t", 3)]
    kernel.run(f"parts = list(pd.read_sql(\"select * from t where b != 'ghp_{'a' * 36}'\", con, chunksize=2))")
    query = kernel.last().queries[0]
    assert (query.rows, query.fingerprint.digest, "redacted" in query.text, "aaaa" in query.text) == (None, None, True, False)
    assert kernel.ask({"v": "sum(map(len, parts))"}) == "3"
    kernel.run("import duckdb\nfive = duckdb.sql('select 1 as a, 2 as b').df()\nsix = duckdb.execute('select 3 as c').fetchall()")
    assert [query.rows for query in kernel.last().queries] == [1, 1]
    kernel.run("con.execute('insert into t values (4, 5)'); con.commit()")
    assert [(file.relative, file.mode) for file in kernel.last().files] == [("base.db", "write")]


def test_addresses_are_inputs_without_their_secrets(kernel: Kernel, tmp_path: Path, address: str) -> None:
    content = b"a,b\n1,2\n"
    (tmp_path / "web" / "d.csv").write_bytes(content)
    kernel.run("import pandas as pd, urllib.request, requests, httpx")
    kernel.track()
    secret = address.replace("//", "//me:opensesame@")
    for source, known in (
        (f"pd.read_csv('{address}/d.csv?token=abc&page=2')", True),
        (f"urllib.request.urlopen('{address}/d.csv?token=abc&page=2').read()", False),
        (f"requests.get('{secret}/d.csv?token=abc&page=2').content", True),
        (f"httpx.get('{address}/d.csv?token=abc&page=2').content", True),
    ):
        kernel.run(f"x = {source}")
        last = kernel.last()
        assert last.state == "ok", last.error
        found = last.queries
        assert [(one.kind, one.text) for one in found] == [("url", f"{address}/d.csv?token=[redacted]&page=2")], source
        assert found[0].fingerprint.digest == (fingerprint_bytes(content).digest if known else None), source
        assert "opensesame" not in str(found)
    kernel.run(f"requests.post('{address}/d.csv', data='x')")
    assert kernel.last().queries == []
    assert f"network: POST {address}/d.csv" in kernel.last().effects
