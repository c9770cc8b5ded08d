"""A session's environment as a file that installers read: `pylock.toml` (PEP 751) or `requirements.txt`."""

from __future__ import annotations

from pathlib import Path

import msgspec

from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.entities import ConflictError, Environment, InputError, NotFoundError
from mlops_jupyter.jobs.lock import pylock_toml, requirements_txt, warnings


class Exported(msgspec.Struct):
    """What was written, and what an installer cannot bring back by itself."""

    path: Path
    python: str
    packages: int
    remarks: list[str] = []


def environment_of(session: str) -> Environment:
    """The environment that a session recorded."""
    found = open_ledger().session(session)
    if found.environment is None:
        raise NotFoundError(f"session {found.id} recorded no environment", "mlops sessions list")
    return found.environment


def export(session: str, path: Path, *, replace: bool = False) -> Exported:
    """Write the session's environment: `*.toml` as a lock, anything else as requirements. Never replaces unasked."""
    environment = environment_of(session)
    text = pylock_toml(environment) if path.suffix == ".toml" else requirements_txt(environment)
    try:
        with path.open("w" if replace else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConflictError(f"{path} exists", f"mlops sessions export {session} -o {path} --force") from None
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}", "give another path with -o") from None
    return Exported(path, environment.python, len(environment.distributions), warnings(environment))
