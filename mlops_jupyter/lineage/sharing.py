"""Which names may hold, or hold a part of, the same object: what changes one in place then changes the others too.

Read from the text, statement by statement, in the order of the notebook: `b = a`, `d["rows"] = rows`, `f(rows, box)` join their
names, a plain copy does not, a new binding leaves its group. Capture sees this for what ran; it is asked for what will run.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from mlops_jupyter.lineage.text import now, parse, root, targets

COPIES = frozenset({
    "deepcopy", "sum", "mean", "std", "len", "int", "float", "str", "bool", "abs", "round", "range", "repr", "print",
    "display", "isinstance", "type", "id", "hash", "any", "all", "sqrt", "floor", "ceil", "format", "join", "split",
    "read_csv", "read_parquet", "strip", "read_pickle", "read_excel", "read_json", "read_text", "loads", "load", "arange",
    "zeros", "ones", "tolist", "to_csv", "to_parquet", "to_pickle", "write_text", "dumps", "save", "savez", "exists",
    "predict", "score", "head", "describe", "value_counts", "nunique", "count", "time", "query", "astype", "dropna",
    "fillna", "merge", "sort_values", "groupby", "agg", "assign", "drop", "rename", "reset_index", "corr", "random",
    "randint", "normal", "rand", "randn", "permutation", "fromfile", "getsize", "listdir", "isin", "set_option",
    "get_option", "seed",
})  # fmt: skip
"""Calls whose value holds nothing of their arguments. (pandas 3 copies on write; what pandas 2 shares, capture sees.)"""


@dataclass(slots=True, eq=False)
class Group:
    """Names that may share. `foretold`: joined by a cell that did not run yet as it stands, so that capture cannot know."""

    names: set[str] = field(default_factory=set)
    foretold: bool = False


class Sharing:
    """The groups as the cells so far leave them."""

    def __init__(self) -> None:
        self._groups: dict[str, Group] = {}

    def group(self, name: str) -> Group:
        """The group of a name; alone in it if it shares with none."""
        return self._groups.get(name) or Group({name})

    def leave(self, names: Iterable[str]) -> None:
        """These names were bound anew."""
        for name in names:
            group = self._groups.pop(name, None)
            if group is not None:
                group.names.discard(name)

    def join(self, names: Iterable[str], *, foretold: bool) -> None:
        """These names may share from now on."""
        whole = set(names)
        if len(whole) < 2:
            return
        groups = {id(group): group for name in whole if (group := self._groups.get(name)) is not None}
        largest = max(groups.values(), key=lambda group: len(group.names), default=Group())
        for group in groups.values():
            if group is not largest:
                largest.names |= group.names
                largest.foretold |= group.foretold
                self._groups |= dict.fromkeys(group.names, largest)
        largest.names |= whole
        largest.foretold |= foretold
        self._groups |= dict.fromkeys(whole, largest)

    def add(self, source: str, *, foretold: bool, alone: Callable[[str], bool], table: Callable[[str], bool]) -> None:
        """The cell with this source ran. `alone(name)`: true for what cannot share, as a number; `table(name)`: copied whole."""
        for names, copied in joined(source):
            whole = {name for name in copied if table(name)}
            self.join((name for name in names if not alone(name) and name not in whole), foretold=foretold)


@lru_cache(maxsize=4096)
def joined(source: str) -> tuple[tuple[frozenset[str], frozenset[str]], ...]:
    """Groups of names that the statements of the cell may make share; and of these, the names that are only copied from."""
    tree = parse(source)
    found: list[set[str]] = []
    for node in now(tree) if tree is not None else []:
        match node:
            case ast.Assign(targets=into, value=value):
                found.append(held(value).union(*(targets(one) | {root(one)} for one in into)))
            case ast.AnnAssign(target=one, value=ast.expr() as value) | ast.AugAssign(target=one, value=value) | ast.NamedExpr(
                    target=one, value=value):
                found.append(held(value) | targets(one) | {root(one)})
            case ast.For(target=one, iter=value) | ast.AsyncFor(target=one, iter=value) | ast.comprehension(
                    target=one, iter=value):
                found.append(held(value) | targets(one))
            case ast.withitem(context_expr=value, optional_vars=ast.expr() as one):
                found.append(held(value) | targets(one))
            case ast.Call():
                found.append(held(node))
            case ast.FunctionDef(name=name, args=arguments) | ast.AsyncFunctionDef(name=name, args=arguments):
                values = [*arguments.defaults, *filter(None, arguments.kw_defaults), *node.decorator_list]
                found.append({name}.union(*map(held, values)))
            case ast.ClassDef(name=name, body=body):
                values = [part.value for part in body if isinstance(part, ast.Assign)]
                found.append({name}.union(*map(held, [*values, *node.bases, *node.decorator_list])))
            case ast.Match(subject=value):
                parts = [part.name for part in ast.walk(node) if isinstance(part, ast.MatchAs | ast.MatchStar)]
                found.append(held(value) | {part for part in parts if part})
    copied = frozenset(_copied(tree)) if tree is not None else frozenset()
    return tuple((frozenset(names - {""}), copied & names) for names in found if len(names - {""}) > 1)


def _copied(tree: ast.AST) -> set[str]:
    """Names that stand in the cell only as `name.copy()`, which copies a frame or an array whole, though no list of lists."""
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    sources = [call.value.id for call in calls if call.attr == "copy" and isinstance(call.value, ast.Name)]
    loads = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)]
    return {name for name in sources if sources.count(name) == loads.count(name)}


def held(node: ast.AST) -> set[str]:
    """Names whose own object, or a part of it, the value of `node` may hold."""
    match node:
        case ast.Name(id=name):
            return {name}
        case ast.Attribute(value=value) | ast.Subscript(value=value):
            return held(value)
        case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)) if name in COPIES:
            return set()
        case ast.Compare() | ast.JoinedStr() | ast.Constant() | ast.Lambda():
            return set()
    return set().union(*(held(child) for child in ast.iter_child_nodes(node)))
