"""The routes as OpenAPI 3.1, from the routes themselves: addresses, arguments, bodies and answers are those that the code has.

What a handler answers is the return type of its method; what it takes stands beside it (`asks`, `body_type`), or follows from the
protocols where the route is a call of the store.
"""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Iterable, Iterator

import msgspec

from mlops_jupyter.entities.calls import ErrorBody
from mlops_jupyter.server.handler import MlopsHandler
from mlops_jupyter.version import __version__

Route = tuple[str, type[MlopsHandler]]
METHODS = {"get": "read", "post": "act", "put": "keep", "delete": "remove"}
REFUSALS = {"400": "What was asked for is malformed, with what is wrong", "403": "Not known, or not allowed",
            "404": "Not there", "409": "The state of things forbids it", "503": "The store cannot be reached, read or written"}
_TEXTS = {"events": "text/event-stream", "metrics": "text/plain"}
_places = re.compile(r"<(\w+)>")


class Operation(typing.NamedTuple):
    """One method of one address. `answer` and `body` are types; None for none, "bytes" for bytes."""

    method: str
    path: str
    names: list[str]
    words: str
    handler: type[MlopsHandler]
    asks: dict[str, object]
    needed: set[str]
    body: object
    answer: object


def operations(routes: Iterable[Route]) -> Iterator[Operation]:
    """Every method of every address, in the order of the table."""
    for pattern, handler in routes:
        if "(?:" in pattern:
            continue  # all other addresses
        names = _places.findall(handler.__doc__ or "") or ["id"] * pattern.count("([^/]+)")
        path = pattern
        for name in names:
            path = path.replace("([^/]+)", f"{{{name}}}", 1)
        call = getattr(handler, "call", None)
        for method, own in METHODS.items():
            if call is not None:
                if method != call.method.lower():
                    continue
                fields = msgspec.structs.fields(call.arguments)
                asks = {field.name: field.type for field in fields} if method == "get" else {}
                needed = {field.name for field in fields if field.required}
                body = call.arguments if method == "post" else None
                yield Operation(method, path, names, call.words, handler, asks, needed, body, call.result)
                continue
            function = _function(handler, method, own)
            if function is None:
                continue
            asks = dict(handler.asks) if method == ("post" if "outboxes" in path else "get") else {}
            body = "bytes" if method == "put" else handler.body_type if method == "post" else None
            words = inspect.getdoc(function) or ""
            yield Operation(method, path, names, words, handler, asks, set(), body, _answer(handler, function))


def _function(handler: type[MlopsHandler], method: str, own: str) -> typing.Any:
    """The method that answers, None if the base class refuses it."""
    for name in (own, method):
        found = getattr(handler, name)
        if found is not getattr(MlopsHandler, name):
            refuses = name == own and "raise web.HTTPError(405" in inspect.getsource(found)
            return None if refuses else found
    return None


def _answer(handler: type[MlopsHandler], function: typing.Any) -> object:
    hint = typing.get_type_hints(function).get("return", object)
    return "bytes" if hint is type(None) else object if hint is object else hint


def document(routes: Iterable[Route]) -> dict[str, object]:
    """The whole description, as JSON can hold it."""
    found = list(operations(routes))
    types = [one for operation in found for one in (operation.answer, operation.body, *operation.asks.values())
             if one is not None and one != "bytes"]
    schemas, components = msgspec.json.schema_components(
        [ErrorBody, *types], ref_template="#/components/schemas/{name}", schema_hook=_anything)
    known = {id(kind): schema for kind, schema in zip([ErrorBody, *types], schemas, strict=True)}
    paths: dict[str, dict[str, object]] = {}
    for one in found:
        paths.setdefault(one.path, {})[one.method] = _operation(one, known)
    return {
        "openapi": "3.1.0",
        "info": {"title": "mlops_jupyter", "version": __version__,
                 "description": "The ledger of notebooks. Every address asks for a token: `Authorization: Bearer …`."},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "security": [{"token": []}],
    }


def _anything(kind: type) -> dict[str, object]:
    """The schema of what may be anything."""
    if kind is object:
        return {"description": "anything"}  # an empty schema counts as none
    raise NotImplementedError


def _operation(one: Operation, known: dict[int, dict[str, object]]) -> dict[str, object]:
    parameters: list[dict[str, object]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in one.names]
    parameters += [{"name": name, "in": "query", "required": name in one.needed, "schema": known[id(kind)]}
                   for name, kind in one.asks.items()]
    bare = next((kind for name, kind in _TEXTS.items() if one.path.endswith(name)), "application/octet-stream")
    content = {bare: {}} if one.answer == "bytes" else {"application/json": {"schema": known[id(one.answer)]}}
    status = "202" if getattr(one.answer, "__name__", "") == "Accepted" else "200"
    refusal = {"application/json": {"schema": known[id(ErrorBody)]}}
    found: dict[str, object] = {
        "summary": one.words.split("\n")[0], "operationId": f"{one.method} {one.path.partition('/v1')[2]}",
        "parameters": parameters,
        "responses": {status: {"description": "Done", "content": content},
                      **{code: {"description": words, "content": refusal} for code, words in REFUSALS.items()}},
    }
    if one.body == "bytes":
        found["requestBody"] = {"required": True, "content": {"application/octet-stream": {}}}
    elif one.body is not None:
        kind = "application/x-ndjson" if "outboxes" in one.path and not one.path.endswith("close") else "application/json"
        found["requestBody"] = {"required": True, "content": {kind: {"schema": known[id(one.body)]}}}
    return found


def reference(routes: Iterable[Route]) -> str:
    """A line of Markdown for each operation."""
    lines = ["| | address | does |", "|---|---|---|"]
    for one in operations(routes):
        asks = "&".join(f"{name}=" for name in one.asks)
        address = one.path.partition("/api/v1")[2] + (f"?{asks}" if asks else "")
        lines.append(f"| {one.method.upper()} | `{address}` | {one.words.splitlines()[0]} |")
    return "\n".join(lines)
