"""Short form of the proof `tests/proofs/kills.py`: `kill -9` loses and doubles nothing that was acknowledged."""

from __future__ import annotations

from tests.proofs.running import short_form


def test_kill_9_of_writers_and_shippers_loses_and_doubles_nothing() -> None:
    short_form("kills")
