"""Objects of the user's own classes, read by their true attributes: no `__getattribute__`, property or `__repr__` runs.

The instance dictionary is taken through the getset descriptor that CPython put into the class that introduced it, slots
through their member descriptors. A class whose instances are larger than dictionary and slots explain (a C base class) hides
state; such an object is counted as only partly known.
"""

from __future__ import annotations

import enum
import gc
import sys
import sysconfig
import types
from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path

from mlops_jupyter.fingerprint.walk import Entry, Found, Trace, Walk, combine, dict_of, exactly, leaf, module_of, mro_of, name_of

_WORD = 8
_basicsize = type.__dict__["__basicsize__"].__get__
_itemsize = type.__dict__["__itemsize__"].__get__
_dictoffset = type.__dict__["__dictoffset__"].__get__
_weakrefoffset = type.__dict__["__weakrefoffset__"].__get__
module_dict: Callable[[object], dict[str, object]] = dict_of(types.ModuleType)["__dict__"].__get__  # type: ignore[attr-defined]


@cache
def _installed_folders() -> tuple[str, ...]:
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    return tuple({str(Path(sysconfig.get_path(name)).resolve()) for name in names})


@lru_cache(maxsize=8192)
def is_local_file(path: str) -> bool:
    """True for a file that is the user's own: neither installed nor of the standard library nor ours."""
    if not path or path.startswith("<frozen") or "site-packages" in path or "dist-packages" in path:
        return False
    if path.startswith(str(Path(__file__).parents[2])):
        return False
    return not str(Path(path).absolute()).startswith(_installed_folders())


def is_local_module(name: str) -> bool:
    """True for `__main__` and modules whose file is the user's own. Without a file, only what no import brought counts."""
    if name == "__main__":
        return True
    module = sys.modules.get(name)
    if module is None:
        return name not in sys.builtin_module_names
    attributes = module_dict(module) if types.ModuleType in type(module).__mro__ else {}
    path = attributes.get("__file__")
    return type(path) is str and is_local_file(path)


def _slots(cls: type) -> list[types.MemberDescriptorType]:
    found = []
    for base in mro_of(cls):
        if "__slots__" in dict_of(base):
            found += [item for item in dict_of(base).values() if type(item) is types.MemberDescriptorType]
    return found


def attributes(value: object) -> dict[str, object]:
    """The true instance attributes, slots included, without running code of the class."""
    cls = type(value)
    found: dict[str, object] = {}
    for base in mro_of(cls):
        getter = dict_of(base).get("__dict__")
        if type(getter) is types.GetSetDescriptorType:
            found.update(getter.__get__(value, cls))
            break
    for slot in _slots(cls):
        try:
            found[slot.__name__] = slot.__get__(value, cls)
        except AttributeError:
            continue  # declared, not set
    return found


def hides_state(cls: type, base: type = object) -> bool:
    """True if instances carry more than their dictionary, slots and `base`, or hide the dictionary behind a property."""
    expected = _basicsize(base) + _WORD * len(_slots(cls))
    expected += _WORD * (_dictoffset(cls) > 0 and not _dictoffset(base))
    expected += _WORD * (_weakrefoffset(cls) > 0 and not _weakrefoffset(base))
    if _basicsize(cls) > expected or (_itemsize(cls) and not _itemsize(base)):
        return True
    has_getter = any(type(dict_of(each).get("__dict__")) is types.GetSetDescriptorType for each in mro_of(cls))
    return bool(_dictoffset(cls)) and not has_getter


def attribute_digests(value: object, walk: Walk, base: type = object, skip: frozenset[str] = frozenset()) -> list[bytes]:
    """Digests of the attributes, by name. The order in which they were set does not count."""
    if hides_state(type(value), base):
        walk.miss()
    own = attributes(value)
    names = sorted(name for name in own if type(name) is str and name not in skip)
    return [part for name in names for part in (leaf(b"name", name.encode("utf-8", "surrogatepass")), walk.digest(own[name]))]


def instance(value: object, walk: Walk) -> Found:
    """An object of a user's class: the class by name, then its attributes."""
    parts = [leaf(b"class", name_of(type(value)).encode()), *attribute_digests(value, walk)]
    return Found("instance", combine(b"instance", parts))


def reach_instance(value: object, trace: Trace) -> None:
    """The object can be changed in place, and so can what its attributes hold."""
    trace.hold(value)
    trace.follow((type(value),))
    trace.follow(attributes(value).values())


def member(value: object, walk: Walk) -> Found:
    """An enum member: class, name and value."""
    own = attributes(value)
    parts = [leaf(b"class", name_of(type(value)).encode()), walk.digest(own.get("_name_")), walk.digest(own.get("_value_"))]
    return Found("scalar", combine(b"member", parts))


_FIGURES = frozenset({"matplotlib", "mpl_toolkits", "plotly", "altair", "seaborn", "bokeh", "plotnine"})
_LAZY = frozenset({"dask", "pyspark", "ibis", "distributed", "duckdb", "_duckdb"})


def opaque(value: object, walk: Walk) -> Found:
    """A value that no reader knows. One that could have attributes and has none, a library's `MISSING`, is known by its class."""
    cls = type(value)
    if _dictoffset(cls) and not hides_state(cls) and not attributes(value):
        return Found("instance", leaf(b"bare", name_of(cls).encode()))
    return Found("opaque")


def _iterator(value: object, walk: Walk) -> Found:
    return Found("iterator")


def _figure(value: object, walk: Walk) -> Found:
    return Found("figure")


def _lazy(value: object, walk: Walk) -> Found:
    return Found("lazy")


_CODE = exactly(type, types.ModuleType, types.CodeType, types.TracebackType, types.FrameType)
"""What leads from a value to code, or from an exception to all that its frames hold: nobody changes that through the value."""
def reach_referents(value: object, trace: Trace) -> None:
    """What an object of an unknown class holds, as the garbage collector sees it: none of its own code runs."""
    trace.hold(value)
    trace.follow(part for part in gc.get_referents(value) if id(type(part)) not in _CODE)


def _reach_generator(value: object, trace: Trace) -> None:
    """A generator that waits holds its arguments and variables, and the one that it delegates to."""
    trace.hold(value)
    trace.follow(variables_of(value).values())


def variables_of(generator: object) -> dict[str, object]:
    """The local variables of a generator or coroutine that waits; {} once it has ended."""
    for frame_name in ("gi_frame", "cr_frame", "ag_frame"):
        frame = getattr(generator, frame_name, None)
        if frame is not None:
            return dict(frame.f_locals)
    return {}


def entry_for_unknown(cls: type) -> Entry:
    """What the table says of a class that nobody registered: a user's instance, an iterator, a figure, else opaque."""
    module = module_of(cls)
    root = module.partition(".")[0]
    if is_local_module(module):
        return Entry(cls, instance, reach_instance)
    if root in _FIGURES:
        return Entry(cls, _figure, reach_referents)
    if root in _LAZY:
        return Entry(cls, _lazy, reach_referents)
    if root in {"socket", "_socket", "sqlite3", "selectors"} or any("__next__" in dict_of(base) for base in mro_of(cls)):
        return Entry(cls, _iterator, reach_referents)
    return Entry(cls, opaque, reach_referents)


def entries() -> list[Entry]:
    """The table's rows for enumerations and generators."""
    waiting = (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)
    return [Entry(enum.Enum, member, None, subclasses=True), *(Entry(cls, _iterator, _reach_generator) for cls in waiting)]
