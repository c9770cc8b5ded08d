"""A notebook that really runs its cells, in a plain namespace, and records what a perfect tracker would have seen.

Reads come from the text and from the functions that a cell can reach, writes from comparing the content of every name before and
after: so aliases and in-place changes are found by content. Observations are given beside the source, as `model(...)` and
`metric(...)`. `replay` runs sources in a fresh namespace: what a slice promises is checked by running it.
"""

from __future__ import annotations

import ast
import random
import types
from dataclasses import dataclass, field

from mlops_jupyter.entities import (
    CallSite,
    CellError,
    CellExecution,
    Dataset,
    FileAccess,
    Fingerprint,
    Observation,
    Origin,
    RandomState,
    Read,
    Session,
    VariableVersion,
    derived_id,
)
from mlops_jupyter.entities.data import FingerprintKind
from mlops_jupyter.lineage.text import read_text, used

Namespace = dict[str, object]


def content(value: object, depth: int = 0) -> str:
    """The content of a plain value as text; functions by their code, objects by their fields."""
    if isinstance(value, types.FunctionType):
        return f"function {value.__code__.co_code!r} {value.__code__.co_consts!r} {value.__code__.co_names!r}"
    if isinstance(value, types.ModuleType):
        return f"module {value.__name__}"
    if depth < 6 and isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {content(one, depth + 1)}" for key, one in value.items()) + "}"
    if depth < 6 and isinstance(value, list | tuple):
        return "[" + ", ".join(content(one, depth + 1) for one in value) + "]"
    return repr(value)


def fingerprint(value: object) -> Fingerprint:
    kinds: list[tuple[type | types.UnionType, FingerprintKind]] = [
        (list | dict | set | tuple, "container"), (int | float | str, "scalar"), (types.FunctionType, "function"),
        (types.ModuleType, "module"), (object, "instance"),
    ]
    kind = next(kind for type_, kind in kinds if isinstance(value, type_))
    return Fingerprint(kind, derived_id(content(value)), type(value).__name__)


@dataclass
class Notebook:
    """One session. `run` executes a cell, or the same cell again; `now` are its cells as they stand on the page."""

    kind: str = "notebook"
    origin: Origin | None = None
    namespace: Namespace = field(default_factory=dict)
    executions: list[CellExecution] = field(default_factory=list)
    observations: list[Observation] = field(default_factory=list)
    disk: dict[str, str] = field(default_factory=dict)

    def session(self, state: str = "running") -> Session:
        return Session("s1", "w1", self.kind, "flights", "e1", 1000.0, state=state, origin=self.origin,
                       ended=9999.0 if state != "running" else None)

    def run(self, cell: str, source: str, *seen: Observation, n: int = 0, opaque: bool = False, state: str = "") -> CellExecution:
        n = n or len(self.executions) + 1
        before = {name: (id(value), content(value)) for name, value in self.namespace.items() if name != "__builtins__"}
        reads = self._reads(source)
        files: list[FileAccess] = []

        def read_file(path: str) -> str:
            files.append(self._access(path, "read"))
            return self.disk[path]

        def write_file(path: str, text: str) -> None:
            self.disk[path] = text
            files.append(self._access(path, "write"))

        self.namespace |= {"read_file": read_file, "write_file": write_file}
        rng = random.getstate()
        error = None
        try:
            exec(compile(source, cell, "exec"), self.namespace)
        except Exception as problem:
            where = problem.__traceback__.tb_next if problem.__traceback__ else None
            error = CellError(type(problem).__name__, str(problem), line=where.tb_lineno if where else None)
        for helper in ("read_file", "write_file"):
            del self.namespace[helper]
        after = {name: value for name, value in self.namespace.items() if name != "__builtins__"}
        drew = ("python",) if random.getstate() != rng else ()
        execution = CellExecution(
            session="s1", n=n, source=source, state=state or ("error" if error else "ok"), cell=cell, error=error,
            started=1000.0 + n, ended=1000.5 + n, reads=reads, writes=_writes(before, after),
            deletes=[name for name in before if name not in after],
            stores=sorted(read_text(source).may_bind), files=files, opaque=["exec"] if opaque else [],
            random=RandomState({"python": derived_id(repr(rng))}, drew, ("python",) if "random.seed(" in source else ()),
        )
        self.executions.append(execution)
        for seq, one in enumerate(seen, start=1):
            self.observations.append(_placed(one, execution, seq, self.observations))
        return execution

    def before_tracking(self, cell: str, source: str) -> None:
        exec(source, self.namespace)
        self.executions.append(CellExecution("s1", len(self.executions) + 1, source, "untracked", cell=cell))

    def _access(self, path: str, mode: str) -> FileAccess:
        return FileAccess(path, mode, Fingerprint("file", derived_id(self.disk[path])))

    def _reads(self, source: str) -> list[Read]:
        """Names that the statements use; of function bodies only what functions in use can reach."""
        names: dict[str, str] = {}
        for node in ast.parse(source).body:
            parts = [*node.decorator_list, node.args] if isinstance(node, ast.FunctionDef) else [node]
            names |= {name: "" for part in parts for name in used(part)}
        queue = list(names)
        while queue:
            value = self.namespace.get(queue.pop())
            if isinstance(value, types.FunctionType):
                for name in value.__code__.co_names:
                    if name in self.namespace and name not in names:
                        names[name] = value.__name__
                        queue.append(name)
        return [Read(name, via) for name, via in sorted(names.items()) if name in self.namespace]


def _writes(before: dict[str, tuple[int, str]], after: Namespace) -> list[VariableVersion]:
    found = []
    for name, value in after.items():
        if name not in before:
            found.append(VariableVersion(name, "created", fingerprint(value)))
        elif before[name][0] != id(value):
            found.append(VariableVersion(name, "rebound", fingerprint(value)))
        elif before[name][1] != content(value):
            found.append(VariableVersion(name, "mutated", fingerprint(value)))
    return found


def _placed(one: Observation, execution: CellExecution, seq: int, earlier: list[Observation]) -> Observation:
    one.session, one.n, one.seq, one.at = "s1", execution.n, seq, 1000.2 + execution.n
    if one.site is None and not one.logged:
        line = next((number for number, text in enumerate(execution.source.splitlines(), 1) if one.name.split("[")[0] in text), 1)
        one.site = CallSite(one.class_name or one.name, execution.cell, line + 0, seq if one.key == "" and not one.step else 0)
    one.models = [next(other.id for other in reversed(earlier) if other.kind == "model" and other.name == name)
                  for name in one.models]
    return one


def model(name: str, class_name: str = "LogisticRegression", shown: tuple[str, ...] = (), **params: object) -> Observation:
    return Observation("", 0, 0, 0.0, "model", name, variable=name, class_name=class_name, params=params, shown=list(shown),
                       fingerprint=Fingerprint("model", derived_id(name, class_name, repr(params))))


def metric(name: str, value: float, *models: str, key: str = "", step: int | None = None, logged: bool = False,
           data: str = "") -> Observation:
    return Observation("", 0, 0, 0.0, "metric", name, value=value, variable=name, key=key, step=step, models=list(models),
                       logged=logged, datasets=[Dataset(data, Fingerprint("array", data))] if data else [])


def said(kind: str, name: str = "", value: object = None, **details: str) -> Observation:
    return Observation("", 0, 0, 0.0, kind, name, value=value, logged=True, details=details)


def replay(book: Notebook, cells: list[int]) -> Namespace:
    """The namespace after these executions, run in this order in a fresh one."""
    namespace: Namespace = {}
    files: dict[str, str] = {}
    namespace["read_file"], namespace["write_file"] = files.__getitem__, files.__setitem__
    for execution in book.executions:
        if execution.n in cells:
            try:
                exec(execution.source, namespace)
            except Exception:
                if execution.state != "error":
                    raise
    return namespace
