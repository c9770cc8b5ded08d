"""What every name of a namespace holds, told deeply and by ways of its own: the oracle shares no code with the fingerprints.

A `Snapshot` maps each name to plain nested tuples that are equal exactly if the content is. A class of the notebook's is named
by a token inside the values that use it and told once under its own key, because whoever uses an object also reads its class:
a changed counter of a class is a change of the class. State that no name holds (options, environment, the current figure,
generators) stands under `$` keys. Nothing here changes a value: iterators are looked at through `__reduce__`, generators
through their frames.
"""

# ruff: noqa: E501 (tables, one line each)

from __future__ import annotations

import array
import asyncio
import builtins
import collections
import contextlib
import contextvars
import ctypes
import datetime
import decimal
import functools
import gc
import io
import math
import os
import pathlib
import queue
import random
import re
import sys
import threading
import types
import warnings
import weakref
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import pandas as pd
from IPython.core.interactiveshell import InteractiveShell

Told = object
"""Nested tuples of texts and numbers."""

DEPTH = 40
_PLAIN = (int, float, str, bytes, bool, complex, type(None), range, slice, type(...), type(NotImplemented))
_TEXTUAL = (datetime.date, datetime.time, datetime.timedelta, datetime.tzinfo, decimal.Decimal, pathlib.PurePath, re.Pattern,
            np.dtype, np.generic, pd.Timestamp, pd.Timedelta)
_HISTORY = re.compile(r"_i?\d+$|_{1,3}$|_i{1,3}$|_[iod]h$|_sh$|_exit_code$|__.*__$|__pandas$")
_SHELL = frozenset({"In", "Out", "exit", "quit", "get_ipython", "open"})
_CLASS_NOISE = frozenset({"__dict__", "__weakref__", "__doc__", "__module__", "__qualname__", "__firstlineno__", "_abc_impl",
                          "__static_attributes__", "__annotations_cache__", "__annotate_func__", "__abstractmethods__", "__slotnames__"})
_ITERATORS = frozenset({"builtins", "itertools", "collections", "operator", "functools", "_operator", "_collections_abc"})
_OPTIONS = ("display.precision", "display.max_rows", "mode.copy_on_write")


@dataclass
class Snapshot:
    """`values`: name → content. `classes`: for each name, the classes of the notebook's that its value reaches."""

    values: dict[str, Told] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)
    classes: dict[str, frozenset[int]] = field(default_factory=dict)
    named: dict[int, tuple[str, Told]] = field(default_factory=dict)
    """Class by id → its name and content."""
    hidden: dict[str, Told] = field(default_factory=dict)
    held: list[object] = field(default_factory=list)
    """The values themselves, so that no id is used again while the snapshot is compared."""


def snapshot(namespace: dict[str, object]) -> Snapshot:
    """All that the names of `namespace` hold now, and the state beside them."""
    teller = _Teller(namespace)
    found = Snapshot()
    for name, value in list(namespace.items()):
        if name in _SHELL or _HISTORY.match(name):
            continue
        told, classes = teller.tell(value)
        found.values[name], found.ids[name], found.classes[name] = told, id(value), classes
        found.held.append(value)
    found.named = dict(teller.classes)
    found.held.extend(teller.kept)
    found.hidden = _hidden(teller, namespace)
    return found


class _Teller:
    """One snapshot: what was told once is remembered by id, with the classes that were met."""

    def __init__(self, namespace: dict[str, object]) -> None:
        self._namespace = namespace
        self.classes: dict[int, tuple[str, Told]] = {}
        self.kept: list[object] = []
        self._memo: dict[int, tuple[Told, frozenset[int]]] = {}
        self._stack: dict[int, int] = {}
        self._round = False
        """True once something told last leads back to where it came from: how that is told depends on where one starts."""
        self._met: set[int] = set()

    def tell(self, value: object) -> tuple[Told, frozenset[int]]:
        outer, self._met = self._met, set()
        told = self.of(value)
        met, self._met = frozenset(self._met), outer
        self._met |= met
        return told, met

    def of(self, value: object) -> Told:
        kind = type(value)
        if kind in _PLAIN:
            return kind.__name__, repr(value)
        key = id(value)
        if key in self._memo:
            told, met = self._memo[key]
            self._met |= met
            return told
        depth = len(self._stack)
        if key in self._stack and isinstance(value, type):
            return "class of the notebook", key
        if key in self._stack:
            self._round = True
            return "cycle", depth - self._stack[key]
        if depth >= DEPTH:
            return "deep",
        outer, self._round = self._round, False
        outer_met, self._met = self._met, set()
        self._stack[key] = depth
        try:
            told = self._describe(value)
        finally:
            del self._stack[key]
        if not self._round:
            self._memo[key] = told, frozenset(self._met)
            self.kept.append(value)
        self._round |= outer
        self._met |= outer_met
        return told

    def all(self, values: object) -> Told:
        return tuple(self.of(value) for value in list(values))  # type: ignore[call-overload]

    def mapping(self, items: object) -> Told:
        return tuple((self.of(key), self.of(item)) for key, item in list(items))  # type: ignore[call-overload]

    def _describe(self, value: object) -> Told:
        kind = type(value)
        if isinstance(value, type):
            return self._class(value)
        if isinstance(value, types.ModuleType):
            return self._module(value)
        if isinstance(value, types.FunctionType):
            return self._function(value)
        if isinstance(value, types.CodeType):
            return "code", value.co_code, self.all(value.co_consts), value.co_names, value.co_varnames, value.co_freevars
        if isinstance(value, types.CellType):
            with contextlib.suppress(ValueError):
                return "cell", self.of(value.cell_contents)
            return ("cell",)
        if isinstance(value, types.MethodType):
            generator = value.__self__ is random._inst  # its state is told beside the names
            return "method", self.of(value.__func__), "global" if generator else self.of(value.__self__)
        if isinstance(value, types.BuiltinFunctionType):
            owner = value.__self__
            return "builtin", value.__qualname__, None if isinstance(owner, types.ModuleType) else self.of(owner)
        if kind is types.MethodWrapperType:
            return "wrapper", value.__name__, self.of(value.__self__)  # type: ignore[attr-defined]
        if isinstance(value, types.GeneratorType | types.CoroutineType | types.AsyncGeneratorType):
            return self._waiting(value)
        if value is self._namespace:
            return "the namespace",  # its names are told one by one
        if isinstance(value, InteractiveShell | asyncio.AbstractEventLoop) or kind.__module__.partition(".")[0] == "mlops_jupyter":
            return "machinery", kind.__qualname__  # the shell holds its tracker, and both hold everything
        for root, tell in _LIBRARIES.items():
            if any(base.__module__.partition(".")[0] == root for base in kind.__mro__):
                return tell(self, value)
        if isinstance(value, _TEXTUAL):
            return kind.__name__, repr(value)
        return self._object(value)

    def _class(self, cls: type) -> Told:
        if not _is_users(cls.__module__):
            return "class", cls.__module__, cls.__qualname__
        self._met.add(id(cls))
        if id(cls) not in self.classes:
            self.classes[id(cls)] = (cls.__name__, None)  # a class that holds itself is told once
            own = sorted((name, item) for name, item in vars(cls).items() if name not in _CLASS_NOISE
                         if not isinstance(item, types.GetSetDescriptorType | types.MemberDescriptorType))
            stack, self._stack, outer = self._stack, {}, self._round  # told alike from wherever it is reached
            told = tuple((name, self.of(item)) for name, item in own)
            self.classes[id(cls)] = (cls.__name__, ("class", cls.__module__, cls.__qualname__, self.all(cls.__bases__), told))
            self._stack, self._round = stack, outer
        return "class of the notebook", id(cls)

    def _module(self, module: types.ModuleType) -> Told:
        path = getattr(module, "__file__", None) or ""
        if module.__name__ == "__main__" or "site-packages" in path or not path or not _is_users(module.__name__):
            return "module", module.__name__
        own = sorted((name, item) for name, item in vars(module).items() if not name.startswith("__"))
        return "module", module.__name__, tuple((name, self.of(item)) for name, item in own)

    def _function(self, function: types.FunctionType) -> Told:
        code = self.of(function.__code__) if _is_users(function.__module__ or "") else function.__qualname__
        return ("function", function.__name__, code, self.of(function.__defaults__), self.of(function.__kwdefaults__),
                self.all(function.__closure__ or ()), self.mapping(sorted(vars(function).items())))

    def _waiting(self, value: object) -> Told:
        frame = next((getattr(value, name) for name in ("gi_frame", "cr_frame", "ag_frame") if hasattr(value, name)), None)
        if frame is None:
            return type(value).__name__, "ended"
        return type(value).__name__, frame.f_code.co_name, frame.f_lasti, self.mapping(sorted(dict(frame.f_locals).items()))

    def _object(self, value: object) -> Told:
        kind = type(value)
        parts: list[Told] = [kind.__module__, kind.__qualname__]
        if _is_users(kind.__module__):
            parts.append(self._class(kind))
        if isinstance(value, dict):
            ordered = isinstance(value, collections.OrderedDict)  # it keeps an order of its own
            parts.append(self.mapping((collections.OrderedDict if ordered else dict).items(value)))
            parts.append(self.of(value.default_factory) if isinstance(value, collections.defaultdict) else None)
        elif isinstance(value, list | tuple):
            parts.append(self.all((list if isinstance(value, list) else tuple).__iter__(value)))  # type: ignore[arg-type]
        elif isinstance(value, set | frozenset):
            parts.append(tuple(sorted(map(repr, map(self.of, value)))))
        elif isinstance(value, collections.deque):
            parts += [value.maxlen, self.all(value)]
        elif isinstance(value, bytearray | memoryview | array.array):
            parts.append(_bytes(value))
        elif isinstance(value, functools.partial):
            parts.append((self.of(value.func), self.all(value.args), self.mapping(value.keywords.items())))
        elif isinstance(value, property):
            parts.append(self.all((value.fget, value.fset, value.fdel)))
        elif isinstance(value, staticmethod | classmethod):
            parts.append(self.of(value.__func__))
        elif isinstance(value, functools._lru_cache_wrapper):
            cached = [self.of(part) for part in gc.get_referents(value) if part is not value.__wrapped__]
            parts += [self.of(value.__wrapped__), sorted(map(repr, cached)).__repr__()]  # hits and misses are no content
        elif isinstance(value, random.Random):
            parts.append(repr(value.getstate()))
        elif isinstance(value, io.StringIO | io.BytesIO):
            parts.append("closed" if value.closed else (repr(value.getvalue()), value.tell()))
        elif isinstance(value, io.IOBase):
            parts.append(value.closed)
        elif isinstance(value, contextvars.ContextVar):
            parts.append(self.of(value.get(None)))
        elif isinstance(value, types.MappingProxyType):
            parts.append(self.mapping(value.items()))
        elif isinstance(value, weakref.finalize):
            called = value.peek()
            parts.append(None if called is None else self.all(called[1:]))
        elif isinstance(value, weakref.ref):
            parts.append(self.of(value()))
        elif isinstance(value, decimal.Context):
            parts.append(_settings(value))
        elif isinstance(value, ctypes.Array | ctypes.Structure | ctypes._SimpleCData):
            parts.append(bytes(value))
        elif isinstance(value, queue.SimpleQueue):
            parts.append(value.qsize())
        elif isinstance(value, types.SimpleNamespace):
            parts.append(self.mapping(sorted(vars(value).items())))
        elif kind.__module__ in _ITERATORS and not isinstance(value, collections.abc.Mapping):
            parts.append(self._reduced(value))
        elif kind in {weakref.ProxyType, weakref.CallableProxyType}:
            with contextlib.suppress(ReferenceError, AttributeError):
                return "proxy", self.of(value.__dict__)  # type: ignore[attr-defined]
            return "proxy",
        parts.append(self._attributes(value))
        return tuple(parts)

    def _reduced(self, value: object) -> Told:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                reduced = value.__reduce__()
                # the third part of an exception's is its `__dict__`, told apart: an empty one comes whenever somebody asks for it
                return self.of(reduced[:2] if isinstance(value, BaseException) else reduced)
            except Exception:
                return "?"

    def _attributes(self, value: object) -> Told:
        kind = type(value)
        own: dict[str, object] = {}
        for base in kind.__mro__:
            getter = vars(base).get("__dict__")
            if isinstance(getter, types.GetSetDescriptorType):
                own.update(getter.__get__(value))
                break
        for base in kind.__mro__:
            for name, item in vars(base).items():
                if isinstance(item, types.MemberDescriptorType) and (_is_users(base.__module__) or "__slots__" in vars(base)):
                    with contextlib.suppress(AttributeError):
                        own[name] = item.__get__(value)
        if isinstance(value, threading.Thread):
            return value.is_alive(), value.ident is None
        return tuple((name, self.of(own[name])) for name in sorted(own, key=str) if "lock" not in str(name))


def _is_users(module: str) -> bool:
    if module in {"__main__", "conf", "live"}:
        return True
    path = getattr(sys.modules.get(module), "__file__", None) or ""
    return bool(path) and str(pathlib.Path(path).parent) == str(pathlib.Path.cwd())


def _settings(context: decimal.Context) -> Told:
    """What a decimal context does; not its flags, which every computation raises."""
    return repr((context.prec, context.rounding, context.Emin, context.Emax, context.capitals, context.clamp, dict(context.traps)))


def _bytes(value: object) -> Told:
    try:
        return bytes(memoryview(value)) if not isinstance(value, array.array) else (value.typecode, value.tobytes())  # type: ignore[arg-type]
    except (ValueError, BufferError, TypeError):
        return "released"


def _numpy(teller: _Teller, value: object) -> Told:
    if isinstance(value, np.random.Generator | np.random.RandomState | np.random.BitGenerator):
        bits = value if isinstance(value, np.random.BitGenerator) else value._bit_generator  # type: ignore[union-attr]
        seeds = getattr(bits.seed_seq, "n_children_spawned", None) if hasattr(bits, "seed_seq") else None
        return type(value).__name__, _numpy_state(value.get_state(legacy=False)) if isinstance(value, np.random.RandomState) else repr(
            bits.state), seeds
    if isinstance(value, np.ma.MaskedArray):
        mask = np.ma.getmaskarray(value)
        shown = value.data if value.dtype.hasobject or value.dtype.fields else np.where(mask, np.zeros((), value.dtype), value.data)
        return "masked", _array(teller, shown), _array(teller, mask)  # what lies under the mask is no content
    if isinstance(value, np.ndarray):
        return _array(teller, value)
    if isinstance(value, np.generic | np.dtype):
        return type(value).__name__, repr(value)
    if isinstance(value, np.flatiter):
        return "flat", value.index, teller.of(value.base)
    if isinstance(value, np.ufunc):
        return "ufunc", value.__name__
    return teller._object(value)


def _numpy_state(state: object) -> Told:
    """Without `repr`, which takes ten milliseconds of six hundred numbers."""
    parts = cast("dict[str, object]", state)
    inner = cast("dict[str, object]", parts["state"])
    told = [(name, item.tobytes() if isinstance(item, np.ndarray) else repr(item)) for name, item in inner.items()]
    return tuple(told), *((name, repr(item)) for name, item in parts.items() if name != "state")


def _array(teller: _Teller, value: np.ndarray) -> Told:  # type: ignore[type-arg]
    kind = type(value).__name__, str(value.dtype), value.shape, value.flags.writeable
    if value.dtype.hasobject:
        return *kind, teller.of(value.tolist())
    return *kind, np.ascontiguousarray(value).tobytes()


def _pandas(teller: _Teller, value: object) -> Told:
    if isinstance(value, pd.DataFrame):
        columns = tuple(_pandas(teller, value.iloc[:, at]) for at in range(value.shape[1]))
        return "frame", columns, _pandas(teller, value.columns), _pandas(teller, value.index), teller.of(dict(value.attrs))
    if isinstance(value, pd.Series):
        held = value.array
        content = teller.of(value.tolist()) if str(value.dtype) in {"object", "category", "str", "string"} else _values(held)
        return "series", str(value.dtype), repr(value.name), content, _pandas(teller, value.index), teller.of(dict(value.attrs))
    if isinstance(value, pd.Index):
        return "index", str(value.dtype), teller.of(list(value.names)), repr(value.tolist())
    if isinstance(value, pd.api.typing.DataFrameGroupBy | pd.api.typing.SeriesGroupBy):
        return "groupby", teller.of(value.obj), repr(value.keys)  # type: ignore[attr-defined]
    if isinstance(value, _TEXTUAL) or type(value).__module__.startswith("pandas._libs"):
        return type(value).__name__, repr(value)
    if isinstance(value, pd.api.extensions.ExtensionArray):
        return "extension", str(value.dtype), teller.of(list(value))
    return teller._object(value)


def _values(held: object) -> Told:
    found = np.asarray(held)
    return (str(found.dtype), found.tobytes()) if not found.dtype.hasobject else repr(found.tolist())


def _scipy(teller: _Teller, value: object) -> Told:
    if hasattr(value, "tocoo"):
        parts = {name: getattr(value, name) for name in ("data", "indices", "indptr", "row", "col", "offsets", "rows")
                 if isinstance(getattr(value, name, None), np.ndarray)}
        keyed = sorted(map(repr, value.items())) if type(value).__name__.startswith("dok") else ()  # type: ignore[attr-defined]
        return type(value).__name__, value.shape, teller.of(parts), tuple(keyed)  # type: ignore[attr-defined]
    return teller._object(value)


def _sklearn(teller: _Teller, value: object) -> Told:
    if type(value).__name__ in {"Tree", "RandomState"} or "__dict__" not in dir(value):
        state = getattr(value, "__getstate__", lambda: None)()
        return type(value).__name__, teller.of(state if isinstance(state, dict) else None)
    return type(value).__name__, tuple((name, teller.of(item)) for name, item in sorted(vars(value).items()) if "time" not in name)


def _polars(teller: _Teller, value: object) -> Told:
    name = type(value).__name__
    if name == "DataFrame":
        return "polars", str(value.columns), str(value.dtypes), teller.of(value.rows())  # type: ignore[attr-defined]
    if name == "Series":
        return "polars series", str(value.dtype), value.name, teller.of(value.to_list())  # type: ignore[attr-defined]
    return "polars", name


def _arrow(teller: _Teller, value: object) -> Told:
    if type(value).__name__ == "Buffer":
        return "arrow buffer", value.to_pybytes()  # type: ignore[attr-defined]
    told = value.to_pylist() if hasattr(value, "to_pylist") else None
    return "arrow", type(value).__name__, str(getattr(value, "type", "")), teller.of(told), str(getattr(value, "schema", ""))


def _torch(teller: _Teller, value: object) -> Told:
    torch = sys.modules["torch"]
    if isinstance(value, torch.Tensor):
        grad = None if not value.is_leaf or value.grad is None else teller.of(value.grad.detach().cpu().numpy())
        return type(value).__name__, str(value.dtype), tuple(value.shape), value.detach().cpu().numpy().tobytes(), grad, value.requires_grad
    if isinstance(value, torch.nn.Module):
        modes = [module.training for module in value.modules()]
        return type(value).__name__, str(modes), teller.of(dict(value.state_dict())), teller.all(value.parameters())
    if isinstance(value, torch.Generator):
        return "torch generator", value.get_state().numpy().tobytes()
    if isinstance(value, torch.optim.Optimizer):
        held = [parameter for group in value.param_groups for parameter in group["params"]]
        return type(value).__name__, teller.of(value.state_dict()), teller.of(held)
    return teller._object(value) if "__dict__" in dir(value) else ("torch", type(value).__name__)


def _matplotlib(teller: _Teller, value: object) -> Told:
    name = type(value).__name__
    if hasattr(value, "axes") and hasattr(value, "savefig"):
        return "figure", teller.all(value.axes), [text.get_text() for text in value.texts].__repr__()
    if hasattr(value, "get_xdata"):
        return "line", repr(list(value.get_xdata())), repr(list(value.get_ydata())), value.get_lw(), repr(value.get_color())
    if hasattr(value, "get_title"):
        return "axes", value.get_title(), value.get_xlabel(), teller.all(value.lines), len(value.patches), len(value.collections)
    return "matplotlib", name


_LIBRARIES = {"numpy": _numpy, "pandas": _pandas, "scipy": _scipy, "sklearn": _sklearn, "polars": _polars, "pyarrow": _arrow,
              "torch": _torch, "matplotlib": _matplotlib}


def _hidden(teller: _Teller, namespace: dict[str, object]) -> dict[str, Told]:
    """State that no name of the namespace holds."""
    found: dict[str, Told] = {
        "$rng python": hash(random.getstate()), "$rng numpy": _numpy_state(np.random.get_state(legacy=False)),
        "$env os": (tuple(sorted(os.environ.items())), str(pathlib.Path.cwd()), tuple(sys.path)),
        "$env pandas": tuple(repr(pd.get_option(name)) for name in _OPTIONS[:2]),
        "$env numpy": (repr(np.get_printoptions()), repr(np.geterr())),
        "$env decimal": _settings(decimal.getcontext()),
        "$env warnings": repr([entry[:3] for entry in warnings.filters]),
        "$env builtins": tuple(sorted(name for name in vars(builtins) if name not in {"_", "__IPYTHON__"})),
        "$env math": tuple(sorted((name, repr(item)) for name, item in vars(math).items() if isinstance(item, int | str | float))),
    }
    for name in ("conf", "live"):
        if name in sys.modules:
            found[f"$module {name}"] = teller.tell(sys.modules[name])[0]
    if "torch" in sys.modules and "torch" in namespace:
        found["$rng torch"] = sys.modules["torch"].get_rng_state().numpy().tobytes()
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        figures = sys.modules["matplotlib._pylab_helpers"].Gcf.figs
        found["$pyplot"] = tuple((number, teller.of(manager.canvas.figure)) for number, manager in figures.items())
        params = dict.items(sys.modules["matplotlib"].rcParams)
        found["$env matplotlib"] = tuple((key, repr(item)) for key, item in params if key in {"lines.linewidth", "figure.dpi"})
    return found
