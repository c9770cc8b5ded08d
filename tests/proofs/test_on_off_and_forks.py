"""Short forms of the proofs "on/off" and "500 forks" (`tests/proofs/`)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.proofs.changes_nothing import NOTEBOOKS, SHORT, differences
from tests.proofs.forks import forks


@pytest.mark.parametrize("name", SHORT)
def test_a_kernel_says_the_same_with_and_without_tracking(name: str) -> None:
    messages, found, _ = differences(name)
    assert found == []
    assert messages > 20


def test_there_are_as_many_notebooks_as_promised() -> None:
    assert len(list(NOTEBOOKS.glob("*.txt"))) >= 40


def test_children_of_a_tracked_kernel_write_nothing_and_end_nothing(tmp_path: Path) -> None:
    made, records, wrong = forks(tmp_path, 50)
    assert wrong == []
    assert made >= 50
    assert records > 50
