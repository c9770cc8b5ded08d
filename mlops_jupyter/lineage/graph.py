"""The walk forward through the executions that makes the graph, holding the present version of each key.

One method for each kind of state: names, options of packages and of the process, random sources. Files are in file_links.py.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterable, Iterator

from mlops_jupyter.entities import CellExecution, Fingerprint
from mlops_jupyter.lineage.file_links import FileLinks
from mlops_jupyter.lineage.opaque import hidden
from mlops_jupyter.lineage.seeding import seeds_first
from mlops_jupyter.lineage.text import WHOLE_PROCESS, CellText, read_text, text_of
from mlops_jupyter.lineage.versions import DELETED, EVERYTHING, UNFINISHED, Chains, Graph, Step, Unseen, Version, immutable

PROVIDED = frozenset(dir(builtins)) | {
    "In", "Out", "get_ipython", "exit", "quit", "display", "open", "_ih", "_oh", "_dh", "_i", "_ii", "_iii", "__name__",
    "__builtins__", "__doc__", "__file__", "__package__", "__spec__", "__loader__", "__builtin__",
}
PROCESS_STATE = ("sys.path", "os.environ", "environ", "chdir", "working folder", "working directory")
OUTPUT_NAME = re.compile(r"_\d+|_{1,3}|Out|_oh")


def build(executions: Iterable[CellExecution], chains: Chains | None = None) -> Graph:
    """The graph of these executions, taken in the order given (slices: by n; staleness: also in notebook order)."""
    executions, chains = list(executions), chains or Chains()
    graph = _walked(executions, chains, Unseen())
    return _walked(executions, chains, graph.unseen) if graph.unseen.keys else graph  # now they are known when they happen


def _walked(executions: Iterable[CellExecution], chains: Chains, unseen: Unseen) -> Graph:
    walk = Walk(chains, unseen=unseen)
    for execution in executions:
        walk.write(walk.read(execution))
    return walk.graph


class Walk:
    """The walk, in two halves: what an execution read is known before it writes. `state`: key → present version."""

    def __init__(self, chains: Chains, happened: Graph | None = None, unseen: Unseen | None = None) -> None:
        self.happened = happened
        """What did happen, where this is a run that did not (the fresh one)."""
        self.graph = Graph()
        self.state = self.graph.now
        self.chains = chains
        self.files = FileLinks(self.graph, chains, unseen or (happened.unseen if happened is not None else Unseen()))
        self.packages: dict[str, str] = {}
        self.wild: list[Step] = []
        """Executions that may have bound any name unseen: those cut short, unreadable ones from before tracking."""
        self.deleted: dict[str, Version] = {}
        self.shown: list[Step] = []
        self.prompts: dict[int, list[Step]] = {}

    def read(self, execution: CellExecution) -> Step:
        """The execution with all that it reads; it has not written yet."""
        plain = hidden(execution).plain if execution.opaque else ""
        step = Step(execution, read_text(plain) if plain else text_of(execution))
        if execution.state == "untracked":
            for name in sorted(step.text.exposed | step.text.touches):
                self._read(step, name)
            return step
        self._read_names(step)
        self.files.read(step)
        self._read_environment(step)
        self._read_random(step)
        self._redo(step)
        if execution.opaque or execution.state == "skipped":
            self._read_hidden(step)
            step.unsure |= {key for key in step.reads if key.startswith("$module ")}  # capture cannot tell, and names each
        return step

    def write(self, step: Step) -> None:
        """The execution has ended: what it wrote is the present."""
        execution = step.execution
        self.graph.steps[execution.n] = step
        if execution.state == "untracked":
            self._untracked(step)
            return
        if execution.opaque or execution.state == "skipped":
            self._write_hidden(step)
        if execution.state != "running":
            self._write_names(step)
            self.files.write(step)
            self._write_environment(step)
            self._draw(step)
        self.files.ran(step)
        if any(output.kind == "result" for output in execution.outputs):
            self.shown.append(step)
            if execution.prompt is not None:
                self.prompts.setdefault(execution.prompt, []).append(step)

    def step(self, n: int) -> Step:
        """What made a version: of this walk, or an earlier run of a cell, which bound a name through a hidden part."""
        graph = self.graph if n in self.graph.steps or self.happened is None else self.happened
        return graph.steps[n]

    def _write(self, step: Step, key: str, *, rests: bool, fingerprint: Fingerprint | None = None) -> None:
        before = self.state.get(key) if rests else None
        if before is not None and before.n == step.n:
            before = before.previous
        step.writes[key] = self.state[key] = self.chains.version(key, step.n, before, fingerprint)

    def _read(self, step: Step, key: str) -> bool:
        version = self.state.get(key)
        if version is None:
            step.absent.add(key)
            return False
        step.reads.setdefault(key, version)
        return True

    # names

    def _read_names(self, step: Step) -> None:
        execution, text = step.execution, step.text
        reads = [(read.name, read.via) for read in execution.reads]
        if not reads and not execution.writes and execution.state in {"running", "interrupted"}:
            reads = [(name, "") for name in sorted(text.exposed)]  # it died before capture could say
        if execution.state in UNFINISHED:  # it may have failed for want of a name that an earlier cell deleted
            gone = [self.deleted[name] for name in sorted(text.loads) if name in self.deleted and name not in self.state]
            step.reads |= {version.key: version for version in gone}
        for name, via in reads:
            if _own(text, name, via):
                continue
            if OUTPUT_NAME.fullmatch(name) and self._read_output(step, name):
                continue
            if not self._read(step, name):
                self._unfound(step, name)
        for name in execution.deletes:
            self._read(step, name)

    def _unfound(self, step: Step, name: str) -> None:
        created = any(write.name == name and write.how in {"created", "rebound"} for write in step.execution.writes)
        if name in PROVIDED or OUTPUT_NAME.fullmatch(name) or created or name in step.text.binds:
            return
        for one in self.wild:
            self._write(one, name, rests=True)
        if not self._read(step, name):
            step.unknown.append(name)

    def _read_output(self, step: Step, name: str) -> bool:
        """`_3`, `_`, `Out`: results of earlier cells, held by the prompt and not by a name."""
        if name in self.state:
            return False
        earlier = self.shown
        if name[1:].isdigit():
            earlier = self.prompts.get(int(name[1:]), [])
        elif name.startswith("_") and name != "_oh":
            earlier = earlier[-len(name):]
        for one in earlier:
            step.reads[f"$output {one.n}"] = self.chains.version(f"$output {one.n}", one.n)
        if earlier or name == "_oh":
            step.unknown.append(name)  # a clean run numbers its prompts anew
        return True

    def _write_names(self, step: Step) -> None:
        execution, text = step.execution, step.text
        for name in execution.deletes:
            self.state.pop(name, None)
            self.deleted[name] = self.chains.version(DELETED + name, step.n)
        recorded = {write.name for write in execution.writes}
        for write in execution.writes:
            sure = execution.state == "ok" and write.name in text.binds
            if write.how == "rebound" and not sure and self._is_as_before(write.name, write.fingerprint):
                continue
            rests = write.how in {"mutated", "maybe"} and not (execution.state == "ok" and _bound_anew(text, write.name))
            if rests and self.happened and write.name not in {*self.state, *text.may_bind} and not write.name.startswith("$"):
                continue  # no cell above made what was changed in place here
            self._write(step, write.name, rests=rests, fingerprint=write.fingerprint)
        for name in [*execution.stores, *(sorted(text.binds - set(execution.stores)) if execution.opaque else ())]:
            if name in recorded or name in execution.deletes:
                continue
            if execution.state == "ok" and name in text.binds:
                known = self.happened.steps[step.n].writes.get(name) if self.happened and step.n in self.happened.steps else None
                before = known or self.state.get(name)  # bound to equal content: the newer cell stands for it
                self._write(step, name, rests=False, fingerprint=before.fingerprint if before else None)
        self.packages |= {name: package for name, package in text.imports.items() if name in recorded or name in text.may_bind}

    def _is_as_before(self, name: str, fingerprint: Fingerprint) -> bool:
        """True for an equal number or text: whether it was bound at all cannot matter, since nothing can change it in place."""
        before = self.state.get(name)
        known = before.fingerprint if before is not None else None
        return known is not None and immutable(known) and known.same_as(fingerprint)

    def _redo(self, step: Step) -> None:
        """A cell that failed half way and then ran whole, with no further effect on a name, stands for its first try."""
        if step.execution.state != "ok":
            return
        recorded = {write.name for write in step.execution.writes}
        for key, version in list(step.reads.items()):
            first = self.step(version.n)
            if key in recorded or first.execution.state not in UNFINISHED or not _redone(first.execution, step.execution):
                continue
            if first.writes.get(key) is not version or self.state.get(key) is not version:
                continue
            if version.previous is None:
                del step.reads[key]
            else:
                step.reads[key] = version.previous
            again = self.chains.version(key, step.n, version.previous, version.fingerprint)
            step.writes[key] = self.state[key] = again

    def _read_hidden(self, step: Step) -> None:
        unknown = hidden(step.execution)
        if unknown.reads is None:
            step.unsure = set(self.state) - step.reads.keys()
            step.reads = {**self.state, **step.reads}
            step.gone = {name: version for name, version in self.deleted.items() if name not in self.state}
        for name in sorted(unknown.reads or ()):
            if not self._read(step, name):
                self._unfound(step, name)

    def _write_hidden(self, step: Step) -> None:
        unknown = hidden(step.execution)
        if unknown.writes:
            for key in list(self.state):
                self._write(step, key, rests=True)
            self.wild.append(step)
        elif unknown.options:
            named = read_text(unknown.plain).options if unknown.plain else self.packages.keys()
            for package in sorted({self.packages[name] for name in named if name in self.packages}):
                self._write(step, f"$env {package}", rests=True)

    def _untracked(self, step: Step) -> None:
        text = step.text
        if not text.parsed:
            step.reads |= {key: version for key, version in self.state.items() if key not in step.reads}
            self._write_hidden(step)
            return
        for name in sorted(text.may_bind | text.touches):
            self._write(step, name, rests=True)
        for source in text.seeds:
            self._write(step, f"$rng {source}", rests=False)
        self.packages |= text.imports
        self._write_environment(step)

    # options of packages and of the process

    def _read_environment(self, step: Step) -> None:
        for key in [EVERYTHING, *(f"$env {package}" for package in sorted(self.packages_of(step)))]:
            self._read(step, key)

    def packages_of(self, step: Step) -> set[str]:
        """Top-level packages that the cell imports, or whose names and objects it uses."""
        names = {read.name for read in step.execution.reads} | set(step.text.loads)
        packages = {self.packages[name] for name in names if name in self.packages} | set(step.text.imports.values())
        for name in names:
            version = self.state.get(name)
            if version is not None and version.fingerprint is not None and "." in version.fingerprint.type_name:
                packages.add(version.fingerprint.type_name.split(".")[0])
        return packages

    def _write_environment(self, step: Step) -> None:
        for name in sorted(step.text.options):
            package = name if name in WHOLE_PROCESS else self.packages.get(name)
            if package is not None and not (package == "numpy" and step.text.seeds):
                self._write(step, EVERYTHING if package in WHOLE_PROCESS else f"$env {package}", rests=True)
        if any(word in effect for effect in step.execution.effects for word in PROCESS_STATE):
            self._write(step, EVERYTHING, rests=True)

    # randomness

    def _read_random(self, step: Step) -> None:
        for source, seeded in _drawn(step.execution):
            if not seeded:
                self._read(step, f"$rng {source}")

    def _draw(self, step: Step) -> None:
        for source, seeded in _drawn(step.execution):
            key = f"$rng {source}"
            if seeded or key in self.state:
                self._write(step, key, rests=not seeded)
            elif step.execution.random is not None and source not in step.execution.random.by_import:
                step.unseeded.append(source)


def _drawn(execution: CellExecution) -> Iterator[tuple[str, bool]]:
    """Each source that the execution drew from or seeded; True if it seeded it before anything could draw."""
    random = execution.random
    for source in dict.fromkeys([*random.seeded, *random.drew]) if random is not None and execution.state != "running" else ():
        assert random is not None
        known = execution.state == "ok" and source in random.seeded
        yield source, known and seeds_first(execution.executed or execution.source, source)


def _own(text: CellText, name: str, via: str) -> bool:
    """True if the cell itself had surely bound `name` before each use of it."""
    if not text.parsed:
        return False
    if via:
        return name in text.bound_before.get(via, frozenset())
    if name not in text.loads:  # `!echo $name`: whoever runs the line asks for it
        return name in text.bound_before.get("get_ipython", frozenset())
    return name not in text.exposed


def _bound_anew(text: CellText, name: str) -> bool:
    """Capture compares ends: `x = []` then `x.append(1)` may look like a change in place, though it starts anew."""
    return text.parsed and name in text.binds and name not in text.exposed


def _redone(first: CellExecution, again: CellExecution) -> bool:
    """True if `again` begins with all that `first` did before it failed."""
    if first.source == again.source:
        return True
    line = first.error.line if first.error is not None else None
    done = first.source.splitlines()[: (line or 1) - 1]
    return bool(done) and again.source.splitlines()[: len(done)] == done
