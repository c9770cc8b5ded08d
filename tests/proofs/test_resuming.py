"""Short form of the proof `tests/proofs/resuming.py`: what goes on from checkpoints is where a clean run would be."""

from __future__ import annotations

from tests.proofs.running import short_form


def test_an_edited_notebook_that_goes_on_is_where_a_clean_run_is() -> None:
    short_form("resuming")
