"""Short forms of the proofs "slices" and "staleness" (`tests/proofs/`): what they say to run gives what a fresh run gives."""

from __future__ import annotations

from tests.proofs.running import short_form


def test_the_slice_of_each_value_reproduces_it() -> None:
    short_form("slices")


def test_after_an_edit_the_stale_cells_are_all_that_must_run_again() -> None:
    short_form("staleness")
