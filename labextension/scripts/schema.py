"""Writes src/api/schema.ts: one TypeScript interface for each shape of the REST API, from its OpenAPI description.

A field with a default may be absent from the JSON: it is optional in TypeScript, and its default stands in the comment beside it.
Run it after each change of entities or routes; `--check` fails if the committed file is not what the description says.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeAlias

from mlops_jupyter.server.openapi import document
from mlops_jupyter.server.routes import routes, team_routes

OUTPUT = Path(__file__).resolve().parent.parent / "src" / "api" / "schema.ts"
HEAD = """/**
 * The shapes of the REST API. Generated from its OpenAPI description by scripts/schema.py: do not edit.
 *
 * An optional field that is absent has the default named in its comment.
 */

export type Scalar = string | number | boolean | null;
"""
PLAIN = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}
SCALAR = {"string", "number", "boolean", "null"}
LEFT_OUT = re.compile(r".*_arguments|Record")
"""Shapes that only Python speaks: what the calls of a store take, and an outbox's record, whose name TypeScript needs itself."""
Shape: TypeAlias = dict[str, Any]
"""A JSON Schema."""


def union_of(members: Iterable[str]) -> str:
    """The members as a TypeScript union, with `Scalar` for the four that make one."""
    names = list(dict.fromkeys(members))
    if set(names) >= SCALAR:
        names = ["Scalar", *(name for name in names if name not in SCALAR)]
    return " | ".join(names)


def typescript(shape: Shape) -> str:
    """The TypeScript type of a JSON Schema."""
    if "$ref" in shape:
        return str(shape["$ref"]).rpartition("/")[2]
    if "enum" in shape:
        return " | ".join(f"'{value}'" for value in shape["enum"])
    if "anyOf" in shape:
        return union_of(typescript(member) for member in shape["anyOf"])
    kind = shape.get("type")
    if kind == "array" and "prefixItems" in shape:
        return f"[{', '.join(typescript(item) for item in shape['prefixItems'])}]"
    if kind == "array":
        item = typescript(shape["items"])
        return f"({item})[]" if " | " in item else f"{item}[]"
    if kind == "object":
        values = shape.get("additionalProperties", {})
        return f"Record<string, {typescript(values) if isinstance(values, dict) else 'unknown'}>"
    return PLAIN[kind] if kind is not None else "unknown"


def interface(name: str, shape: Shape) -> str:
    """One exported interface. A tag is optional: the JSON carries it, nobody needs it."""
    words = re.sub(r"\s+", " ", shape.get("description", "").strip().split("\n")[0]).replace("*/", "* /")
    lines = [f"/** {words} */"] if words else []
    lines.append(f"export interface {name} {{")
    for field, told in shape["properties"].items():
        is_tag = field == "type" and len(told.get("enum", [])) == 1
        if is_tag or "default" not in told:
            optional = "?" if is_tag or field not in shape.get("required", []) else ""
            lines.append(f"  {field}{optional}: {typescript(told)};")
        else:
            lines.append(f"  /** Default: {json.dumps(told['default'])} */\n  {field}?: {typescript(told)};")
    return "\n".join([*lines, "}"])


def inside(shape: object) -> Iterable[str]:
    """The names of the shapes that a JSON Schema refers to."""
    return dict.fromkeys(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(shape)))


def collect(name: str, known: dict[str, Shape], found: dict[str, Shape], above: tuple[str, ...] = ()) -> None:
    """A shape and all that it refers to, each once, the inner ones first."""
    if name in found or name in above or LEFT_OUT.fullmatch(name):
        return
    for other in inside(known[name]):
        collect(other, known, found, (*above, name))
    found[name] = known[name]


def generate() -> str:
    """The text of schema.ts."""
    told: Shape = document([*routes(), *team_routes()])
    known: dict[str, Shape] = told["components"]["schemas"]
    found: dict[str, Shape] = {}
    for name in known:
        collect(name, known, found)
    return "\n".join([HEAD, *(f"{interface(name, shape)}\n" for name, shape in found.items())])


def main() -> int:
    """Write the file, or with `--check` compare it."""
    text = generate()
    if "--check" in sys.argv[1:]:
        same = OUTPUT.is_file() and OUTPUT.read_text(encoding="utf-8") == text
        if not same:
            sys.stderr.write("schema.ts is not what the OpenAPI description says\n  → python labextension/scripts/schema.py\n")
        return 0 if same else 1
    OUTPUT.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
