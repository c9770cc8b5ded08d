"""Writes docs/reference/rest.md from the routes themselves: `python tests/docs/rest.py`. `test_reference.py` keeps it current."""

from __future__ import annotations

from pathlib import Path

from mlops_jupyter.server.openapi import reference
from mlops_jupyter.server.routes import routes, team_routes

FILE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "rest.md"
HEAD = """# REST

*For looking things up. Written by `tests/docs/rest.py` from the routes themselves; do not edit.*

Every address begins with `/mlops/api/v1` and asks for a token: `Authorization: Bearer …`. A refusal is
`{"message": what happened, "remedy": what to do}`. `GET /openapi` gives all of this as OpenAPI 3.1, with the shape of every
argument, body and answer. `POST /ledger/…` takes its arguments as a JSON object. `POST /outboxes/…` takes lines of JSON, whole or
not at all: sent again, they change nothing.

## `mlops server`, and every Jupyter server with the extension

"""
MORE = """

## Only a Jupyter server, where there are notebooks and kernels

"""


def page() -> str:
    """The page as the routes make it."""
    team = team_routes()
    addresses = {pattern for pattern, _ in team}
    return HEAD + reference(team) + MORE + reference([one for one in routes() if one[0] not in addresses]) + "\n"


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8")
