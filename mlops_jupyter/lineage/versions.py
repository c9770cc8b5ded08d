"""The versions of everything that cells of one session read and wrote, in the order in which they ran.

A version belongs to a key: a name, or `$file path`, `$rng source`, `$env package` for state that no name holds. Binding a
name starts a new chain; a change in place adds a version that rests on the one before it. What an execution read is
resolved once, while walking forward (graph.py); a slice is then the closure over these links (slice.py), and a stale cell
one whose links would be others in notebook order (stale.py). In doubt a link is made: a slice may be too large, never too small.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mlops_jupyter.entities import CellExecution, Fingerprint
from mlops_jupyter.lineage.text import CellText, normalised

EVERYTHING = "$env *"
ANY_FILE = "$file *"
DELETED = "$deleted "
UNFINISHED = frozenset({"error", "interrupted"})


@dataclass(slots=True, eq=False)
class Version:
    """The content of `key` after execution `n`. `previous`: what it rests on, where it was changed in place."""

    key: str
    n: int
    previous: Version | None = None
    fingerprint: Fingerprint | None = None
    chain_id: int = 0
    """The same for two versions that the same executions made, in graphs that share their `Chains`."""

    def chain(self) -> list[Version]:
        """This version and those it rests on, newest first."""
        found, one = [], self
        while True:
            found.append(one)
            if one.previous is None:
                return found
            one = one.previous


@dataclass(slots=True)
class Chains:
    """Numbers chains of executions, so that two of a thousand links are compared as two numbers."""

    known: dict[tuple[int, int], int] = field(default_factory=dict)

    def version(self, key: str, n: int, previous: Version | None = None, fingerprint: Fingerprint | None = None) -> Version:
        """A new version with the number of its chain."""
        before = previous.chain_id if previous is not None else 0
        number = self.known.setdefault((n, before), len(self.known) + 1)
        return Version(key, n, previous, fingerprint, number)


@dataclass(slots=True)
class Unseen:
    """Files that executions wrote beside Python, as the clocks of the files told those who read them later.

    `found`: n → key → content. `keys`: text of a cell → keys; the same command writes the same files again.
    """

    found: dict[int, dict[str, Fingerprint]] = field(default_factory=dict)
    keys: dict[str, set[str]] = field(default_factory=dict)

    def add(self, step: Step, key: str, fingerprint: Fingerprint) -> None:
        """`step` wrote the file `key`."""
        self.found.setdefault(step.n, {}).setdefault(key, fingerprint)
        self.keys.setdefault(normalised(step.execution.source), set()).add(key)

    def of(self, step: Step) -> dict[str, Fingerprint]:
        """What `step` writes."""
        again = self.keys.get(normalised(step.execution.source), set()) if self.keys else set()
        return dict.fromkeys(sorted(again), Fingerprint("file")) | self.found.get(step.n, {})


@dataclass(slots=True, eq=False)
class Step:
    """One execution in the graph: what it read and wrote, and what we could not find a producer for."""

    execution: CellExecution
    text: CellText
    reads: dict[str, Version] = field(default_factory=dict)
    writes: dict[str, Version] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)
    """Keys that it asked for and that had no version then."""
    gone: dict[str, Version] = field(default_factory=dict)
    """Deletions of names that hidden code would have found, had they not been deleted."""
    unsure: set[str] = field(default_factory=set)
    """Keys that it may have read: of an opaque cell, everything there was."""
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
    unseen: Unseen = field(default_factory=Unseen)


def immutable(fingerprint: Fingerprint | None) -> bool:
    """True for numbers, texts and the like: equal ones cannot be told apart, and nothing can change them in place."""
    return fingerprint is not None and fingerprint.kind == "scalar" and fingerprint.type_name != "bytearray"


def in_order(executions: Sequence[CellExecution]) -> list[CellExecution]:
    """The executions of one session by n."""
    return sorted(executions, key=lambda execution: execution.n)


def version_at(graph: Graph, name: str, n: int) -> Version | None:
    """The version of `name` that execution `n` left behind; None if there was none."""
    found = None
    for step in graph.steps.values():
        if step.n <= n:
            found = step.writes.get(name, found)
            if name in step.execution.deletes and name not in step.writes:
                found = None
    return found


def processes_since(have: Version, version: Version) -> int:
    """Of two versions of `ANY_FILE`: how many of the newest makers of `version` must run, so that all ran last, in this order.

    Who ran before them does not matter: the same command writes the same files again.
    """
    ran, order = [one.n for one in reversed(have.chain())], [one.n for one in reversed(version.chain())]
    return next(len(order) - known for known in range(len(order), -1, -1) if not known or ran[-known:] == order[:known])


def label(version: Version) -> tuple[str, str]:
    """(verb, object) in words: what an execution did to make this version."""
    kind, _, rest = version.key.partition(" ") if version.key.startswith("$") else ("", "", version.key)
    changed = version.previous is not None
    words: dict[str, Callable[[], tuple[str, str]]] = {
        "$file": lambda: ("writes", "files" if rest == "*" else rest),
        "$rng": lambda: ("draws from", rest) if changed else ("seeds", rest),
        "$env": lambda: ("sets options of", "the process" if rest == "*" else rest),
        "$module": lambda: ("changed", rest),
        "$deleted": lambda: ("deletes", rest),
        "$output": lambda: ("shows", "a result used again"),
    }
    return words[kind]() if kind in words else ("changed" if changed else "defines", rest)
