"""Short form of the proof `tests/proofs/fuzz.py`: whatever is sent to a route, no answer is a 500, and a stranger gets none."""

from __future__ import annotations

from tests.proofs.running import short_form


def test_no_request_brings_a_server_error_and_no_stranger_is_answered() -> None:
    short_form("fuzz")
