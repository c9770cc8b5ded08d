"""The simulated notebook, for every test of lineage."""

import pytest

from tests.unit.lineage.played_notebook import Notebook


@pytest.fixture
def book() -> Notebook:
    return Notebook()
