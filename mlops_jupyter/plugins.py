"""Built-ins come in through the same door as third parties: entry points, loaded when first asked for.

Groups: `mlops_jupyter.fingerprint` (types), `mlops_jupyter.autolog` (observers), `mlops_jupyter.runner` (places for jobs).
The name of a fingerprint or autolog entry is the top-level module it serves: nothing is loaded before the user imports it.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from typing import cast

from mlops_jupyter.entities.errors import NotFoundError

FINGERPRINT = "mlops_jupyter.fingerprint"
AUTOLOG = "mlops_jupyter.autolog"
RUNNER = "mlops_jupyter.runner"


@cache
def _every() -> EntryPoints:
    """Those of all packages: every `entry_points.txt` of the environment is read, so once per process and not per group."""
    return cast(EntryPoints, entry_points())


@cache
def available(group: str) -> dict[str, EntryPoint]:
    """Entry points of a group by name. Read once per process."""
    return {entry.name: entry for entry in _every().select(group=group)}


@cache
def load(group: str, name: str) -> object:
    """The object behind one entry point. Raises NotFoundError that names what there is."""
    found = available(group).get(name)
    if found is None:
        known = ", ".join(sorted(available(group))) or "none"
        raise NotFoundError(f"no plugin {name!r} in {group}", f"available: {known}")
    return found.load()
