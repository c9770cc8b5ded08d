"""Short form of the proof `tests/proofs/cuts.py`: a connection to PostgreSQL that breaks loses and doubles nothing."""

from __future__ import annotations

from tests.proofs.running import short_form


def test_a_connection_cut_anywhere_loses_and_doubles_nothing() -> None:
    short_form("cuts")
