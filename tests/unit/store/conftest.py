"""The same tests for every way to keep a store: a file, a PostgreSQL, and a file behind `mlops server`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_jupyter.entities import AnyStore
from mlops_jupyter.store import Store, open_store, open_url
from tests.postgres import Cluster
from tests.team import serving


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    cluster = Cluster()
    yield cluster
    cluster.remove()


@pytest.fixture(scope="session")
def team() -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


@pytest.fixture(params=["file", "postgresql"])
def sql_store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """Each kind of database."""
    monkeypatch.setenv("MLOPS_BLOBS", str(tmp_path / "store" / "blobs"))
    file = request.param == "file"
    store = open_store(str(tmp_path / "store") if file else request.getfixturevalue("postgres").database())
    yield store
    store.close()


@pytest.fixture(params=["file", "postgresql", "server"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AnyStore]:
    """Each way to keep one. A server derives runs by itself, so what stores them by hand takes `sql_store`."""
    monkeypatch.setenv("MLOPS_BLOBS", str(tmp_path / "store" / "blobs"))
    postgresql = request.param == "postgresql"
    store = open_store(request.getfixturevalue("postgres").database() if postgresql else str(tmp_path / "store"))
    if request.param != "server":
        yield store
    else:
        monkeypatch.setenv("MLOPS_STORE", store.url)
        monkeypatch.setenv("MLOPS_TOKEN", store.create_token("tests", "admin").secret)
        remote = open_url(request.getfixturevalue("team"))
        yield remote
        remote.close()
    store.close()
