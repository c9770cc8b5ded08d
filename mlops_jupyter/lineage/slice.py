"""The cells needed for a result: the closure over what each execution read, from the result back to the start.

The closure goes execution by execution: a cell is taken whole, with all that it read. Re-run, edited and deleted cells
need no care of their own, since an execution is known by its number and not by its cell; one cell may stand twice.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

import msgspec

from mlops_jupyter.entities import CellExecution, FileAccess, NotFoundError, Observation, derived_id
from mlops_jupyter.lineage.graph import build
from mlops_jupyter.lineage.text import normalised
from mlops_jupyter.lineage.versions import UNFINISHED, Graph, Step, Version, in_order, label, version_at

ORDER = {"metric": 0, "model": 1, "file": 2, "variable": 3}


class Result(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a slice is about. `n`: the execution whose end state holds it; `variables`: names whose content it must bring back."""

    name: str
    kind: str
    """variable, metric, model or file; `cell` for an execution that somebody wants in the slice for its own sake."""
    n: int
    variables: list[str] = []
    observation: str = ""


class Slice(msgspec.Struct, omit_defaults=True):
    """The executions that reproduce `result`, in execution order. May be too large, never too small.

    `because`: for each n what it is needed for, in words. `unseeded`: random sources that drew and that no cell of the
    slice seeded; `seed_cells`: executions that seed. `failed`: executions that ended in an error or were interrupted, yet
    left something behind. `notes`: why the slice is incomplete, in words.
    """

    result: Result
    cells: list[int]
    because: dict[int, list[str]] = {}
    incomplete: bool = False
    digest: str = ""
    unseeded: list[str] = []
    seed_cells: list[int] = []
    failed: list[int] = []
    notes: list[str] = []


class _Closure:
    """What is needed so far: n → verb → objects."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.because: dict[int, dict[str, set[str]]] = {}
        self.seen: set[Version] = set()
        self.queue: list[int] = []

    def step(self, n: int, verb: str, what: str) -> None:
        if n not in self.because:
            self.because[n] = {}
            self.queue.append(n)
        self.because[n].setdefault(verb, set()).add(what)

    def version(self, version: Version) -> None:
        for one in version.chain():
            if one in self.seen:
                return
            self.seen.add(one)
            self.step(one.n, *label(one))

    def finish(self) -> None:
        gone: dict[str, Version] = {}
        while self.queue:
            step = self.graph.steps[self.queue.pop()]
            for version in needed_versions(step):
                self.version(version)
            gone |= step.gone
            if not self.queue:  # a cell that is needed makes what was gone when hidden code could list all names
                made = {name for n in self.because for name in self.graph.steps[n].writes}
                for name in gone.keys() & made:
                    self.version(gone[name])

    def words(self) -> dict[int, list[str]]:
        return {n: [_sentence(verb, sorted(what)) for verb, what in self.because[n].items()] for n in sorted(self.because)}


def slice_of(result: Result | Sequence[Result], executions: Sequence[CellExecution],
             observations: Sequence[Observation] = ()) -> Slice:
    """The cells needed for `result`, or for all of several results. `observations` are not needed to find them."""
    del observations
    return slice_in(build(in_order(executions)), [result] if isinstance(result, Result) else result)


def slice_in(graph: Graph, results: Sequence[Result]) -> Slice:
    """`slice_of` in a graph that is built already."""
    if not results:
        raise NotFoundError("a slice of no result was asked for", "mlops runs list")
    closure = _Closure(graph)
    for result in results:
        if result.n not in graph.steps:
            raise NotFoundError(f"this session has no cell execution {result.n}, where {result.name!r} should be",
                                "mlops sessions list")
        for name in result.variables:
            version = version_at(graph, name, result.n)
            if version is not None:
                closure.version(version)
        if result.kind != "variable" or not closure.because:
            closure.step(result.n, _verb(result.kind), result.name)
    closure.finish()
    return _slice(graph, results[0], closure)


def closure(graph: Graph, roots: Iterable[int], results: Iterable[Version] = ()) -> list[int]:
    """The executions `roots`, and all that they and the content of `results` need, in order."""
    found = _Closure(graph)
    for n in roots:
        found.step(n, "ran as", f"execution {n}")
    for version in results:
        found.version(version)
    found.finish()
    return sorted(found.because)


def needed_versions(step: Step) -> list[Version]:
    """The versions that an execution needs of what it read."""
    return [version.chain()[-1] if _only_filled(step, version) else version for version in step.reads.values()]


def whole(executions: Sequence[CellExecution], upto: int | None = None) -> Slice:
    """All that a session ran, in its order, up to execution `upto`: what it is replayed from, and the names it left behind.

    Names whose content is not known in full are left out of the result's variables, for nothing can be compared there.
    """
    graph = build([execution for execution in in_order(executions) if upto is None or execution.n <= upto])
    steps = [step for step in graph.steps.values() if step.execution.source or _gaps(step)]
    if not steps:
        raise NotFoundError("no cell of this session is recorded" + ("" if upto is None else f" up to execution {upto}"),
                            "mlops sessions list")
    last = steps[-1].n
    names = {key for step in steps for key, version in step.writes.items() if _comparable(key, version)}
    there = [name for name in sorted(names) if (version := version_at(graph, name, last)) and _comparable(name, version)]
    closure = _Closure(graph)
    for step in steps:
        closure.because[step.n] = {"ran as": {f"execution {step.n}"}}
    return _slice(graph, Result("session", "session", last, there), closure)


def _comparable(key: str, version: Version) -> bool:
    known = version.fingerprint
    return not key.startswith(("$", "_")) and known is not None and known.digest is not None and known.coverage == 1.0


def _only_filled(step: Step, version: Version) -> bool:
    """A dict or list that the cell only adds to need merely exist; what others added is needed where its content is read."""
    known = version.fingerprint
    return version.key in step.text.fills and known is not None and known.kind == "container"


def _slice(graph: Graph, result: Result, closure: _Closure) -> Slice:
    because = closure.words()
    steps = [graph.steps[n] for n in because]
    notes = [note for step in steps for note in _gaps(step)]
    return Slice(
        result, cells=list(because), because=because, incomplete=bool(notes), notes=notes,
        digest=slice_digest([step.execution for step in steps], list(because)),
        unseeded=sorted({source for step in steps for source in step.unseeded}),
        seed_cells=[step.n for step in steps if _seeds(step)],
        failed=[step.n for step in steps if step.execution.state in UNFINISHED],
    )


def _gaps(step: Step) -> list[str]:
    if step.execution.state == "untracked":
        return [f"cell execution {step.n} ran before tracking: only its source is known"]
    if step.execution.state == "skipped" and step.execution.prompt is not None:
        return [f"cell execution {step.n} was not recorded (%%mlops skip)"]
    if step.execution.state == "skipped":
        return [f"before cell execution {step.n + 1} something changed that no cell did: a thread, a callback or a front end"]
    return [f"cell execution {step.n} uses {name!r}, and no recorded cell made it" for name in step.unknown]


def _seeds(step: Step) -> bool:
    return any(key.startswith("$rng ") and version.previous is None for key, version in step.writes.items())


def _verb(kind: str) -> str:
    return {"metric": "computes", "model": "fits", "file": "writes", "cell": "added"}.get(kind, "defines")


def _sentence(verb: str, what: Sequence[str]) -> str:
    return f"changed {', '.join(what)} in place" if verb == "changed" else f"{verb} {', '.join(what)}"


def slice_digest(executions: Sequence[CellExecution], cells: Sequence[int]) -> str:
    """Identity of a slice: what its cells mean (comments and layout do not count), the files and local modules they read."""
    chosen = set(cells)
    parts: list[str] = []
    written: set[str] = set()
    for execution in in_order(executions):
        if execution.n in chosen:
            parts += identity(execution, written)
            written |= {access.path for access in execution.files if access.mode == "write"}
    return derived_id("slice", *parts)


def identity(execution: CellExecution, written: Iterable[str] = ()) -> list[str]:
    """What makes this execution's code and inputs what they are; files in `written` were made by the slice itself."""
    own = set(written)
    inputs = {f"file {access.path} {access.fingerprint.digest or ''}" for access in execution.files
              if access.mode == "read" and access.path not in own}
    modules = {f"module {module.name} {module.digest}" for module in execution.modules}
    return ["cell " + normalised(execution.source), *sorted(inputs), *sorted(modules)]


def find_results(name: str, executions: Sequence[CellExecution], observations: Sequence[Observation]) -> list[Result]:
    """All results called `name`, newest first; where one execution holds several: metric, model, file, variable.

    A metric of a group is also found as `name[key]`, a file by its path or its last part. NotFoundError names close ones.
    """
    graph = build(in_order(executions))
    everything = [*_observed(graph, observations), *_files(graph), *_variables(graph)]
    found = {(result.kind, result.name, result.n): result for called, result in everything if name in called}
    if found:
        return sorted(found.values(), key=lambda result: (-result.n, ORDER[result.kind]))
    known = sorted({one for called, _ in everything for one in called})
    close = difflib.get_close_matches(name, known, n=5, cutoff=0.5) or known[-5:]
    raise NotFoundError(f"no variable, metric, model or file called {name!r} in this session",
                        f"did you mean {', '.join(close)}?" if close else "run the cell that makes it under %mlops track")


def metric_result(observation: Observation) -> Result:
    """The result that a metric observation is about: its execution, and the variable that holds it, if any."""
    return Result(observation.name, "metric", observation.n, _holder(observation), observation.id)


def _holder(observation: Observation) -> list[str]:
    return [observation.variable] if observation.variable else []


def _observed(graph: Graph, observations: Sequence[Observation]) -> list[tuple[set[str], Result]]:
    found = []
    for one in observations:
        if one.n not in graph.steps:
            continue
        if one.kind == "metric":
            found.append(({one.name, f"{one.name}[{one.key}]"} if one.key else {one.name}, metric_result(one)))
        elif one.kind == "model":
            result = Result(one.variable or one.name, "model", one.n, _holder(one), one.id)
            found.append(({one.name, one.variable} - {""}, result))
    return found


def _files(graph: Graph) -> list[tuple[set[str], Result]]:
    return [({access.path, access.relative, access.path.replace("\\", "/").rsplit("/", 1)[-1]} - {""},
             Result(access.relative or access.path, "file", step.n))
            for step in graph.steps.values() for access in step.execution.files
            if access.mode == "write" and not _is_removed(access)]


def _is_removed(access: FileAccess) -> bool:
    return access.fingerprint.digest is None and access.fingerprint.nbytes is None


def _variables(graph: Graph) -> list[tuple[set[str], Result]]:
    found: list[tuple[set[str], Result]] = []
    for step in graph.steps.values():
        recorded = {write.name for write in step.execution.writes}
        found += [({key}, Result(key, "variable", step.n, [key])) for key in step.writes
                  if not key.startswith("$") and (key in recorded or not step.execution.opaque)]
    return found
