"""Does a cell seed a random source before anything in it can draw? Only then does what was drawn earlier not matter to it.

The answer is yes only for a seed call that surely runs, with nothing before it but imports, definitions and calls that are
known not to draw. Everything else rests on the state that the cell found: a slice may be too large, never too small.
"""

from __future__ import annotations

import ast
from functools import lru_cache

from mlops_jupyter.lineage.text import parse

SEEDING = frozenset({"seed", "setstate", "set_state", "manual_seed"})
SOURCES = ("python", "numpy", "torch")
OTHERS = {"python": {"np", "numpy", "torch"}, "numpy": {"random", "torch"}, "torch": {"np", "numpy", "random"}}
"""Names that a seed call of this source does not begin with."""
CALM = frozenset({
    "print", "len", "range", "list", "dict", "set", "tuple", "str", "int", "float", "Path", "read_csv", "read_parquet", "array",
    "arange", "zeros", "ones", "linspace", "DataFrame", "Series", "set_option", "simplefilter", "filterwarnings", "use",
    "set_theme", "set_printoptions", "run_line_magic", "get_ipython", "basicConfig", "getLogger", "copy", "append", "chdir",
    "default_rng", "RandomState", "Random", "Generator",
})


@lru_cache(maxsize=4096)
def seeds_first(source: str, random_source: str) -> bool:
    """True if a call that seeds `random_source` (`python`, `numpy` …) surely runs before anything that could draw from it."""
    tree = parse(source)
    return tree is not None and _first(tree.body, random_source)


def _first(statements: list[ast.stmt], source: str) -> bool:
    for statement in statements:
        value = statement.value if isinstance(statement, ast.Expr | ast.Assign) else None
        if isinstance(value, ast.Call) and _is_seeding(value, source):
            return all(map(_is_calm, (part for argument in value.args for part in ast.walk(argument))))
        if isinstance(statement, ast.For) and _runs(statement.iter) and _first(statement.body, source):
            return True
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef) and not statement.decorator_list:
            continue
        if not all(map(_is_calm, ast.walk(statement))):
            return False
    return False


def _is_calm(node: ast.AST) -> bool:
    return not isinstance(node, ast.Call) or _chain(node)[-1:] in [(name,) for name in CALM] or any(
        _is_seeding(node, source) for source in SOURCES)


def _is_seeding(call: ast.Call, source: str) -> bool:
    chain = _chain(call)
    if not chain:
        return False
    if len(chain) > 1 and chain[-1] in SEEDING:
        return chain[0] not in OTHERS.get(source, {"np", "numpy", "random"})
    return "seed" in chain[-1].lower()


def _chain(call: ast.Call) -> tuple[str, ...]:
    parts: list[str] = []
    node: ast.expr = call.func
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return (node.id, *reversed(parts)) if isinstance(node, ast.Name) else tuple(reversed(parts))


def _runs(iterable: ast.expr) -> bool:
    """True for a loop that surely runs at least once: over a literal, or over the range of a positive number."""
    if isinstance(iterable, ast.List | ast.Tuple | ast.Set):
        return bool(iterable.elts) and not any(isinstance(part, ast.Starred) for part in iterable.elts)
    if isinstance(iterable, ast.Call) and _chain(iterable) == ("range",) and len(iterable.args) == 1:
        count = iterable.args[0]
        return isinstance(count, ast.Constant) and type(count.value) is int and count.value > 0
    return False
