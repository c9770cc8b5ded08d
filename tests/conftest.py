"""What every test shares: a home of its own, and no skip in CI (`MLOPS_NO_SKIP=1`, but for `MLOPS_MAY_SKIP=torch,keras`)."""

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
    return _judged((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    """The same for a module that skips as a whole."""
    return _judged((yield))


def _judged(report: pytest.TestReport | pytest.CollectReport) -> pytest.TestReport | pytest.CollectReport:
    if not report.skipped or os.environ.get("MLOPS_NO_SKIP") != "1" or hasattr(report, "wasxfail"):
        return report
    why = str(report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr or "")
    if not any(word in why for word in filter(None, os.environ.get("MLOPS_MAY_SKIP", "").split(","))):
        report.outcome = "failed"
        report.longrepr = f"skipped, which MLOPS_NO_SKIP=1 forbids: {why}"
    return report
