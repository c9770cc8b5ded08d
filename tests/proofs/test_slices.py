"""Short form of the proof `tests/proofs/slices.py`: what `why` names brings a value back."""

from __future__ import annotations

from tests.proofs.running import short_form


def test_the_slice_of_each_value_reproduces_it() -> None:
    short_form("slices")
