"""The lock of a job: the distributions that its code imports, what those require, and what runs a notebook; nothing else.

Versions are those that the session recorded. Which distribution an imported name comes from, and what it requires, is asked
of the interpreter that recorded them: this one, or another that is still there. What a version alone would not bring back
(editable, VCS, local file, conda) is named with what to do, never silently pinned.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Collection, Iterable
from pathlib import Path

import msgspec
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name

from mlops_jupyter.entities import Distribution, Environment
from mlops_jupyter.jobs import provided

_Need = tuple[NormalizedName, frozenset[str]]
RUNTIME = ("ipykernel", "papermill")
_ASK_SECONDS = 60


class Installed(msgspec.Struct):
    """What an interpreter knows of its packages: import name → distributions, distribution → its requirements as text."""

    provides: dict[str, list[str]] = {}
    needs: dict[str, list[str]] = {}


def installed(environment: Environment | None) -> Installed:
    """Ask the interpreter that recorded `environment`; this one if it is the same or gone. Runs no user code."""
    executable = environment.executable if environment is not None else ""
    if executable and executable != sys.executable and Path(executable).exists():
        words = [executable, "-I", provided.__file__]
        answer = subprocess.run(words, capture_output=True, timeout=_ASK_SECONDS, check=False)
        if answer.returncode == 0:
            return msgspec.json.decode(answer.stdout, type=Installed)
    return msgspec.convert(provided.provided(), Installed)


def closure(environment: Environment, imports: Iterable[str], known: Installed | None = None) -> list[str]:
    """Names of the distributions that `imports` need, with their requirements and the notebook runtime, sorted."""
    known = known or installed(environment)
    recorded = {canonicalize_name(each.name): each.name for each in environment.distributions}
    needs = {canonicalize_name(name): requirements for name, requirements in known.needs.items()}
    waiting: list[_Need] = [(canonicalize_name(name), frozenset()) for name in RUNTIME]
    ours = canonicalize_name("mlops_jupyter")
    for name in set(imports) - {"mlops_jupyter"}:
        waiting += [(canonicalize_name(found), frozenset()) for found in known.provides.get(name, [name])]
    seen: set[_Need] = set()
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen or name not in recorded:
            continue
        seen.add((name, extras))
        waiting += _required(needs.get(name, []), extras)
    return sorted({recorded[name] for name, _ in seen if name != ours}, key=str.lower)


def _required(requirements: list[str], extras: frozenset[str]) -> list[_Need]:
    found: list[_Need] = []
    for text in requirements:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras or frozenset({""})):
            found.append((canonicalize_name(requirement.name), frozenset(requirement.extras)))
    return found


def warnings(environment: Environment, names: Collection[str] | None = None) -> list[str]:
    """What the lock cannot bring back by itself, each with what to do."""
    return [f"{each.name} {each.version} is installed from {each.origin}{f' ({each.url})' if each.url else ''}: {_advice(each)}"
            for each in _chosen(environment, names) if each.origin]


def _advice(distribution: Distribution) -> str:
    origin = distribution.origin.lower()
    if origin == "editable":
        return "build a wheel (pip wheel --no-deps .) and install it where the job runs"
    if "conda" in origin:
        return f"conda install {distribution.name}={distribution.version} where the job runs, if PyPI does not have it"
    if "vcs" in origin or "git" in origin:
        return "the lock names its repository and commit; the job's machine must be able to reach it"
    return "publish it to an index, or copy the file to where the job runs"


def requirements_txt(environment: Environment, names: Collection[str] | None = None) -> str:
    """A `requirements.txt` with exact versions: of `names`, or of the whole environment."""
    lines = [f"# Python {environment.python} on {environment.platform}, as recorded by mlops_jupyter"]
    for each in _chosen(environment, names):
        if _is_vcs(each):
            lines.append(f"{each.name} @ {each.url}")
        elif each.origin and "conda" not in each.origin.lower():
            lines.append(f"# {each.name}=={each.version}  # installed from {each.origin}: {_advice(each)}")
        else:
            lines.append(f"{each.name}=={each.version}")
    return "\n".join(lines) + "\n"


def pylock_toml(environment: Environment, names: Collection[str] | None = None) -> str:
    """A `pylock.toml` (PEP 751, lock-version 1.0) of `names`, or of the whole environment.

    A session knows versions, not the files they were installed from: packages carry name and version, and no file with its hash,
    which the format leaves optional. An installer that insists on files takes `requirements.txt`.
    """
    lines = ['lock-version = "1.0"', 'created-by = "mlops_jupyter"',
             f"requires-python = {_text('>=' + _minor(environment.python))}", ""]
    for each in _chosen(environment, names):
        lines += ["[[packages]]", f"name = {_text(canonicalize_name(each.name))}", f"version = {_text(each.version)}"]
        if _is_vcs(each):
            url, _, commit = each.url.removeprefix("git+").rpartition("@")
            lines.append(f'vcs = {{ type = "git", url = {_text(url)}, commit-id = {_text(commit)} }}')
        lines.append("")
    return "\n".join(lines)


def _is_vcs(distribution: Distribution) -> bool:
    path = distribution.url.partition("//")[2].partition("/")[2]
    return distribution.url.startswith("git+") and "@" in path


def _chosen(environment: Environment, names: Collection[str] | None) -> list[Distribution]:
    wanted = None if names is None else {canonicalize_name(name) for name in names}
    chosen = [each for each in environment.distributions if wanted is None or canonicalize_name(each.name) in wanted]
    return sorted(chosen, key=lambda each: canonicalize_name(each.name))


def _minor(python: str) -> str:
    return ".".join(python.split(".")[:2])


def _text(value: str) -> str:
    return json.dumps(value)
