"""A job over REST: previewed, made, listed, checked. Nothing here starts a kernel; the browser journey does."""

from __future__ import annotations

from pathlib import Path

from tests.unit.server.ledger_pen import Api, Writer


async def made(api: Api, run: str, folder: str = "job") -> dict[str, object]:
    code, answer = await api("POST", "jobs", {"run": run, "folder": folder, "verify": False})
    assert code == 202, answer
    assert isinstance(answer, dict)
    return await api.finished(answer["task"]["id"])


async def run_of(api: Api, writer: Writer) -> str:
    runs = await api.get("runs", session=writer.session.id)
    assert isinstance(runs, list)
    return str(runs[0]["id"])


async def test_a_preview_shows_the_cells_needed_and_writes_nothing(api: Api, writer: Writer, jp_root_dir: Path) -> None:
    code, preview = await api("POST", "jobs/preview", {"run": await run_of(api, writer)})
    assert code == 200, preview
    assert isinstance(preview, dict)
    assert {"parameters", "cells", "inputs", "results", "warnings", "cells_total"} <= set(preview)
    assert [cell["source"] for cell in preview["cells"]] == [
        "# the data\nX, y = load()", "model = LogisticRegression().fit(X, y)", "auc = roc_auc_score(y, model.predict(X))"]
    assert [result["name"] for result in preview["results"]] == ["auc"]
    assert list(jp_root_dir.iterdir()) == []


async def test_a_job_is_made_in_the_background_and_listed(api: Api, writer: Writer, jp_root_dir: Path) -> None:
    task = await made(api, await run_of(api, writer))
    assert task["state"] == "succeeded", task
    result = task["result"]
    assert isinstance(result, dict)
    assert result["folder"] == "job"
    assert (jp_root_dir / "job" / "job.yaml").is_file()
    listed = await api.get("jobs", path="")
    assert isinstance(listed, list)
    assert [entry["folder"] for entry in listed] == ["job"]
    digest = listed[0]["manifest"]["digest"]
    one = await api.get(f"jobs/{digest.removeprefix('sha256:')[:12]}")
    assert one == listed[0]["manifest"]
    assert (await api("GET", "jobs/0123456789ab"))[0] == 404


async def test_the_jobs_of_a_notebook_are_those_made_from_it(api: Api, writer: Writer, jp_root_dir: Path) -> None:
    await made(api, await run_of(api, writer))
    (jp_root_dir / "analysis.ipynb").touch()
    (jp_root_dir / "other.ipynb").touch()
    mine, others = await api.get("jobs", path="analysis.ipynb"), await api.get("jobs", path="other.ipynb")
    assert isinstance(mine, list)
    assert len(mine) == 1
    assert others == []
    assert await api.get("jobs", path="RTC:analysis.ipynb") == []


async def test_a_folder_that_holds_something_is_not_overwritten(api: Api, writer: Writer, jp_root_dir: Path) -> None:
    (jp_root_dir / "job").mkdir()
    (jp_root_dir / "job" / "thesis.txt").write_text("mine")
    code, answer = await api("POST", "jobs", {"run": await run_of(api, writer), "folder": "job", "verify": False})
    assert code == 409, answer
    assert (jp_root_dir / "job" / "thesis.txt").read_text() == "mine"


async def test_what_a_job_cannot_be_given_is_said_before_it_starts(api: Api, writer: Writer) -> None:
    await made(api, await run_of(api, writer))
    for body, says in ((("parameters", {"colour": 1}), "colour"), (("inputs", {"table": "x.csv"}), "table")):
        code, answer = await api("POST", "jobs/run", {"folder": "job", body[0]: body[1]})
        assert code == 400, answer
        assert isinstance(answer, dict)
        assert says in answer["message"]
    assert [task["kind"] for task in await tasks(api)] == ["convert"]


async def test_a_job_that_was_changed_is_not_run_and_not_listed(api: Api, writer: Writer, jp_root_dir: Path) -> None:
    await made(api, await run_of(api, writer))
    notebook = jp_root_dir / "job" / "notebook.ipynb"
    notebook.write_text(notebook.read_text().replace("roc_auc_score", "lambda *_: 1.0 #"))
    code, answer = await api("POST", "jobs/run", {"folder": "job"})
    assert code == 400
    assert "digest" in str(answer)
    assert await api.get("jobs", path="") == []


async def tasks(api: Api) -> list[dict[str, object]]:
    found = await api.get("tasks")
    assert isinstance(found, list)
    return found
