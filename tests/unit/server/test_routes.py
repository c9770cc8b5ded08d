"""Every route: only for who may ask, only with what it understands, and in the shape that the panel was promised."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable

import pytest
from jupyter_server.auth import Authorizer
from jupyter_server.serverapp import ServerApp
from tornado.httpclient import HTTPClientError, HTTPResponse

from mlops_jupyter import __version__
from mlops_jupyter.server.handler import MlopsHandler
from mlops_jupyter.server.routes import routes
from tests.unit.server.ledger_pen import KERNEL, Api, Writer

Fetch = Callable[..., Awaitable[HTTPResponse]]
METHODS = ("GET", "POST", "DELETE", "PUT", "PATCH")


def registered(app: ServerApp) -> list[str]:
    """The addresses of ours in the route table of the running server, each with an id that can be one."""
    found = []
    for group in app.web_app.default_router.rules:
        for rule in getattr(group.target, "rules", []):
            pattern = getattr(rule.matcher, "regex", re.compile("")).pattern
            if "mlops" in pattern:
                assert issubclass(rule.target, MlopsHandler), pattern
                path = pattern.removesuffix("$").replace("(?:/.*)?", "/nothing").replace("([^/]+)", "abc")
                found.append(path[path.index("mlops"):])
    return found


async def status(fetch: Fetch, path: str, method: str, **options: object) -> int:
    try:
        answer = await fetch(*path.split("/"), method=method, allow_nonstandard_methods=True, **options)
    except HTTPClientError as error:
        return error.code
    return answer.code


async def test_nobody_is_answered_without_a_token(jp_serverapp: ServerApp, jp_fetch: Fetch) -> None:
    paths = registered(jp_serverapp)
    assert len(paths) == len(routes())
    for path in paths:
        for method in METHODS:
            refused = await status(jp_fetch, path, method, headers={"Authorization": "token wrong"}, body=None)
            assert refused in ((403,) if method in ("GET", "POST", "DELETE") else (403, 405)), (method, path)


class ReadOnly(Authorizer):
    """Lets everybody look, and nobody act."""

    def is_authorized(self, handler: object, user: object, action: str, resource: str) -> bool:
        return action == "read" or resource.partition(":")[0] != "mlops"


class NoCode(Authorizer):
    """Lets everybody write, and nobody run code."""

    def is_authorized(self, handler: object, user: object, action: str, resource: str) -> bool:
        return action != "execute"


class Closed(Authorizer):
    """Knows the resource, and lets nobody at it."""

    def is_authorized(self, handler: object, user: object, action: str, resource: str) -> bool:
        return resource.partition(":")[0] != "mlops"


async def test_an_authorizer_that_denies_is_obeyed_everywhere(jp_serverapp: ServerApp, jp_fetch: Fetch) -> None:
    jp_serverapp.web_app.settings["authorizer"] = Closed(parent=jp_serverapp)
    for path in registered(jp_serverapp):
        for method in ("GET", "POST", "DELETE"):
            assert await status(jp_fetch, path, method) == 403, (method, path)


async def test_who_may_only_read_cannot_act(jp_serverapp: ServerApp, jp_fetch: Fetch, api: Api, writer: Writer) -> None:
    jp_serverapp.web_app.settings["authorizer"] = ReadOnly(parent=jp_serverapp)
    assert await api.get("runs")
    for path in registered(jp_serverapp):
        for method in ("POST", "DELETE"):
            assert await status(jp_fetch, path, method) == 403, (method, path)


async def test_who_may_not_execute_cannot_start_a_kernel(jp_serverapp: ServerApp, api: Api, writer: Writer) -> None:
    jp_serverapp.web_app.settings["authorizer"] = NoCode(parent=jp_serverapp)
    for route in ("runs/x/verify", "jobs", "jobs/run", "submissions", "submissions/x/retry", "sweeps"):
        assert (await api("POST", route, {}))[0] == 403
    assert (await api("POST", "live/stale", {"kernel": "", "cells": []}))[0] == 200


@pytest.mark.parametrize(("method", "route", "body", "code", "says"), [
    ("GET", "nowhere", None, 404, "nowhere"),
    ("GET", "runs/nope", None, 404, "nope"),
    ("GET", "runs/nope/cells", None, 404, "nope"),
    ("GET", "sessions/nope", None, 404, "nope"),
    ("GET", "runs/a%20b", None, 400, "identifier"),
    ("GET", "sessions/" + "x" * 200, None, 400, "identifier"),
    ("GET", "tasks/nope", None, 404, "nope"),
    ("DELETE", "tasks/nope", None, 404, "nope"),
    ("POST", "runs/nope/verify", {}, 404, "nope"),
    ("POST", "live/stale", {"kernel": 3, "cells": []}, 400, "$.kernel"),
    ("POST", "live/stale", {"kernel": "", "cells": [{"id": "a"}]}, 400, "$.cells[0]"),
    ("POST", "live/stale", {"kernel": "", "cells": [], "colour": 1}, 400, "colour"),
    ("POST", "live/stale", b"{", 400, "not JSON"),
    ("POST", "live/stale", b"\xff", 400, "not JSON"),
    ("POST", "jobs", {"folder": "../out", "run": "x"}, 400, "../out"),
    ("POST", "jobs", {"folder": "/etc", "run": "x"}, 400, "/etc"),
    ("POST", "jobs", {"folder": "", "run": "x"}, 400, "folder"),
    ("POST", "jobs", {"folder": "no/such/place", "run": "x"}, 400, "no/such/place"),
    ("POST", "jobs", {"folder": "job"}, 400, "run"),
    ("POST", "jobs", {"folder": "job", "run": "nope"}, 404, "nope"),
    ("POST", "jobs/preview", {"run": "nope"}, 404, "nope"),
    ("POST", "jobs/preview", {}, 400, "run"),
    ("POST", "jobs/run", {"folder": "no-such-job"}, 404, "no-such-job"),
    ("POST", "jobs/run", {"folder": "x", "parameters": {"a": {"b": 1}}}, 400, "$.parameters"),
    ("GET", "submissions/nope", None, 404, "nope"),
    ("DELETE", "submissions/nope", None, 404, "nope"),
    ("GET", "submissions/nope/logs", None, 404, "nope"),
    ("POST", "submissions/nope/retry", {}, 404, "nope"),
    ("POST", "submissions", {"folder": "../x", "runner": "local"}, 400, "../x"),
    ("POST", "submissions", {"folder": "x", "runner": "nowhere"}, 400, "nowhere"),
    ("POST", "submissions", {"folder": "x", "runner": "local", "colour": 1}, 400, "colour"),
    ("POST", "sweeps", {"folder": "no-such-job", "grid": {"a": "1,2"}}, 404, "no-such-job"),
    ("POST", "sweeps", {"folder": "x"}, 400, "values"),
    ("GET", "sweeps/nope", None, 404, "nope"),
    ("GET", "sessions/nope/executions/1/outputs", None, 404, "1"),
    ("GET", "sessions/nope/executions/x/outputs", None, 400, "'x'"),
    ("POST", "jobs/preview", {"run": "x", "added": ["a"]}, 400, "$.added"),
    ("POST", "jobs/preview", {"run": "x", "terms": {"a": {"colour": ""}}}, 400, "colour"),
    ("POST", "status", {}, 405, "POST"),
    ("DELETE", "runs", None, 405, "DELETE"),
])
async def test_bad_input_is_named(api: Api, writer: Writer, method: str, route: str, body: object, code: int, says: str) -> None:
    answered, answer = await api(method, route, body)
    assert answered == code, answer
    assert isinstance(answer, dict)
    assert says in answer["message"]
    assert set(answer) == {"message", "remedy"}


@pytest.mark.parametrize("limit", ["0", "-1", "1e3", "x", "100000", "٣"])
async def test_a_limit_is_a_whole_number(api: Api, limit: str) -> None:
    assert (await api("GET", "runs", limit=limit))[0] == 400


async def test_what_was_not_foreseen_is_a_500_without_a_traceback(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*given: object, **named: object) -> object:
        raise RuntimeError("secret 123")

    monkeypatch.setattr("mlops_jupyter.api.runs.run", broken)
    code, answer = await api("GET", "runs/abc")
    assert code == 500
    assert "secret" not in json.dumps(answer)
    assert "Traceback" not in json.dumps(answer)


async def test_status_names_store_version_and_how_to_install(api: Api, writer: Writer) -> None:
    answer = await api.get("status")
    assert isinstance(answer, dict)
    assert answer["version"] == __version__
    assert answer["store"].endswith("store")
    assert answer["size_bytes"] > 0
    assert answer["install"].startswith('"{executable}" -m pip install ')
    assert all(set(kernel) == {"name", "display_name", "language", "command"} for kernel in answer["kernels"])


async def test_live_shows_session_executions_runs_and_what_could_be_logged(api: Api, writer: Writer) -> None:
    live = await api.get("live", kernel=KERNEL, path="analysis.ipynb")
    assert isinstance(live, dict)
    assert live["session"]["id"] == writer.session.id
    assert live["session"]["notebook"]["path"] == "analysis.ipynb"
    assert not live["session"]["environment"].get("distributions")
    assert live["package_count"] == 2
    rows = live["executions"]
    assert [row["n"] for row in rows] == [1, 2, 3, 4, 5]
    assert rows[0]["first_line"] == "X, y = load()"
    assert rows[0]["seconds"] == 0.5
    assert rows[4]["state"] == "error"
    assert rows[4]["error"] == "ZeroDivisionError: division by zero"
    assert live["floats"] == ["auc"]
    assert [run["number"] for run in live["runs"]] == [1]
    assert {metric["name"]: metric["value"] for metric in live["runs"][0]["metrics"]} == {"auc": 0.91}


async def test_live_of_a_notebook_never_tracked_is_empty(api: Api) -> None:
    assert await api.get("live", kernel="none", path="other.ipynb") == {
        "session": None, "package_count": 0, "executions": [], "runs": [], "floats": [], "goal": None, "environment": ""}


async def test_live_of_another_kernel_finds_the_notebook_by_its_path(api: Api, writer: Writer) -> None:
    live = await api.get("live", kernel="another", path="analysis.ipynb")
    assert isinstance(live, dict)
    assert live["session"]["id"] == writer.session.id


async def test_sessions_and_their_executions(api: Api, writer: Writer) -> None:
    sessions = await api.get("sessions")
    assert isinstance(sessions, list)
    assert [session["id"] for session in sessions] == [writer.session.id]
    assert not sessions[0]["environment"].get("distributions")
    whole = await api.get(f"sessions/{writer.session.id}")
    assert isinstance(whole, dict)
    assert [package["name"] for package in whole["environment"]["distributions"]] == ["a", "b"]
    executions = await api.get(f"sessions/{writer.session.id}/executions")
    assert isinstance(executions, list)
    assert [execution["n"] for execution in executions] == [1, 2, 3, 4, 5]
    assert executions[1]["source"] == "model = LogisticRegression().fit(X, y)"


async def test_runs_and_the_cells_they_need(api: Api, writer: Writer) -> None:
    runs = await api.get("runs", session=writer.session.id)
    assert isinstance(runs, list)
    run = await api.get(f"runs/{runs[0]['id']}")
    assert run == runs[0]
    needed = await api.get(f"runs/{runs[0]['id']}/cells")
    assert isinstance(needed, dict)
    assert [cell["n"] for cell in needed["cells"]] == [1, 2, 4]
    assert all(cell["because"] for cell in needed["cells"])
    assert needed["total"] == 5
    assert needed["incomplete"] is False


async def test_stale_judges_the_cells_that_are_posted(api: Api, writer: Writer) -> None:
    sources = {"cell-1": "X, y = load()", "cell-2": "model = LogisticRegression(C=9).fit(X, y)",
               "cell-4": "auc = roc_auc_score(y, model.predict(X))"}
    body = {"kernel": KERNEL, "cells": [{"id": cell, "source": source} for cell, source in sources.items()]}
    code, stale = await api("POST", "live/stale", body)
    assert code == 200
    assert isinstance(stale, list)
    assert {"cell-2", "cell-4"} <= {cell["id"] for cell in stale}


async def test_what_to_run_again_comes_in_order_with_its_place(api: Api, writer: Writer) -> None:
    sources = {"cell-1": "X, y = load()", "cell-2": "model = LogisticRegression(C=9).fit(X, y)",
               "cell-4": "auc = roc_auc_score(y, model.predict(X))"}
    body = {"kernel": KERNEL, "cells": [{"id": cell, "source": source} for cell, source in sources.items()]}
    code, again = await api("POST", "live/again", body)
    assert code == 200
    assert isinstance(again, dict)
    places = [cell["position"] for cell in again["cells"]]
    assert places == sorted(places)
    assert {cell["id"] for cell in again["cells"]} >= {"cell-2", "cell-4"}
    assert await api("POST", "live/again", {"kernel": "none", "cells": []}) == (200, {"cells": [], "forget": [], "remains": []})


async def test_a_task_is_listed_found_and_cancelled(api: Api, jp_serverapp: ServerApp) -> None:
    tasks = jp_serverapp.web_app.settings["mlops_services"].tasks

    def work(report: Callable[..., None]) -> object:
        while True:
            report("working", 1, 3)
            report.cancelled.wait(0.01)  # type: ignore[attr-defined]

    task = tasks.start("verify", "some-run", work)
    listed = await api.get("tasks")
    assert isinstance(listed, list)
    assert [entry["id"] for entry in listed] == [task.id]
    await asyncio.sleep(0.05)
    seen = await api.get(f"tasks/{task.id}")
    assert isinstance(seen, dict)
    assert (seen["state"], seen["message"], seen["done"], seen["total"]) == ("running", "working", 1, 3)
    assert (await api("DELETE", f"tasks/{task.id}"))[0] == 200
    assert (await api.finished(task.id))["state"] == "cancelled"
    assert (await api("DELETE", f"tasks/{task.id}"))[0] == 409
