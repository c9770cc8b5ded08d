"""Cell sources as text and tree at once: parsed with magics masked in place, so that every position is the user's own.

A cut replaces a stretch of text and leaves the rest of the cell as it was typed, comments and layout included; nothing is
ever printed back from a tree.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

import msgspec

_MAGIC_LINE = re.compile(r"^(\s*)(?:[%!?].*|[\w.]+\?{1,2}\s*)$")
_MAGIC_VALUE = re.compile(r"^(\s*[\w.,\s\[\]]+=\s*)([%!].*)$")
_TIMING = ("%%time", "%%timeit", "%%capture", "%%prun")


class Edit(msgspec.Struct, frozen=True):
    """Replace the characters from `start` to `end` of a source by `text`."""

    start: int
    end: int
    text: str = ""


def masked(source: str) -> str | None:
    """The source with magics replaced by Python of the same length; None if the whole cell is in another language."""
    lines = source.split("\n")
    first = next((line.strip() for line in lines if line.strip()), "")
    if first.startswith("%%") and not first.startswith(_TIMING):
        return None
    return "\n".join(_mask(line) for line in lines)


def _mask(line: str) -> str:
    found = _MAGIC_LINE.match(line)
    if found:
        indent = found.group(1)
        return (indent + "0").ljust(len(line))[: max(len(line), len(indent) + 1)]
    found = _MAGIC_VALUE.match(line)
    if found:
        return (found.group(1) + "0").ljust(len(line))
    return line


def parse(source: str) -> ast.Module | None:
    """The tree of a cell with positions as in `source`; None if it is no Python even without its magics."""
    for text in (source, masked(source)):
        if text is None:
            return None
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError):
            continue
    return None


class Positions:
    """Turns a tree's (line, column in UTF-8 bytes) into offsets of characters."""

    def __init__(self, source: str) -> None:
        self._lines = source.split("\n")
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line) + 1)

    def offset(self, line: int, column: int) -> int:
        """Offset of the character at `line` (from 1) and `column` (bytes, from 0)."""
        text = self._lines[line - 1]
        return self._starts[line - 1] + len(text.encode("utf-8", "surrogatepass")[:column].decode("utf-8", "surrogatepass"))

    def span(self, node: ast.stmt | ast.expr) -> tuple[int, int]:
        """Start and end of a node."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self.offset(node.lineno, node.col_offset), self.offset(node.end_lineno, node.end_col_offset)


def removal(source: str, start: int, end: int) -> Edit:
    """The edit that takes a whole statement away: with its `;`, its trailing comment and its line if nothing else is on it."""
    line_start = source.rfind("\n", 0, start) + 1
    line_end = source.find("\n", end)
    line_end = len(source) if line_end < 0 else line_end
    after = source[end:line_end]
    before = source[line_start:start]
    semicolon = re.match(r"[ \t]*;[ \t]*", after)
    rest = after[semicolon.end():] if semicolon else after
    if not before.strip() and (not rest.strip() or rest.lstrip().startswith("#")):
        return Edit(line_start, min(line_end + 1, len(source)))
    leading = re.search(r"[ \t]*;[ \t]*$", before)
    if leading:
        return Edit(line_start + leading.start(), end)
    return Edit(start, end + (semicolon.end() if semicolon else 0))


def trailing_comment(source: str, end: int) -> str:
    """The comment behind a statement that ends its line, without `#`; "" if there is none."""
    line_end = source.find("\n", end)
    after = source[end: len(source) if line_end < 0 else line_end].strip()
    comment = after.lstrip("#").strip() if after.startswith("#") else ""
    return "" if comment.startswith(("type:", "noqa")) else comment


def apply(source: str, edits: Sequence[Edit]) -> str:
    """The source after all edits. Of two that overlap the one that starts first counts, and a deletion still takes its rest."""
    done = ""
    at = 0
    for edit in sorted(set(edits), key=lambda edit: (edit.start, -edit.end)):
        if edit.start >= at:
            done += source[at:edit.start] + edit.text
        elif edit.end <= at or edit.text:
            continue
        at = edit.end
        orphan = re.match(r"[ \t]*;[ \t]*", source[at:])
        if orphan and not edit.text and not done.rpartition("\n")[2].strip():
            at += orphan.end()
    return done + source[at:]


def is_blank(source: str) -> bool:
    """True if nothing would run: only white space and comments."""
    return all(not line.strip() or line.lstrip().startswith("#") for line in source.split("\n"))


def bound_names(tree: ast.AST) -> list[str]:
    """Every name that a cell's own text binds at module level or through `global`, once for each binding."""
    found: list[str] = []
    _bindings(tree, found, inside=False)
    return found


def _bindings(node: ast.AST, found: list[str], *, inside: bool) -> None:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if not inside:
                found.append(child.name)
            _bindings(child, found, inside=True)
        elif isinstance(child, ast.Global):
            found += child.names
        elif isinstance(child, ast.Lambda):
            continue
        else:
            if not inside:
                found += _binds(child)
            comprehension = isinstance(child, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp)
            _bindings(child, found, inside=inside or comprehension)


def _binds(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        return [node.id]
    if isinstance(node, ast.alias):
        return [node.asname or node.name.split(".")[0]]
    if isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
        return [node.name]
    return []


def imported_modules(source: str) -> set[str]:
    """Top-level names of the modules that a source imports, anywhere in it."""
    tree = parse(source)
    found: set[str] = set()
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found
