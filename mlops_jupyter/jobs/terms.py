"""What the user says of a job's parameters: another name, a type, a range, choices, a help text, that it is a secret.

`max_iter.range=1..500`, `solver.choices=lbfgs,saga`, `api_key.secret=env:API_KEY`. What is said becomes JSON Schema in
`job.yaml`; whatever starts the job (command, form, engine) takes it from there. A default that does not meet its own terms
is refused.
"""

from __future__ import annotations

import ast
import keyword
from collections.abc import Mapping, Sequence
from typing import cast, get_args

import msgspec

from mlops_jupyter.entities import CellExecution, InputError, JobParameter
from mlops_jupyter.entities.jobs import ParameterType
from mlops_jupyter.jobs.candidates import Candidate
from mlops_jupyter.jobs.parameters import LEAST, MOST, Value, schema_for, validate
from mlops_jupyter.jobs.secrets import check_reference, variable_of
from mlops_jupyter.jobs.source import parse

_RANGED = {"integer": ("minimum", "maximum"), "number": ("minimum", "maximum"), "array": ("minimum", "maximum"),
           "date": (LEAST, MOST), "datetime": (LEAST, MOST), "decimal": (LEAST, MOST)}
_AGAIN = {"path": "__import__('pathlib').Path({})", "decimal": "__import__('decimal').Decimal(str({}))"}


class Terms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is said of one parameter. `range` is `LOW..HIGH`, either side may be missing; `secret` a reference, or `env`."""

    rename: str = ""
    type: str = ""
    range: str = ""
    choices: str = ""
    """The values with commas between."""
    help: str = ""
    secret: str = ""


def read_terms(words: Sequence[str]) -> dict[str, Terms]:
    """`["max_iter.range=1..500", …]` by parameter. InputError for what is no term."""
    found: dict[str, dict[str, str]] = {}
    fields = Terms.__struct_fields__
    for text in words:
        place, sign, value = text.partition("=")
        name, dot, field = place.strip().rpartition(".")
        if not sign or not dot or not name or field not in fields:
            raise InputError(f"{text!r} says nothing of a parameter",
                             f"--term NAME.FIELD=VALUE, where FIELD is one of {', '.join(fields)}: --term max_iter.range=1..500")
        found.setdefault(name, {})[field] = value.strip()
    return {name: Terms(**said) for name, said in found.items()}


def apply_terms(chosen: Sequence[Candidate], terms: Mapping[str, Terms], cells: Sequence[CellExecution]) -> list[Candidate]:
    """The candidates as the user wants them. InputError for a term that cannot hold, or is of no candidate."""
    names = [each.assigned for each in chosen]
    for name in terms:
        if name not in names:
            raise InputError(f"{name!r} is no parameter of this job", f"parameters: {', '.join(names) or 'none'}")
    taken = _names_in(cells)
    made = [_applied(each, terms.get(each.assigned, Terms()), taken) for each in chosen]
    twice = {name for name in (each.parameter.name for each in made)
             if sum(other.parameter.name == name for other in made) > 1}
    if twice:
        raise InputError(f"two parameters would be called {twice.pop()!r}", "give them different names")
    return made


def _applied(candidate: Candidate, terms: Terms, taken: set[str]) -> Candidate:
    parameter, again = candidate.parameter, candidate.again
    if terms.rename:
        _check_name(terms.rename, taken)
        parameter = msgspec.structs.replace(parameter, name=terms.rename)
    if terms.help:
        parameter = msgspec.structs.replace(parameter, description=" ".join(terms.help.split()))
    if terms.secret:
        return _secret(candidate, parameter, terms.secret)
    if terms.type:
        parameter, again = _of_type(parameter, again, terms.type)
    schema = dict(parameter.schema)
    if terms.choices:
        _add(parameter, schema, {"enum": [_bound(parameter, word) for word in terms.choices.split(",")]})
    if terms.range:
        _add(parameter, schema, _range(parameter, terms.range))
    parameter = msgspec.structs.replace(parameter, schema=schema)
    validate([parameter], {parameter.name: parameter.default})
    return msgspec.structs.replace(candidate, parameter=parameter, again=again)


def _check_name(name: str, taken: set[str]) -> None:
    if not name.isidentifier() or keyword.iskeyword(name) or name.startswith("_"):
        raise InputError(f"a parameter cannot be called {name!r}: that is no public Python name", "--term old.rename=new_name")
    if name in taken:
        raise InputError(f"a parameter cannot be called {name!r}: the cells have something of that name", "choose another name")


def _names_in(cells: Sequence[CellExecution]) -> set[str]:
    return {node.id for cell in cells if (tree := parse(cell.source)) is not None
            for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _secret(candidate: Candidate, parameter: JobParameter, reference: str) -> Candidate:
    """The cell reads it from its environment; the literal, which is the secret itself, goes nowhere."""
    variable = variable_of(parameter.name)
    default = check_reference(parameter.name, f"env:{variable}" if reference == "env" else reference)
    made = msgspec.structs.replace(parameter, type="secret", default=default, schema=schema_for("secret", default), varied=False,
                                   arrives="")
    return msgspec.structs.replace(candidate, parameter=made, again=f"__import__('os').environ[{variable!r}]")


def _of_type(parameter: JobParameter, again: str, wanted: str) -> tuple[JobParameter, str]:
    """The parameter as another type; the code makes of it what the literal was only where the type has such a thing."""
    known = [kind for kind in get_args(ParameterType) if kind not in {"array", "secret"}]
    if wanted not in known or parameter.type == "array":
        raise InputError(f"parameter {parameter.name} cannot be of type {wanted!r}", f"one of {', '.join(known)}")
    kind = cast(ParameterType, wanted)
    shaped = msgspec.structs.replace(parameter, type=kind, schema=schema_for(kind, parameter.default))
    default = validate([shaped], {parameter.name: parameter.default})[parameter.name]
    if kind == parameter.type or again:
        return msgspec.structs.replace(shaped, default=default), again
    made = _AGAIN.get(kind, "")
    return msgspec.structs.replace(shaped, default=default, arrives=kind if made else ""), made


def _range(parameter: JobParameter, text: str) -> dict[str, object]:
    words = _RANGED.get(parameter.type)
    low, dots, high = text.partition("..")
    if words is None or not dots or not (low.strip() or high.strip()):
        raise InputError(f"parameter {parameter.name}: {text!r} is no range of a {parameter.type}",
                         f"--term {parameter.name}.range=LOW..HIGH; one of the two may be missing")
    found = {word: _bound(parameter, bound.strip()) for word, bound in zip(words, (low, high), strict=True) if bound.strip()}
    if len(found) == 2 and found[words[0]] > found[words[1]]:  # type: ignore[operator] # both of the parameter's own type
        raise InputError(f"parameter {parameter.name}: nothing lies in the range {text!r}", "write the smaller one first")
    return dict(found)


def _bound(parameter: JobParameter, word: str) -> Value:
    """One value of the parameter, or one item of an array, parsed as it would be if it were given."""
    kind, default = parameter.type, parameter.default
    if kind == "array":
        items = parameter.schema.get("items")
        kind, default = cast(ParameterType, items.get("type", "string") if isinstance(items, dict) else "string"), None
    plain = JobParameter(parameter.name, kind, default, {**schema_for(kind, default)})
    return validate([plain], {parameter.name: word.strip()})[parameter.name]


def _add(parameter: JobParameter, schema: dict[str, object], said: Mapping[str, object]) -> None:
    items = schema.get("items")
    if parameter.type == "array" and isinstance(items, dict):
        schema["items"] = {**items, **said}
    else:
        schema.update(said)
