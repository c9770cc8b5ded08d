"""What every test shares: a home of its own, and no skip in CI (`MLOPS_NO_SKIP=1`)."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest_plugins = ["pytest_jupyter.jupyter_server"]


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Store, outbox and IPython profile in a temporary folder: no test meets another's ledger, or the developer's."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("MLOPS_STORE", str(home / "store"))
    monkeypatch.setenv("MLOPS_STATE", str(home / "state"))
    monkeypatch.setenv("IPYTHONDIR", str(home / "ipython"))
    monkeypatch.delenv("MLOPS_DISABLE", raising=False)
    if "mlops_jupyter.config" in sys.modules:
        from mlops_jupyter.config import Settings

        Settings.clear_instance()
    return home


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """In CI a skip is a failure: what it names should have been installed."""
    report = yield
    if report.skipped and os.environ.get("MLOPS_NO_SKIP") == "1" and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which MLOPS_NO_SKIP=1 forbids: {report.longrepr[-1] if report.longrepr else ''}"
    return report
