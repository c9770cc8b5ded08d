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
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import cast

import jsonschema
import msgspec

from mlops_jupyter.entities import InputError, JobParameter, Scalar
from mlops_jupyter.entities.jobs import ParameterType
from mlops_jupyter.jobs.secrets import check_reference

Value = Scalar | list[Scalar]
_INTEGER = re.compile(r"[+-]?\d+")
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?")
_IN_A_NOTEBOOK = re.compile("[^\0\ud800-\udfff]*", re.DOTALL)
LEAST, MOST = "formatMinimum", "formatMaximum"
"""Where the range of what JSON has no number for stands in a schema: dates, moments, decimals as text."""
_FORMATS = {"date": "date", "datetime": "date-time", "decimal": "decimal", "path": "path"}


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


def is_moment(text: str) -> bool:
    """True for an ISO date or moment, `2013-06-30T12:00`, that exists."""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return bool(_ISO_DATE.match(text))


def is_decimal(text: str) -> bool:
    """True for a finite decimal number: `0.10`, `-3`, `1e-9`."""
    return _DECIMAL.fullmatch(text) is not None


def schema_for(kind: str, value: Value) -> dict[str, object]:
    """JSON Schema for one value of a parameter whose default is `value`."""
    if kind in _FORMATS:
        return {"type": "string", "format": _FORMATS[kind]}
    if kind == "secret":
        return {"type": "string", "writeOnly": True}
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
    if parameter.type == "secret":
        return check_reference(parameter.name, value)
    if isinstance(value, str) and parameter.type not in _TEXTS:
        value = _parse(parameter, value.strip())
    if parameter.type == "number" and isinstance(value, int) and not isinstance(value, bool):
        value = _as_float(parameter, value)
    if parameter.type == "decimal" and isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    fault = _fault(parameter, value)
    if fault:
        raise _ill_typed(parameter, value, fault)
    return cast(Value, value)


_TEXTS = frozenset({"string", "path", "decimal"})


def _as_float(parameter: JobParameter, value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        raise _ill_typed(parameter, value, "is too large for a number") from None


def _fault(parameter: JobParameter, value: object) -> str:
    """What is wrong with a value that was parsed; "" if nothing is."""
    items = value if isinstance(value, list) else [value]
    if any(isinstance(item, float) and not math.isfinite(item) for item in items):
        return "is not a finite number" if items[0] is value else "holds a number that is not finite"
    if any(isinstance(item, str) and not _IN_A_NOTEBOOK.fullmatch(item) for item in items):
        return "holds a character that no notebook keeps"
    if isinstance(value, float) and parameter.type == "integer":
        return "is not an integer"
    wanted = _WORDS.get(parameter.type)
    if wanted is not None and not (isinstance(value, str) and wanted[0](value)):
        return f"is not {wanted[1]}"
    schema = parameter.schema or schema_for(parameter.type, parameter.default)
    fault = next(iter(jsonschema.Draft202012Validator(schema).iter_errors(value)), None)
    if fault is not None:
        return str(fault.message).removeprefix(repr(value)).strip() or "does not fit its schema"
    return _out_of_range(parameter.type, schema, value)


_WORDS: dict[str, tuple[Callable[[str], bool], str]] = {
    "date": (is_date, "a date like 2013-06-30"), "datetime": (is_moment, "a moment like 2013-06-30T12:00"),
    "decimal": (is_decimal, "a decimal number like 0.10"),
}


def _out_of_range(kind: str, schema: Mapping[str, object], value: object) -> str:
    """The range of dates, moments and decimals, which JSON Schema's words for numbers do not cover."""
    for word, relation in ((LEAST, "less"), (MOST, "more")):
        bound = schema.get(word)
        if bound is None:
            continue
        try:
            here, there = _comparable(kind, str(value)), _comparable(kind, str(bound))
            outside = here < there if word == LEAST else here > there  # type: ignore[operator]
        except (InvalidOperation, TypeError, ValueError) as error:
            return f"cannot be compared with {bound!r}: {error}"
        if outside:
            return f"is {relation} than {bound}"
    return ""


def _comparable(kind: str, text: str) -> Decimal | datetime:
    return Decimal(text) if kind == "decimal" else datetime.fromisoformat(text)


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
    try:
        return [_parse(one, item.strip()) for item in text.split(",")] if text else []
    except InputError:
        raise _ill_typed(parameter, text, f"is no list of items of type {kind}") from None


def _ill_typed(parameter: JobParameter, value: object, why: str) -> InputError:
    shown = repr(value) if len(repr(value)) <= 120 else repr(value)[:117] + "…"
    expected = json.dumps(parameter.schema) if parameter.type == "array" and parameter.schema else parameter.type
    said = limits(parameter)
    return InputError(f"parameter {parameter.name}: {shown} {why}",
                      f"give a value of type {expected}{f', {said}' if said else ''}, e.g. -p {parameter.name}="
                      f"{as_text(parameter.default)}")


def limits(parameter: JobParameter) -> str:
    """The range or the choices of a parameter in words: `1 to 500`, `at least 0`, `lbfgs or saga`; "" if it has none."""
    schema = parameter.schema
    items = schema.get("items")
    schema = items if parameter.type == "array" and isinstance(items, dict) else schema
    choices = schema.get("enum")
    if isinstance(choices, list):
        words = [as_text(one) for one in choices]
        return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]
    least, most = schema.get("minimum", schema.get(LEAST)), schema.get("maximum", schema.get(MOST))
    if least is not None and most is not None:
        return f"{least} to {most}"
    return f"at least {least}" if least is not None else f"at most {most}" if most is not None else ""


def as_text(value: Value) -> str:
    """A value as `-p` takes it: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
