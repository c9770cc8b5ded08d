"""The lock as it stands in a bundle: read, with a version replaced, and laid beside what an interpreter has.

`requirements.txt` is what gets installed; `pylock.toml` also names the version of what no installer brings back (an editable
checkout, a local file), so that such a package is missed by name. Asking an interpreter costs a look at the names of the lock,
never a scan of everything installed.
"""

from __future__ import annotations

import difflib
import platform
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version

import msgspec
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from mlops_jupyter.entities import Distribution, Environment, InputError
from mlops_jupyter.entities.environments import differences
from mlops_jupyter.jobs.bundle import Bundle

REQUIREMENTS, PYLOCK = "requirements.txt", "pylock.toml"
_ASK_SECONDS = 60
_ASK = """
import json, platform, sys
from importlib.metadata import PackageNotFoundError, version
found = {}
for name in json.loads(sys.argv[1]):
    try:
        found[name] = version(name)
    except PackageNotFoundError:
        pass
json.dump({"python": platform.python_version(), "versions": found}, sys.stdout)
"""


class Locked(msgspec.Struct, frozen=True):
    """Python version, lines for an installer, and the version of each distribution by its normalized name."""

    python: str
    lines: tuple[str, ...]
    versions: dict[str, str]


class _Package(msgspec.Struct):
    name: str
    version: str = ""


class _Pylock(msgspec.Struct):
    packages: list[_Package] = []


class Has(msgspec.Struct):
    """What an interpreter has of the names that it was asked for."""

    python: str
    versions: dict[str, str] = {}


def read_lock(bundle: Bundle) -> Locked:
    """The lock of a bundle. InputError if its session recorded no environment, so that it has none."""
    if not {REQUIREMENTS, PYLOCK} <= set(bundle.manifest.files):
        raise InputError(f"the job {bundle.folder} has no lock: no environment was recorded when its notebook ran",
                         "track the notebook again, and convert it again")
    lines = [line.strip() for line in (bundle.folder / REQUIREMENTS).read_text(encoding="utf-8").splitlines()]
    pylock = msgspec.convert(tomllib.loads((bundle.folder / PYLOCK).read_text(encoding="utf-8")), _Pylock)
    versions: dict[str, str] = {canonicalize_name(each.name): each.version for each in pylock.packages}
    return Locked(bundle.manifest.python, tuple(line for line in lines if line and not line.startswith("#")), versions)


def replaced(lock: Locked, given: Sequence[str]) -> Locked:
    """The lock with other versions, each given as `NAME==VERSION`. InputError for what it does not hold, or holds already."""
    lines, versions = list(lock.lines), dict(lock.versions)
    seen: set[str] = set()
    for text in given:
        name, wanted = _exact(text)
        if name not in lock.versions:
            close = difflib.get_close_matches(name, list(lock.versions), n=1)
            raise InputError(f"the lock of this job has no {name}", f"did you mean {close[0]}?" if close else
                             f"it has {', '.join(sorted(lock.versions))}")
        if name in seen:
            raise InputError(f"--with {name} is given twice", "give it once")
        if wanted == lock.versions[name]:
            raise InputError(f"the lock of this job has {name} {wanted} already", "name another version: --with NAME==VERSION")
        seen.add(name)
        versions[name] = wanted
        lines = [line for line in lines if _name(line) != name] + [f"{name}=={wanted}"]
    return Locked(lock.python, tuple(lines), versions)


def _exact(text: str) -> tuple[str, str]:
    """(normalized name, version) of `NAME==VERSION`."""
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        requirement = None
    specifiers = list(requirement.specifier) if requirement is not None else []
    if requirement is None or len(specifiers) != 1 or specifiers[0].operator != "==" or specifiers[0].version.endswith("*"):
        raise InputError(f"--with {text!r} is not of the form NAME==VERSION", "write it as --with scikit-learn==1.5.2")
    return canonicalize_name(requirement.name), specifiers[0].version


def _name(line: str) -> str:
    return canonicalize_name(Requirement(line).name)


def differs(lock: Locked, executable: str = "") -> list[str]:
    """How the interpreter (this one, if none is named) differs from the lock, in words; empty where it does not."""
    has = ask(executable, lock.versions)
    if has is None:
        return [f"{executable} does not say which packages it has"]
    return differences(_environment(lock.python or has.python, lock.versions), _environment(has.python, has.versions))


def ask(executable: str, names: Iterable[str]) -> Has | None:
    """Which of these distributions an interpreter has, by normalized name; None if it cannot be asked."""
    wanted = list(names)
    if executable in {"", sys.executable}:
        return Has(platform.python_version(), {name: found for name in wanted if (found := _version(name))})
    words = [executable, "-I", "-c", _ASK, msgspec.json.encode(wanted).decode()]
    try:
        answer = subprocess.run(words, capture_output=True, timeout=_ASK_SECONDS, check=False, stdin=subprocess.DEVNULL)
        return msgspec.json.decode(answer.stdout, type=Has)
    except (OSError, subprocess.TimeoutExpired, msgspec.DecodeError):
        return None


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _environment(python: str, versions: dict[str, str]) -> Environment:
    """Only what a lock and an interpreter can be compared by."""
    return Environment("", python, "", "", "", tuple(Distribution(name, found) for name, found in sorted(versions.items())))
