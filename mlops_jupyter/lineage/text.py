"""What the text of a cell says by itself: names it binds, uses and may change, literals, seeds, options it sets.

Capture saw what really happened; the text is asked only where capture was blind (cells before tracking, cells not run
yet) and to tell a certain binding from a possible one. Each source is parsed once. Nothing is ever executed.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import lru_cache

from mlops_jupyter.entities import CellExecution, Value
from mlops_jupyter.lineage.literals import literals
from mlops_jupyter.lineage.magics import plain

PURE_METHODS = frozenset({
    "head", "tail", "describe", "info", "show", "plot", "hist", "isna", "value_counts", "sample", "mean", "sum", "shape",
    "items", "keys", "values", "nunique", "corr", "groupby", "round", "display", "bar", "line", "barh", "scatter", "legend",
})
PURE_FUNCTIONS = frozenset({"print", "display", "len", "type", "help", "repr", "str", "sorted", "dir", "vars", "id"})
CHANGE_ARGUMENTS = frozenset({"shuffle", "put", "place", "copyto", "heappush", "heappop", "heapify", "insort", "fill_diagonal"})
OPTION_VERBS = (
    "set", "use", "register", "reset", "filter", "simplefilter", "chdir", "insert", "append", "extend", "update", "enable",
    "disable", "config", "rc", "putenv", "basicConfig", "load_dotenv",
)
WHOLE_PROCESS = frozenset({"os", "sys"})
PROCESS_MAGICS = frozenset({"cd", "env", "set_env", "load_dotenv", "dotenv"})
LOOKS = frozenset({"exists", "isfile", "is_file", "lexists"})
LOOKS_AT_FILES = LOOKS | {"listdir", "scandir", "walk", "glob", "iglob", "rglob", "iterdir", "getsize", "stat", "getmtime",
                          "getoutput", "getoutput_magic"}
OVERWRITERS = ("to_", "dump", "save", "write")
APPEND_MODES = frozenset({"a", "ab", "a+", "r+", "rb+", "r+b", "append"})


@dataclass(frozen=True)
class CellText:
    """The facts of one source. `binds` for certain, `may_bind` includes branches and loops; `touches`: maybe changed in place."""

    parsed: bool = False
    binds: frozenset[str] = frozenset()
    may_bind: frozenset[str] = frozenset()
    touches: frozenset[str] = frozenset()
    loads: frozenset[str] = frozenset()
    exposed: frozenset[str] = frozenset()
    """Names used at a moment when the cell had not surely bound them itself."""
    bound_before: dict[str, frozenset[str]] = field(default_factory=dict)
    """For each used name: what the cell had surely bound before any use of it."""
    imports: dict[str, str] = field(default_factory=dict)
    """Name bound by an import statement → top-level package."""
    options: frozenset[str] = frozenset()
    """Root names through which module state is set: `plt.rcParams[...] =`, `pd.set_option(...)`."""
    seeds: frozenset[str] = frozenset()
    literals: dict[str, Value] = field(default_factory=dict)
    fills: frozenset[str] = frozenset()
    """Names that the cell only fills: `scores["auc"] = …`, `rows.append(…)`, and never looks into."""
    overwrites: bool = False
    """Writes files only in ways known to replace them whole."""
    looks_first: bool = False
    """Asks whether a file exists before it goes on: what it then writes is an input made once (decision 3)."""
    starts_process: bool = False
    looks_at_files: bool = False
    """Asks which files there are, or for their sizes: an answer that other cells' files decide."""


def text_of(execution: CellExecution) -> CellText:
    """The facts of what was executed, else of what was typed."""
    own = execution.source if plain(execution.source) != execution.source else ""  # a call of a magic says less than its code
    found = read_text(own or execution.executed or execution.source)
    return found if found.parsed or not execution.executed else read_text(execution.source)


@lru_cache(maxsize=4096)
def read_text(source: str) -> CellText:
    """The facts of `source`. Line magics count as blank; what cannot be parsed gives `parsed=False`."""
    tree = parse(source)
    if tree is None:
        return CellText()
    flow = _Flow()
    flow.body(tree.body, set())
    walked = [node for statement in tree.body for node in ast.walk(statement)]
    return CellText(
        parsed=True, binds=frozenset(flow.bound), may_bind=frozenset(stored(tree.body)), touches=frozenset(_touched(now(tree))),
        loads=frozenset(flow.before), exposed=frozenset(flow.exposed),
        bound_before={name: frozenset(bound) for name, bound in flow.before.items()}, imports=_imports(walked),
        options=frozenset(_options(walked)), seeds=frozenset(_seeds(walked)), literals=literals(tree.body),
        fills=frozenset(_fills(walked)), overwrites=_overwrites(walked), looks_first=_looks_first(walked),
        starts_process=any(isinstance(node, ast.Attribute) and node.attr in {"system", "getoutput"} for node in walked),
        looks_at_files=any(isinstance(node, ast.Attribute) and node.attr in LOOKS_AT_FILES for node in walked),
    )


@lru_cache(maxsize=4096)
def normalised(source: str) -> str:
    """`source` without comments and layout; magics are kept. The same for two sources that mean the same."""
    magics = "\n".join(line.strip() for line in source.splitlines() if line.lstrip()[:1] in {"%", "!"})
    tree = parse(source)
    return source.strip() if tree is None else (magics + "\n" + ast.unparse(tree)).strip()


def parse(source: str) -> ast.Module | None:
    """The tree of `source`, and of the code in its magics; others, and shell lines, are blanked where they stand in the way.

    None if it cannot be parsed.
    """
    code = plain(source)
    blanked = "\n".join("" if line.lstrip()[:1] in {"%", "!"} else line for line in code.splitlines())
    for candidate in (source, code, blanked):
        try:
            return ast.parse(candidate)
        except (SyntaxError, ValueError, RecursionError):
            continue
    return None


class _Flow:
    """Follows the statements in order, branch by branch, to tell what is surely bound when a name is used."""

    def __init__(self) -> None:
        self.bound: set[str] = set()
        self.exposed: set[str] = set()
        self.before: dict[str, set[str]] = {}

    def body(self, statements: list[ast.stmt], bound: set[str]) -> set[str]:
        for statement in statements:
            bound = self._statement(statement, bound)
        self.bound = bound
        return bound

    def _statement(self, node: ast.stmt, bound: set[str]) -> set[str]:  # noqa: PLR0911 - one branch for each kind of statement
        match node:
            case ast.If():
                self._use(node.test, bound)
                return self.body(node.body, set(bound)) & self.body(node.orelse, set(bound))
            case ast.For() | ast.AsyncFor():
                self._use(node.iter, bound)
                self.body(node.body, bound | targets(node.target))
                self.body(node.orelse, set(bound))
                return bound
            case ast.While():
                self._use(node.test, bound)
                self.body(node.body, set(bound))
                self.body(node.orelse, set(bound))
                return bound
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    self._use(item.context_expr, bound)
                    bound = bound | (targets(item.optional_vars) if item.optional_vars else set())
                return self.body(node.body, bound)
            case ast.Try() | ast.TryStar():
                self.body(node.body, set(bound))
                for handler in node.handlers:
                    self.body(handler.body, bound | ({handler.name} if handler.name else set()))
                self.body(node.orelse, set(bound))
                return self.body(node.finalbody, bound)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                self._use(node, bound)
                return bound | {node.name}
            case ast.Import() | ast.ImportFrom():
                return bound | {(alias.asname or alias.name).split(".")[0] for alias in node.names}
            case ast.Match():
                self._use(node, bound)
                return bound
        self._use(node, bound)
        return (bound | _bound_by(node)) - _deleted_by(node)

    def _use(self, node: ast.AST, bound: set[str]) -> None:
        for name in used(node):
            self.before[name] = self.before[name] & bound if name in self.before else set(bound)
            if name not in bound:
                self.exposed.add(name)


def used(node: ast.AST, local: frozenset[str] = frozenset()) -> set[str]:
    """Names of the module that evaluating `node` can use: inner scopes without their own variables."""
    match node:
        case ast.Name(ctx=ast.Load()):
            return set() if node.id in local else {node.id}
        case ast.AugAssign(target=ast.Name(id=name)):
            return {name} | used(node.value, local)
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
            inner = local | {name for part in node.generators for name in targets(part.target)}
            first = used(node.generators[0].iter, local)
            return first.union(*(used(child, inner) for child in ast.iter_child_nodes(node)))
        case ast.Lambda():
            return used(node.args, local) | used(node.body, local | _arguments(node.args))
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            outside: set[str] = set().union(*(used(part, local) for part in [*node.decorator_list, node.args]))
            shared = {name for part in ast.walk(node) if isinstance(part, ast.Global) for name in part.names}
            inner = local | _arguments(node.args) | (stored(node.body) - shared)
            return outside.union(*(used(part, inner) for part in node.body))
    found: set[str] = set()
    for child in ast.iter_child_nodes(node):
        found |= used(child, local)
    return found


def _arguments(node: ast.arguments) -> set[str]:
    plain = [*node.posonlyargs, *node.args, *node.kwonlyargs]
    return {one.arg for one in [*plain, *(extra for extra in (node.vararg, node.kwarg) if extra)]}


def targets(node: ast.AST) -> set[str]:
    """Names that an assignment target binds."""
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}


def _bound_by(node: ast.stmt) -> set[str]:
    """Names that a simple statement binds for certain; a walrus inside may be skipped by `and`, so it does not count."""
    match node:
        case ast.Assign():
            return set().union(*(targets(target) for target in node.targets))
        case ast.AnnAssign(value=None):
            return set()
        case ast.AnnAssign() | ast.AugAssign():
            return targets(node.target)
    return set()


def _deleted_by(node: ast.stmt) -> set[str]:
    return {part.id for part in node.targets if isinstance(part, ast.Name)} if isinstance(node, ast.Delete) else set()


def stored(statements: list[ast.stmt]) -> set[str]:
    """All names that these statements may bind in their own scope."""
    found: set[str] = set()
    queue: list[ast.AST] = list(statements)
    while queue:
        node = queue.pop()
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                found.add(node.name)
                continue
            case ast.Lambda():
                continue
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                found |= {one.target.id for one in ast.walk(node) if isinstance(one, ast.NamedExpr)}  # which binds outside
                continue
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                found.add(name)
            case ast.Import() | ast.ImportFrom():
                found |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
            case ast.Name(ctx=ast.Store()):
                found.add(node.id)
            case ast.ExceptHandler(name=str(name)):
                found.add(name)
        queue.extend(ast.iter_child_nodes(node))
    return found


def root(node: ast.AST) -> str:
    """The name at the root of `a.b[c].d`; "" if there is none."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def now(tree: ast.AST) -> list[ast.AST]:
    """The nodes that run when the cell runs: bodies of functions do not."""
    found: list[ast.AST] = []
    queue: list[ast.AST] = [tree]
    while queue:
        node = queue.pop()
        found.append(node)
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            queue.extend(ast.iter_child_nodes(node))
    return found


def _touched(nodes: list[ast.AST]) -> set[str]:
    found: set[str] = set()
    for node in nodes:
        match node:
            case ast.Attribute(ctx=ast.Store() | ast.Del()) | ast.Subscript(ctx=ast.Store() | ast.Del()):
                found.add(root(node))
            case ast.AugAssign():
                found.add(root(node.target))
            case ast.Expr(value=ast.Call(func=ast.Attribute(attr=method)) as call) if method not in PURE_METHODS:
                found |= {root(call), *(root(argument) for argument in call.args if method in CHANGE_ARGUMENTS)}
            case ast.Expr(value=ast.Call(func=ast.Name(id=name)) as call) if name not in PURE_FUNCTIONS:
                found |= {root(argument) for argument in call.args}
    return found - {""}


def _imports(nodes: list[ast.AST]) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in nodes:
        match node:
            case ast.Import():
                found |= {(alias.asname or alias.name).split(".")[0]: alias.name.split(".")[0] for alias in node.names}
            case ast.ImportFrom(module=str(module)):
                found |= {alias.asname or alias.name: module.split(".")[0] for alias in node.names}
    return found


def _fills(nodes: list[ast.AST]) -> set[str]:
    filled: list[str] = []
    for node in nodes:
        match node:
            case ast.Assign(targets=into):
                filled += [target.value.id for target in into
                           if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name)]
            case ast.Expr(value=ast.Call(func=ast.Attribute(attr="append", value=ast.Name(id=name)))):
                filled.append(name)
    loads = [node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)]
    return {name for name in filled if loads.count(name) == filled.count(name)}


def statement_at(source: str, line: int) -> str:
    """The statement of the cell at `line` with the earlier ones that it rests on, by their names; without layout.

    Used to tell whether an edit to a cell touched one metric in it. "" if there is no such statement.
    """
    tree = parse(source)
    if tree is None:
        return ""
    at = [index for index, node in enumerate(tree.body) if node.lineno <= line <= (node.end_lineno or line)]
    if not at:
        return ""
    kept = [tree.body[at[0]]]
    names = used(kept[0])
    for node in reversed(tree.body[: at[0]]):
        walked = list(ast.walk(node))
        if (stored([node]) | _touched(walked)) & names:
            kept.append(node)
            names |= used(node)
    return "\n".join(ast.unparse(node) for node in reversed(kept))


def _options(nodes: list[ast.AST]) -> set[str]:
    found: set[str] = set()
    for node in nodes:
        match node:
            case ast.Attribute(ctx=ast.Store()) | ast.Subscript(ctx=ast.Store(), value=ast.Attribute()):
                found.add(root(node))
            case ast.Expr(value=ast.Call(func=ast.Attribute(attr=verb) as function)) if verb.startswith(OPTION_VERBS):
                found.add(root(function))
            case ast.Expr(value=ast.Call(func=ast.Name(id=verb))) if verb.startswith(("set_", "load_dotenv", "chdir")):
                found.add(verb)
            case ast.Call(func=ast.Attribute(attr="run_line_magic"), args=[ast.Constant(value=str(magic)), *_]):
                found |= {"os"} if magic in PROCESS_MAGICS else set()
    return found - {"", "operator"}  # whose `setitem` and its kin change what they are given


_SEEDERS = {"np.random.seed": "numpy", "numpy.random.seed": "numpy", "random.seed": "python", "torch.manual_seed": "torch"}


def _seeds(nodes: list[ast.AST]) -> set[str]:
    calls = [ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)]
    return {_SEEDERS[call] for call in calls if call in _SEEDERS}


def _overwrites(nodes: list[ast.AST]) -> bool:
    constants = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    calls = {node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id for node in nodes
             if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name)}
    known = any(call.startswith(OVERWRITERS) for call in calls) or ("open" in calls and bool(constants & {"w", "wb", "x", "xb"}))
    return known and not constants & APPEND_MODES and not any(call.startswith("to_sql") for call in calls)


def _looks_first(nodes: list[ast.AST]) -> bool:
    tests = [node.test for node in nodes if isinstance(node, ast.If | ast.IfExp)]
    calls = [call.func for test in tests for call in ast.walk(test) if isinstance(call, ast.Call)]
    return any(isinstance(call, ast.Attribute) and call.attr in LOOKS for call in calls)
