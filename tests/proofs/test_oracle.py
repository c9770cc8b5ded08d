"""Short form of the proof "an oracle" (`tests/proofs/oracle.py`): every real change of random notebooks is recorded."""

from __future__ import annotations

from tests.proofs.running import short_form


def test_every_real_change_is_seen_or_marked_unknown() -> None:
    short_form("oracle")
