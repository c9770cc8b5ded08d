"""Short form of the proof `tests/proofs/upkeep.py`: damage is found, a sweep takes nothing that is named, backups restore."""

from __future__ import annotations

from tests.proofs.running import short_form


def test_upkeep_finds_damage_and_keeps_what_is_named() -> None:
    short_form("upkeep")
