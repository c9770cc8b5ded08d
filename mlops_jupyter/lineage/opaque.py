"""What an opaque cell may have read and changed, by the reason why it is opaque.

Capture compares the whole namespace around such a cell, so that what it wrote is known; what it read is not, and neither
are options that hidden code set. Where the hidden part stands in the cell as literal text (`exec("x = 1")`,
`globals()["x"]`), it is read like any other text. A reason that is not known here leaves everything open.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from mlops_jupyter.entities import CellExecution
from mlops_jupyter.lineage.text import parse, read_text

_STAR = re.compile(r"from (?!__main__)\S+ import \*")
_BY_NAME = re.compile(r"(globals|locals|vars)\(\)|\.(user_ns|user_global_ns|f_globals|f_locals)|\['__main__'\]|import __main__"
                      r"|from __main__ .*")
_BY_TEXT = re.compile(r"(exec|eval)\(\)")
_BY_CODE = re.compile(r"(exec|eval|globals|locals|vars|__import__|execfile)\(\).*|%run .*|unknown magic .*|get_ipython\(\)\..*"
                      r"|%\w+ holds code that does not parse|code that does not compile by itself")
_NAMESPACES = frozenset({"globals", "locals", "vars"})


@dataclass(frozen=True)
class Hidden:
    """What is not told by the record. `reads`: names, None for any; `writes`: True if any name may have changed unseen."""

    reads: frozenset[str] | None
    writes: bool = False
    options: bool = True
    """True if options of packages may have been set unseen."""


def hidden(execution: CellExecution) -> Hidden:
    """What remains unknown of an opaque execution."""
    reasons = [reason for reason in execution.opaque if not _STAR.fullmatch(reason)]
    seen = bool(execution.reads or execution.writes or execution.deletes)
    if not reasons and execution.opaque:
        return Hidden(frozenset(), options=False)
    known = [bool(pattern.fullmatch(reason)) for reason in reasons for pattern in (_BY_NAME, _BY_CODE)]
    if not seen or not all(one or other for one, other in zip(known[::2], known[1::2], strict=True)):
        return Hidden(None, writes=True)
    spelled = _spelled(execution.executed or execution.source)
    if spelled is not None and all(_BY_NAME.fullmatch(reason) or _BY_TEXT.fullmatch(reason) for reason in reasons):
        return Hidden(spelled, options=False)
    return Hidden(None, options=not all(known[::2]))


@lru_cache(maxsize=4096)
def _spelled(source: str) -> frozenset[str] | None:
    """The names that the cell reads through literal texts; None if any of its hidden parts is no literal."""
    tree = parse(source)
    if tree is None:
        return None
    found: set[str] = set()
    accounted: set[ast.AST] = set()
    for node in ast.walk(tree):
        reads = _access(node, accounted)
        if reads is None:
            return None
        found |= reads
    left = [node for node in ast.walk(tree) if node not in accounted and _opens(node)]
    return None if left else frozenset(found)


def _access(node: ast.AST, accounted: set[ast.AST]) -> set[str] | None:
    """Names read by one use of the namespace or of a literal text; None if it is a text that we cannot read."""
    match node:
        case ast.Import(names=names) if any(one.name == "__main__" and one.asname for one in names):
            return None
        case ast.ImportFrom(module="__main__", names=names):
            return None if any(one.name == "*" for one in names) else {one.name for one in names}
        case ast.Subscript(value=value, slice=ast.Constant(value=str(name)), ctx=context) if _opens(value):
            accounted.update(_openers(value))
            return set() if isinstance(context, ast.Store) else {name}
        case ast.Subscript(value=value, ctx=ast.Store()) if _opens(value):
            accounted.update(_openers(value))
        case ast.Call(func=ast.Attribute(value=value, attr="update")) if _opens(value):
            accounted.update(_openers(value))
        case ast.Attribute(value=value, attr=name, ctx=context) if _is_main(value):
            accounted.update(ast.walk(value))
            return set() if isinstance(context, ast.Store) else {name}
        case ast.Call(func=ast.Name(id="exec" | "eval"), args=[ast.Constant(value=str(text))], keywords=[]):
            accounted.add(node.func)
            inner = read_text(text.strip())
            plain = inner.parsed and not inner.options and not inner.seeds and _spelled(text.strip()) is not None
            return set(inner.exposed) if plain else None
    return set()


def _opens(node: ast.AST) -> bool:
    """True for an expression that gives the namespace, or runs a text."""
    match node:
        case ast.Call(func=ast.Name(id=name), args=[]) if name in _NAMESPACES:
            return True
        case ast.Attribute(attr="user_ns" | "user_global_ns" | "f_globals" | "f_locals"):
            return True
        case ast.Name(id="exec" | "eval" | "globals" | "locals" | "__import__"):
            return True
    return _is_main(node)


def _openers(node: ast.AST) -> Iterator[ast.AST]:
    return (part for part in ast.walk(node) if _opens(part))


def _is_main(node: ast.AST) -> bool:
    """True for `__main__` and `sys.modules["__main__"]`."""
    match node:
        case ast.Name(id="__main__", ctx=ast.Load()):
            return True
        case ast.Subscript(slice=ast.Constant(value="__main__")):
            return True
    return False
