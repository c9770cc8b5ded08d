"""Which literals of a slice can become parameters, and the cuts that move them into the `parameters` cell.

A candidate is a scalar, string, date or list literal that a statement of its own assigns at module level, the only binding
of that name in the slice; a cell that stands twice counts once. What only sets the look of a picture is none, nor is the path
of an input (inputs are given with -i), nor a list that is filled later.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from mlops_jupyter.entities import CellExecution, JobParameter, Run, Scalar
from mlops_jupyter.entities.jobs import ParameterType
from mlops_jupyter.jobs.parameters import Value, is_date, item_type, schema_for
from mlops_jupyter.jobs.source import Edit, Positions, bound_names, parse, removal, trailing_comment

_LOOKS = re.compile(r"(fig_?size|dpi|cmap|palette|colou?rs?|style|linewidth|fontsize|plot_\w+|\w+_(figsize|dpi|cmap|colou?rs?))",
                    re.IGNORECASE)
_LOOK_KEYWORDS = frozenset(
    {"figsize", "dpi", "cmap", "color", "palette", "linewidth", "lw", "marker", "title", "label", "fontsize"},
)
_FILLING = frozenset({"append", "extend", "insert", "remove", "pop", "clear", "sort", "reverse"})
_LONGEST_TEXT = 500


class Candidate(msgspec.Struct, frozen=True):
    """A parameter and the edits, by cell execution, that take its assignment out of the cells."""

    parameter: JobParameter
    edits: tuple[tuple[int, Edit], ...]
    line: int


class _Assignment(msgspec.Struct, frozen=True):
    n: int
    name: str
    kind: ParameterType
    value: Value
    edit: Edit
    line: int
    comment: str


def candidates(cells: Sequence[CellExecution], *, runs: Sequence[Run] = (), history: Sequence[CellExecution] = (),
               paths: Iterable[str] = ()) -> list[Candidate]:
    """The parameters that a job of these cells can have: those that differed between runs first, then in order of appearance."""
    trees = {cell.n: tree for cell in cells if (tree := parse(cell.source)) is not None}
    found = [each for cell in cells if cell.n in trees for each in _assignments(cell, trees[cell.n])]
    bindings = Counter(name for cell in cells if cell.n in trees for name in bound_names(trees[cell.n]))
    uses = _Uses(trees.values())
    paths = set(paths)
    chosen: dict[str, Candidate] = {}
    for each in found:
        same = [other for other in found if other.name == each.name]
        if each.name in chosen or len(same) != bindings[each.name] or not _one_statement(same, cells):
            continue
        if _is_path(each.value, paths) or not uses.make_a_parameter(each.name):
            continue
        chosen[each.name] = _candidate(each, same, _varied(each, runs, history))
    return sorted(chosen.values(), key=lambda candidate: not candidate.parameter.varied)


def literal(node: ast.expr) -> tuple[ParameterType, Value] | None:
    """Type and value of a literal that a parameter can hold; None for any other expression."""
    if isinstance(node, ast.List):
        items = [_scalar(item) for item in node.elts]
        if not items or any(item is None for item in items) or item_type(items) is None:
            return None
        return "array", list(items)
    value = _scalar(node)
    if value is None:
        made = _date_call(node)
        return None if made is None else ("date", made)
    if isinstance(value, str):
        return ("date" if is_date(value) else "string"), value
    return ("boolean" if isinstance(value, bool) else "integer" if isinstance(value, int) else "number"), value


def _scalar(node: ast.expr) -> Scalar:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        inner = _scalar(node.operand)
        if isinstance(inner, bool) or not isinstance(inner, int | float):
            return None
        return -inner if isinstance(node.op, ast.USub) else inner
    if isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float | str):
        value = node.value
        if isinstance(value, str) and (len(value) > _LONGEST_TEXT or "\n" in value):
            return None
        return None if isinstance(value, float) and value in {float("inf"), float("-inf")} else value
    return None


def _date_call(node: ast.expr) -> str | None:
    """The ISO text of `date(2013, 6, 30)` or `datetime.date(2013, 6, 30)`."""
    if not isinstance(node, ast.Call) or ast.unparse(node.func) not in {"date", "datetime.date", "dt.date"} or node.keywords:
        return None
    parts = [part for argument in node.args if isinstance(part := _scalar(argument), int)]
    if len(parts) != 3 or len(node.args) != 3:
        return None
    text = f"{parts[0]:04d}-{parts[1]:02d}-{parts[2]:02d}"
    return text if is_date(text) else None


def _assignments(cell: CellExecution, tree: ast.Module) -> list[_Assignment]:
    positions = Positions(cell.source)
    found = []
    for statement in tree.body:
        target = _single_target(statement)
        value = statement.value if isinstance(statement, ast.Assign | ast.AnnAssign) else None
        if target is None or value is None or target.startswith("_") or _LOOKS.fullmatch(target):
            continue
        made = literal(value)
        if made is None:
            continue
        start, end = positions.span(statement)
        edit = removal(cell.source, start, end)
        if isinstance(value, ast.Call):  # the notebook goes on with a date; the parameter is its ISO text
            assert isinstance(made[1], str)
            at, until = positions.span(value)
            edit = Edit(at, until, f"{ast.unparse(value.func)}.fromisoformat({target})")
        comment = trailing_comment(cell.source, end)
        found.append(_Assignment(cell.n, target, made[0], made[1], edit, statement.lineno, comment))
    return found


def _single_target(statement: ast.stmt) -> str | None:
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1 and isinstance(statement.targets[0], ast.Name):
        return statement.targets[0].id
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return statement.target.id
    return None


def _one_statement(same: list[_Assignment], cells: Sequence[CellExecution]) -> bool:
    """True if all are the same statement of the same cell text, executed again; never for one that turns text into a date."""
    sources = {cell.n: cell.source for cell in cells}
    alike = len({(sources[each.n], each.edit) for each in same}) == 1
    return alike and (len(same) == 1 or not same[0].edit.text)


def _is_path(value: Value, paths: set[str]) -> bool:
    return isinstance(value, str) and any(path == value or path.endswith("/" + value.lstrip("./")) for path in paths)


def _varied(each: _Assignment, runs: Sequence[Run], history: Sequence[CellExecution]) -> bool:
    seen = {repr(each.value)}
    seen |= {repr(param.value) for run in runs for param in run.params if param.source == "literal" and param.name == each.name
             and not isinstance(each.value, list)}
    for cell in history:
        tree = parse(cell.source)
        for statement in tree.body if tree is not None else ():
            if isinstance(statement, ast.Assign | ast.AnnAssign) and _single_target(statement) == each.name and statement.value:
                made = literal(statement.value)
                seen |= {repr(made[1])} if made is not None else set()
    return len(seen) > 1


def _candidate(each: _Assignment, same: list[_Assignment], varied: bool) -> Candidate:
    parameter = JobParameter(each.name, each.kind, each.value, schema_for(each.kind, each.value), each.comment, varied, each.n)
    return Candidate(parameter, tuple((other.n, other.edit) for other in same), each.line)


class _Uses:
    """How the names of a slice are used: read at all, filled in place, only as the look of a picture."""

    def __init__(self, trees: Iterable[ast.Module]) -> None:
        self._read: Counter[str] = Counter()
        self._looks: Counter[str] = Counter()
        self._filled: set[str] = set()
        for tree in trees:
            for node in ast.walk(tree):
                self._see(node)

    def make_a_parameter(self, name: str) -> bool:
        """True if the name is read, not filled, and not only a matter of looks."""
        return self._read[name] > self._looks[name] and name not in self._filled

    def _see(self, node: ast.AST) -> None:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            self._read[node.id] += 1
        elif isinstance(node, ast.keyword) and node.arg in _LOOK_KEYWORDS and isinstance(node.value, ast.Name):
            self._looks[node.value.id] += 1
        elif isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.value, ast.Name):
            calls = isinstance(node, ast.Attribute) and node.attr in _FILLING
            assigns = isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load)
            if calls or assigns:
                self._filled.add(node.value.id)


def parameters_cell(parameters: Sequence[JobParameter]) -> str:
    """The source of the `parameters` cell: one typed assignment a line, as papermill's own inspection reads it."""
    annotations: Mapping[str, str] = {"integer": "int", "number": "float", "string": "str", "boolean": "bool", "date": "str",
                                      "array": "list"}
    lines = []
    for each in parameters:
        comment = f"  # {each.description}" if each.description else ""
        lines.append(f"{each.name}: {annotations[each.type]} = {each.default!r}{comment}")
    return "\n".join(lines)
