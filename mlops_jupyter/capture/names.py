"""What a cell's text says about names: which it reads, binds, deletes, changes in place, imports. Nothing runs.

The tree is walked once in order of execution with the set of names that are certainly bound so far, so that `x = 1; x + 1` is no
read of an older `x`, while a name bound in only one branch still is. The body of a function counts where the function is used,
not where it is defined (`closure.py` follows it); a lambda's, a decorated function's and a class body's count at once.
Where the text cannot tell, the answer is larger, never smaller.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from mlops_jupyter.capture.closure import names_of_code
from mlops_jupyter.capture.unwrap import Transform, Unwrapped, is_get_ipython, unwrap
from mlops_jupyter.capture.verbs import OPAQUE_ATTRIBUTES, OPAQUE_CALLS, SEED_CALLS, SETTING_CALLS, TEXT_CALLS

_BUILTINS = frozenset(dir(builtins))
_WORD = re.compile(r"[A-Za-z_]\w*")
_RESULT = re.compile(r"_{1,3}|_\d+|_oh|Out")


@dataclass
class CellNames:
    """What the text says. `loads` maps each name read to the names certainly bound when it is first read."""

    loads: dict[str, frozenset[str]] = field(default_factory=dict)
    reads: set[str] = field(default_factory=set)
    """Names whose content from before the cell is (or may be) used."""
    stores: list[str] = field(default_factory=list)
    deletes: set[str] = field(default_factory=set)
    mutated: set[str] = field(default_factory=set)
    """Names an attribute or item of which is set or deleted, or whose settings are changed."""
    words: set[str] = field(default_factory=set)
    """Words in texts that may name variables."""
    imports: list[str] = field(default_factory=list)
    seeds: list[tuple[str, ...]] = field(default_factory=list)
    """Dotted names of calls that seed a generator."""
    results: set[str] = field(default_factory=set)
    """`_`, `__`, `_3`, `_oh`: reads of earlier results."""
    resets: bool = False
    """`%reset` runs: it may empty `Out`."""
    reloads: bool = False
    """`%autoreload` runs: it may load modules anew whose files changed long ago."""
    opaque: list[str] = field(default_factory=list)
    certain: set[str] = field(default_factory=set)
    """Names that are bound at the end whichever way the cell takes, if no exception ends it."""
    dotted: set[tuple[str, ...]] = field(default_factory=set)
    """Chains of attributes of names, each as far as the text goes: `("np", "random", "mtrand")`."""
    any_module: bool = False
    """True if it looks modules up in `sys.modules`."""
    parsed: bool = True


def analyse(source: str, transform: Transform) -> CellNames:
    """Names of a transformed cell. A cell that does not parse has none (it does not run either)."""
    return _analyse(source, transform)


@lru_cache(maxsize=256)
def _analyse(source: str, transform: Transform) -> CellNames:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return CellNames(parsed=False)
    cell = unwrap(tree, transform) if "get_ipython" in source else Unwrapped(tree)  # most cells have no magic
    scan = _Scan(cell.calls)
    scan.names.opaque.extend(cell.opaque)
    scan.block(cell.tree.body)
    scan.names.certain = scan.bound
    for inner in cell.inner:
        scan.separate(inner)
    names = scan.names
    names.words |= cell.words
    names.resets, names.reloads = "reset" in cell.magics, "autoreload" in cell.magics
    for name in sorted(cell.stores):
        scan.store(name)
    names.opaque = list(dict.fromkeys(names.opaque))
    return names


class _Scan(ast.NodeVisitor):
    def __init__(self, magic_calls: set[ast.AST]) -> None:
        self.names = CellNames()
        self.bound: set[str] = set()
        self._local: list[set[str]] = []
        self._magic_calls = magic_calls

    # names

    def load(self, name: str) -> None:
        if name == "get_ipython" or any(name in scope for scope in self._local):
            return
        names = self.names
        if name not in names.loads:
            names.loads[name] = frozenset(self.bound)
        if name in self.bound:
            return
        if _RESULT.fullmatch(name):
            names.results.add("_oh" if name == "Out" else name)
        else:
            names.reads.add(name)

    def store(self, name: str) -> None:
        if self._local and name in self._local[-1]:
            return
        if name not in self.names.stores:
            self.names.stores.append(name)
        self.bound.add(name)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self.load(node.id)
        elif isinstance(node.ctx, ast.Store):
            self.store(node.id)
        else:
            self.load(node.id)
            self.names.deletes.add(node.id)
            self.bound.discard(node.id)

    def _inplace(self, target: ast.expr) -> None:
        while isinstance(target, ast.Attribute | ast.Subscript | ast.Starred):
            target = target.value
        if isinstance(target, ast.Name):
            self.names.mutated.add(target.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if node.attr in OPAQUE_ATTRIBUTES:
            self.names.opaque.append(f".{node.attr}")
        self.names.any_module |= node.attr == "modules"
        self.names.dotted.add(dotted(node))
        if not isinstance(node.ctx, ast.Load):
            self._inplace(node)
        self.visit(node.value)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if not isinstance(node.ctx, ast.Load):
            self._inplace(node)
        if isinstance(node.slice, ast.Constant) and node.slice.value == "__main__":
            self.names.opaque.append("['__main__']")
        if isinstance(node.value, ast.Name) and node.value.id in {"Out", "_oh"}:
            index = node.slice.value if isinstance(node.slice, ast.Constant) else None
            self.names.results.add(f"_{index}" if isinstance(index, int) else "_oh")
        else:
            self.visit(node.value)
        self.visit(node.slice)

    # statements that bind

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        for target in node.targets:
            self.visit(target)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.annotation)
        if node.value is not None:
            self.visit(node.value)
            self.visit(node.target)
        elif not isinstance(node.target, ast.Name):
            self.visit(node.target)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.load(node.target.id)
            self.names.mutated.add(node.target.id)
        self.visit(node.value)
        self.visit(node.target)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        local, self._local = self._local, []
        self.visit(node.target)
        self._local = local

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            top = alias.name.partition(".")[0]
            self.names.imports.append(top)
            self.names.opaque += ["import __main__"] if top == "__main__" else []
            self.store(alias.asname or top)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.module and not node.level:
            self.names.imports.append(node.module.partition(".")[0])
        for alias in node.names:
            if alias.name == "*" or node.module == "__main__":
                self.names.opaque.append(f"from {node.module} import {alias.name}")
            else:
                self.store(alias.asname or alias.name)

    # branches: only what every way binds is certainly bound after

    def block(self, statements: Iterable[ast.AST]) -> None:
        for statement in statements:
            self.visit(statement)

    def _branches(self, branches: list[list[ast.stmt]]) -> None:
        before = set(self.bound)
        after: set[str] | None = None
        for branch in branches:
            self.bound = set(before)
            self.block(branch)
            after = self.bound if after is None else after & self.bound
        self.bound = after if after is not None else before

    def visit_If(self, node: ast.If) -> None:
        self.visit(node.test)
        self._branches([node.body, node.orelse])

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        self.visit(node.iter)
        before = set(self.bound)
        self.visit(node.target)
        self.block(node.body)
        self.bound = before
        self._branches([node.orelse, []])

    visit_AsyncFor = visit_For  # noqa: N815 (ast's naming)

    def visit_While(self, node: ast.While) -> None:
        self.visit(node.test)
        self._branches([node.body, []])
        self._branches([node.orelse, []])

    def visit_Try(self, node: ast.Try) -> None:
        before = set(self.bound)
        self.block(node.body)
        self.block(node.orelse)
        after = self.bound
        for handler in node.handlers:
            self.bound = set(before)
            if handler.type is not None:
                self.visit(handler.type)
            if handler.name:
                self.store(handler.name)
            self.block(handler.body)
            after = after & self.bound
        self.bound = after
        self.block(node.finalbody)

    def visit_TryStar(self, node: ast.TryStar) -> None:
        self.visit_Try(ast.Try(node.body, node.handlers, node.orelse, node.finalbody))

    def visit_Match(self, node: ast.Match) -> None:
        self.visit(node.subject)
        before = set(self.bound)
        for case in node.cases:
            self.bound = set(before)
            for part in ast.walk(case.pattern):
                if isinstance(part, ast.MatchAs | ast.MatchStar) and part.name:
                    self.store(part.name)
                elif isinstance(part, ast.MatchMapping) and part.rest:
                    self.store(part.rest)
                elif isinstance(part, ast.expr):
                    self.visit(part)
            if case.guard is not None:
                self.visit(case.guard)
            self.block(case.body)
        self.bound = before

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        self.visit(node.values[0])
        before = set(self.bound)
        self.block(node.values[1:])
        self.bound = before

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self.visit(node.test)
        before = set(self.bound)
        self.visit(node.body)
        self.visit(node.orelse)
        self.bound = before

    # scopes of their own

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> None:
        self.visit(node.generators[0].iter)
        before = set(self.bound)
        self._local.append({
            part.id for generator in node.generators for part in ast.walk(generator.target)
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
        })
        for position, generator in enumerate(node.generators):
            self.visit(generator.target)
            if position:
                self.visit(generator.iter)
            self.block(generator.ifs)
        self.block([node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt])
        self._local.pop()
        self.bound = before

    visit_ListComp = visit_SetComp = visit_GeneratorExp = visit_DictComp = _comprehension  # noqa: N815

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.block([*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)])
        if node.returns is not None:
            self.visit(node.returns)
        for argument in ast.walk(node.args):
            if isinstance(argument, ast.arg) and argument.annotation is not None:
                self.visit(argument.annotation)
        if node.decorator_list:
            self._body(ast.Module(body=[node], type_ignores=[]), set())
        self.store(node.name)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._body(ast.Module(body=[ast.copy_location(ast.Expr(node), node)], type_ignores=[]), set())

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.block([*node.decorator_list, *node.bases, *[keyword.value for keyword in node.keywords]])
        own = {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
        methods = [part for part in node.body if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)]
        own |= {method.name for method in methods}
        before = set(self.bound)
        self._local.append(own)
        for statement in node.body:
            if statement in methods:
                self.block([part for part in ast.iter_child_nodes(statement) if not isinstance(part, ast.stmt)])
            else:
                self.visit(statement)
        self._local.pop()
        self.bound = before
        if node.decorator_list or node.bases or node.keywords:
            self._body(ast.Module(body=[node], type_ignores=[]), own)
        self.store(node.name)

    def visit_arguments(self, node: ast.arguments) -> None:
        self.block([*node.defaults, *filter(None, node.kw_defaults)])

    def separate(self, module: ast.Module) -> None:
        """Code that runs in a function of its own (`%%timeit`): it reads, and may change what it reads in place."""
        inner = _Scan(self._magic_calls)
        inner.bound = set(self.bound)
        inner.block(module.body)
        for name, bound in inner.names.loads.items():
            self.names.loads.setdefault(name, bound)
        self.names.reads |= inner.names.reads
        self.names.mutated |= inner.names.mutated
        self.names.results |= inner.names.results
        self.names.opaque.extend(inner.names.opaque)

    def _body(self, module: ast.Module, own: set[str]) -> None:
        """The names that the code of `module` uses from the namespace, whenever it runs."""
        try:
            code = compile(ast.fix_missing_locations(module), "<cell>", "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError):
            self.names.opaque.append("code that does not compile by itself")
            return
        used = names_of_code(code)
        for name in sorted(used.loads - own):
            if name not in _BUILTINS or name in OPAQUE_CALLS:
                self.load(name)
        for name in sorted(used.stores):
            if name not in self.names.stores:
                self.names.stores.append(name)

    # calls

    def visit_Call(self, node: ast.Call) -> None:
        if node in self._magic_calls:
            return
        self._judge(node)
        self.generic_visit(node)

    def _judge(self, node: ast.Call) -> None:
        names = self.names
        chain = dotted(node.func)
        last = chain[-1] if chain else node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if len(chain) == 1 and last in OPAQUE_CALLS and last not in self.bound and not (last == "vars" and node.args):
            names.opaque.append(f"{last}()")
        if last in SEED_CALLS and chain:
            names.seeds.append(chain)
        if last in SETTING_CALLS:
            base = node.args[0] if last in {"setattr", "reload"} and node.args else node.func
            self._inplace(base)
        elif last == "update" and len(chain) > 1:
            names.mutated.add(chain[0])
        if last in TEXT_CALLS and node.args:
            for part in ast.walk(node.args[0]):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    names.words.update(_WORD.findall(part.value))
        if isinstance(node.func, ast.Attribute) and is_get_ipython(node.func.value):
            names.opaque.append(f"get_ipython().{node.func.attr}()")


def dotted(node: ast.expr) -> tuple[str, ...]:
    """`np.random.seed` as ("np", "random", "seed"); () for anything that does not start at a name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return (node.id, *reversed(parts)) if isinstance(node, ast.Name) else ()
