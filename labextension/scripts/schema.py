"""Writes src/api/schema.ts: one TypeScript interface for each entity that the REST API carries.

The entities are msgspec Structs with `omit_defaults`, so a field with a default may be absent from the JSON: it is optional in
TypeScript, and its default stands in the comment beside it. Run it after each change of the entities; `--check` fails if the
committed file is not what the entities say.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

import msgspec
from msgspec import inspect

from mlops_jupyter.entities.data import Dataset, Fingerprint, Schema
from mlops_jupyter.entities.jobs import JobManifest, Outcome, Submission
from mlops_jupyter.entities.runs import Experiment, Run, Verification
from mlops_jupyter.entities.sessions import CellExecution, Observation, Session

ROOTS: tuple[type[msgspec.Struct], ...] = (
    Fingerprint, Schema, Dataset, Session, CellExecution, Observation, Experiment, Verification, Run, JobManifest, Outcome,
    Submission,
)
OUTPUT = Path(__file__).resolve().parent.parent / "src" / "api" / "schema.ts"
HEAD = """/**
 * The nouns of the REST API. Generated from mlops_jupyter/entities by scripts/schema.py: do not edit.
 *
 * An optional field that is absent has the default named in its comment.
 */

export type Scalar = string | number | boolean | null;
"""
PLAIN: dict[type, str] = {
    inspect.AnyType: "unknown", inspect.NoneType: "null", inspect.BoolType: "boolean", inspect.IntType: "number",
    inspect.FloatType: "number", inspect.StrType: "string",
}
SCALAR = {"string", "number", "boolean", "null"}
Shape: TypeAlias = inspect.Type


def union_of(members: Iterable[str]) -> str:
    """The members as a TypeScript union, with `Scalar` for the four that make one."""
    names = list(dict.fromkeys(members))
    if set(names) >= SCALAR:
        names = ["Scalar", *(name for name in names if name not in SCALAR)]
    return " | ".join(names)


def typescript(shape: Shape) -> str:
    """The TypeScript type of a msgspec type."""
    if type(shape) in PLAIN:
        return PLAIN[type(shape)]
    if isinstance(shape, inspect.LiteralType):
        return " | ".join(f"'{value}'" for value in shape.values)
    if isinstance(shape, inspect.UnionType):
        return union_of(typescript(member) for member in shape.types)
    if isinstance(shape, inspect.ListType | inspect.VarTupleType):
        item = typescript(shape.item_type)
        return f"({item})[]" if " | " in item else f"{item}[]"
    if isinstance(shape, inspect.DictType):
        return f"Record<string, {typescript(shape.value_type)}>"
    if isinstance(shape, inspect.StructType | inspect.CustomType):
        return "unknown" if shape.cls is object else shape.cls.__name__
    raise TypeError(f"no TypeScript for {shape!r}")


def default_of(field: inspect.Field) -> str:
    """The default in words, for the comment."""
    if field.default is not msgspec.NODEFAULT:
        return msgspec.json.encode(field.default).decode()
    if field.default_factory is not msgspec.NODEFAULT:
        return msgspec.json.encode(field.default_factory()).decode()
    return "none"


def interface(shape: inspect.StructType) -> str:
    """One exported interface. A tag is kept as an optional `type`: the JSON carries it, nobody needs it."""
    doc = (shape.cls.__doc__ or "").strip().splitlines()[0].replace("*/", "* /")
    lines = [f"/** {doc} */", f"export interface {shape.cls.__name__} {{"]
    if shape.tag is not None:
        lines.append(f"  type?: '{shape.tag}';")
    for field in shape.fields:
        if field.required:
            lines.append(f"  {field.encode_name}: {typescript(field.type)};")
        else:
            lines.append(f"  /** Default: {default_of(field)} */\n  {field.encode_name}?: {typescript(field.type)};")
    return "\n".join([*lines, "}"])


def children(shape: Shape) -> Iterable[Shape]:
    """The types directly inside a type."""
    if isinstance(shape, inspect.StructType):
        return [field.type for field in shape.fields]
    if isinstance(shape, inspect.UnionType):
        return shape.types
    if isinstance(shape, inspect.ListType | inspect.VarTupleType):
        return [shape.item_type]
    if isinstance(shape, inspect.DictType):
        return [shape.value_type]
    return []


def collect(shape: Shape, found: dict[str, inspect.StructType]) -> None:
    """Every Struct reachable from a type, each once, the inner ones first."""
    if isinstance(shape, inspect.StructType) and shape.cls.__name__ in found:
        return
    for child in children(shape):
        collect(child, found)
    if isinstance(shape, inspect.StructType):
        found[shape.cls.__name__] = shape


def generate() -> str:
    """The text of schema.ts."""
    found: dict[str, inspect.StructType] = {}
    for root in ROOTS:
        collect(inspect.type_info(root), found)
    return "\n".join([HEAD, *(f"{interface(shape)}\n" for shape in found.values())])


def main() -> int:
    """Write the file, or with `--check` compare it."""
    text = generate()
    if "--check" in sys.argv[1:]:
        same = OUTPUT.is_file() and OUTPUT.read_text(encoding="utf-8") == text
        if not same:
            sys.stderr.write("schema.ts is not what the entities say\n  → python labextension/scripts/schema.py\n")
        return 0 if same else 1
    OUTPUT.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
