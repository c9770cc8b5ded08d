"""What a value brings with it when it is used: the globals that its code reads and writes, and the values that it holds.

Followed from functions, methods, partials, classes and instances of the user's own, closure cells, defaults, `__wrapped__`, and
the items of plain containers. Only code whose globals are the user's namespace can read it. Attributes are read without running
anything of the user's: `object.__getattribute__` on `__dict__`, `__closure__` and the like.
"""

from __future__ import annotations

import collections
import dis
import functools
import gc
import sys
import types
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from mlops_jupyter.capture.background import MACHINERY, running
from mlops_jupyter.capture.kinds import exactly, identity, is_a, is_any, is_exactly, without
from mlops_jupyter.fingerprint.types.instances import attributes
from mlops_jupyter.fingerprint.types.references import called_at_the_end, proxied, referent
from mlops_jupyter.fingerprint.walk import dict_of, module_of, mro_of, name_of

BACKGROUND = "$background"
"""The name through which code that runs by itself reads."""
LIMIT = 400
"""Most values followed from one name: beyond that functions are seen only where Python tells what ran (≥ 3.12)."""
_PLAIN = exactly(int, float, complex, str, bytes, bool, type(None), range, bytearray, types.ModuleType)
_ITEMS: list[tuple[type, Callable[..., Iterable[object]]]] = [
    (list, list.__iter__), (tuple, tuple.__iter__), (dict, dict.values), (set, set.__iter__), (frozenset, frozenset.__iter__),
    (collections.deque, collections.deque.__iter__),
]
_WAITING = (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)
_PROXIES = exactly(weakref.ProxyType, weakref.CallableProxyType)
_CALLED = (types.FunctionType, types.MethodType, functools.partial)
_DATA = frozenset({"numpy", "pandas", "polars", "pyarrow", "scipy", "matplotlib", "torch", "tensorflow", "xarray", "PIL",
                   "plotly"})
"""Libraries whose objects hold data, not functions of the user's."""


_OPAQUE = frozenset({"exec", "eval", "globals"})


@dataclass(frozen=True)
class CodeNames:
    """Global names of a code object and of the code within it."""

    loads: frozenset[str]
    stores: frozenset[str]
    calls_seed: frozenset[str]


@lru_cache(maxsize=2048)
def names_of_code(code: types.CodeType) -> CodeNames:
    """Which globals `code` loads and stores; attribute names are left out."""
    loads: set[str] = set()
    stores: set[str] = set()
    module_level = code.co_name == "<module>"
    for instruction in dis.get_instructions(code):
        name = instruction.argval
        if not isinstance(name, str):
            continue
        if instruction.opname in {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"}:
            loads.add(name)
        elif instruction.opname in {"STORE_GLOBAL", "DELETE_GLOBAL"}:
            stores.add(name)
    seeds = _seed_words(code)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            inner = names_of_code(constant)
            loads |= inner.loads
            stores |= inner.stores
            seeds |= inner.calls_seed
    return CodeNames(frozenset(loads - {"__name__"} if module_level else loads), frozenset(stores), frozenset(seeds))


def _seed_words(code: types.CodeType) -> set[str]:
    names = set(code.co_names)
    found: set[str] = set()
    if names & {"seed", "setstate", "set_state", "getstate", "get_state"} and names & {"random", "np", "numpy"}:
        found.add("numpy" if names & {"np", "numpy"} else "python")
        if names & {"np", "numpy"} and list(code.co_names).count("random") and _loads_global(code, "random"):
            found.add("python")
    if "manual_seed" in names:
        found.add("torch")
    return found


def _loads_global(code: types.CodeType, name: str) -> bool:
    return any(
        instruction.opname in {"LOAD_GLOBAL", "LOAD_NAME", "IMPORT_NAME"} and instruction.argval == name
        for instruction in dis.get_instructions(code)
    )


@dataclass
class Brought:
    """`reads`: global name → the name through which it is read. `held`: values that closures and defaults hold."""

    reads: dict[str, str] = field(default_factory=dict)
    stores: set[str] = field(default_factory=set)
    seeds: set[str] = field(default_factory=set)
    held: list[object] = field(default_factory=list)
    opaque: list[str] = field(default_factory=list)
    modules: set[str] = field(default_factory=set)
    """Modules whose code or objects are used."""
    globals: set[str] = field(default_factory=set)
    """All names that the code looks up, in the namespace or in `builtins`."""
    classes: list[type] = field(default_factory=list)
    """Classes of the user's whose objects are used, to be dropped at once."""
    codes: list[types.CodeType] = field(default_factory=list)
    """The functions that were found."""

    def add_started(self, started: Iterable[types.CodeType], namespace: Mapping[str, object]) -> None:
        """What functions use that ran and that were not found: reached through a library's registry, by name, by a callback."""
        codes = list(started)
        if not codes:
            return
        known: set[int] = set()
        for code in self.codes:
            _within(code, known)
        for code in codes:
            if id(code) in known:
                continue
            used = names_of_code(code)
            self.seeds |= used.calls_seed
            self.stores |= used.stores
            self.globals |= used.loads
            for read in used.loads:
                if read in namespace:
                    self.reads.setdefault(read, code.co_name)
            self.opaque += [f"{read}() in {code.co_name}" for read in used.loads if read in _OPAQUE and read not in namespace]


def follow(names: Mapping[str, frozenset[str]], namespace: Mapping[str, object], roots: Iterable[object] = ()) -> Brought:
    """Everything that using `names` brings, and what `roots` do, which no name holds.

    `names` maps each to the names that were bound by then, which are not read.
    """
    brought = Brought()
    queue: list[tuple[str, str, frozenset[str], object]] = [("", BACKGROUND, frozenset(), root) for root in roots]
    queue += [(name, name, bound, None) for name, bound in names.items() if name in namespace]
    done: set[tuple[int, str]] = set()
    while queue:
        name, via, bound, root = queue.pop()
        value = namespace.get(name) if name else root
        if is_a(value, types.ModuleType):
            brought.modules.add(types.ModuleType.__getattribute__(value, "__name__"))
            queue += [("", via, bound, one) for one in _put_into(value, namespace)]
        if is_exactly(value, _PLAIN) or (identity(value), via) in done:
            continue
        done.add((identity(value), via))
        for code in _codes(value, namespace, brought):
            used = names_of_code(code)
            brought.codes.append(code)
            brought.seeds |= used.calls_seed
            brought.globals |= used.loads
            for store in used.stores:
                brought.stores.add(store)
            for read in used.loads:
                if read in _OPAQUE and read not in namespace:
                    brought.opaque.append(f"{read}() in {via}")
                elif read in namespace and read not in bound:
                    if read not in brought.reads and read != via:
                        brought.reads[read] = via
                        queue.append((read, via, bound, None))
                elif read in namespace:
                    queue.append((read, via, bound, None))
        for cls in brought.classes:
            known = name_of(cls).rpartition(".")[2]
            if known != name and known not in bound and namespace.get(known) is cls:
                brought.reads.setdefault(known, via)
        brought.classes.clear()
    return brought


def _put_into(module: types.ModuleType, namespace: Mapping[str, object]) -> list[object]:
    """Functions of the user's that a cell put into a module (`conf.knob = lambda: limit`), where Python tells not what ran."""
    held: dict[str, object] = types.ModuleType.__getattribute__(module, "__dict__") if sys.version_info < (3, 12) else {}
    if len(held) > LIMIT or held is namespace:
        return []
    return [one for one in list(held.values()) if type(one) is types.FunctionType and one.__globals__ is namespace]


def _codes(root: object, namespace: Mapping[str, object], brought: Brought) -> Iterator[types.CodeType]:
    """The user's code objects reachable from `root`, breadth first, at most LIMIT values."""
    queue: list[object] = [root]
    seen: set[int] = set()
    while queue and len(seen) < LIMIT:
        value = queue.pop(0)
        if is_exactly(value, _PLAIN) or identity(value) in seen:
            continue
        seen.add(identity(value))
        if (live := running(value)) is not None:
            if live[1] is namespace:
                yield live[0]
        elif is_any(value, _WAITING):
            frame = _frame_of(value)
            if frame is not None:
                if frame.f_globals is namespace:
                    yield frame.f_code
                queue.extend(without(frame.f_locals.values(), _PLAIN))
        elif is_a(value, types.FunctionType):
            if value.__globals__ is namespace:
                yield value.__code__
            else:
                home = value.__globals__.get("__name__")
                brought.modules.add(home if type(home) is str else "")
            queue.extend(_of_function(value, brought))
        elif is_exactly(value, _PROXIES):
            queue.append(_behind(value, brought))
        else:
            cls = value if is_a(value, type) else type(value)
            brought.modules.add(module_of(cls))
            brought.classes += [base for base in mro_of(cls) if module_of(base) == "__main__"]
            queue.extend(_inside(value))


def _behind(proxy: object, brought: Brought) -> object:
    found = proxied(proxy)
    if found is None:
        brought.opaque.append("a weakref.proxy")
    return found


def _within(code: types.CodeType, found: set[int]) -> None:
    """The ids of a code object and of those within it."""
    found.add(id(code))
    for constant in code.co_consts:
        if type(constant) is types.CodeType:
            _within(constant, found)


def _frame_of(waiting: object) -> types.FrameType | None:
    """The frame of a generator or coroutine that waits, None once it has ended."""
    for name in ("gi_frame", "cr_frame", "ag_frame"):
        frame = getattr(waiting, name, None)
        if isinstance(frame, types.FrameType):
            return frame
    return None


def _of_function(function: types.FunctionType, brought: Brought) -> list[object]:
    held: list[object] = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    for cell in function.__closure__ or ():
        try:
            held.append(cell.cell_contents)
        except ValueError:  # a cell that is not filled yet holds nothing
            continue
    brought.held.extend(without(held, _PLAIN))
    wrapped = function.__dict__.get("__wrapped__")
    return held if wrapped is None else [*held, wrapped]


def _inside(value: object) -> list[object]:  # noqa: PLR0911, PLR0912 (a table of types)
    kind = type(value)
    for builtin, items in _ITEMS:
        if issubclass(kind, builtin):
            held = list(items(value)) if builtin.__len__(value) <= LIMIT else []  # type: ignore[attr-defined]
            return held if kind is builtin else [*held, *attributes(value).values(), *_of_class(kind)]
    if kind is types.MethodType:
        return [value.__func__, value.__self__]  # type: ignore[attr-defined]
    if kind is functools.partial:
        return [value.func, *value.args, *value.keywords.values()]  # type: ignore[attr-defined]
    if kind is staticmethod or kind is classmethod:
        return [value.__func__]  # type: ignore[attr-defined]
    if kind is property:
        return [value.fget, value.fset, value.fdel]  # type: ignore[attr-defined]
    if is_a(value, type):
        return _of_class(value)
    if kind is types.BuiltinFunctionType:
        return [value.__self__]  # type: ignore[attr-defined]
    if kind is weakref.finalize:
        return list(called_at_the_end(value))
    if is_a(value, weakref.ReferenceType):
        return [referent(value)]
    root = module_of(kind).partition(".")[0]
    if root in {"builtins", "itertools", "functools", "_functools"}:  # `map(f, rows)`, `lru_cache`: C code that holds functions
        return [part for part in gc.get_referents(value) if not is_a(part, type)][:LIMIT]
    if root in MACHINERY:
        return []
    if root in _DATA:  # `np.vectorize(f)`: functions that it was given, none of its data
        return [part for part in attributes(value).values() if is_any(part, _CALLED)]
    own = attributes(value)
    return [*(_of_class(kind)), *(own.values() if len(own) <= LIMIT else ())]


def _of_class(cls: type) -> list[object]:
    """Functions and attributes of a class of the user's (defined in a notebook), its bases included."""
    found: list[object] = []
    for base in mro_of(cls):
        if module_of(base) == "__main__":
            found.extend(dict_of(base).values())
    return found
