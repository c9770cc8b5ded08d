"""What lies outside a notebook and decides whether its cells still hold: files on disk and installed packages, then and now."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from mlops_jupyter.capture.environment import environment, package_names
from mlops_jupyter.entities import CellExecution, Environment, Session, content_hash
from mlops_jupyter.entities.environments import environments_of
from mlops_jupyter.fingerprint import fingerprint_file
from mlops_jupyter.lineage.page import Surroundings


def surroundings(session: Session, executions: Sequence[CellExecution]) -> Surroundings:
    """Files as they are now; packages where this process can tell what the session's kernel would import."""
    digest = file_digest(session)
    ran_in = environments_of(session, executions)
    executable = session.environment.executable if session.environment is not None else ""
    if executable != sys.executable:
        return Surroundings(digest)
    now = _present(package_names())
    if all(one.id == now.id for one in ran_in.values()):
        return Surroundings(digest)
    names = _distributions(package_names())
    versions = {one.id: _by_import(one, names) for one in [*ran_in.values(), now]}
    return Surroundings(digest, {n: versions[one.id] for n, one in ran_in.items()}, versions[now.id])


def file_digest(session: Session) -> Callable[[str], str | None]:
    """The present digest of a file that a cell of the session read; None if it is gone."""
    def digest(path: str) -> str | None:
        return fingerprint_file(Path(session.cwd) / path).digest

    return digest


def modules_stand(executions: Sequence[CellExecution]) -> bool:
    """Whether every local module that these cells used lies on disk as the last of them found it."""
    newest = {module.name: module for execution in executions for module in execution.modules}
    return all(_content(Path(module.path)) == module.digest for module in newest.values())


def _content(file: Path) -> str:
    try:
        return content_hash(file.read_bytes())
    except OSError:
        return ""


@lru_cache(maxsize=2)
def _present(packages: frozenset[str]) -> Environment:
    """The environment of this process; `packages` are its distributions by name, so that it is read again when they change."""
    del packages
    return environment()


@lru_cache(maxsize=2)
def _distributions(packages: frozenset[str]) -> dict[str, str]:
    """Distribution → the names that it is imported by, as far as this environment knows."""
    from importlib.metadata import packages_distributions

    del packages
    return {distribution.lower().replace("_", "-"): name for name, several in packages_distributions().items()
            for distribution in several}


def _by_import(environment: Environment, names: Mapping[str, str]) -> dict[str, str]:
    """Import name → version."""
    keys = {one: one.name.lower().replace("_", "-") for one in environment.distributions}
    return {names.get(key, key.replace("-", "_")): one.version for one, key in keys.items()}
