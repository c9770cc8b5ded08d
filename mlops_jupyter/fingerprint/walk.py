"""The walk over a value: one digest for each node, a table that says how a type is read, a budget, a memory for cycles.

The idea: a node is read only by the function registered for its type, found by the *identity* of the type (then of its base
classes), so no method of an unknown class ever runs: not even a metaclass's `__hash__`. What has no reader is counted as
missed, and a digest with something missed is never called equal.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import NamedTuple

from xxhash import xxh3_128_digest

from mlops_jupyter import plugins
from mlops_jupyter.entities.data import FingerprintKind

NODE = 512  # bytes charged to the budget for one Python object: walking it takes as long as hashing that many
DEPTH = 120  # nested objects; each costs about three interpreter frames
UNKNOWN = b"?" * 16
_LASTING = frozenset({
    "builtins", "numpy", "pandas", "scipy", "sklearn", "collections", "datetime", "functools", "types", "pyarrow", "polars",
    "torch", "xarray", "lightgbm", "xgboost",
})  # fmt: skip

mro_of: Callable[[type], tuple[type, ...]] = type.__dict__["__mro__"].__get__
dict_of: Callable[[type], dict[str, object]] = type.__dict__["__dict__"].__get__
_qualname: Callable[[type], str] = type.__dict__["__qualname__"].__get__
_module: Callable[[type], object] = type.__dict__["__module__"].__get__


class Found(NamedTuple):
    """What reading one node gave; `digest` None where its content cannot be known."""

    kind: FingerprintKind
    digest: bytes | None = None
    shape: tuple[int, ...] | None = None
    nbytes: int | None = None
    columns: dict[str, str] | None = None
    logical: bytes | None = None
    types: tuple[str, ...] | None = None
    leaves: Sequence[Sequence[bytes]] | None = None
    """Of each column in turn; `step` rows each, 0 for the growing ones of a table."""
    step: int = 0


Describe = Callable[[object, "Walk"], Found]
Reach = Callable[[object, "Trace"], None]


class Entry(NamedTuple):
    """How values of a type are read (`describe`), and what they hold that others could share (`reach`)."""

    type: type
    describe: Describe
    reach: Reach | None = None
    subclasses: bool = False
    """True where a subclass is read by the same function, which then also reads the subclass's own attributes."""


def exactly(*classes: type) -> frozenset[int]:
    """Classes by identity, for `id(type(value)) in …`: a set of the classes themselves would call a metaclass's `__hash__`."""
    return frozenset(map(id, classes))


def module_of(cls: type) -> str:
    """`__module__` of a class, read without running a metaclass's code."""
    name = _module(cls)
    return name if type(name) is str else ""


def name_of(cls: type) -> str:
    """`module.qualname` of a class; the bare name for builtins."""
    module = module_of(cls)
    return _qualname(cls) if module == "builtins" else f"{module}.{_qualname(cls)}"


def leaf(tag: bytes, payload: bytes) -> bytes:
    """Digest of one piece of content under a type tag."""
    return xxh3_128_digest(tag + b":" + payload)


def combine(tag: bytes, parts: Sequence[bytes]) -> bytes:
    """Digest of an ordered list of digests (each 16 bytes, so the list needs no separators)."""
    return xxh3_128_digest(b"%b:%d:" % (tag, len(parts)) + b"".join(parts))


class Table:
    """Type → entry, by identity of the type. A library's plugin is loaded when a value of that library first appears.

    A plugin is a module with `entries()`, and `entry_for_unknown(cls)` if it also reads other classes of its own library.
    """

    def __init__(self, entries: Iterable[Entry], fallback: Callable[[type], Entry]) -> None:
        self._entries: dict[int, Entry] = {}
        self._fallback = fallback
        self._unknown: dict[str, Callable[[type], Entry]] = {}
        self._asked: set[str] = set()
        self._known: dict[int, tuple[type, Entry]] = {}
        self._add(entries)

    @property
    def asked(self) -> int:
        """Of how many packages the readers were looked for: it grows when a value of a new one is met."""
        return len(self._asked)

    def _add(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self._entries[id(entry.type)] = entry

    def _load(self, root: str) -> None:
        self._asked.add(root)
        if root in plugins.available(plugins.FINGERPRINT) and root in sys.modules:
            plugin = plugins.load(plugins.FINGERPRINT, root)
            entries, unknown = getattr(plugin, "entries", None), getattr(plugin, "entry_for_unknown", None)
            if callable(entries):
                self._add(entries())
            if callable(unknown):
                self._unknown[root] = unknown

    def resolve(self, cls: type) -> Entry:
        """The entry of the class itself, else of the nearest base class that covers subclasses, else the fallback's."""
        known = self._known.get(id(cls))
        if known is not None:
            return known[1]
        bases = mro_of(cls)
        for base in bases:
            root = module_of(base).partition(".")[0]
            if root not in self._asked:
                self._load(root)
        entry = self._entries.get(id(cls))
        if entry is None:
            near = (self._entries.get(id(base)) for base in bases[1:])
            entry = next((found for found in near if found is not None and found.subclasses), None)
        root = module_of(cls).partition(".")[0]
        if entry is None:
            entry = self._unknown.get(root, self._fallback)(cls)
        if root in _LASTING:
            self._known[id(cls)] = (cls, entry)  # a user's class is not kept: a table must not hold the user's objects
        return entry


class Stopped(BaseException):
    """A reading was given up half way. No Exception: readers' failures are caught, this is none."""


class Walk:
    """One reading of one value. Shared parts are read once; a cycle is named by how far up it leads.

    `stop`: asked between leaves; once it says True, the reading ends with Stopped.
    """

    def __init__(self, table: Table, scalars: dict[int, Callable[[object], bytes]], budget: int | None = None,
                 stop: Callable[[], bool] | None = None) -> None:
        self.stop = stop
        self.table = table
        self.covered = 0
        self.missed = 0
        self._scalars = scalars
        self._remaining = budget
        self._memo: dict[int, tuple[object, Found]] = {}
        self._stack: dict[int, int] = {}
        self._low = DEPTH

    @property
    def remaining(self) -> int | None:
        """Bytes that may still be hashed; None without a budget."""
        return self._remaining

    def breathe(self) -> None:
        """Raises Stopped if the reading was stopped."""
        if self.stop is not None and self.stop():
            raise Stopped

    def spend(self, nbytes: int) -> bool:
        """Take `nbytes` from the budget; False, and counted as missed, if they are not there. Stopped if it was stopped."""
        self.breathe()
        if self._remaining is not None:
            if nbytes > self._remaining:
                self.missed += max(nbytes, 1)
                return False
            self._remaining -= nbytes
        self.covered += nbytes
        return True

    def miss(self, nbytes: int = NODE) -> None:
        """Count content that is not covered."""
        self.missed += max(nbytes, 1)

    def digest(self, value: object) -> bytes:
        """Digest of a part; a placeholder, counted as missed, where it cannot be known."""
        encode = self._scalars.get(id(type(value)))
        if encode is not None:
            data = encode(value)
            return xxh3_128_digest(data) if self.spend(NODE + len(data)) else UNKNOWN
        return self.find(value).digest or UNKNOWN

    def digests(self, values: Iterable[object]) -> list[bytes]:
        """Digests of several parts, in order. Iterate only over what a builtin type's own method gave."""
        return [self.digest(value) for value in values]

    def find(self, value: object) -> Found:
        """Read one node that is no scalar."""
        key, depth = id(value), len(self._stack)
        kept = self._memo.get(key)
        if kept is not None:
            return kept[1]
        above = self._stack.get(key)
        if above is not None:
            self._low = min(self._low, above)
            return Found("container", leaf(b"cycle", b"%d" % (depth - above)))
        if depth >= DEPTH or not self.spend(NODE):
            self.miss()
            return Found("opaque")
        outer, self._low = self._low, DEPTH
        self._stack[key] = depth
        try:
            found = self.table.resolve(type(value)).describe(value, self)
        except Exception:  # noqa: BLE001 (a reader that fails has read nothing: the value is opaque, the user's cell goes on)
            found = Found("opaque")
        finally:
            del self._stack[key]
        if found.digest is None:
            self.miss()
        if self._low >= depth:  # nothing below leads further up: the digest holds wherever the value stands
            self._memo[key] = (value, found)
            self._low = outer
        else:
            self._low = min(self._low, outer)
        return found


_KERNEL = frozenset({"ipykernel", "IPython", "tornado", "zmq", "jupyter_client", "selectors", "uvloop"})
"""Packages whose objects hold the whole process: a walk that enters one says that everything is shared with everything."""
_VALUES = ("IPython.utils.", "IPython.lib.")
"""Where the user's values come from: `!ls` gives a list of a class of its own, `%%capture` what was printed."""


@cache
def is_kernel(module: str) -> bool:
    """True for a module of those packages or of our capture, and for the event loops."""
    if module.partition(".")[0] in _KERNEL:
        return module != "IPython.core.display" and not module.startswith(_VALUES)
    return module.startswith("mlops_jupyter.capture.") or (module.startswith("asyncio.") and module.endswith("_events"))


class Trace:
    """One bounded walk for what a value shares with others: ids of mutable holders, byte ranges of arrays."""

    def __init__(self, table: Table, skip: frozenset[int], nodes: int = 5_000, without: Iterable[object] = ()) -> None:
        self.ids: set[int] = set()
        self.ranges: list[tuple[int, int]] = []
        self.complete = True
        self._table = table
        self._skip = skip
        self._nodes = nodes
        self._waiting: list[object] = []
        self._seen: dict[int, object] = {id(value): value for value in without}

    def hold(self, value: object) -> None:
        """`value` can be changed in place: whoever else holds it sees the change."""
        self.ids.add(id(value))

    def share(self, name: str) -> None:
        """Content that lies outside this process's memory, in a file that is mapped, say: whoever maps it sees the change."""
        self.ids.add(-1 - hash(name) % 2**62)

    def span(self, start: int, stop: int) -> None:
        """Memory that the value's content lies in."""
        if stop > start:
            self.ranges.append((start, stop))

    def follow(self, values: Iterable[object]) -> None:
        """Parts to look at next."""
        self._waiting.extend(self._within(values))

    def _within(self, values: Iterable[object]) -> Iterator[object]:
        for value in values:
            if id(type(value)) in self._skip:
                continue
            if self._nodes <= 0:
                self.complete = False
                return
            self._nodes -= 1
            yield value

    def run(self, value: object) -> None:
        """Walk from `value` until nothing is left or the bound is reached."""
        self.follow((value,))
        while self._waiting:
            part = self._waiting.pop()
            if id(part) in self._seen or (part is not value and is_kernel(module_of(type(part)))):
                continue
            self._seen[id(part)] = part
            entry = self._table.resolve(type(part))
            if entry.reach is None:
                continue
            try:
                entry.reach(part, self)
            except Exception:  # noqa: BLE001 (as in Walk.find: the trace is then said to be incomplete)
                self.complete = False
