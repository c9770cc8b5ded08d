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
from mlops_jupyter.lineage.text import CellText

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
