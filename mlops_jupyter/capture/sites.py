"""Call site → what the user's text says about it: the name its value gets, the loop it stands in, the names its arguments use.

All of it is read from the syntax tree once for each text; at run time only names are looked up, in the frame that made the
call. Nothing is evaluated: a name, an attribute that lies in an instance dictionary, an item of an exact list or dict is
found; any other expression is known by the names in it.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from types import FrameType

from mlops_jupyter.capture.observer import Expression, Names
from mlops_jupyter.fingerprint.types.instances import attributes

HOOK = "__mlops_jupyter_result__"
UNPACKED = "**"
"""Stands for the name of an argument like `**settings`."""
MISSING = object()
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_LOOPS = (ast.For, ast.AsyncFor)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_SAME_VALUE = frozenset({"float", "round", "abs"})
_PLAIN = (str, int, float, bool)


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument as written. `position` is None for a keyword."""

    position: int | None
    keyword: str
    node: ast.expr
    text: str
    names: tuple[str, ...]
    labels: tuple[str, ...]
    inner: tuple[int, ...]
    feeds: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """One call as written. `group`: the expressions whose value tells repeats apart, nearest first."""

    node: ast.Call
    name: str
    line: int
    column: int
    target: str
    group: tuple[str, ...]
    loops: tuple[str, ...]
    around: tuple[str, ...]
    loop: ast.AST | None
    returned: bool
    enclosed: bool
    module_level: bool
    arguments: tuple[Argument, ...] = ()
    inner: tuple[int, ...] = ()
    """Watched calls inside this one, by `id` of their nodes."""

    def key(self, scope: Scope) -> str:
        """`name=value` of the loop position, "" outside loops or where no loop name holds a plain value."""
        for name in (*self.group, *self.loops):
            text = _key_text(scope.lookup(name))
            if text:
                return f"{name}={text}"
        return ""


def _key_text(value: object) -> str:
    if type(value) in _PLAIN:
        return str(value)
    if isinstance(value, tuple) and type(value) is tuple and all(type(part) in _PLAIN for part in value):
        return "/".join(map(str, value))
    cls = type(value)
    is_number = cls.__module__ == "numpy" and cls.__name__.rstrip("_0123456789") in {"int", "uint", "float", "str", "bool"}
    return str(value) if is_number else ""


class Scope:
    """The names that a frame sees: its locals, then its globals."""

    def __init__(self, frame: FrameType) -> None:
        self._locals: Mapping[str, object] = frame.f_locals
        self._globals: Mapping[str, object] = frame.f_globals

    def lookup(self, name: str) -> object:
        """The object behind a name, MISSING if there is none."""
        found = self._locals.get(name, MISSING)
        return self._globals.get(name, MISSING) if found is MISSING else found

    def items(self) -> Iterator[tuple[str, object]]:
        """All names with their objects, the frame's own first."""
        yield from list(self._locals.items())
        if self._globals is not self._locals:
            yield from list(self._globals.items())

    @property
    def outer(self) -> Mapping[str, object]:
        """The namespace that outlives the frame."""
        return self._globals


def terminal(node: ast.Call) -> str:
    """The last word of what is called: `fit` of `model.fit(…)`, `roc_auc_score` of `roc_auc_score(…)`."""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def plain(node: ast.expr) -> ast.expr:
    """The user's expression where the rewriting wrapped it."""
    wrapped = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == HOOK
    return node.args[0] if wrapped and isinstance(node, ast.Call) else node


def resolve(node: ast.expr, scope: Names, results: Mapping[int, object]) -> object:
    """The object that an expression stands for, if finding it runs no code; else MISSING."""
    node = plain(node)
    found = results.get(id(node), MISSING)
    if found is not MISSING:
        return found
    if isinstance(node, ast.Name):
        found = scope.lookup(node.id)
    elif isinstance(node, ast.Constant):
        found = node.value
    elif isinstance(node, ast.Attribute):
        owner = resolve(node.value, scope, results)
        found = MISSING if owner is MISSING else attributes(owner).get(node.attr, MISSING)
    elif isinstance(node, ast.Subscript):
        found = _item(resolve(node.value, scope, results), resolve(node.slice, scope, results))
    return found


def _item(owner: object, key: object) -> object:
    if type(owner) is dict and type(key) in {str, int}:
        return owner.get(key, MISSING)
    if isinstance(owner, list | tuple) and type(owner) in {list, tuple} and type(key) is int and -len(owner) <= key < len(owner):
        found: object = owner[key]
        return found
    return MISSING


def expression(argument: Argument, scope: Scope, results: Mapping[int, object]) -> Expression:
    """What an argument's text leads to: the objects behind its names, and the values of watched calls inside it."""
    named = [scope.lookup(name) for name in argument.names] + [results.get(inner, MISSING) for inner in argument.inner]
    feeds = [scope.lookup(name) for name in argument.feeds]
    return Expression(
        argument.text, tuple(value for value in named if value is not MISSING), argument.labels,
        tuple(value for value in feeds if value is not MISSING),
    )  # fmt: skip


def aliases_of(tree: ast.AST) -> dict[str, str]:
    """`from m import name as alias` in a text: alias → name."""
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {alias.asname: alias.name for node in imports for alias in node.names if alias.asname}


def index(calls: Collection[ast.Call], tree: ast.AST, watched: Collection[ast.Call]) -> dict[int, Site]:
    """Sites of `calls` by `id` of the node; `watched` are those that emit events. The tree must live as long as the index."""
    parents = {id(child): parent for parent in ast.walk(tree) for child in ast.iter_child_nodes(parent)}
    known = {id(node) for node in watched}
    assigned = _assignments(tree)
    return {id(node): _site(node, parents, known, assigned) for node in calls}


def _assignments(tree: ast.AST) -> dict[str, list[tuple[int, list[str]]]]:
    """Name → (line, names on the right) of each assignment to it, in order."""
    found: dict[str, list[tuple[int, list[str]]]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            goals = node.targets if isinstance(node, ast.Assign) else [node.target]
            for name in {each.id for goal in goals for each in ast.walk(goal) if isinstance(each, ast.Name)}:
                found.setdefault(name, []).append((node.lineno, _names(node.value)))
    return found


def _feeds(names: tuple[str, ...], line: int, assigned: Mapping[str, list[tuple[int, list[str]]]]) -> tuple[str, ...]:
    """The names that these were assigned from above `line`, and those from which they were, three steps up."""
    found: dict[str, None] = {}
    step = [(name, line) for name in names]
    for _ in range(3):
        reached: list[tuple[str, int]] = []
        for name, below in step:
            above = [(at, sources) for at, sources in assigned.get(name, ()) if at < below]
            if above:
                at, sources = max(above, key=lambda pair: pair[0])
                reached += [(source, at) for source in sources if source not in found]
        found.update(dict.fromkeys(name for name, _ in reached))
        step = reached
    return tuple(found)


def _ancestors(node: ast.AST, parents: Mapping[int, ast.AST]) -> Iterator[tuple[ast.AST, ast.AST]]:
    """(child, parent) from the node up."""
    while id(node) in parents:
        yield node, parents[id(node)]
        node = parents[id(node)]


def _site(
    node: ast.Call, parents: Mapping[int, ast.AST], known: set[int], assigned: Mapping[str, list[tuple[int, list[str]]]]
) -> Site:
    target, group, returned = _target(node, parents)
    loops: list[str] = []
    around: list[str] = []
    loop: ast.AST | None = None
    enclosed, module_level, in_statement = False, True, True
    for child, parent in _ancestors(node, parents):
        enclosed = enclosed or (in_statement and id(parent) in known)
        if isinstance(child, ast.stmt) and in_statement:
            around += _names(child) if not isinstance(child, (*_LOOPS, *_SCOPES)) else []
            in_statement = False
        loop = parent if isinstance(parent, (*_LOOPS, ast.While)) else loop
        if isinstance(parent, _LOOPS) and child is not parent.iter:
            loops += _names(parent.target)
            around += _names(parent.iter)
        if isinstance(parent, _COMPREHENSIONS):
            for generator in reversed(parent.generators):
                loops += _names(generator.target)
        module_level = module_level and not isinstance(parent, _SCOPES)
        if isinstance(parent, _SCOPES):
            break
    around += _feeds(tuple(around), node.lineno, assigned)
    return Site(
        node, terminal(node), node.lineno, node.col_offset, target, group, tuple(loops), tuple(dict.fromkeys(around)), loop,
        returned,
        enclosed, module_level, tuple(_arguments(node, known, assigned)),
        tuple(id(each) for each in ast.walk(node) if id(each) in known and each is not node),
    )


def _target(node: ast.Call, parents: Mapping[int, ast.AST]) -> tuple[str, tuple[str, ...], bool]:
    """Name, group names, and whether the value is returned from a function of the user's."""
    group: tuple[str, ...] = ()
    place: int | None = None
    for child, parent in _ancestors(node, parents):
        if isinstance(parent, ast.Assign | ast.AnnAssign | ast.NamedExpr):
            goal = parent.targets[0] if isinstance(parent, ast.Assign) else parent.target
            name, more = _bound(_matching(goal, place))
            return name, (*group, *more), False
        if isinstance(parent, ast.Dict | ast.DictComp):
            name, more = _keyed(_key_of(parent, child))
            group += more
            if name:
                return name, group, False
        elif isinstance(parent, ast.Tuple):
            place = parent.elts.index(child) if isinstance(child, ast.expr) else None
        elif isinstance(parent, ast.keyword):
            call = parents.get(id(parent))
            makes_dict = isinstance(call, ast.Call) and terminal(call) == "dict"
            return (parent.arg or "") if makes_dict else "", group, False
        elif not _hands_on(parent):
            return "", group, isinstance(parent, ast.Return)
    return "", group, False


def _key_of(parent: ast.Dict | ast.DictComp, child: ast.AST) -> ast.expr | None:
    if isinstance(parent, ast.DictComp):
        return parent.key if child is parent.value else None
    return next((key for key, value in zip(parent.keys, parent.values, strict=True) if value is child), None)


def _hands_on(parent: ast.AST) -> bool:
    """True if the parent's value is the call's value, or holds it under the same name."""
    if isinstance(parent, ast.Call):
        return terminal(parent) in _SAME_VALUE
    return isinstance(parent, ast.ListComp | ast.GeneratorExp | ast.Await)


def _matching(target: ast.expr, place: int | None) -> ast.expr | None:
    """The element of `a, b = f(), g()` that the call's value goes to; None where it goes to several names at once."""
    if isinstance(target, ast.Tuple | ast.List):
        return target.elts[place] if place is not None and place < len(target.elts) else None
    return target if place is None else None


def _bound(target: ast.expr | None) -> tuple[str, tuple[str, ...]]:
    if isinstance(target, ast.Name):
        return target.id, ()
    if isinstance(target, ast.Attribute):
        return target.attr, ()
    if isinstance(target, ast.Subscript):
        name, group = _keyed(target.slice)
        outer, more = _bound(target.value)
        return name or outer, (*group, *more)
    return "", ()


def _keyed(key: ast.expr | None) -> tuple[str, tuple[str, ...]]:
    """A constant key is a name; any other key is a group by the names in it."""
    if isinstance(key, ast.Constant) and isinstance(key.value, str):
        return key.value, ()
    return "", tuple(_names(key)) if key is not None else ()


def _names(node: ast.AST) -> list[str]:
    return list(dict.fromkeys(each.id for each in ast.walk(node) if isinstance(each, ast.Name)))


def _arguments(
    node: ast.Call, known: set[int], assigned: Mapping[str, list[tuple[int, list[str]]]]
) -> Iterator[Argument]:
    given = [(place, "", value) for place, value in enumerate(node.args) if not isinstance(value, ast.Starred)]
    given += [(-1, keyword.arg or UNPACKED, keyword.value) for keyword in node.keywords]
    for place, keyword, value in given:
        inside = list(ast.walk(value))
        labels = [each.slice.value for each in inside if isinstance(each, ast.Subscript) and isinstance(each.slice, ast.Constant)]
        labels += [each.attr for each in inside if isinstance(each, ast.Attribute)]
        names = tuple(_names(value))
        yield Argument(
            place if place >= 0 else None, keyword, value, ast.unparse(value), names,
            tuple(label for label in labels if isinstance(label, str)), tuple(id(each) for each in inside if id(each) in known),
            _feeds(names, node.lineno, assigned),
        )  # fmt: skip


@lru_cache(maxsize=64)
def _sites_of_text(text: str, names: frozenset[str]) -> tuple[ast.Module, dict[tuple[int, int], Site]]:
    """Sites by the position where the call ends: every call ends with a bracket of its own."""
    tree = ast.parse(text)
    aliases = aliases_of(tree)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    watched = [node for node in calls if aliases.get(terminal(node), terminal(node)) in names]
    sites = index(calls, tree, watched).values()
    return tree, {(site.node.end_lineno or 0, site.node.end_col_offset or 0): site for site in sites}


def site_of(frame: FrameType, names: frozenset[str]) -> Site | None:
    """The call that a frame is in the middle of, found by the position of its instruction in the file's or cell's text.

    `names`: terminal names of the watched functions. The end decides: in a chain over several lines the compiler moves the start.
    """
    position = next(islice(frame.f_code.co_positions(), frame.f_lasti // 2, None), (None, None, None, None))
    _, line, _, column = position
    if line is None or column is None:
        return None
    text = "".join(linecache.getlines(frame.f_code.co_filename, frame.f_globals))
    try:
        return _sites_of_text(text, names)[1].get((line, column))
    except (SyntaxError, ValueError):
        return None
