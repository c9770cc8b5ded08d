"""Short form of the proof `tests/proofs/staleness.py`: after an edit, what `stale` says to run gives what a fresh run gives."""

from __future__ import annotations

from tests.proofs.running import short_form


def test_after_an_edit_the_stale_cells_are_all_that_must_run_again() -> None:
    short_form("staleness")
