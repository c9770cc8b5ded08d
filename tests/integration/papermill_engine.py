"""Puts our engine in the place of papermill's own: as a pytest plugin in one process, as `sitecustomize` in those it starts."""

from __future__ import annotations

import sys
from pathlib import Path
from unittest.mock import NonCallableMock


def pytest_configure() -> None:
    """Before papermill's tests are imported: they take the engine's class by its name."""
    from papermill import engines

    from mlops_jupyter.jobs import client

    ours, tracked = client.MlopsEngine, client.TrackedClient

    def made(nb_man: object, options: object, **traits: object) -> object:
        """Where a test puts a mock in place of papermill's client, it stands in place of ours."""
        instead = engines.PapermillNotebookClient
        return instead(nb_man, **traits) if isinstance(instead, NonCallableMock) else tracked(nb_man, options, **traits)

    client.TrackedClient = made
    for name in (None, "nbclient"):
        engines.papermill_engines.register(name, ours)
    engines.NBClientEngine = ours


if Path(__file__).stem == "sitecustomize" and "papermill" in sys.orig_argv:
    pytest_configure()
