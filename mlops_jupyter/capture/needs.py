"""What the text of a notebook says of its cells: what is needed below each, and what one may depend on unseen."""

from __future__ import annotations

import ast
from collections.abc import Collection, Sequence
from functools import cache, lru_cache

from xxhash import xxh3_128_hexdigest

from mlops_jupyter.capture.names import analyse
from mlops_jupyter.capture.unwrap import Transform

_OUTSIDE = frozenset({
    "environ", "getenv", "environb", "listdir", "scandir", "glob", "iglob", "rglob", "iterdir", "exists", "is_file", "is_dir",
    "getcwd", "now", "utcnow", "today", "input", "getpass",
})
"""Words of calls whose answer is no variable and no file that is read: the environment, folders, the day."""
_HISTORY = frozenset({"In", "Out", "_ih", "_i", "_ii", "_iii", "_dh"})
_COMMANDS = frozenset({"bash", "sh", "script", "perl", "ruby", "python", "python2", "python3", "pypy", "system", "sx", "run", "!",
                       "!!", "cmd", "js", "javascript", "node"})
"""Magics that start another program, of whose writes only those are known that changed something."""
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


class Needs:
    """Of one notebook: the transformed text of each cell ("" for one that is no code), and what is needed at its end."""

    def __init__(self, sources: Sequence[str], results: Collection[str], transform: Transform) -> None:
        self._names = [analyse(source, transform) for source in sources]
        self._trees = [_parsed(source) for source in sources]
        self._results = frozenset(results)
        self._defined = {node.name: node for tree in self._trees for node in ast.walk(tree)
                         if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}
        inner = [node for tree in self._trees for node in ast.walk(tree) if isinstance(node, _SCOPES)]
        self._inside = {name for node in inner for name in _words(node)[0]}
        """Names that functions and classes of any cell speak of: calling one needs them."""

    def of(self, place: int, written: Collection[str]) -> list[str]:
        """Of the variables that the cell at `place` wrote, those that a later cell, a function or a result may need."""
        later = self._names[place + 1:]
        if any(names.opaque for names in later):
            return sorted(name for name in written if not name.startswith(("$", "_")))
        wanted = set(self._results) | self._inside
        for names in later:
            wanted |= names.loads.keys() | names.mutated | names.words | names.deletes
        return sorted(name for name in written if name in wanted)

    def only_imports(self, place: int) -> bool:
        """True for a cell that imports and does nothing else: it runs each time, and nobody wonders."""
        return all(isinstance(node, ast.Import | ast.ImportFrom) for node in self._trees[place].body)

    def unfit(self, place: int) -> str:
        """Why the text alone says that the cell must run each time; "" if it does not."""
        if below := self.displayed(place):
            return below
        words: set[str] = set().union(*(names | attributes for names, attributes in map(_words, self._reached(place))))
        if _runs_commands(self._trees[place]):
            return "it runs a command of the shell"
        outside = sorted(_OUTSIDE & words)
        return f"it asks for {outside[0]}, which no record holds" if outside else ""

    def displayed(self, place: int) -> str:
        """Why what the cell displays, or its place at the prompt, is needed below; "" if it is not."""
        if any(names.results or not _HISTORY.isdisjoint(names.loads) for names in self._names[place + 1:]):
            return "a cell below uses In, Out or _"
        return ""

    def bound(self, place: int) -> set[str]:
        """Variables that the cell at `place`, or a function of the notebook's that it speaks of, may bind or delete."""
        found = {*self._names[place].stores, *self._names[place].deletes}
        for node in (inner for tree in self._reached(place) for inner in ast.walk(tree)):
            if isinstance(node, ast.Global):
                found |= {*node.names}
        return found

    @lru_cache(maxsize=1024)  # noqa: B019 (one notebook, one kernel)
    def _reached(self, place: int) -> list[ast.AST]:
        """The cell's tree, and those of the notebook's functions and classes that it speaks of, directly or through others."""
        trees: list[ast.AST] = [self._trees[place]]
        seen: set[str] = set()
        for tree in trees:
            for name in sorted((_words(tree)[0] & self._defined.keys()) - seen):
                seen.add(name)
                trees.append(self._defined[name])
        return trees


def cell_digest(executed: str) -> str:
    """Digest of a cell's text, without comments, blank lines and the like."""
    try:
        text = ast.dump(ast.parse(executed))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        text = executed
    return xxh3_128_hexdigest(text.encode("utf-8", "surrogatepass"))


def _runs_commands(tree: ast.Module) -> bool:
    """True if a line `!command`, or a magic that starts another program, stands in the cell."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    return any(call.func.attr in {"system", "getoutput"} or (  # type: ignore[attr-defined] # an attribute
        call.func.attr in {"run_cell_magic", "run_line_magic"} and bool(call.args)  # type: ignore[attr-defined]
        and isinstance(call.args[0], ast.Constant) and call.args[0].value in _COMMANDS) for call in calls)


@cache
def literals(executed: str) -> frozenset[str]:
    """Names that a cell of nothing but `name = literal` binds; none for any other cell."""
    names = set()
    for node in _parsed(executed).body:
        target = node.targets[0] if isinstance(node, ast.Assign) and len(node.targets) == 1 else getattr(node, "target", None)
        if not isinstance(node, ast.Assign | ast.AnnAssign) or not isinstance(target, ast.Name) or node.value is None:
            return frozenset()
        try:
            ast.literal_eval(node.value)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            return frozenset()
        names.add(target.id)
    return frozenset(names)


def _parsed(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])


def _words(tree: ast.AST) -> tuple[set[str], set[str]]:
    """Names and attributes in a tree."""
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return names, {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
