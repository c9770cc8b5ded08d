"""Short form of the proof `tests/proofs/machine.py`: the store holds what a model holds, whatever is done to it."""

from __future__ import annotations

from tests.proofs.running import short_form


def test_a_store_holds_what_a_model_holds() -> None:
    short_form("machine")
