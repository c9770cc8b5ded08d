"""Short form of the proof `tests/proofs/load.py`: kernels, readers and a server that starts anew lose and double nothing."""

from __future__ import annotations

from tests.proofs.running import short_form


def test_kernels_and_readers_at_once_lose_and_double_nothing() -> None:
    short_form("load")
