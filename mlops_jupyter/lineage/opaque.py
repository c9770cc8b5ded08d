"""What an opaque cell may have read and changed, by the reason why it is opaque.

Capture compares the whole namespace around such a cell, so that what it wrote is known; what it read is not, and neither
are options that hidden code set. Where the hidden part stands in the cell as literal text (`exec("x = 1")`,
`globals()["x"]`), it is put in its place and read like any other text. A reason that is not known here leaves everything open.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import lru_cache

from mlops_jupyter.entities import CellExecution
from mlops_jupyter.lineage.magics import plain as code_of
from mlops_jupyter.lineage.text import parse, read_text

_STAR = re.compile(r"from (?!__main__)\S+ import \*")
_BY_NAME = re.compile(r"(globals|locals|vars)\(\)|\.(user_ns|user_global_ns|f_globals|f_locals)|\['__main__'\]|import __main__"
                      r"|from __main__ .*")
_BY_TEXT = re.compile(r"(exec|eval)\(\)")
_BY_CODE = re.compile(r"(exec|eval|globals|locals|vars|__import__|execfile)\(\).*|%run .*|unknown magic .*|get_ipython\(\)\..*"
                      r"|%\w+ holds code that does not parse|code that does not compile by itself")
_HARMLESS = re.compile(r"\s*%%?(time|matplotlib|load_ext|autoreload|mlops)\b(?!.*=)")
_SUSPECT = re.compile(r"exec|eval|globals|locals|vars|__main__|__import__|user_ns|user_global_ns|get_ipython|import\s*\*")
_NAMESPACES = frozenset({"globals", "locals", "vars"})


@dataclass(frozen=True)
class Hidden:
    """What is not told by the record. `reads`: names, None for any; `writes`: True if any name may have changed unseen."""

    reads: frozenset[str] | None
    writes: bool = False
    options: bool = True
    """True if options of packages may have been set unseen."""
    plain: str = ""
    """The cell with its literal texts in place, if it is only those that make it opaque."""


def hidden(execution: CellExecution) -> Hidden:
    """What remains unknown of an opaque execution."""
    if execution.state == "skipped":  # compared like any cell; its text is not kept, or there is none
        return Hidden(None if execution.cell else frozenset(), options=False)
    reasons = [reason for reason in execution.opaque if not _STAR.fullmatch(reason)]
    if not reasons:
        return Hidden(frozenset(), options=False)
    known = [bool(pattern.fullmatch(reason)) for reason in reasons for pattern in (_BY_NAME, _BY_CODE)]
    if not all(one or other for one, other in zip(known[::2], known[1::2], strict=True)):
        return Hidden(None, writes=True)
    plain = spelled(execution.executed or execution.source, ran=True)
    literal = all(_BY_NAME.fullmatch(reason) or _BY_TEXT.fullmatch(reason) for reason in reasons)
    if plain is not None and literal:
        text = read_text(plain)
        return Hidden(text.exposed, options=bool(text.options), plain=plain)
    return Hidden(None, options=not all(known[::2]))


@lru_cache(maxsize=4096)
def spelled(source: str, *, ran: bool = False) -> str | None:
    """The cell with its literal texts and names in place; None if any hidden part of it is not literal.

    `ran`: capture knows what was bound, so that `globals()[name] = value` under a computed name counts as nothing but its parts.
    """
    source = code_of(source)
    tree = parse(source)
    if tree is None or any(line.lstrip()[:1] in {"%", "!"} and not _HARMLESS.match(line) for line in source.splitlines()):
        return None
    if not _SUSPECT.search(source):
        return source
    try:
        plain = ast.unparse(ast.fix_missing_locations(_Spelling(ran=ran).visit(tree)))
    except (SyntaxError, ValueError):
        return None
    return None if any(map(_opens, ast.walk(ast.parse(plain)))) else plain


class _Spelling(ast.NodeTransformer):
    """Puts literal code and names where they are executed and looked up."""

    def __init__(self, *, ran: bool) -> None:
        self.ran = ran

    def visit_Expr(self, node: ast.Expr) -> ast.AST | list[ast.stmt]:
        match node.value:
            case ast.Call(func=ast.Name(id="exec"), args=[ast.Constant(value=str(text))], keywords=[]):
                return [self.visit(statement) for statement in ast.parse(text.strip()).body]
            case ast.Call(func=ast.Attribute(value=value, attr="update"), args=[], keywords=words) if _is_namespace(value):
                made: list[ast.stmt] = [ast.Assign([ast.Name(word.arg, ast.Store())], self.visit(word.value))
                                        for word in words if word.arg]
                return made if len(made) == len(words) else self.generic_visit(node)
        return self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        match node.targets:
            case [ast.Subscript(value=value, slice=name)] if (
                    self.ran and _is_namespace(value) and not isinstance(name, ast.Constant)):
                return ast.Expr(ast.Tuple([self.visit(name), self.visit(node.value)], ast.Load()))
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        match node:
            case ast.Call(func=ast.Name(id="eval"), args=[ast.Constant(value=str(text))], keywords=[]):
                return self.visit(ast.parse(text.strip(), mode="eval").body)  # type: ignore[no-any-return]
        return self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        match node:
            case ast.Subscript(value=value, slice=ast.Constant(value=str(name)), ctx=context) if (
                    name.isidentifier() and _is_namespace(value)):
                return ast.Name(name, context)
        return self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if _is_main(node.value):
            return ast.Name(node.attr, node.ctx)
        return self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> ast.AST | None:
        names = [one for one in node.names if one.name != "__main__" or one.asname]
        return ast.Import(names) if names else ast.Pass()

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        if node.module != "__main__" or node.level or any(one.name == "*" for one in node.names):
            return node
        into = ast.Tuple([ast.Name(one.asname or one.name, ast.Store()) for one in node.names], ast.Store())
        return ast.Assign([into], ast.Tuple([ast.Name(one.name, ast.Load()) for one in node.names], ast.Load()))


def _is_namespace(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Name(id=name), args=[]) if name in _NAMESPACES:
            return True
        case ast.Attribute(attr="user_ns" | "user_global_ns" | "f_globals" | "f_locals"):
            return True
    return False


def _is_main(node: ast.AST) -> bool:
    """True for `__main__` and `sys.modules["__main__"]`."""
    match node:
        case ast.Name(id="__main__") | ast.Subscript(slice=ast.Constant(value="__main__")):
            return True
    return False


def _opens(node: ast.AST) -> bool:
    """True for what gives the namespace, or runs code that does not stand there."""
    match node:
        case ast.Name(id="exec" | "eval" | "globals" | "locals" | "__import__" | "get_ipython" | "__main__"):
            return True
        case ast.Call(func=ast.Name(id="vars"), args=[]):
            return True
        case ast.Import(names=names):
            return any(one.name == "__main__" for one in names)
        case ast.ImportFrom(names=names):
            return any(one.name == "*" for one in names)
    return _is_namespace(node) or _is_main(node)
