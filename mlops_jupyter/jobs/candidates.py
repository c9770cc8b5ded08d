"""Which literals of a slice can become parameters, and the cuts that move them into the `parameters` cell.

A candidate is a literal (`literals.py` says which) that a statement of its own assigns at module level, the only binding of that
name in the slice; a cell that stands twice counts once. What only sets the look of a picture is none, nor is the path
of an input (inputs are given with -i), nor a list that is filled later.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from mlops_jupyter.entities import CellExecution, JobParameter, Run
from mlops_jupyter.jobs.literals import Found, literal
from mlops_jupyter.jobs.parameters import Value, schema_for
from mlops_jupyter.jobs.source import Edit, Positions, bound_names, parse, removal, trailing_comment

_LOOKS = re.compile(r"(fig_?size|dpi|cmap|palette|colou?rs?|style|linewidth|fontsize|plot_\w+|\w+_(figsize|dpi|cmap|colou?rs?))",
                    re.IGNORECASE)
_LOOK_KEYWORDS = frozenset(
    {"figsize", "dpi", "cmap", "color", "palette", "linewidth", "lw", "marker", "title", "label", "fontsize"},
)
_FILLING = frozenset({"append", "extend", "insert", "remove", "pop", "clear", "sort", "reverse"})


class Place(msgspec.Struct, frozen=True):
    """One assignment: of which execution, the edit that takes it away, and where its value stands in the source."""

    n: int
    removal: Edit
    start: int
    end: int


class Candidate(msgspec.Struct, frozen=True):
    """A parameter, where it is assigned under which name, and how the code makes of it what it was ("{}": the parameter)."""

    parameter: JobParameter
    places: tuple[Place, ...]
    line: int
    assigned: str
    again: str = ""

    @property
    def edits(self) -> list[tuple[int, Edit]]:
        """By cell execution, what takes the literal away: its statement, or only its value where that is made again."""
        name = self.parameter.name
        if not self.again and name == self.assigned:
            return [(place.n, place.removal) for place in self.places]
        text = (self.again or "{}").replace("{}", name)
        return [(place.n, Edit(place.start, place.end, text)) for place in self.places]


class _Assignment(msgspec.Struct, frozen=True):
    name: str
    literal: Found
    place: Place
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
        if _is_path(each.literal.value, paths) or not uses.make_a_parameter(each.name):
            continue
        chosen[each.name] = _candidate(each, same, _varied(each, runs, history))
    return sorted(chosen.values(), key=lambda candidate: not candidate.parameter.varied)


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
        place = Place(cell.n, removal(cell.source, start, end), *positions.span(value))
        found.append(_Assignment(target, made, place, statement.lineno, trailing_comment(cell.source, end)))
    return found


def _single_target(statement: ast.stmt) -> str | None:
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1 and isinstance(statement.targets[0], ast.Name):
        return statement.targets[0].id
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return statement.target.id
    return None


def _one_statement(same: list[_Assignment], cells: Sequence[CellExecution]) -> bool:
    """True if all are the same statement of the same cell text, executed again; never for one that makes a date of a text."""
    sources = {cell.n: cell.source for cell in cells}
    alike = len({(sources[each.place.n], each.place.removal) for each in same}) == 1
    return alike and (len(same) == 1 or not same[0].literal.again)


def _is_path(value: Value, paths: set[str]) -> bool:
    return isinstance(value, str) and any(path == value or path.endswith("/" + value.lstrip("./")) for path in paths)


def _varied(each: _Assignment, runs: Sequence[Run], history: Sequence[CellExecution]) -> bool:
    value = each.literal.value
    seen = {repr(value)}
    if not (isinstance(value, list) or each.literal.again):  # a run has the value as it was, and not what stands for it here
        params = [param for run in runs for param in run.params if param.source == "literal" and param.name == each.name]
        seen |= {repr(param.value) for param in params}
    for cell in history:
        tree = parse(cell.source)
        for statement in tree.body if tree is not None else ():
            if isinstance(statement, ast.Assign | ast.AnnAssign) and _single_target(statement) == each.name and statement.value:
                made = literal(statement.value)
                seen |= {repr(made.value)} if made is not None else set()
    return len(seen) > 1


def _candidate(each: _Assignment, same: list[_Assignment], varied: bool) -> Candidate:
    kind, value, again = each.literal
    schema = schema_for(kind, value)
    if "set" in each.literal.arrives:
        schema["uniqueItems"] = True
    parameter = JobParameter(each.name, kind, value, schema, each.comment, varied, each.place.n, each.literal.arrives)
    return Candidate(parameter, tuple(other.place for other in same), each.line, each.name, again)


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
    annotations: Mapping[str, str] = {"integer": "int", "number": "float", "boolean": "bool", "array": "list"}
    lines = []
    for each in parameters:
        if each.type == "secret":
            continue
        comment = f"  # {each.description}" if each.description else ""
        lines.append(f"{each.name}: {annotations.get(each.type, 'str')} = {each.default!r}{comment}")
    return "\n".join(lines)
