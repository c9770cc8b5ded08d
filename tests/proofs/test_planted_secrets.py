"""Short form of the proof "secrets" (`tests/proofs/secrets.py`): planted in a tracked kernel, looked for in what was written."""

from __future__ import annotations

from pathlib import Path

from tests.proofs.planted_secrets import planted
from tests.proofs.secrets import BARS, missed, play, written


def test_planted_secrets_are_not_in_the_bytes_that_were_written(tmp_path: Path) -> None:
    book = planted(5, 56, 60, 40)
    data = written(play(book, tmp_path))
    assert data.count(b"[redacted:") > len(book.plants)
    escaped = missed(book, data)
    for group, bar in BARS.items():
        here = [plant for plant in book.plants if plant.group == group]
        gone = [(plant.kind, plant.place, plant.value) for plant in escaped if plant.group == group]
        least = bar if bar in {85.0, 100.0} else 100 - 100 / len(here)  # of sixty, one is more than a percent
        assert 100 * (1 - len(gone) / len(here)) >= least, gone
