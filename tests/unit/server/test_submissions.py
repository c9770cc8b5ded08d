"""Jobs on their way over REST: listed, handed over, read while they print, taken back, handed over again; sweeps as tables."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import msgspec
import pytest

from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.api.sweeps import plan
from mlops_jupyter.entities import Outcome, Schedule, Submission
from mlops_jupyter.jobs.sweep import Axes
from mlops_jupyter.server.follower import Follower, told
from mlops_jupyter.server.stream import NOUNS
from tests.unit.server.ledger_pen import Api, Writer
from tests.unit.server.test_jobs import made, run_of


async def lines(api: Api, **asked: str) -> list[dict[str, object]]:
    found = await api.get("submissions", **asked)
    assert isinstance(found, list)
    return found


def put(id: str, state: str = "succeeded", **fields: object) -> Submission:
    one = Submission(id, "sha256:j", "local", time.time(), state, name="job", **fields)  # type: ignore[arg-type]
    open_ledger().put(one)
    return one


async def ended(api: Api, id: str) -> dict[str, object]:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        found = next(one for one in await lines(api) if one["id"] == id)
        if found["state"] not in {"queued", "running"}:
            return found
        await asyncio.sleep(0.2)
    raise AssertionError(f"{id} did not end")


async def test_all_runners_are_in_one_list_without_what_schedules_started(api: Api, writer: Writer) -> None:
    put("s1", "scheduled", place="cron:x", host="somebody@elsewhere", schedule=Schedule("0 6 * * 1-5", "Europe/Berlin"))
    put("c1", "failed", parent="s1", due=1.0, outcome=Outcome("failed", "no rows", cell=3))
    put("u1", parameters={"month": 7, "flag": True})
    found = await lines(api)
    assert [one["id"] for one in found] == ["u1", "s1"]
    assert found[0]["given"] == {"month": "7", "flag": "true"}
    assert found[1]["schedule"] == "0 6 * * 1-5 Europe/Berlin"
    assert float(str(found[1]["next"])) > time.time()
    assert found[1]["unasked"] == "only somebody@elsewhere, who handed it over, can ask its runner"
    assert "unasked" not in found[0]
    children = await lines(api, parent="s1")
    assert [(one["id"], one["error"], one["cell"]) for one in children] == [("c1", "no rows", 3)]
    assert await lines(api, job="sha256:other") == []
    assert len(await lines(api, limit="1")) == 1


async def test_addresses_to_tell_are_masked(api: Api, writer: Writer) -> None:
    put("u1", tell=["slack://secret-token-a/b/c"])
    found = await api.get("submissions/u1")
    assert "secret-token" not in str(found)


async def test_a_job_is_handed_over_read_and_handed_over_again(api: Api, writer: Writer, jp_root_dir: Path) -> None:
    await made(api, await run_of(api, writer))
    code, answer = await api("POST", "submissions", {"folder": "job", "runner": "local"})
    assert code == 409, answer
    assert "unverified" in str(answer)
    code, line = await api("POST", "submissions", {"folder": "job", "runner": "local", "unverified": True})
    assert code == 200, line
    assert isinstance(line, dict)
    assert (line["runner"], line["bundle"], line["notebook"], line["again"]) == ("local", "job", "analysis.ipynb", True)
    assert (await api("POST", f"submissions/{line['id']}/retry", {}))[0] == 409
    end = await ended(api, str(line["id"]))
    assert end["state"] == "failed", end
    assert "load" in str(end["error"])
    whole = await api.get(f"submissions/{line['id']}/logs")
    assert isinstance(whole, dict)
    part = await api.get(f"submissions/{line['id']}/logs", offset="10")
    assert isinstance(part, dict)
    assert (part["text"], part["offset"], part["size"]) == (whole["text"][10:], 10, len(whole["text"]))
    again = await api.get(f"submissions/{line['id']}/logs", offset="99999999")
    assert again == whole
    assert (await api("GET", f"submissions/{line['id']}/logs", offset="-1"))[0] == 400
    code, second = await api("POST", f"submissions/{line['id']}/retry", {})
    assert code == 200, second
    assert isinstance(second, dict)
    assert second["id"] != line["id"]
    code, stopped = await api("DELETE", f"submissions/{second['id']}")
    assert code in {200, 409}, stopped
    await ended(api, str(second["id"]))


async def test_what_has_become_another_job_is_not_handed_over_again(api: Api, writer: Writer, jp_root_dir: Path) -> None:
    await made(api, await run_of(api, writer))
    put("u1", "failed", bundle=str(jp_root_dir / "job"))
    put("u2", "failed", bundle=str(jp_root_dir / "gone"))
    assert (await api("POST", "submissions/u1/retry", {}))[0] == 409
    assert (await api("POST", "submissions/u2/retry", {}))[0] == 404
    assert [one.get("again", False) for one in await lines(api)] == [False, False]


async def test_runners_say_what_they_take_and_what_brings_what_they_lack(api: Api, writer: Writer,
                                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(group: str, name: str) -> object:
        raise ImportError(name="absent")

    found = await api.get("runners")
    assert isinstance(found, list)
    local = next(one for one in found if one["name"] == "local")
    assert local["options"] == {"at-once": "0", "turn": ""}
    monkeypatch.setattr("mlops_jupyter.plugins.load", missing)
    lacking = await api.get("runners")
    assert isinstance(lacking, list)
    assert all("absent" in one["missing"] and one["remedy"].startswith("pip install") for one in lacking)


async def test_a_sweep_is_a_table_with_its_best_first(api: Api, writer: Writer, jp_root_dir: Path) -> None:
    writer.cell(6, "depth = 3")
    await made(api, await run_of(api, writer))
    job = jp_root_dir / "job"
    code, answer = await api("POST", "sweeps", {"folder": "job", "grid": {"colour": "1,2"}})
    assert code == 400, answer
    assert not (jp_root_dir / "job-sweeps").exists()
    place = plan(job, Axes(fixed={}), output=jp_root_dir / "job-sweeps" / "one")
    place.sweep.children[0].state, place.sweep.children[0].metrics = "succeeded", {"auc": 0.9}
    place.save(now=True)
    found = await api.get("sweeps", path="job")
    assert isinstance(found, list)
    assert (found[0]["folder"], found[0]["total"], found[0]["states"]) == ("job-sweeps/one", 1, {"succeeded": 1})
    table = await api.get(f"sweeps/{found[0]['id']}", path="job")
    assert isinstance(table, dict)
    assert (table["metric"], table["best"], table["children"][0]["metrics"]) == ("auc", 1, {"auc": 0.9})


async def test_who_follows_says_what_stands_otherwise_and_what_has_ended() -> None:
    follower = Follower(None, None, print)  # type: ignore[arg-type]
    running = Submission("u1", "j", "local", 1.0, "running")
    old = Submission("u0", "j", "local", 1.0, "failed")
    over = Submission("u1", "j", "local", 1.0, "succeeded")
    seen = [[one.state for one in follower._different(found)] for found in ([running, old], [running], [over], [over])]
    assert seen == [["running"], [], ["succeeded"], []]
    why = Outcome("running", "as last known, its runner cannot be asked: no cluster answers")
    follower._different([msgspec.structs.replace(running, outcome=why), old])
    assert follower.unasked == {"u1": "its runner cannot be asked: no cluster answers"}
    follower._different([running])
    assert follower.unasked == {}
    assert told(over) == {"noun": "submission", "id": "u1", "session": "", "kernel": "", "state": "succeeded"}
    assert "submission" in NOUNS


async def test_a_cells_history_and_what_experiments_deliver(api: Api, writer: Writer) -> None:
    found = await api.get("cells/cell-4/history", path="analysis.ipynb")
    assert isinstance(found, dict)
    assert [one["n"] for one in found["versions"]] == [4]
    assert await api.get(f"sessions/{writer.session.id}/executions/4/outputs") == []
    delivered = await api.get("delivery")
    assert isinstance(delivered, list)
    assert (delivered[0]["experiment"], delivered[0]["whole"]["runs"], len(delivered[0]["weeks"])) == ("analysis", 1, 12)


async def test_a_preview_says_why_each_cell_is_in_the_job_or_not_and_follows_a_choice(api: Api, writer: Writer) -> None:
    run = await run_of(api, writer)
    code, before = await api("POST", "jobs/preview", {"run": run})
    assert code == 200, before
    assert isinstance(before, dict)
    assert all(cell["because"] for cell in before["cells"])
    assert [(cell["n"], cell["because"]) for cell in before["dropped"]] == [
        (3, "shows something and changes nothing that a result reads"), (5, "failed, and no result rests on it")]
    code, after = await api("POST", "jobs/preview", {"run": run, "added": [3], "left_out": [1]})
    assert code == 200, after
    assert isinstance(after, dict)
    assert [cell["n"] for cell in after["cells"]] == [2, 3, 4]
    assert {cell["n"]: cell["because"] for cell in after["dropped"]}[1] == "left out by hand"
