"""Secrets of a job: a parameter that is given by reference and reaches the code through its environment.

`-p api_key=env:STAGING_KEY`, `keyring:SERVICE/USER` or `file:PATH` says where the value is; it is looked up just before the
kernel starts and handed to it as an environment variable, which the cell reads. So it stands in no notebook, manifest, log,
command line or record; where a cell prints it, the executed notebook holds a mark in its place.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from mlops_jupyter.entities import InputError, JobParameter, NotFoundError

_REFERENCE = re.compile(r"(env|keyring|file):(.+)", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def variable_of(name: str) -> str:
    """The environment variable in which the code of a job finds the secret parameter `name`."""
    return name.upper()


def check_reference(name: str, value: object) -> str:
    """The reference, if it is one. Raises InputError without repeating what was given: it may be the secret itself."""
    found = _REFERENCE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise InputError(f"parameter {name} is a secret, and what was given is no reference to one",
                         f"-p {name}=env:VARIABLE, -p {name}=keyring:SERVICE/USER or -p {name}=file:PATH; put the value there")
    kind, place = found.groups()
    if kind == "env" and not _NAME.fullmatch(place):
        raise InputError(f"parameter {name}: no name of an environment variable comes after env:", f"-p {name}=env:API_KEY")
    if kind == "keyring" and "/" not in place:
        raise InputError(f"parameter {name}: no SERVICE/USER comes after keyring:", f"-p {name}=keyring:SERVICE/USER")
    return f"{kind}:{place}"


def secret_values(parameters: Sequence[JobParameter], given: Mapping[str, object]) -> dict[str, str]:
    """Environment variable → value of each secret of a job. Raises InputError or NotFoundError if one cannot be had."""
    return {variable_of(each.name): _look_up(each.name, str(given.get(each.name, each.default)))
            for each in parameters if each.type == "secret"}


def _look_up(name: str, reference: str) -> str:
    kind, _, place = check_reference(name, reference).partition(":")
    value = {"env": _from_environment, "keyring": _from_keyring, "file": _from_file}[kind](name, place)
    if not value or "\0" in value:
        raise InputError(f"the secret {name} is empty, or no text, at {reference}",
                         f"put a value there, or give another: -p {name}=env:VARIABLE")
    return value


def _from_environment(name: str, variable: str) -> str:
    if variable not in os.environ:
        raise NotFoundError(f"the secret {name} is not there: the environment variable {variable} is not set",
                            f"export {variable}=…, or say where it is: -p {name}=file:PATH")
    return os.environ[variable]


def _from_file(name: str, place: str) -> str:
    path = Path(place).expanduser()
    try:
        return path.read_text("utf-8").rstrip("\r\n")
    except FileNotFoundError:
        raise NotFoundError(f"the secret {name} is not there: there is no file {path}", f"-p {name}=file:PATH") from None
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InputError(f"the secret {name} cannot be read from {path}: {why}", f"ls -l {path}") from None


def _from_keyring(name: str, place: str) -> str:
    service, _, user = place.rpartition("/")
    value: str | None
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        raise InputError(f"the secret {name} is in a keyring, and this Python has none", "pip install keyring") from None
    try:
        value = keyring.get_password(service, user)
    except KeyringError as error:
        raise InputError(f"the keyring cannot be asked for the secret {name}: {error}", "keyring --list-backends") from None
    if value is None:
        raise NotFoundError(f"the secret {name} is not there: the keyring has no {user!r} of {service!r}",
                            f"keyring set {service} {user}")
    return value
