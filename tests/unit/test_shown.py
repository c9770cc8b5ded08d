"""Our values as the last line of a cell: a sheet, in HTML that is inert and in plain text, until the extension is taken away."""

from __future__ import annotations

from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

import mlops_jupyter as mlops
from mlops_jupyter.api.jobs import JobDone
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.api.sweeps import Swept
from mlops_jupyter.entities import JobManifest, Metric, Outcome, Param
from mlops_jupyter.jobs.bundle import write
from mlops_jupyter.jobs.convert import Draft
from mlops_jupyter.magics import unregister
from tests.unit.store.story import append, cell, run, session

EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture
def two_runs() -> None:
    store = open_ledger()
    append(store, session(), cell(1), cell(2))
    runs = [run(name, started=at, name=EVIL, params=[Param("depth", at)], metrics=[Metric(EVIL, at / 10)], cells=[1])
            for at, name in ((1.0, "r-first"), (2.0, "r-second"))]
    store.save_runs("s1", runs, 1)


def shown(shell: InteractiveShell, value: object) -> tuple[str, str]:
    data, _ = shell.display_formatter.format(value)
    return data["text/html"], data["text/plain"]


def job(tmp_path: Path) -> object:
    notebook = b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
    manifest = JobManifest(EVIL, 1.0, [], [], [], 1, 3)
    write(Draft(manifest, {}, {"notebook.ipynb": notebook}, [], []), tmp_path / "job")
    return mlops.job(tmp_path / "job")


@pytest.mark.usefixtures("two_runs")
@pytest.mark.parametrize("kind", ["run", "diff", "job", "done", "sweep"])
def test_it_is_a_sheet_and_inert(kind: str, shell: InteractiveShell, tmp_path: Path) -> None:
    value = {
        "run": lambda: mlops.runs()[0], "diff": mlops.diff, "job": lambda: job(tmp_path),
        "done": lambda: JobDone("s1", Outcome("failed", EVIL, 1, EVIL), mlops.runs(), tmp_path / "out.ipynb"),
        "sweep": lambda: Swept(tmp_path, "auc", [], [], stopped=EVIL),
    }[kind]()
    html, plain = shown(shell, value)
    assert "<strong>" in html
    assert "<img" not in html
    assert EVIL in plain
    assert "Struct" not in plain


@pytest.mark.usefixtures("two_runs")
def test_a_run_of_another_store_is_shown_too(shell: InteractiveShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = mlops.runs()[0]
    monkeypatch.setenv("MLOPS_STORE", str(tmp_path / "elsewhere"))
    assert "depth" in shown(shell, found)[1]


@pytest.mark.usefixtures("two_runs")
def test_without_the_extension_they_are_what_they_are(shell: InteractiveShell) -> None:
    found = mlops.runs()[0]
    assert "text/html" in shell.display_formatter.format(found)[0]
    unregister(shell)
    data, _ = shell.display_formatter.format(found)
    assert "text/html" not in data
