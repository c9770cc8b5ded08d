"""The routes of runs: windows, overview, what changed, remarks, delete and restore."""

from __future__ import annotations

from mlops_jupyter.server.services import Services
from tests.unit.server.ledger_pen import Api, Writer


async def only_run(api: Api) -> str:
    found = await api.get("runs")
    assert isinstance(found, list)
    return str(found[0]["id"])


async def test_the_table_and_the_overview_answer_with_the_run(api: Api, writer: Writer) -> None:
    experiment = writer.session.experiment_id
    window = await api.get("runs/table", experiment=experiment, order_by="metrics.auc desc")
    assert isinstance(window, dict)
    assert (window["total"], window["lines"][0]["metrics"], window["lines"][0]["params"]) == (1, {"auc": 0.91}, {"C": 1.0})
    overview = await api.get("runs/overview", experiment=experiment, zone="Europe/Berlin")
    assert isinstance(overview, dict)
    assert (overview["total"], overview["best"]["metric"], overview["days"]) == (1, "auc", [])
    columns = await api.get("runs/columns", experiment=experiment)
    assert columns == [{"kind": "metric", "name": "auc", "runs": 1}, {"kind": "param", "name": "C", "runs": 1}]
    assert await api.get("runs/curves", ids=await only_run(api)) == []


async def test_a_wrong_filter_is_named_with_its_place(api: Api, writer: Writer) -> None:
    for route in ("runs/table", "runs/overview", "runs"):
        code, answer = await api("GET", route, filter="metrics.auc >")
        assert isinstance(answer, dict)
        assert (code, "at its end" in answer["message"]) == (400, True)
    assert (await api("GET", "runs/table", offset="-1"))[0] == 400


async def test_a_remark_is_kept_and_told(api: Api, writer: Writer, jp_serverapp: object) -> None:
    services = jp_serverapp.web_app.settings["mlops_services"]  # type: ignore[attr-defined]
    assert isinstance(services, Services)
    told: list[dict[str, object]] = []
    emit = services._emit

    def listen(change: dict[str, object]) -> None:
        emit(change)  # the event bus knows what a change must hold
        told.append(change)

    services._emit = listen
    run = await only_run(api)
    code, said = await api("POST", f"runs/{run}/remark", {"starred": True, "tags": {"paper": "yes"}})
    assert isinstance(said, dict)
    assert (code, said["starred"], said["tags"]) == (200, True, {"paper": "yes"})
    assert run in [change["id"] for change in told if change["noun"] == "run"]
    code, answer = await api("POST", f"runs/{run}/remark", {"starred": "yes"})
    assert (code, "$.starred" in str(answer)) == (400, True)


async def test_a_deleted_run_leaves_the_lists_and_comes_back(api: Api, writer: Writer) -> None:
    run = await only_run(api)
    code, gone = await api("DELETE", f"runs/{run}")
    assert isinstance(gone, dict)
    assert (code, gone["deleted"]) == (200, True)
    assert await api.get("runs") == []
    assert (await api("POST", f"runs/{run}/restore"))[0] == 200
    assert await only_run(api) == run


async def test_the_first_run_has_nothing_before_it(api: Api, writer: Writer) -> None:
    run = await only_run(api)
    assert (await api("GET", f"runs/{run}/changes"))[0] == 404
    same = await api.get(f"runs/{run}/changes", since=run)
    assert isinstance(same, dict)
    assert same["found"]["same"] is True
