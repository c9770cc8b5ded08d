"""Takes what is ours out of a cell, so that a job runs where mlops_jupyter is not installed and reads as if it never had been.

Our magics, our import and statements that only call us go; `with mlops.start_run():` keeps its body. What we returned and
the code goes on with cannot go, and is refused by line.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping

from mlops_jupyter.entities import InputError
from mlops_jupyter.jobs.source import Edit, Positions, apply, bound_names, parse, removal

_OUR_LINE = re.compile(r"^([ \t]*)(%(?:re|un)?load_ext\s+mlops_jupyter\b|%%?mlops\b).*$", re.MULTILINE)
_PACKAGE = "mlops_jupyter"


def cut_ours(sources: Mapping[int, str]) -> dict[int, list[Edit]]:
    """The edits, by cell execution, that leave nothing of ours. Raises InputError where our value is used by other code."""
    trees = {n: tree for n, source in sources.items() if (tree := parse(source)) is not None}
    names = _our_names(list(trees.values()))
    edits: dict[int, list[Edit]] = {}
    for n, source in sources.items():
        cuts = [_magic_cut(source, found) for found in _OUR_LINE.finditer(source)]
        if n in trees:
            cuts += _Cutter(n, source, names).cut(trees[n])
        edits[n] = cuts
    return edits


def without_our_magics(source: str) -> str:
    """The source without our magics; calls of ours stay, for a kernel in which we are installed."""
    return apply(source, [_magic_cut(source, found) for found in _OUR_LINE.finditer(source)])


def _magic_cut(source: str, found: re.Match[str]) -> Edit:
    if found.group(1):
        return Edit(found.end(1), found.end(), "pass")
    return Edit(found.start(), min(found.end() + 1, len(source)))


def _our_names(trees: list[ast.Module]) -> set[str]:
    """The names that hold something of ours: imports, then what our calls are assigned to, where that is the only binding."""
    names = {name for tree in trees for node in ast.walk(tree) for name in _imported(node)}
    bindings = [name for tree in trees for name in bound_names(tree)]
    grown = True
    while grown:
        grown = False
        for tree in trees:
            for name in _assigned_from(tree, names):
                if name not in names and bindings.count(name) == 1:
                    names.add(name)
                    grown = True
    return names


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.asname or _PACKAGE for alias in node.names if _is_ours(alias.name)]
    if isinstance(node, ast.ImportFrom) and _is_ours(node.module or "") and not node.level:
        return [alias.asname or alias.name for alias in node.names]
    return []


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] == _PACKAGE


def _assigned_from(tree: ast.Module, names: set[str]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and _calls(node.value, names):
            target: ast.expr | None = node.targets[0]
        elif isinstance(node, ast.withitem) and _calls(node.context_expr, names):
            target = node.optional_vars
        else:
            continue
        if isinstance(target, ast.Name):
            yield target.id


def _calls(node: ast.expr, names: set[str]) -> bool:
    """True for a call, attribute or item that starts at one of `names`."""
    at: ast.expr = node
    while isinstance(at, ast.Call | ast.Attribute | ast.Subscript | ast.Await):
        at = at.func if isinstance(at, ast.Call) else at.value
    return isinstance(at, ast.Name) and at.id in names and at is not node


class _Cutter:
    """The cuts of one cell."""

    def __init__(self, n: int, source: str, names: set[str]) -> None:
        self._n = n
        self._source = source
        self._names = names
        self._positions = Positions(source)
        self._edits: list[Edit] = []

    def cut(self, tree: ast.Module) -> list[Edit]:
        """All edits. Raises InputError for a use that is left."""
        self._body(tree.body, top=True)
        return self._edits

    def _body(self, body: list[ast.stmt], *, top: bool) -> None:
        for statement in body:
            if self._goes(statement):
                start, end = self._positions.span(statement)
                self._edits.append(removal(self._source, start, end) if top else Edit(start, end, "pass"))
            elif isinstance(statement, ast.Import) and _imported(statement):
                start, end = self._positions.span(statement)
                kept = ast.Import([alias for alias in statement.names if not _is_ours(alias.name)])
                self._edits.append(Edit(start, end, ast.unparse(kept)))
            else:
                if isinstance(statement, ast.With) and all(_calls(item.context_expr, self._names) for item in statement.items):
                    self._with(statement)
                else:
                    self._own_expressions(statement)
                for inner in _bodies(statement):
                    self._body(inner, top=False)

    def _goes(self, statement: ast.stmt) -> bool:
        if isinstance(statement, ast.Import):
            return all(_is_ours(alias.name) for alias in statement.names)
        if isinstance(statement, ast.ImportFrom):
            return bool(_imported(statement))
        if isinstance(statement, ast.Expr):
            magic = "get_ipython().run_line_magic('mlops'"
            return _calls(statement.value, self._names) or ast.unparse(statement.value).startswith(magic)
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1 and isinstance(statement.targets[0], ast.Name):
            return statement.targets[0].id in self._names and _calls(statement.value, self._names)
        return False

    def _with(self, statement: ast.With) -> None:
        last = statement.items[-1]
        start, _ = self._positions.span(statement)
        _, end = self._positions.span(last.optional_vars or last.context_expr)
        self._edits.append(Edit(start, self._source.index(":", end), "if True"))

    def _own_expressions(self, statement: ast.stmt) -> None:
        inner = {id(each) for body in _bodies(statement) for each in body}
        waiting: list[ast.AST] = [statement]
        while waiting:
            node = waiting.pop()
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in self._names:
                line = self._source.split("\n")[node.lineno - 1].strip()
                raise InputError(f"cell [{self._n}], line {node.lineno} goes on with a value of mlops_jupyter: {line}",
                                 "keep our calls in statements of their own (mlops.log_metric(…)), run the cell, convert again")
            waiting += [child for child in ast.iter_child_nodes(node) if id(child) not in inner]


def _bodies(statement: ast.stmt) -> list[list[ast.stmt]]:
    found = [getattr(statement, field) for field in ("body", "orelse", "finalbody") if getattr(statement, field, None)]
    found += [handler.body for handler in getattr(statement, "handlers", [])]
    return [body for body in found if isinstance(body, list)] + [case.body for case in getattr(statement, "cases", [])]
