"""A store that cannot be had is said, with what helps; it neither ends the server nor the watcher."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.server.ledger_pen import KERNEL, Api, Writer


@pytest.fixture(autouse=True)
def blocked(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The store's folder is a file."""
    path = own_home / "blocked"
    path.write_text("not a folder")
    monkeypatch.setenv("MLOPS_STORE", str(path))
    return path


async def test_every_question_is_answered_with_503_and_what_helps(api: Api, blocked: Path) -> None:
    for route in ("status", "live", "runs", "sessions", "runs/abc"):
        code, answer = await api("GET", route)
        assert code == 503, (route, answer)
        assert isinstance(answer, dict)
        assert str(blocked) in answer["message"]
        assert answer["remedy"]


async def test_what_waited_is_there_once_the_store_is(api: Api, blocked: Path) -> None:
    writer = Writer()
    writer.story()
    assert (await api("GET", "live", kernel=KERNEL))[0] == 503
    blocked.unlink()
    live = await api.get("live", kernel=KERNEL)
    assert isinstance(live, dict)
    assert [row["n"] for row in live["executions"]] == [1, 2, 3, 4, 5]
    writer.outbox.close()
