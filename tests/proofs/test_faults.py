"""Short form of the proof `tests/proofs/faults.py`: a disk that refuses costs no cell, and nothing that was acknowledged."""

from __future__ import annotations

import shutil

import pytest

from tests.proofs.running import short_form


def test_a_disk_that_refuses_is_not_noticed_by_cells_and_loses_nothing() -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed: apt-get install strace")
    short_form("faults")
