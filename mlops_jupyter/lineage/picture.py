"""A session as a picture: its cells, and what passes between them: versions of variables, data, models, metrics.

Only versions that a shown cell needs are drawn, and what came out in the end; a name that nobody reads is told at its cell. What
no name holds (options, random states), and what was imported, link two cells directly and `faint`: drawn only on demand, else
everything hangs on the first cell. The shown cells are closed: each that a shown one needs is there too, or stands in for it
the one node of the cells before, where a session is too long to be drawn whole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Literal

import msgspec

from mlops_jupyter.entities import CellExecution, Fingerprint, Observation
from mlops_jupyter.lineage.file_links import file_key
from mlops_jupyter.lineage.graph import build
from mlops_jupyter.lineage.slice import closure, needed_versions
from mlops_jupyter.lineage.versions import Graph, Step, Version, in_order

NodeKind = Literal["cell", "variable", "data", "model", "metric"]
MOST_CELLS = 250
"""Cells that are drawn; the older ones are one node."""
EARLIER = "earlier"
_UNREAD = 8
_RESULTS = frozenset({"metric", "model", "artifact"})


class LineageNode(msgspec.Struct, omit_defaults=True):
    """A cell execution, or something that one left behind. `n`: the execution that is it or made it; 0 if none did."""

    id: str
    kind: NodeKind
    label: str
    n: int = 0
    cell: str = ""
    """The cell's id in the notebook."""
    detail: str = ""
    """In words: a variable's type and shape, a metric's value."""
    nbytes: int | None = None
    state: str = ""
    """Of a cell: how its execution ended."""
    times: int = 0
    """Of a cell: how often it ran, this one being the newest that is needed."""
    opaque: bool = False
    """Of a cell: it may have used everything before it."""
    unread: list[str] = []
    """Of a cell: names it wrote that no shown cell reads."""
    source: str = ""
    """Of data: `file`, `url`, `query` or `value`, as a dataset is called."""
    dataset: str = ""
    """Of data: the key of its page."""
    needed: bool = False
    """In the slice of the run that was asked about, where other nodes are shown too."""


class LineageEdge(msgspec.Struct, frozen=True, omit_defaults=True):
    """From one node to another, by their places in the list. `faint`: through something that has no node of its own."""

    a: int
    b: int
    faint: str = ""


class Picture(msgspec.Struct):
    """Nodes in execution order, and edges between them. `earlier` cells are drawn as one."""

    nodes: list[LineageNode]
    edges: list[LineageEdge]
    cells: int
    earlier: int


def picture(executions: Sequence[CellExecution], observations: Sequence[Observation] = (), *,
            cells: Collection[int] | None = None, everything: bool = False, most: int = MOST_CELLS) -> Picture:
    """The picture of these `cells`, else of what the session's results need, else of `everything`: each cell as it ran last."""
    graph = build(in_order(executions))
    if cells is None or everything:
        roots = _roots(graph, observations, everything=everything)
        shown = closure(graph, [*roots, *(cells or ())], _results(graph, observations, roots, everything=everything))
    else:
        shown = [n for n in sorted(cells) if n in graph.steps]
    marked = set(cells or ()) if everything else set()
    drawing = _Drawing(graph, shown[-most:], earlier=len(shown) - len(shown[-most:]), needed=marked)
    drawing.draw(observations)
    return Picture(list(drawing.nodes.values()), [LineageEdge(a, b, faint) for (a, b), faint in drawing.edges.items()],
                   len(shown), drawing.earlier)


def _roots(graph: Graph, observations: Sequence[Observation], *, everything: bool) -> list[int]:
    """The newest execution of each cell that is there; only those with a result, if any has one."""
    newest: dict[str, int] = {}
    for step in graph.steps.values():
        if step.execution.source and step.execution.state != "running":
            newest[step.execution.cell or f"n{step.n}"] = step.n
    roots = sorted(newest.values())
    said = {one.n for one in observations if one.kind in _RESULTS}
    ends = [n for n in roots if n in said or any(access.mode == "write" for access in graph.steps[n].execution.files)]
    return roots if everything or not ends else ends


def _results(graph: Graph, observations: Sequence[Observation], roots: Sequence[int], *, everything: bool) -> list[Version]:
    """What is there in the end: all that the roots wrote, or only what holds a result."""
    said = {(one.n, one.variable) for one in observations if one.kind in _RESULTS}
    return [version for n in roots for key, version in graph.steps[n].writes.items()
            if (n, key) in said or (everything and not graph.steps[n].execution.opaque)]


class _Drawing:
    """Nodes by id and edges by place, as they are found."""

    def __init__(self, graph: Graph, shown: Sequence[int], earlier: int, needed: set[int]) -> None:
        self.graph = graph
        self.shown = shown
        self.inside = set(shown)
        self.earlier = earlier
        self.needed = needed
        self.nodes: dict[str, LineageNode] = {}
        self.places: dict[str, int] = {}
        self.edges: dict[tuple[int, int], str] = {}

    def draw(self, observations: Sequence[Observation]) -> None:
        """Cell by cell, in order: what it read, itself, what came out of it."""
        runs: dict[str, int] = {}
        for step in self.graph.steps.values():
            runs[step.execution.cell] = runs.get(step.execution.cell, 0) + 1
        seen: dict[int, list[Observation]] = {}
        for one in observations:
            seen.setdefault(one.n, []).append(one)
        if self.earlier:
            words = f"{self.earlier} earlier cells"
            self._node(LineageNode(EARLIER, "cell", words, detail="not drawn one by one"))
        for n in self.shown:
            step = self.graph.steps[n]
            self._cell(step, runs.get(step.execution.cell, 1) if step.execution.cell else 1)
            self._reads(step)
            self._results(step, seen.get(n, []))
        for n in self.shown:
            self._unread(self.graph.steps[n])

    def _node(self, node: LineageNode) -> str:
        if node.id not in self.nodes:
            self.places[node.id] = len(self.nodes)
            self.nodes[node.id] = node
        return node.id

    def _edge(self, a: str, b: str, faint: str = "") -> None:
        key = self.places[a], self.places[b]
        if a != b and (key not in self.edges or not faint):
            self.edges[key] = faint

    def _cell(self, step: Step, times: int) -> None:
        execution = step.execution
        self._node(LineageNode(_id(step.n), "cell", execution.source, step.n, execution.cell, state=execution.state, times=times,
                               opaque=bool(execution.opaque), needed=step.n in self.needed))

    def _maker(self, n: int) -> str:
        return _id(n) if n in self.inside else EARLIER

    def _reads(self, step: Step) -> None:
        here = _id(step.n)
        for version in needed_versions(step):
            if version.key in step.unsure:
                continue  # it may have read everything: the node says so, and not five hundred edges
            if self._has_node(version):
                self._edge(self._version(version), here)
            elif self._maker(version.n) in self.nodes:
                self._edge(self._maker(version.n), here, _faint(version))
        for access in step.execution.files:
            key = file_key(access)
            if access.mode == "read" and key not in step.reads:
                mark = access.fingerprint
                name = access.relative or access.path
                found = LineageNode(f"{key}:{mark.digest}", "data", name, nbytes=mark.nbytes, source="file")
                self._edge(self._data(found, step), here)
        for query in step.execution.queries:
            source = "query" if query.kind == "sql" else "url"
            mark = query.fingerprint
            found = LineageNode(f"{source}:{query.text}:{mark.digest}", "data", query.text, nbytes=mark.nbytes, source=source,
                                detail="" if query.rows is None else f"{query.rows:,} rows")
            self._edge(self._data(found, step), here)

    def _has_node(self, version: Version) -> bool:
        if version.key.startswith("$"):
            return version.key.startswith("$file ") and version.key != "$file *"
        is_module = version.fingerprint is not None and version.fingerprint.kind == "module"
        return not is_module and version.key not in self.graph.steps[version.n].text.imports

    def _data(self, node: LineageNode, step: Step) -> str:
        key = self._node(node)
        self.nodes[key].needed |= step.n in self.needed
        return key

    def _version(self, version: Version) -> str:
        """The node of a version, with the cell that made it and, where that changed it in place, the version before."""
        newest: Version | None = version
        after = ""
        while newest is not None:
            key = f"{newest.key}@{newest.n}"
            known = key in self.nodes
            if not known:
                self._node(_of_version(key, newest))
                self.nodes[key].needed = newest.n in self.needed
                if self._maker(newest.n) in self.nodes:
                    self._edge(self._maker(newest.n), key)
            if after in self.nodes:
                self._edge(key, after)
            if known or newest.n not in self.inside:
                break
            after, newest = _id(newest.n), newest.previous
        return f"{version.key}@{version.n}"

    def _results(self, step: Step, observations: Iterable[Observation]) -> None:
        named: dict[tuple[str, str], list[Observation]] = {}
        for one in observations:
            if one.kind in _RESULTS:
                named.setdefault((one.kind, one.name), []).append(one)
        for (kind, name), group in named.items():
            version = step.writes.get(group[-1].variable)
            if version is not None:
                key = self._version(version)
            else:
                key = self._node(LineageNode(f"{kind} {name}@{step.n}", "variable", name, step.n, needed=step.n in self.needed))
                self._edge(_id(step.n), key)
            node = self.nodes[key]
            node.kind = "data" if kind == "artifact" else "model" if kind == "model" else "metric"
            node.label, node.detail = name, _told(group)
        for access in step.execution.files:
            version = step.writes.get(file_key(access))
            if access.mode == "write" and version is not None and access.fingerprint.nbytes is not None:
                self._version(version)

    def _unread(self, step: Step) -> None:
        left = [key for key in step.writes if not key.startswith(("$", "_")) and f"{key}@{step.n}" not in self.nodes]
        if not step.execution.opaque:
            self.nodes[_id(step.n)].unread = left[:_UNREAD]


def _id(n: int) -> str:
    return f"cell {n}"


def _faint(version: Version) -> str:
    """What links two cells without a node of its own, in words."""
    kind, _, rest = version.key.partition(" ") if version.key.startswith("$") else ("", "", version.key)
    words = {"$rng": f"random state of {rest}", "$env": "options of the process" if rest == "*" else f"options of {rest}",
             "$module": f"module {rest}", "$deleted": f"{rest} deleted", "$output": "an output used again", "$file": "files"}
    return words.get(kind, rest)


def _of_version(id: str, version: Version) -> LineageNode:
    mark = version.fingerprint or Fingerprint("opaque")
    if version.key.startswith("$file "):
        return LineageNode(id, "data", version.key.removeprefix("$file "), version.n, nbytes=mark.nbytes, source="file")
    kind: NodeKind = "model" if mark.kind == "model" else "variable"
    source = "value" if mark.kind == "frame" else ""
    return LineageNode(id, kind, version.key, version.n, detail=_described(mark), source=source)


def _described(mark: Fingerprint) -> str:
    name = mark.type_name.rsplit(".", 1)[-1]
    shape = " × ".join(f"{size:,}" for size in mark.shape) if mark.shape else ""
    return " ".join(part for part in (name, shape) if part)


def _told(group: Sequence[Observation]) -> str:
    last = group[-1]
    if last.kind == "model":
        return last.class_name.rsplit(".", 1)[-1] if "(" not in last.class_name else last.class_name
    value = f"{last.value:.4g}" if isinstance(last.value, float) else "" if last.value is None else str(last.value)
    return value if len(group) == 1 else f"{len(group)} values"
