"""What a cell did to the namespace: created, rebound, changed in place, deleted, read.

Between cells only ids, fingerprints and footprints are kept, never a user's object. Before a cell, every name that its text (or
the code it brings) can touch gets a known fingerprint; after it, those are fingerprinted again. A name that shares a mutable
holder or a memory range with a touched one is touched as well, so aliases and views are found. An opaque cell touches
everything. Ids are reused by Python, so that an equal id alone never proves anything about a touched name.
"""

from __future__ import annotations

import re
import types
import weakref
from collections.abc import Callable, Collection, Iterable, Mapping

from mlops_jupyter.capture.background import Background
from mlops_jupyter.capture.closure import Brought, follow
from mlops_jupyter.capture.deferred import Patience, unread
from mlops_jupyter.capture.difference import Before, Difference, Held, Later
from mlops_jupyter.capture.figures import Figures, look
from mlops_jupyter.capture.kinds import exactly, identity, is_a, is_any, is_exactly
from mlops_jupyter.capture.modules import ModuleStates, kept_in_modules
from mlops_jupyter.capture.names import CellNames
from mlops_jupyter.capture.process import ProcessState
from mlops_jupyter.capture.snapshot import Snapshot
from mlops_jupyter.entities.data import Fingerprint
from mlops_jupyter.entities.sessions import Read, VariableVersion, WriteKind
from mlops_jupyter.fingerprint import fingerprint, footprint
from mlops_jupyter.fingerprint.types.instances import is_local_module
from mlops_jupyter.fingerprint.types.references import referent
from mlops_jupyter.fingerprint.walk import is_kernel, module_of, name_of

IGNORED = frozenset({
    "In", "Out", "exit", "quit", "get_ipython", "open", "_", "__", "___", "_i", "_ii", "_iii", "_ih", "_oh", "_dh", "_sh",
    "_exit_code",
    "__name__", "__doc__", "__package__", "__loader__", "__spec__", "__builtin__", "__builtins__", "__session__", "__file__",
    "__annotations__", "__warningregistry__", "__conditional_annotations__", "__vsc_ipynb_file__", "__pandas",
})
NOTHING = CellNames()
_HISTORY = re.compile(r"_i?\d+$")
_FIXED = exactly(int, float, complex, str, bytes, bool, type(None), range, type(...), slice, type(NotImplemented))
_CODE = (types.ModuleType, types.FunctionType, type)


class Namespace:
    """Follows a `user_ns`. `budget`: most bytes hashed of one value. `settle`: see Deferred. `started`: see Started."""

    def __init__(self, namespace: dict[str, object], budget: int | None = None,
                 is_secret: Callable[[str, object], bool] = lambda name, value: False,
                 settle: Callable[[Collection[str]], Mapping[str, Fingerprint]] = lambda names: {},
                 started: Callable[[], list[types.CodeType]] = list) -> None:
        self._namespace = namespace
        self._is_secret = is_secret
        self._settle = settle
        self._started = started
        self._budget = budget
        self._patience = Patience()
        self._hidden: set[str] = set(IGNORED)
        self._held: dict[str, Held] = {}
        self._last: Snapshot | None = None
        self._looked: Snapshot | None = None
        """The look of `between`, which `before` need not take again."""
        self._displayed: list[str] = []
        self.modules = ModuleStates(budget)
        self._background = Background()
        self._figures = Figures()
        self._process = ProcessState()
        self._exposed: set[str] = set()
        """Names that code which runs by itself could have changed since the last look."""
        for name in filter(self._is_users, list(namespace)):
            self._remember(name, None)

    def _is_users(self, name: str) -> bool:
        """False for the names that IPython and Python keep for themselves."""
        if name in IGNORED or (name[:1] == "_" and _HISTORY.match(name)):
            self._hidden.add(name)
            return False
        return True

    def forget(self) -> None:
        """Nothing is known any more: what is touched next is fingerprinted anew."""
        for name in list(self._held):
            self._held[name].fingerprint = None

    def adopt(self, found: Mapping[str, Fingerprint]) -> None:
        """These names are bound to values with these fingerprints, and others gone, by us: no cell did it."""
        self.between()
        for name, known in found.items():
            if name in self._held:
                self._held[name].fingerprint, self._held[name].slow = known, False

    # between cells

    def between(self) -> Difference:
        """What happened since the last cell, though none ran: names bound or deleted, and what the background could change."""
        difference = Difference()
        now = Snapshot.of(self._namespace)
        created, rebound, deleted = now.changes(now) if self._last is None else self._last.changes(now)
        kinds: dict[str, WriteKind] = dict.fromkeys(filter(self._is_users, created), "created")
        kinds |= dict.fromkeys(filter(self._is_users, rebound), "rebound")
        difference.deletes = sorted(filter(self._is_users, deleted))
        for name in difference.deletes:
            self._held.pop(name, None)
        for name, kind in sorted(kinds.items()):
            self._write(name, kind, difference)
        ran = Brought()
        ran.add_started(self._started(), self._namespace)
        exposed = self._exposed | self.with_aliases(
            {name for name in (*ran.reads, *ran.stores) if name in self._namespace and self._is_users(name)})
        self.take_settled(exposed)
        for name in sorted(exposed & self._namespace.keys() - kinds.keys()) if exposed else ():
            held = self._held.get(name)
            if held is not None and held.fingerprint is not None:
                self._compare(name, NOTHING, difference)
        difference.writes = [write for write in difference.writes if write.how != "maybe"]
        self._last = self._looked = now
        return difference

    def _within_reach(self) -> tuple[set[str], list[str]]:
        """Names that code which runs by itself could change, and why that may be any of them."""
        roots = self._background.roots(lambda: self.ids(self._held))
        if not roots:
            return set(), []
        brought = follow({}, self._namespace, roots)
        reach = {name for name in (*brought.reads, *brought.stores) if name in self._namespace and self._is_users(name)}
        return self.with_aliases(reach, [[*brought.held, *roots]]), brought.opaque

    # before

    def before(self, names: CellNames, ours_underscore: bool = True) -> Before:
        """Look before the cell runs: make sure that all it can touch is known."""
        self._patience = Patience()
        snapshot, self._looked = self._looked or Snapshot.of(self._namespace), None
        ids = self._namespace
        brought = follow(self._used(names, ids), self._namespace)
        touched = self._touched(names, brought, ids)
        results = self._results(names, ours_underscore)
        objects = [*brought.held, *(self._namespace[name] for name in names.results if name in self._namespace)]
        exposed, unbounded = self._within_reach()
        everything = bool(names.opaque or brought.opaque or unbounded) or self.modules.reloaded(asked=names.reloads)
        modules = self.modules.reached({*brought.modules, *names.imports}, everything=everything or names.any_module)
        objects += [*self.modules.data(modules), *kept_in_modules(names.dotted, ids)]
        drawn = look()
        figures = self._figures.within_reach(drawn, drawn, brought.modules)
        touched = set(filter(self._is_users, snapshot.names)) if everything else self.with_aliases(
            touched, objects, figures) | exposed
        self.take_settled({*touched, *names.stores, *brought.stores})
        for name in touched:
            value, held = self._namespace.get(name), self._held.get(name)
            unknown = held is None or held.place != identity(value) or (held.fingerprint is None and not held.slow)
            if unknown and self._can_change(value):
                self._remember(name, self._patience.read(value, self._budget))
        modules |= self.modules.sharing(self.ids(touched))
        self.modules.before(modules)
        brought.held.clear()
        return Before(snapshot, touched, brought, results, modules, drawn)

    def ids(self, names: Iterable[str]) -> set[int]:
        """Of the mutable objects that these names hold."""
        return {one for name in names if name in self._held for one in self._held[name].ids}

    def take_settled(self, names: Collection[str]) -> None:
        """What a cell can touch is not being read while it runs; what was read since is known from now on."""
        for name, found in self._settle(names).items():
            held = self._held.get(name)
            if held is not None and held.fingerprint is None and held.place == identity(self._namespace.get(name)):
                held.fingerprint = found

    def _used(self, names: CellNames, ids: Mapping[str, object]) -> dict[str, frozenset[str]]:
        used = dict(names.loads)
        for word in names.words:
            if word in ids and self._is_users(word):
                used.setdefault(word, frozenset())
        return used

    def _touched(self, names: CellNames, brought: Brought, ids: Mapping[str, object]) -> set[str]:
        every = {*names.loads, *names.mutated, *names.words, *brought.reads, *brought.stores}
        return {name for name in every if name in ids and self._is_users(name)}

    def with_aliases(self, touched: set[str], objects: Iterable[object] = (), also: Iterable[int] = ()) -> set[str]:
        """`touched` and every name that shares a holder or memory with them, with `objects`, or has one of the ids `also`."""
        ids: set[int] = set(also)
        ranges: list[tuple[int, int]] = []
        complete = True
        for name in touched:
            held = self._held.get(name)
            if held is not None:
                ids |= held.ids
                ranges.extend(held.ranges)
                complete = complete and held.complete
        for value in objects:
            if is_kernel(module_of(type(value))):
                continue
            shared = footprint(value)
            ids |= shared.ids
            ranges.extend(shared.ranges)
        if not ids and not ranges:
            return touched
        found = set(touched)
        for name, held in self._held.items():
            if name in found or not (held.ids or held.ranges):
                continue
            overlap = any(a < d and c < b for a, b in held.ranges for c, d in ranges)
            if overlap or not ids.isdisjoint(held.ids) or not (complete or held.complete):
                found.add(name)
        return found

    def _results(self, names: CellNames, ours_underscore: bool) -> list[str]:
        """The hidden names (`_3`) that `_`, `__`, `_3`, `Out[3]`, `_oh` stand for."""
        found: list[str] = []
        for name in sorted(names.results):
            if name == "_oh":
                found.extend([*self._displayed, name])
            elif set(name) == {"_"}:
                if ours_underscore and len(self._displayed) >= len(name):
                    found.append(self._displayed[-len(name)])
            elif name in self._displayed:
                found.append(name)
        return found

    # after

    def after(self, before: Before, names: CellNames, *, completed: bool, prompt: int | None) -> Difference:
        """Look after the cell ran. `completed`: no exception ended it, so that what its text certainly binds was bound."""
        self._patience = Patience()
        now, ids = Snapshot.of(self._namespace), self._namespace
        brought = follow(self._used(names, ids), self._namespace)
        started = self._started()
        brought.add_started(started, self._namespace)
        brought.modules |= self.modules.of_files(code.co_filename for code in started)
        difference = Difference(opaque=[*names.opaque, *brought.opaque], seeds=before.brought.seeds | brought.seeds)
        bound = {*names.stores, *brought.stores, *before.brought.stores}
        created, rebound, deleted = before.snapshot.changes(now)
        kinds: dict[str, WriteKind] = dict.fromkeys(filter(self._is_users, created), "created")
        kinds |= dict.fromkeys(filter(self._is_users, rebound), "rebound")
        doubtful: set[str] = set()
        for name in bound:
            if name in ids and name not in kinds and self._is_users(name):
                certain = completed and name in names.certain
                if not certain and self._holds_the_same(name):
                    continue  # not bound after all, or bound to what it held
                kinds[name] = "rebound"
                if not certain:
                    doubtful.add(name)
        self._exposed, unbounded = self._within_reach()
        everything = bool(difference.opaque or before.brought.opaque or unbounded) or self.modules.reloaded(asked=names.reloads)
        used = {*before.brought.modules, *brought.modules}
        drawn = look()
        imported = {*brought.modules, *names.imports}
        modules = before.modules | self.modules.reached(imported, everything=everything or names.any_module)
        objects = [*brought.held, *self.modules.data(modules), *kept_in_modules(names.dotted, ids)]
        touched = set(filter(self._is_users, now.names)) if everything else self.with_aliases(
            before.touched | self._exposed | self._touched(names, brought, ids), objects,
            {*self._figures.within_reach(before.drawn, drawn, used), *self._shown(prompt, names)}) & ids.keys()
        modules |= self.modules.sharing(self.ids(touched))
        if unbounded:
            self._exposed = touched
        objects.clear()
        brought.held.clear()
        for name, kind in sorted(kinds.items()):
            self._write(name, kind, difference)
        mapped = {one for one in self.ids(kinds) if one < 0}
        if mapped:
            touched = self.with_aliases(touched, (), mapped) & ids.keys()  # a file that was mapped anew may have been cut
        for name in sorted(touched - kinds.keys()):
            self._compare(name, names, difference)
        difference.deletes = sorted(filter(self._is_users, deleted))
        for name in difference.deletes:
            self._held.pop(name, None)
        self._displayed_result(prompt, difference)
        new, gone = {*created}, {*deleted}
        had: Callable[[str], bool] = lambda name: name in gone or (name in ids and name not in new)  # noqa: E731 (beside its sets)
        difference.reads = self._reads(had, before, names, brought, doubtful)
        difference.reads += self.modules.reads(modules, {*names.loads, *before.brought.globals, *brought.globals})
        self._after_modules(modules, difference)
        reads, writes = self._figures.after(before.drawn, drawn, used)
        difference.reads += reads
        options = self._process.changed()
        difference.writes += [*writes, *(VariableVersion(key, "mutated", Fingerprint("opaque")) for key in options)]
        self._last = now
        return difference

    def _holds_the_same(self, name: str) -> bool:
        """True if the name certainly holds what it held: an equal id alone proves nothing."""
        value, held = self._namespace.get(name), self._held.get(name)
        if held is None or held.fingerprint is None or held.place != identity(value):
            return False
        found = self._patience.read(value, self._budget)
        return found is not None and held.fingerprint.same_as(found)

    def _read(self, name: str, difference: Difference, known: Fingerprint | None = None) -> Fingerprint:
        """The fingerprint of what `name` holds; what takes too long is left for later."""
        value, held = self._namespace.get(name), self._held.get(name)
        slow = held is not None and held.slow and held.place == identity(value)
        found = None if slow else self._patience.read(value, self._budget)
        self._remember(name, found)
        if found is not None:
            return found
        self._held[name].slow = True
        difference.later[name] = Later(value, known)
        return unread(value)

    def _write(self, name: str, kind: WriteKind, difference: Difference) -> None:
        value = self._namespace.get(name)
        found = self._read(name, difference)
        if self._is_secret(name, value):
            found = Fingerprint(kind="scalar", type_name="str")
        difference.writes.append(VariableVersion(name=name, how=kind, fingerprint=found))

    def _compare(self, name: str, names: CellNames, difference: Difference) -> None:
        """Was the value of a touched name, bound as before, changed in place?"""
        value = self._namespace.get(name)
        if is_a(value, types.ModuleType) or (is_a(value, type) and not self._can_change(value)):
            if name in names.mutated:
                kind: WriteKind = "maybe" if is_a(value, types.ModuleType) else "mutated"
                difference.writes.append(VariableVersion(name=name, how=kind, fingerprint=fingerprint(value, self._budget)))
            return
        if not self._can_change(value):
            return
        held = self._held.get(name)
        known = None if held is None else held.fingerprint
        found = self._read(name, difference, known)
        if found.digest is None or found.coverage < 1 or known is None:
            difference.writes.append(VariableVersion(name=name, how="maybe", fingerprint=found))
        elif known.same_as(found) and (held is None or held.kind is None or self._held[name].kind in {None, held.kind}):
            return
        else:
            difference.writes.append(VariableVersion(name=name, how="mutated", fingerprint=found))

    def _after_modules(self, names: set[str], difference: Difference) -> None:
        """Modules that changed inside, and names that hold one, which no fingerprint of theirs tells."""
        written = self.modules.after(names)
        difference.writes += written
        modules = self.modules.held_as(written)
        if not modules:
            return
        told = {write.name for write in difference.writes}
        for name, held in self._held.items():
            value = self._namespace.get(name)
            if name not in told and not modules.isdisjoint(held.ids) and not is_a(value, types.ModuleType):
                difference.writes.append(VariableVersion(name, "maybe", unread(value)))

    def _shown(self, prompt: int | None, names: CellNames) -> list[int]:
        """IPython put a result into `Out`, or `%reset out` emptied it: whatever name holds that dictionary sees it."""
        shown = prompt is not None and f"_{prompt}" in self._namespace
        return [id(self._namespace.get("_oh"))] if shown or names.resets else []

    def _displayed_result(self, prompt: int | None, difference: Difference) -> None:
        hidden = f"_{prompt}"
        if prompt is None or hidden not in self._namespace or hidden in self._displayed:
            return
        self._displayed.append(hidden)
        value = self._namespace[hidden]
        secret = self._is_secret(hidden, value)
        found = Fingerprint(kind="scalar", type_name="str") if secret else self._patience.read(value, self._budget)
        if found is None:
            difference.later[hidden] = Later(value, None)
        difference.writes.append(VariableVersion(name=hidden, how="created", fingerprint=found or unread(value)))

    def _reads(self, had: Callable[[str], bool], before: Before, names: CellNames, brought: Brought,
               doubtful: set[str]) -> list[Read]:
        direct = [name for name in sorted({*names.reads, *names.words, *doubtful}) if had(name) and self._is_users(name)]
        reads = {name: Read(name) for name in [*direct, *before.results]}
        for source in (before.brought.reads, brought.reads):
            for name, via in source.items():
                if had(name) and name not in reads and self._is_users(name):
                    reads[name] = Read(name, via=via)
        return list(reads.values())

    # what is remembered

    def _remember(self, name: str, found: Fingerprint | None) -> None:
        value = self._namespace.get(name)
        if is_exactly(value, _FIXED) or (is_any(value, _CODE) and not self._can_change(value)):
            self._held[name] = Held(identity(value), found)
            return
        shared = footprint(value)
        self._held[name] = Held(identity(value), found, shared.ids, shared.ranges, shared.complete, self._kind(value))

    def _kind(self, value: object) -> str | None:
        cls = type(referent(value) if is_a(value, weakref.ReferenceType) else value)
        home, _, last = name_of(cls).rpartition(".")
        if home[:8] != "__main__" or self._namespace.get(last) is cls:
            return None
        return f"{identity(cls)} {fingerprint(cls, self._budget).digest}"

    @staticmethod
    def _can_change(value: object) -> bool:
        """False for what cannot change in place, or is compared by its code."""
        if is_exactly(value, _FIXED):
            return False
        if is_a(value, type):
            return module_of(value) == "__main__"
        if is_a(value, types.FunctionType):
            if value.__closure__ or value.__defaults__ or value.__kwdefaults__ or value.__dict__:
                return True
            return type(value.__module__) is str and is_local_module(value.__module__)
        if is_a(value, types.BuiltinFunctionType):
            return value.__self__ is not None and not is_a(value.__self__, types.ModuleType)
        return not is_any(value, _CODE)
