"""What a job can be given: found as literals in the cells of a slice, described as JSON Schema, checked before anything starts.

A parameter is data. What somebody passes is parsed by its type and compared with its schema; it never reaches a parser of
code, and what papermill writes into the notebook is the literal of a value that passed.
"""

from __future__ import annotations

import difflib
import json
import keyword
import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import cast

import jsonschema

from mlops_jupyter.entities import InputError, JobParameter, Scalar
from mlops_jupyter.entities.jobs import ParameterType

Value = Scalar | list[Scalar]
_INTEGER = re.compile(r"[+-]?\d+")
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def validate(parameters: Sequence[JobParameter], given: Mapping[str, object]) -> dict[str, Value]:
    """The given values, typed. Text is parsed by the parameter's type. Raises InputError for the first that will not do."""
    known = {parameter.name: parameter for parameter in parameters}
    typed: dict[str, Value] = {}
    for name, value in given.items():
        if name not in known:
            raise _unknown(name, list(known))
        typed[name] = _typed(known[name], value)
    return typed


def describe(parameters: Sequence[JobParameter]) -> str:
    """The parameters in one line: `test_month (integer, 6), threshold (number, 0.5)`."""
    return ", ".join(f"{each.name} ({each.type}, {each.default!r})" for each in parameters) or "none"


def is_date(text: str) -> bool:
    """True for an ISO calendar date, `2013-06-30`, that exists."""
    if not _ISO_DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def schema_for(kind: str, value: Value) -> dict[str, object]:
    """JSON Schema for one value of a parameter whose default is `value`."""
    if kind == "date":
        return {"type": "string", "format": "date"}
    if kind == "array":
        assert isinstance(value, list)
        return {"type": "array", "items": {"type": item_type(value) or "string"}}
    return {"type": kind}


def item_type(values: Sequence[Scalar]) -> str | None:
    """The one JSON type of all values; integers among floats are numbers; None if they differ otherwise."""
    types = {_json_type(value) for value in values}
    if types == {"integer", "number"}:
        return "number"
    return types.pop() if len(types) == 1 else None


def _json_type(value: Scalar) -> str:
    if isinstance(value, bool):
        return "boolean"
    return {int: "integer", float: "number", str: "string"}.get(type(value), "null")


def _unknown(name: str, known: list[str]) -> InputError:
    listed = ", ".join(sorted(known)) or "none"
    if not name.isidentifier() or keyword.iskeyword(name):
        return InputError(f"{name!r} is not the name of a parameter: it is no Python identifier",
                          f"parameters of this job: {listed}")
    close = difflib.get_close_matches(name, known, n=1)
    meant = f"did you mean {close[0]}? " if close else ""
    return InputError(f"this job has no parameter {name!r}", f"{meant}parameters of this job: {listed}")


def _typed(parameter: JobParameter, value: object) -> Value:
    if isinstance(value, str) and parameter.type != "string":
        value = _parse(parameter, value.strip())
    if parameter.type == "number" and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise _ill_typed(parameter, value, "is not a finite number")
    if isinstance(value, float) and parameter.type == "integer":
        raise _ill_typed(parameter, value, "is not an integer")
    if parameter.type == "date" and not (isinstance(value, str) and is_date(value)):
        raise _ill_typed(parameter, value, "is not a date like 2013-06-30")
    if isinstance(value, list) and any(isinstance(item, float) and not math.isfinite(item) for item in value):
        raise _ill_typed(parameter, value, "holds a number that is not finite")
    schema = parameter.schema or schema_for(parameter.type, parameter.default)
    fault = next(iter(jsonschema.Draft202012Validator(schema).iter_errors(value)), None)
    if fault is not None:
        raise _ill_typed(parameter, value, str(fault.message).removeprefix(repr(value)).strip() or "does not fit its schema")
    return cast(Value, value)


def _parse(parameter: JobParameter, text: str) -> object:
    parser: dict[str, Callable[[JobParameter, str], object]] = {
        "integer": _parse_integer, "number": _parse_number, "boolean": _parse_boolean, "array": _parse_array,
    }
    return parser[parameter.type](parameter, text) if parameter.type in parser else text


def _parse_integer(parameter: JobParameter, text: str) -> int:
    if not _INTEGER.fullmatch(text) or len(text) > 4000:
        raise _ill_typed(parameter, text, "is not an integer")
    return int(text)


def _parse_number(parameter: JobParameter, text: str) -> float:
    try:
        if "_" in text:
            raise ValueError(text)
        return float(text)
    except ValueError:
        raise _ill_typed(parameter, text, "is not a number") from None


def _parse_boolean(parameter: JobParameter, text: str) -> bool:
    if text.lower() not in {"true", "false"}:
        raise _ill_typed(parameter, text, "is neither true nor false")
    return text.lower() == "true"


def _parse_array(parameter: JobParameter, text: str) -> list[object]:
    """A JSON array, or its items with commas between: `1,2,3`."""
    if text.startswith("["):
        try:
            return cast(list[object], json.loads(text))
        except (json.JSONDecodeError, RecursionError):
            raise _ill_typed(parameter, text, "is not a JSON array") from None
    schema = parameter.schema or schema_for("array", parameter.default)
    items = schema.get("items")
    kind = items.get("type", "string") if isinstance(items, dict) else "string"
    one = JobParameter(parameter.name, cast(ParameterType, kind), None, schema={"type": kind})
    return [_parse(one, item.strip()) for item in text.split(",")] if text else []


def _ill_typed(parameter: JobParameter, value: object, why: str) -> InputError:
    shown = repr(value) if len(repr(value)) <= 120 else repr(value)[:117] + "…"
    expected = json.dumps(parameter.schema) if parameter.type == "array" and parameter.schema else parameter.type
    return InputError(f"parameter {parameter.name}: {shown} {why}",
                      f"give a value of type {expected}, e.g. -p {parameter.name}={_example(parameter.default)}")


def _example(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value).replace(" ", "") if isinstance(value, list) else str(value)
