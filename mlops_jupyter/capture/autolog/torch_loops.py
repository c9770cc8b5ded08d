"""A training loop as text: which variables are losses, and which lists collect one number per step or epoch.

`loss.backward()` names a loss. A list that something is appended to belongs to the training if what is appended comes, through
assignments of the loop, from a loss or from the network itself: a list of times or learning rates does not.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Collected:
    """A list that the loop appends to: its name, the expression for it, where the appending stands."""

    name: str
    node: ast.expr
    line: int


@dataclass(frozen=True, slots=True)
class Loop:
    """What a training loop's text says."""

    losses: tuple[str, ...]
    collected: tuple[Collected, ...]


@lru_cache(maxsize=16)
def read_loop(loop: ast.AST, trained: tuple[str, ...]) -> Loop:
    """Losses, and the lists that collect what comes from them or from the names in `trained`. Kept by the loop's identity."""
    calls = [node for node in ast.walk(loop) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    backward = [node for node in calls if isinstance(node.func, ast.Attribute) and node.func.attr == "backward"]
    losses = tuple(dict.fromkeys(name for node in backward for name in _names([node]) if name not in {"scaler", "accelerator"}))
    sources = _sources(loop)
    found = []
    for node in calls:
        if isinstance(node.func, ast.Attribute) and node.func.attr == "append" and len(node.args) == 1:
            name = _name(node.func.value)
            if name and _reaches(_names(node.args), {*losses, *trained}, sources):
                found.append(Collected(name, node.func.value, node.lineno))
    return Loop(losses, tuple(found))


def _names(nodes: Iterable[ast.AST]) -> set[str]:
    return {each.id for node in nodes for each in ast.walk(node) if isinstance(each, ast.Name)}


def _sources(loop: ast.AST) -> dict[str, set[str]]:
    """Name → the names that it is assigned from, anywhere in the loop."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(loop):
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            goals = node.targets if isinstance(node, ast.Assign) else [node.target]
            for name in _names(goals):
                found.setdefault(name, set()).update(_names([node.value]))
    return found


def _reaches(names: set[str], wanted: set[str], sources: dict[str, set[str]]) -> bool:
    seen: set[str] = set()
    while names - seen:
        if names & wanted:
            return True
        seen |= names
        names = {source for name in names for source in sources.get(name, ())}
    return False


def _name(node: ast.expr) -> str:
    """`losses` of `losses`, `self.losses` and `history["losses"]`."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    key = node.slice if isinstance(node, ast.Subscript) else None
    return key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else ""
