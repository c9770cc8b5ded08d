"""Hand-made facts of a session, for tests that need no kernel."""

from __future__ import annotations

import pytest

from mlops_jupyter.entities import (
    CellExecution,
    Distribution,
    Environment,
    NotebookRef,
    Session,
)
from tests.unit.jobs.job_facts import Cells


@pytest.fixture
def cells() -> Cells:
    """Executions of the given sources, one cell each, n from 1."""

    def make(*sources: str) -> list[CellExecution]:
        return [CellExecution("s", n, source, "ok", cell=f"c{n}") for n, source in enumerate(sources, 1)]

    return make


@pytest.fixture
def session() -> Session:
    """A session of `work.ipynb` with a small environment."""
    names = ("pandas", "numpy", "papermill", "ipykernel", "seaborn", "mlops_jupyter")
    distributions = tuple(Distribution(name, "1.0") for name in names)
    environment = Environment("e", "3.11.7", "CPython", "Linux", "x86_64", distributions)
    notebook = NotebookRef("nb", "work.ipynb")
    return Session("s", "w", "notebook", "work", "x", 1.0, notebook=notebook, environment=environment, user="ann")
