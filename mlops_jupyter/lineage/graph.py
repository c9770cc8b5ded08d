"""The versions of everything that cells of one session read and wrote, in the order in which they ran.

A version belongs to a key: a name, or `$file path`, `$rng source`, `$env package` for state that no name holds. Binding a
name starts a new chain; a change in place adds a version that rests on the one before it. What an execution read is
resolved once, while walking forward; a slice is then the closure over these links (slice.py), and a stale cell one whose
links would be others in notebook order (stale.py). In doubt a link is made: a slice may be too large, never too small.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from mlops_jupyter.entities import CellExecution, FileAccess, Fingerprint
from mlops_jupyter.lineage.seeding import seeds_first
from mlops_jupyter.lineage.text import WHOLE_PROCESS, CellText, text_of

PROVIDED = frozenset(dir(builtins)) | {
    "In", "Out", "get_ipython", "exit", "quit", "display", "open", "_ih", "_oh", "_dh", "_i", "_ii", "_iii", "__name__",
    "__builtins__", "__doc__", "__file__", "__package__", "__spec__", "__loader__", "__builtin__",
}
PROCESS_STATE = ("sys.path", "os.environ", "environ", "chdir", "working folder", "working directory")
EVERYTHING = "$env *"
ANY_FILE = "$file *"
CLOCK = 0.01
"""Seconds that a file's time of change may lag behind: kernels keep it in ticks."""
OUTPUT_NAME = re.compile(r"_\d+|_{1,3}|Out|_oh")
UNFINISHED = frozenset({"error", "interrupted"})


@dataclass(slots=True, eq=False)
class Version:
    """The content of `key` after execution `n`. `previous`: what it rests on, where it was changed in place."""

    key: str
    n: int
    previous: Version | None = None
    fingerprint: Fingerprint | None = None

    def chain(self) -> list[Version]:
        """This version and those it rests on, newest first."""
        found, one = [], self
        while True:
            found.append(one)
            if one.previous is None:
                return found
            one = one.previous


@dataclass(slots=True, eq=False)
class Step:
    """One execution in the graph: what it read and wrote, and what we could not find a producer for."""

    execution: CellExecution
    text: CellText
    reads: dict[str, Version] = field(default_factory=dict)
    writes: dict[str, Version] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    unseeded: list[str] = field(default_factory=list)

    @property
    def n(self) -> int:
        return self.execution.n


@dataclass(slots=True)
class Graph:
    """Steps in the order in which they were given; `now`: the version of each key after the last."""

    steps: dict[int, Step] = field(default_factory=dict)
    now: dict[str, Version] = field(default_factory=dict)


def build(executions: Iterable[CellExecution]) -> Graph:
    """The graph of these executions, taken in the order given (slices: by n; staleness: also in notebook order)."""
    builder = _Builder()
    for execution in executions:
        builder.add(execution)
    return builder.graph


def in_order(executions: Sequence[CellExecution]) -> list[CellExecution]:
    """The executions of one session by n."""
    return sorted(executions, key=lambda execution: execution.n)


class _Builder:
    """Walks forward, holding the present version of each key. One method for each kind of state."""

    def __init__(self) -> None:
        self.graph = Graph()
        self.state = self.graph.now
        self.packages: dict[str, str] = {}
        self.wild: list[Step] = []
        """Executions that may have bound any name: opaque ones, unreadable ones from before tracking."""
        self.deleted: dict[str, Version] = {}

    def add(self, execution: CellExecution) -> None:
        step = Step(execution, text_of(execution))
        self.graph.steps[execution.n] = step
        if execution.state == "untracked":
            self._untracked(step)
            return
        self._read_names(step)
        self._read_files(step)
        self._read_environment(step)
        self._redo(step)
        if execution.opaque:
            self._opaque(step)
        if execution.state != "running":
            self._write_names(step)
            self._write_files(step)
            self._write_environment(step)
            self._draw(step)

    def _write(self, step: Step, key: str, *, rests: bool, fingerprint: Fingerprint | None = None) -> None:
        version = Version(key, step.n, self.state.get(key) if rests else None, fingerprint)
        if version.previous is not None and version.previous.n == step.n:
            version.previous = version.previous.previous
        step.writes[key] = self.state[key] = version

    def _read(self, step: Step, key: str) -> bool:
        version = self.state.get(key)
        if version is not None:
            step.reads.setdefault(key, version)
        return version is not None

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
        earlier = [one for one in self.graph.steps.values() if one is not step and one.execution.state != "untracked"
                   and any(output.kind == "result" for output in one.execution.outputs)]
        if name[1:].isdigit():
            earlier = [one for one in earlier if one.execution.prompt == int(name[1:])]
        elif name.startswith("_") and name != "_oh":
            earlier = earlier[-len(name):]
        for one in earlier:
            step.reads[f"$output {one.n}"] = Version(f"$output {one.n}", one.n)
        if earlier or name == "_oh":
            step.unknown.append(name)  # a clean run numbers its prompts anew
        return True

    def _write_names(self, step: Step) -> None:
        execution, text = step.execution, step.text
        for name in execution.deletes:
            self._read(step, name)
            self.state.pop(name, None)
            self.deleted[name] = Version(f"$deleted {name}", step.n)
        recorded = {write.name for write in execution.writes}
        for write in execution.writes:
            rests = write.how in {"mutated", "maybe"} and not (execution.state == "ok" and _bound_anew(text, write.name))
            self._write(step, write.name, rests=rests, fingerprint=write.fingerprint)
        for name in execution.stores:
            if name in recorded or name in execution.deletes:
                continue
            if execution.state == "ok" and name in text.binds:
                before = self.state.get(name)  # bound to equal content: the newer cell stands for it
                self._write(step, name, rests=False, fingerprint=before.fingerprint if before else None)
        self.packages |= {name: package for name, package in text.imports.items() if name in recorded or name in text.may_bind}

    def _redo(self, step: Step) -> None:
        """A cell that failed half way and then ran whole, with no further effect on a name, stands for its first try."""
        if step.execution.state != "ok":
            return
        recorded = {write.name for write in step.execution.writes}
        for key, version in list(step.reads.items()):
            first = self.graph.steps[version.n]
            if key in recorded or first.execution.state not in UNFINISHED or not _redone(first.execution, step.execution):
                continue
            if first.writes.get(key) is not version or self.state.get(key) is not version:
                continue
            if version.previous is None:
                del step.reads[key]
            else:
                step.reads[key] = version.previous
            step.writes[key] = self.state[key] = Version(key, step.n, version.previous, version.fingerprint)

    def _opaque(self, step: Step) -> None:
        for key in list(self.state):
            self._read(step, key)
            self._write(step, key, rests=True, fingerprint=None)
        self.wild.append(step)

    def _untracked(self, step: Step) -> None:
        text = step.text
        if not text.parsed:
            self._opaque(step)
            return
        for name in sorted(text.exposed | text.touches):
            self._read(step, name)
        for name in sorted(text.may_bind | text.touches):
            self._write(step, name, rests=True)
        for source in text.seeds:
            self._write(step, f"$rng {source}", rests=False)
        self.packages |= text.imports
        self._write_environment(step)

    # files

    def _read_files(self, step: Step) -> None:
        if step.text.looks_at_files or _starts_process(step):
            for key in [key for key in self.state if key.startswith("$file ") and not self._made_once(key)]:
                self._read(step, key)
        for access in step.execution.files:
            if access.mode != "read":
                continue
            key = _file(access)
            self._read_modified(step, access)
            if not (self._made_once(key) or self._read(step, key) or self._read_copy(step, access)):
                self._read_unseen(step, access)

    def _made_once(self, key: str) -> bool:
        """True if the file was written by a cell that writes it only where it is absent: an input, not a product (decision 3)."""
        version = self.state.get(key)
        return version is not None and self.graph.steps[version.n].text.looks_first

    def _read_copy(self, step: Step, access: FileAccess) -> bool:
        for version in self.state.values():
            if version.key.startswith("$file ") and version.fingerprint and version.fingerprint.same_as(access.fingerprint):
                step.reads[version.key] = version
                return True
        return False

    def _read_unseen(self, step: Step, access: FileAccess) -> None:
        """A file that changed while an earlier cell ran was written by it, though capture saw no write."""
        for one in self.graph.steps.values():
            first, last = one.execution.started, one.execution.ended
            if one is step or one.text.looks_first or access.modified is None:
                continue
            if first and last and first <= access.modified <= last:
                key = _file(access)
                step.reads[key] = one.writes.setdefault(key, Version(key, one.n, None, access.fingerprint))

    def _read_modified(self, step: Step, access: FileAccess) -> None:
        """A file that an earlier cell opened may have got its content later, through the open handle."""
        key, modified = _file(access), access.modified
        version = self.state.get(key)
        if version is None or modified is None or _ran_at(self.graph.steps[version.n], modified):
            return
        for one in self.graph.steps.values():
            if one is not step and one is not self.graph.steps[version.n] and _ran_at(one, modified) and not one.text.looks_first:
                step.reads[f"{key} {one.n}"] = Version(key, one.n, version)

    def _write_files(self, step: Step) -> None:
        if _starts_process(step):
            self._write(step, ANY_FILE, rests=True)
        both = {_file(access) for access in step.execution.files if access.mode == "read"}
        for access in step.execution.files:
            if access.mode == "write":
                key = _file(access)
                rests = key in both or not step.text.overwrites
                self._write(step, key, rests=rests, fingerprint=access.fingerprint)

    # options of packages and of the process

    def _read_environment(self, step: Step) -> None:
        names = {read.name for read in step.execution.reads} | set(step.text.loads)
        packages = {self.packages[name] for name in names if name in self.packages} | set(step.text.imports.values())
        for name in names:
            version = self.state.get(name)
            if version is not None and version.fingerprint is not None and "." in version.fingerprint.type_name:
                packages.add(version.fingerprint.type_name.split(".")[0])
        for key in [EVERYTHING, *(f"$env {package}" for package in sorted(packages))]:
            self._read(step, key)

    def _write_environment(self, step: Step) -> None:
        for name in sorted(step.text.options):
            package = name if name in WHOLE_PROCESS else self.packages.get(name)
            if package is not None and not (package == "numpy" and step.text.seeds):
                self._write(step, EVERYTHING if package in WHOLE_PROCESS else f"$env {package}", rests=True)
        if any(word in effect for effect in step.execution.effects for word in PROCESS_STATE):
            self._write(step, EVERYTHING, rests=True)

    # randomness

    def _draw(self, step: Step) -> None:
        random = step.execution.random
        if random is None:
            return
        for source in dict.fromkeys([*random.seeded, *random.drew]):
            key = f"$rng {source}"
            known = step.execution.state == "ok" and source in random.seeded
            if known and seeds_first(step.execution.executed or step.execution.source, source):
                self._write(step, key, rests=False)
            elif self._read(step, key):
                self._write(step, key, rests=True)
            elif source not in random.by_import:
                step.unseeded.append(source)


def _own(text: CellText, name: str, via: str) -> bool:
    """True if the cell itself had surely bound `name` before each use of it."""
    if not text.parsed:
        return False
    if via:
        return name in text.bound_before.get(via, frozenset())
    return name in text.loads and name not in text.exposed


def _bound_anew(text: CellText, name: str) -> bool:
    """Capture compares ends: `x = []` then `x.append(1)` may look like a change in place, though it starts anew."""
    return text.parsed and name in text.binds and name not in text.exposed


def _starts_process(step: Step) -> bool:
    """True if the cell started a process or opened a database: files that it made there raised no event of Python's."""
    return step.text.starts_process or any(effect.startswith(("process", "database")) for effect in step.execution.effects)


def _ran_at(step: Step, moment: float) -> bool:
    """True if the cell ran at that moment; a file's clock may be some milliseconds behind."""
    first, last = step.execution.started, step.execution.ended
    return first is not None and last is not None and first - CLOCK <= moment <= last


def _file(access: FileAccess) -> str:
    return f"$file {access.relative or access.path}"


def _redone(first: CellExecution, again: CellExecution) -> bool:
    """True if `again` begins with all that `first` did before it failed."""
    if first.source == again.source:
        return True
    line = first.error.line if first.error is not None else None
    done = first.source.splitlines()[: (line or 1) - 1]
    return bool(done) and again.source.splitlines()[: len(done)] == done


def label(version: Version) -> tuple[str, str]:
    """(verb, object) in words: what an execution did to make this version."""
    kind, _, rest = version.key.partition(" ") if version.key.startswith("$") else ("", "", version.key)
    changed = version.previous is not None
    words: dict[str, Callable[[], tuple[str, str]]] = {
        "$file": lambda: ("writes", rest),
        "$rng": lambda: ("draws from", rest) if changed else ("seeds", rest),
        "$env": lambda: ("sets options of", "the process" if rest == "*" else rest),
        "$deleted": lambda: ("deletes", rest),
        "$output": lambda: ("shows", "a result used again"),
    }
    return words[kind]() if kind in words else ("changed" if changed else "defines", rest)
