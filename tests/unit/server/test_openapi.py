"""OpenAPI: every route that answers is described, with shapes that exist."""

from __future__ import annotations

import json

import msgspec
import pytest

from mlops_jupyter.entities.calls import CALLS
from mlops_jupyter.server.openapi import document, operations
from mlops_jupyter.server.routes import BASE, NothingHere, routes, team_routes


@pytest.mark.parametrize("table", [routes, team_routes])
def test_every_route_is_described_and_every_shape_exists(table) -> None:  # type: ignore[no-untyped-def]
    found = document(table())
    text = json.dumps(found)
    assert len(found["paths"]) == len({pattern for pattern, handler in table() if handler is not NothingHere})
    for name in {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}:
        assert name in found["components"]["schemas"], name
    ids = [one["operationId"] for methods in found["paths"].values() for one in methods.values()]
    assert len(ids) == len(set(ids))
    assert all(one["summary"] for methods in found["paths"].values() for one in methods.values())


def test_each_call_of_the_protocols_has_its_arguments() -> None:
    found = {one.path.rpartition("/")[2]: one for one in operations(team_routes()) if "/ledger/" in one.path}
    assert found.keys() == CALLS.keys()
    for name, call in CALLS.items():
        assert found[name].method == call.method.lower()
        if call.method == "GET":
            assert list(found[name].asks) == [field.name for field in msgspec.structs.fields(call.arguments)]


def test_a_route_that_only_refuses_is_not_offered() -> None:
    found = {(one.method, one.path) for one in operations(team_routes())}
    assert ("get", f"{BASE}/outboxes/{{writer}}/close") not in found
    assert ("post", f"{BASE}/outboxes/{{writer}}/close") in found
    assert ("post", f"{BASE}/runs") not in found
    assert {("get", f"{BASE}/blobs/{{digest}}"), ("put", f"{BASE}/blobs/{{digest}}")} <= found
