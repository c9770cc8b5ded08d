"""What a cell will read and write that did not run yet as it stands: the largest answer that its text and the ledger allow.

Three things are known: the text, what kind of value each name holds by then, and which cells made it. Plain data (lists,
frames, arrays, models) is changed only where the text changes it. A name that holds code or an object of the user's may, when it
is used, reach whatever the cells that made it mention, and so on back: nothing else can be behind it. Changing
one name in place changes all that share with it.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

import msgspec

from mlops_jupyter.entities import CellExecution, FileAccess, Fingerprint, RandomState, Read, VariableVersion
from mlops_jupyter.entities.sessions import WriteKind
from mlops_jupyter.lineage.graph import Walk
from mlops_jupyter.lineage.opaque import spelled
from mlops_jupyter.lineage.sharing import Sharing, held
from mlops_jupyter.lineage.text import CHANGE_ARGUMENTS, PURE_METHODS, parse, read_text, root, stored
from mlops_jupyter.lineage.versions import Version, immutable

UNKNOWN = Fingerprint("opaque")
_SHELL = re.compile(r"^\s*(?:[\w,. ]+=\s*)?(?:!|%(?:sx|system)\b)|^\s*%%(?:!|bash|sh|script|sx|system)\b", re.MULTILINE)
_FILE_NAME = re.compile(r"[\w./-]*\w\.[A-Za-z]\w{0,7}")
"""What a text that names a file looks like: a cell that has not run may make it."""
DATA = frozenset({"scalar", "container", "array", "frame", "series", "index", "model", "figure"})
CALM = frozenset({"numpy", "pandas", "math", "json", "os", "pathlib", "statistics", "re", "datetime", "collections", "copy",
                  "pickle", "sklearn", "scipy", "time", "random", "string", "polars", "matplotlib", "seaborn"})
"""Libraries whose functions change their arguments only under names that say so, or with `out=` and `inplace=`."""
IN_PLACE = frozenset({"out", "inplace", "copy"})
FRAME_METHODS = frozenset({"insert", "pop", "update", "set_flags", "set_index", "set_axis"})
READ_ONLY = PURE_METHODS | {
    "copy", "count", "index", "get", "predict", "predict_proba", "score", "transform", "tolist", "min", "max", "std", "any",
    "all",
    "astype", "reshape", "ravel", "flatten", "dot", "argsort", "cumsum", "join", "split", "strip", "lower", "upper", "format",
    "most_common", "union", "intersection", "difference", "issubset", "issuperset", "get_params", "decision_function", "exists",
    "startswith", "endswith", "replace", "encode", "decode", "nonzero", "round", "tobytes", "to_numpy",
}  # fmt: skip
DRAWS = re.compile(r"rand|shuffle|sample|choice|permut|normal|seed|fit|split|cross_val|SGD|draw|uniform|Forest|state")
WORD = re.compile(r"[A-Za-z_]\w*")
_BUILTINS = frozenset(dir(builtins))
_TOUCHING = frozenset({"next", "setattr", "delattr", "iter", "map", "filter", "zip", "enumerate"})


@dataclass
class _Found:
    """What was found so far."""

    reads: set[str] = field(default_factory=set)
    changes: set[str] = field(default_factory=set)
    rebinds: set[str] = field(default_factory=set)
    reaches: set[str] = field(default_factory=set)
    """Names through which code of the user's may run."""
    words: set[str] = field(default_factory=set)
    modules: set[str] = field(default_factory=set)


class Foretelling:
    """Foretells cells at one point of the walk through the fresh run. `local`: names of the user's own modules."""

    def __init__(self, walk: Walk, sharing: Sharing, local: Iterable[str], paths: Iterable[str]) -> None:
        self.walk, self.sharing, self.local, self.paths = walk, sharing, frozenset(local), frozenset(paths)
        self._known: dict[int, tuple[frozenset[str], frozenset[str]]] = {}

    def execution(self, source: str, last: CellExecution | None, n: int, *, same: bool) -> CellExecution:
        """A stand-in for the execution to come. `same`: `last` ran this very text, so that what it did may happen again."""
        plain = spelled(source)
        text = read_text(plain if plain is not None else source)
        effects = ["process"] if _SHELL.search(source) else []
        if plain is None:
            return CellExecution("", n, source, "ok", stores=sorted(text.may_bind), opaque=["not run yet"], effects=effects,
                                 writes=[VariableVersion(name, "maybe", UNKNOWN) for name in sorted(text.may_bind)])
        self.sharing.leave(text.binds - text.exposed)
        self.sharing.add(plain, foretold=True, table=self.table,
                         alone=lambda name: name not in text.may_bind and self.alone(name))
        found = self._follow(plain)
        how: dict[str, WriteKind] = {}
        typed = read_text(source).exposed if plain != source else frozenset()  # `sys`, in `sys._getframe().f_globals["x"] = 1`
        reads = {name: Read(name) for name in sorted(text.exposed | typed)}
        reads |= {name: Read(name, "code") for name in sorted((found.reads | found.changes | found.rebinds) - reads.keys())}
        if same and last is not None:
            reads |= {read.name: read for read in last.reads if read.name not in reads}
            found.changes |= {write.name for write in last.writes if write.how in {"mutated", "maybe"}}
            how |= {write.name: "maybe" for write in last.writes}
        changed = set().union(*(self.sharing.group(name).names for name in found.changes))
        how |= dict.fromkeys({name for name in changed if name in self.walk.state and not self.alone(name)}, "maybe")
        how |= dict.fromkeys((found.rebinds & self.walk.state.keys()) | text.may_bind, "maybe")
        how |= dict.fromkeys(found.modules, "maybe")
        reads |= {name: Read(name) for name in sorted(found.modules) if name in self.walk.state}
        how |= dict.fromkeys(text.binds, "rebound")
        kinds = _kinds(plain)
        if same and last is not None:  # another content, of the same kind as the last time
            kinds = {write.name: msgspec.structs.replace(write.fingerprint, digest=None) for write in last.writes} | kinds
        return CellExecution(
            session="", n=n, source=source, state="ok", effects=effects, reads=list(reads.values()), stores=sorted(text.may_bind),
            writes=[VariableVersion(name, how[name], kinds.get(name, UNKNOWN)) for name in sorted(how)],
            deletes=_deleted(plain), files=last.files if same and last is not None else self._files(plain),
            random=last.random if same and last is not None and last.random is not None else self._random(plain, found),
        )

    def alone(self, name: str) -> bool:
        """True for a number or text, which shares with nothing."""
        version = self.walk.state.get(name)
        return version is not None and (immutable(version.fingerprint) or _kind(version.fingerprint) == "module")

    def table(self, name: str) -> bool:
        """True for a frame or an array, of which `copy()` makes another with nothing in common."""
        version = self.walk.state.get(name)
        return version is not None and _kind(version.fingerprint) in {"frame", "series", "index", "array"}

    # names

    def _follow(self, source: str) -> _Found:
        found = _Found()
        tree = parse(source)
        assert tree is not None
        for node in ast.walk(tree):
            self._node(node, found)
        for node in ast.walk(tree):
            if isinstance(node, ast.Global):
                found.rebinds |= set(node.names)
        self._reach(found)
        return found

    def _node(self, node: ast.AST, found: _Found) -> None:
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                self._mention(name, found)
            case ast.Attribute(ctx=ast.Store() | ast.Del()) | ast.Subscript(ctx=ast.Store() | ast.Del()):
                found.changes |= held(node)
            case ast.AugAssign(target=target):
                found.changes |= {root(target)}
            case ast.Call():
                self._call(node, found)

    def _mention(self, name: str, found: _Found) -> None:
        version = self.walk.state.get(name)
        if version is None or immutable(version.fingerprint):
            return
        package = self.walk.packages.get(name, "")
        kind, type_name = _kind(version.fingerprint), version.fingerprint.type_name if version.fingerprint else ""
        if package and package not in self.local:
            return
        if package or kind == "module":
            found.modules.add(f"$module {package or name}")
            return
        drawing = type_name.startswith(("numpy.random", "random."))
        if drawing or type_name == "collections.defaultdict":
            found.changes.add(name)
        elif kind not in DATA or type_name.startswith("__main__"):
            found.reaches.add(name)
            found.changes.add(name)

    def _call(self, node: ast.Call, found: _Found) -> None:
        arguments = [*node.args, *(one.value for one in node.keywords)]
        given = set().union(*map(held, arguments)) if arguments else set()
        in_place = any(one.arg in IN_PLACE for one in node.keywords)
        match node.func:
            case ast.Name(id=name):
                package = self.walk.packages.get(name, "")
                builtin = name in _BUILTINS and name not in self.walk.state
                known = name not in _TOUCHING if builtin else package in CALM
                if name in CHANGE_ARGUMENTS or in_place or not known:
                    found.changes |= given
                if not builtin and name not in self.walk.state:  # a name of this cell's own: what it was taken from tells more
                    found.reaches |= self.sharing.group(name).names
            case ast.Attribute(attr=method, value=value):
                base = root(value)
                package = self.walk.packages.get(base, "")
                if package:
                    found.changes |= given if method in CHANGE_ARGUMENTS or in_place or package not in CALM else set()
                elif not self._is_read_only(base, method) or in_place:
                    found.changes |= held(value) | (given if method in CHANGE_ARGUMENTS or not self._is_data(base) else set())
            case _:
                found.reaches |= held(node.func) | given

    def _is_data(self, name: str) -> bool:
        version = self.walk.state.get(name)
        known = version.fingerprint if version is not None else None
        return known is not None and known.kind in DATA and not known.type_name.startswith("__main__")

    def _is_read_only(self, name: str, method: str) -> bool:
        version = self.walk.state.get(name)
        if version is not None and _kind(version.fingerprint) in {"frame", "series", "index"}:
            return method not in FRAME_METHODS
        return method in READ_ONLY or (version is not None and immutable(version.fingerprint))

    def _reach(self, found: _Found) -> None:
        """All that may be behind the names in `found.reaches`: what the cells that made them mention, and so on back."""
        state = self.walk.state
        queue = found.reaches & state.keys()
        done: set[str] = set()
        while queue:
            name = queue.pop()
            done.add(name)
            words, rebinds = self._behind(state[name])
            found.words |= words
            found.rebinds |= rebinds & state.keys()
            queue |= (words & state.keys()) - done
        found.reads |= {name for name in done if not name.startswith("$")}
        found.changes |= {name for name in done if not self.alone(name)}
        found.modules |= {f"$module {self.walk.packages.get(name, name)}" for name in done
                          if self.walk.packages.get(name, "") in self.local}

    def _behind(self, version: Version) -> tuple[frozenset[str], frozenset[str]]:
        """What the cells that made it mention, read and wrote; and the names that functions in them bind. Once for each chain."""
        new = version.chain_id not in self._known
        for one in [one for one in reversed(version.chain()) if one.chain_id not in self._known] if new else ():
            step = self.walk.step(one.n)
            words, rebinds = _mentioned(step.execution.executed or step.execution.source)
            before = self._known[one.previous.chain_id] if one.previous is not None else (frozenset(), frozenset())
            self._known[one.chain_id] = (words.union(step.reads, step.writes, before[0]), rebinds | before[1])
        return self._known[version.chain_id]

    # other state

    def _random(self, source: str, found: _Found) -> RandomState | None:
        words = found.words | set(WORD.findall(source))
        if not any(DRAWS.search(word) for word in words):
            return None
        seeds = read_text(source).seeds
        sources = {key.removeprefix("$rng ") for key in self.walk.state if key.startswith("$rng ")} | seeds
        return RandomState(drew=tuple(sorted(sources)), seeded=tuple(sorted(seeds))) if sources else None

    def _files(self, source: str) -> list[FileAccess]:
        tree = parse(source)
        constants = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)] if tree is not None else []
        texts = {value for value in constants if isinstance(value, str)}
        known = sorted(text for text in texts if text in self.paths or _FILE_NAME.fullmatch(text))
        unknown = Fingerprint("file")
        return [FileAccess(path, mode, unknown, relative=path) for path in known for mode in ("read", "write")]


def _kind(fingerprint: Fingerprint | None) -> str:
    return fingerprint.kind if fingerprint is not None else "opaque"


def _kinds(source: str) -> dict[str, Fingerprint]:
    """Names that the cell binds to literals or to what builtins make, with the kind of value: some can never change."""
    tree = parse(source)
    found: dict[str, Fingerprint] = {}
    for node in tree.body if tree is not None else []:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant()):
                found[name] = Fingerprint("scalar")
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(
                    func=ast.Name(id="int" | "float" | "len" | "str" | "bool"))):
                found[name] = Fingerprint("scalar")
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.List() | ast.Dict() | ast.Set() | ast.ListComp()):
                found[name] = Fingerprint("container")
            case ast.Import(names=names):
                found |= {(one.asname or one.name).split(".")[0]: Fingerprint("module") for one in names}
            case _:
                for name in stored([node]):
                    found.pop(name, None)
    return found


@lru_cache(maxsize=4096)
def _mentioned(source: str) -> tuple[frozenset[str], frozenset[str]]:
    """The words of a cell, and the names that functions in it bind in the namespace."""
    tree = parse(source) if "global" in source else None
    declared = [node for node in ast.walk(tree) if isinstance(node, ast.Global)] if tree is not None else []
    bound = {name for node in declared for name in node.names}
    return frozenset(WORD.findall(source)), frozenset(bound)


def _deleted(source: str) -> list[str]:
    """Names that the cell deletes whichever way it takes, and does not bind again."""
    tree = parse(source)
    gone: set[str] = set()
    for node in tree.body if tree is not None else []:
        if isinstance(node, ast.Delete):
            gone |= {part.id for part in node.targets if isinstance(part, ast.Name)}
        else:
            gone -= stored([node])
    return sorted(gone)
