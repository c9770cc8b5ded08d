"""What the user said when a job was converted, read back from the job, so that its notebook can be converted in the same way.

Results, names, ranges, policies and parameters that were left out stand in no notebook: without them a job that is made anew
would differ from the old one in what nobody changed.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from mlops_jupyter.entities import InputError, JobInput, JobManifest, JobParameter
from mlops_jupyter.entities.jobs import InputPolicy
from mlops_jupyter.jobs.parameters import LEAST, MOST, Value, as_text, validate
from mlops_jupyter.jobs.source import parse
from mlops_jupyter.jobs.terms import Terms


class Said(msgspec.Struct, frozen=True):
    """What to say of the job of the notebook as it is now. `keep`: its parameters, by the names that they have in the cells."""

    keep: list[str]
    terms: dict[str, Terms] = {}
    policies: dict[str, InputPolicy] = {}


def results_asked(manifest: JobManifest) -> list[str]:
    """The results that a job was made for; none if it was made for every metric of its notebook, and so bears its name."""
    if manifest.name == Path(manifest.notebook).stem:
        return []
    return list(dict.fromkeys(one.name for one in manifest.results))


def said_of(manifest: JobManifest, sources: Sequence[str], parameters: Sequence[JobParameter],
            inputs: Sequence[JobInput]) -> Said:
    """What was said of the job with this manifest and these cells, as far as it fits `parameters` and `inputs` of the new one.

    The new ones are as nothing said of them leaves them. A parameter that the old cells still assign was left out of the old job.
    """
    own = {one.name: one for one in manifest.parameters}
    assigned, renamed = _assignments(sources, own)
    old = {name: own[renamed.get(name, name)] for name in (one.name for one in parameters) if renamed.get(name, name) in own}
    terms = {one.name: _terms(old[one.name], one) for one in parameters if one.name in old}
    keep = [one.name for one in parameters if one.name in old or one.name not in assigned]
    names = {one.name for one in inputs}
    return Said(keep, {name: term for name, term in terms.items() if term != Terms()},
                {one.name: one.policy for one in manifest.inputs if one.name in names and one.policy != "warn"})


def _assignments(sources: Sequence[str], own: Mapping[str, JobParameter]) -> tuple[set[str], dict[str, str]]:
    """The names that the cells assign at module level, and, of those that take a parameter of another name, which one."""
    assigned: set[str] = set()
    renamed: dict[str, str] = {}
    for tree in filter(None, map(parse, sources)):
        for node in tree.body:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target if isinstance(node, ast.AnnAssign) else None
            if isinstance(target, ast.Name) and isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                assigned.add(target.id)
                used = [part.id for part in ast.walk(node.value) if isinstance(part, ast.Name) and part.id in own]
                if used and target.id not in own:
                    renamed.setdefault(target.id, used[0])
    return assigned, renamed


def _terms(old: JobParameter, new: JobParameter) -> Terms:
    """What makes `new` what `old` is; nothing where its default does not allow that, so that the difference is seen."""
    name = old.name if old.name != new.name else ""
    if old.type == "secret":
        return Terms(rename=name, secret=str(old.default))
    try:
        validate([JobParameter(old.name, old.type, new.default, old.schema)], {old.name: new.default})
    except InputError:
        return Terms(rename=name)
    schema = old.schema.get("items") if old.type == "array" else old.schema
    limits: Mapping[str, object] = schema if isinstance(schema, dict) else {}
    choices = limits.get("enum")
    words = [as_text(word) for word in choices] if isinstance(choices, list) else []
    low, high = (_bound(limits, word, moment) for word, moment in (("minimum", LEAST), ("maximum", MOST)))
    return Terms(
        rename=name, type=old.type if old.type not in {new.type, "array"} else "",
        range=f"{low}..{high}" if low or high else "",
        choices=",".join(words) if not any("," in word for word in words) else "",
        help=old.description if not new.description else "")


def _bound(limits: Mapping[str, object], word: str, moment: str) -> str:
    found = limits.get(word, limits.get(moment))
    return "" if found is None else as_text(msgspec.convert(found, Value))
