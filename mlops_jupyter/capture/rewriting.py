"""Python 3.11: the cell's own tree hands the results of module-level calls to a hook that gives them back unchanged.

`auc = roc_auc_score(y, p)` becomes `auc = __mlops_jupyter_result__(roc_auc_score(y, p), 7)`, with the same positions, so that
tracebacks point where they did. Only calls whose last word some autolog file named are wrapped, and none inside `def`,
`lambda` or `class`; so are their arguments, and what a method is called on, where these are more than a name, because evaluating
one again is out of the question. The hook lives in `builtins`, because `%%timeit` and `exec` bring namespaces of their own.

Functions that cells define are left as they are: their code travels, by pickle to another process, to numba or torch.compile,
into a hash that a cache is keyed by, and must not differ from what the user wrote.
"""

from __future__ import annotations

import ast
import builtins
import sys
from types import FunctionType

from mlops_jupyter.capture.assembly import Assembler, Library, Shell
from mlops_jupyter.capture.sites import HOOK, MISSING, Scope, Site, aliases_of, index, terminal

_KEPT = 2_000  # sites; those of old cells go first
_ENOUGH = 200  # calls of one site in one cell that were no library's: then it is a hot loop of the user's own


class Rewriting:
    """The mechanism; the shell holds it among its AST transformers."""

    def __init__(self, assembler: Assembler, shell: Shell) -> None:
        self.assembler = assembler
        self._shell = shell
        self._names = assembler.names
        self._only_with = assembler.only_with
        self._sites: dict[int, Site | ast.expr] = {}
        self._parts: dict[int, list[int]] = {}
        """Number of a site → numbers of what is kept for it."""
        self._next = 0
        self._others: dict[int, type] = {}
        """Sites of this cell whose receivers were of a type that no library knows."""
        self._misses: dict[int, int] = {}
        self._ignored: set[int] = set()
        """Sites, and what is kept for them, that are looked at no more in this cell."""
        self._counting: list[Library] = []
        setattr(builtins, HOOK, self._result)
        self._place(there=True)

    def watch(self, library: Library) -> None:
        """Results of this library's functions are recognised from now on."""
        self.assembler.libraries[library.root] = library
        self._others.clear()
        for _ in library.codes():
            pass  # so that the library knows its functions by their code
        if library.counted is not None:
            self._counting.append(library)

    def before_cell(self, source: str) -> None:
        """Drop what an unfinished call left. Away where nothing is called: IPython walks the tree for any transformer."""
        self._place(there="(" in source)
        self._others.clear()
        self._misses.clear()
        self._ignored.clear()
        self.assembler.begin()

    def _place(self, *, there: bool) -> None:
        """Be among the shell's transformers, first as others may have come since, or not."""
        transformers = self._shell.ast_transformers
        if there and self not in transformers:
            transformers.insert(0, self)
        elif not there and self in transformers:
            transformers.remove(self)

    def remove(self) -> None:
        """Take transformer and hook away. A loop that still runs keeps working: its cell has a hook of its own till it ends."""
        self._place(there=False)
        setattr(builtins, HOOK, _unchanged)
        self._sites.clear()

    def visit(self, tree: ast.AST) -> ast.AST:
        """IPython's way in: the tree of a cell, changed in place. Never raises: a transformer that does is thrown out."""
        try:
            return self._rewrite(tree)
        except Exception as error:  # noqa: BLE001 (the cell runs as it was written)
            self.assembler.failed(error)
            return tree

    def _rewrite(self, tree: ast.AST) -> ast.AST:
        nodes = list(ast.walk(tree))
        calls = [node for node in nodes if isinstance(node, ast.Call)]
        if not calls:
            return tree
        aliases = aliases_of(tree)

        def is_watched(node: ast.Call) -> bool:
            name = terminal(node)
            if aliases.get(name, name) in self._names:
                return True
            value = self._shell.user_ns.get(name)
            return type(value) is FunctionType and value.__name__ in self._names

        words = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        alone = {name for name, other in self._only_with.items() if other not in words}
        watched = [node for node in calls if terminal(node) not in alone and is_watched(node)]
        if not watched:
            return tree
        found = index(watched, tree, watched)
        numbers: dict[int, int] = {}
        for key, site in found.items():
            if site.module_level:
                owner = [site.node.func.value] if isinstance(site.node.func, ast.Attribute) else []
                needed = [
                    node for node in [*owner, *(argument.node for argument in site.arguments)]
                    if id(node) not in found and not isinstance(node, ast.Name | ast.Constant)
                ]  # fmt: skip
                number = self._number(key, site, numbers)
                self._parts[number] = [self._number(id(node), node, numbers) for node in needed]
        while len(self._sites) > _KEPT:
            oldest = next(iter(self._sites))
            del self._sites[oldest]
            self._parts.pop(oldest, None)
        wrapped: ast.AST = _Wrap(numbers).visit(tree)
        return wrapped

    def _number(self, key: int, what: Site | ast.expr, numbers: dict[int, int]) -> int:
        self._next += 1
        numbers[key] = self._next
        self._sites[self._next] = what
        return self._next

    def _result(self, value: object, number: int) -> object:
        if number in self._ignored:
            return value
        try:
            site = self._sites.get(number)
            if isinstance(site, ast.expr):
                self.assembler.keep(site, value)
            elif site is not None:
                self._called(site, number, value)
        except Exception as error:  # noqa: BLE001 (the user's value goes on its way)
            self.assembler.failed(error)
        return value

    def _called(self, site: Site, number: int, value: object) -> None:
        """In a hot loop the first call of a site is looked at; then one that is no library's costs two look-ups."""
        frame = sys._getframe(2)
        scope = Scope(frame)
        receiver = self.assembler.receiver(site, scope)
        if receiver is not MISSING:
            if self._others.get(number) is type(receiver):
                self._missed(site, number)
                return
            for library in self._counting:
                if library.counted is not None and library.counted(receiver):
                    self.assembler.forget(site)
                    return
        called = self.assembler.called(site, receiver, scope)
        if called is not None:
            self.assembler.seen(site, frame, called, value)
            return
        self._others[number] = type(receiver)
        self._missed(site, number)

    def _missed(self, site: Site, number: int) -> None:
        self.assembler.forget(site)
        misses = self._misses[number] = self._misses.get(number, 0) + 1
        if misses >= _ENOUGH:
            self._ignored.update((number, *self._parts.get(number, ())))


class _Wrap(ast.NodeTransformer):
    """Puts the hook around the numbered expressions."""

    def __init__(self, numbers: dict[int, int]) -> None:
        self._numbers = numbers

    def visit(self, node: ast.AST) -> ast.AST:
        """The node, wrapped where it is numbered."""
        number = self._numbers.get(id(node))
        self.generic_visit(node)
        if number is None or not isinstance(node, ast.expr):
            return node
        name = ast.copy_location(ast.Name(HOOK, ast.Load()), node)
        constant = ast.copy_location(ast.Constant(number), node)
        return ast.copy_location(ast.Call(name, [node, constant], []), node)


def _unchanged(value: object, number: int) -> object:
    return value
