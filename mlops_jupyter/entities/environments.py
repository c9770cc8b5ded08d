"""What differs between two environments, and which one each cell of a session ran in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mlops_jupyter.entities.sessions import CellExecution, Distribution, Environment, Session

MOST = 8
"""Most differences named in one line."""


def differences(before: Environment, after: Environment) -> list[str]:
    """In words, changed versions first: `Python 3.12.1 → 3.13.0`, `pandas 2.2.3 → 3.1.1`, `-dask`, `+polars`."""
    old, new = _by_key(before.distributions), _by_key(after.distributions)
    found = []
    if (before.implementation, before.python) != (after.implementation, after.python):
        found.append(f"{_interpreter(before, after)} {before.python} → {after.python}")
    if before.machine != after.machine:
        found.append(f"{before.machine} → {after.machine}")
    for key, one in old.items():
        other = new.get(key)
        if other is not None and (one.version, one.origin, one.url) != (other.version, other.origin, other.url):
            found.append(f"{other.name} {one.version} → {other.version}" if one.version != other.version
                         else f"{other.name} {one.version} from another source")
    found += [f"-{one.name}" for key, one in old.items() if key not in new]
    return found + [f"+{one.name}" for key, one in new.items() if key not in old]


def differences_line(before: Environment, after: Environment) -> str:
    """The differences on one line, the first few by name; "" where there are none."""
    return on_one_line(differences(before, after))


def on_one_line(found: Sequence[str]) -> str:
    """The first few differences by name, and how many more there are."""
    more = [f"and {len(found) - MOST} more"] if len(found) > MOST else []
    return ", ".join([*found[:MOST], *more])


def environments_of(session: Session, executions: Iterable[CellExecution]) -> dict[int, Environment]:
    """n → the environment after that execution, which is the one before it unless the cell says otherwise. By n."""
    known = {one.id: one for one in [*session.environments, *([session.environment] if session.environment else [])]}
    current = next(iter(known.values()), None)
    found: dict[int, Environment] = {}
    for execution in sorted(executions, key=lambda one: one.n):
        current = known.get(execution.environment, current)
        if current is not None:
            found[execution.n] = current
    return found


def _by_key(distributions: Iterable[Distribution]) -> dict[str, Distribution]:
    return {one.name.lower().replace("_", "-").replace(".", "-"): one for one in distributions}


def _interpreter(before: Environment, after: Environment) -> str:
    same = before.implementation == after.implementation
    return "Python" if same else f"Python of {before.implementation} → {after.implementation}"
