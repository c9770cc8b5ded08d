"""Code: functions, methods, partials, classes, modules. Identity is what the code does, not where it stands.

A function is its bytecode, constants and names, recursively, with defaults and closure cells; file name and line numbers are
left out, so that a comment added above changes nothing. The globals a function reads are names of the notebook and have
versions of their own. A class is its own functions and plain attributes with its bases by name; a module of the user's is the
digest of its file, any other module its name.
"""

from __future__ import annotations

import enum
import functools
import gc
import sys
import types

from mlops_jupyter.fingerprint.files import fingerprint_file
from mlops_jupyter.fingerprint.types.instances import attributes, is_local_file, is_local_module, module_dict
from mlops_jupyter.fingerprint.walk import Entry, Found, Trace, Walk, combine, dict_of, exactly, leaf, module_of, name_of

_INTERNAL = frozenset({
    "__dict__", "__weakref__", "__doc__", "__module__", "__qualname__", "__firstlineno__", "__static_attributes__",
    "__annotations__", "__annotate__", "__annotate_func__", "__annotations_cache__", "__dataclass_fields__",
    "__dataclass_params__", "_abc_impl", "__abstractmethods__", "__parameters__", "__orig_bases__", "__classcell__",
    "__classdictcell__", "__type_params__", "__slotnames__",
})  # fmt: skip
_NO_CONTENT = exactly(type, object)
_SLOTS = exactly(types.GetSetDescriptorType, types.MemberDescriptorType)


def _code(value: object, walk: Walk) -> Found:
    code: types.CodeType = value  # type: ignore[assignment]
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    names = (code.co_name, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    table = getattr(code, "co_exceptiontable", b"")
    parts = walk.digests((code.co_code, table, counts, names)) + walk.digests(code.co_consts)
    return Found("function", combine(b"code", parts))


def _cell(value: object, walk: Walk) -> Found:
    cell: types.CellType = value  # type: ignore[assignment]
    try:
        content = cell.cell_contents
    except ValueError:
        return Found("container", leaf(b"cell", b"empty"))
    return Found("container", combine(b"cell", [walk.digest(content)]))


def _function(value: object, walk: Walk) -> Found:
    function: types.FunctionType = value  # type: ignore[assignment]
    own = function.__dict__
    names = sorted(name for name in own if type(name) is str)
    parts = [
        walk.digest(function.__code__), walk.digest(function.__defaults__), walk.digest(function.__kwdefaults__),
        walk.digest(function.__closure__),
    ]  # fmt: skip
    parts += [walk.digest(part) for name in names for part in (name, own[name])]
    return Found("function", combine(b"function", parts))


def _builtin(value: object, walk: Walk) -> Found:
    function: types.BuiltinFunctionType = value  # type: ignore[assignment]
    owner = function.__self__
    free = owner is None or type(owner) is types.ModuleType or _is_global_generator(owner)
    holder = leaf(b"free", b"") if free else walk.digest(owner)
    module = function.__module__ if type(function.__module__) is str else ""
    return Found("function", combine(b"builtin", [leaf(b"name", f"{module}.{function.__qualname__}".encode()), holder]))


def _is_global_generator(owner: object) -> bool:
    """True for the generator behind `random.random` and `np.random.rand`: its state is no part of the function."""
    places = (("random", "_inst"), ("numpy.random.mtrand", "_rand"))
    return any(owner is getattr(sys.modules.get(module), name, None) for module, name in places)


def _descriptor(value: object, walk: Walk) -> Found:
    name, owner = value.__name__, value.__objclass__  # type: ignore[attr-defined]
    return Found("function", leaf(b"descriptor", f"{name_of(owner)}.{name}".encode()))


def _wrapper(value: object, walk: Walk) -> Found:
    name, owner = value.__name__, value.__self__  # type: ignore[attr-defined]
    return Found("function", combine(b"wrapper", [leaf(b"name", name.encode()), walk.digest(owner)]))


def _method(value: object, walk: Walk) -> Found:
    method: types.MethodType = value  # type: ignore[assignment]
    owner = leaf(b"free", b"") if _is_global_generator(method.__self__) else walk.digest(method.__self__)
    return Found("function", combine(b"method", [walk.digest(method.__func__), owner]))


def _partial(value: object, walk: Walk) -> Found:
    partial: functools.partial[object] = value  # type: ignore[assignment]
    return Found("function", combine(b"partial", walk.digests((partial.func, partial.args, partial.keywords, partial.__dict__))))


def _cached(value: object, walk: Walk) -> Found:
    """The function and what its cache holds: the next call may return one of these objects, and run nothing."""
    wrapped = value.__wrapped__  # type: ignore[attr-defined]
    cached = [walk.digest(part) for part in _in_cache(value)]
    return Found("function", combine(b"lru_cache", [walk.digest(wrapped), *sorted(cached)]))


def _in_cache(value: object) -> list[object]:
    """Keys and results of an `lru_cache`, in the order in which the garbage collector finds them."""
    wrapped = value.__wrapped__  # type: ignore[attr-defined]
    parts = [part for part in gc.get_referents(value) if part is not wrapped and id(type(part)) not in _NO_CONTENT]
    own = value.__dict__
    bounded = [part for part in parts if type(part) is not dict]
    unbounded = [part for part in parts if type(part) is dict and part is not own]
    return [*bounded, *(part for held in unbounded for part in held.values() if type(part).__name__ != "_lru_list_elem")]


def _property(value: object, walk: Walk) -> Found:
    prop: property = value  # type: ignore[assignment]
    return Found("function", combine(b"property", walk.digests((prop.fget, prop.fset, prop.fdel))))


def _bound(value: object, walk: Walk) -> Found:
    wrapped: staticmethod[..., object] = value  # type: ignore[assignment]
    return Found("function", combine(name_of(type(value)).encode(), [walk.digest(wrapped.__func__)]))


def _cached_property(value: object, walk: Walk) -> Found:
    return Found("function", combine(b"cached_property", [walk.digest(attributes(value).get("func"))]))


def _class(value: object, walk: Walk) -> Found:
    cls: type = value  # type: ignore[assignment]
    name = leaf(b"class", name_of(cls).encode())
    if not is_local_module(module_of(cls)):
        return Found("class", name)
    bases = [leaf(b"base", name_of(base).encode()) for base in type.__dict__["__bases__"].__get__(cls)]
    own = dict(dict_of(cls))
    if type(cls) is enum.EnumType:
        members = {"_member_map_": own.get("_member_map_")}
        own = members | {key: item for key, item in own.items() if type(item) is types.FunctionType}
    parts = [name, *bases]
    declared = own.get("__annotations__")
    if type(declared) is dict:
        parts += walk.digests(list(declared))
    for key in sorted(key for key in own if key not in _INTERNAL):
        if id(type(own[key])) not in _SLOTS:
            parts += [leaf(b"name", key.encode()), walk.digest(own[key])]
    return Found("class", combine(b"class", parts))


def _module(value: object, walk: Walk) -> Found:
    own = module_dict(value)
    name, path = own.get("__name__"), own.get("__file__")
    label = leaf(b"module", name.encode() if type(name) is str else b"")
    if type(path) is str and is_local_file(path):
        content = fingerprint_file(path).digest
        if content is not None:
            return Found("module", combine(b"local module", [label, leaf(b"file", content.encode())]))
    return Found("module", label)


def _reach_module(value: object, trace: Trace) -> None:
    """Whoever holds a module of the user's sees what is set in it. What it holds is followed by its own name."""
    path = module_dict(value).get("__file__")
    if type(path) is str and is_local_file(path):
        trace.hold(value)


def _reach_partial(value: object, trace: Trace) -> None:
    partial: functools.partial[object] = value  # type: ignore[assignment]
    trace.follow((partial.func, partial.args, partial.keywords))


def _reach_method(value: object, trace: Trace) -> None:
    trace.follow((value.__self__, value.__func__))  # type: ignore[attr-defined]


def _reach_wrapped(value: object, trace: Trace) -> None:
    """A cache holds what it returned, and its function what that holds."""
    trace.hold(value)
    trace.follow((value.__wrapped__, *_in_cache(value)))  # type: ignore[attr-defined]


def _reach_class(value: object, trace: Trace) -> None:
    """A class of the user's is a mutable object like any other: counters and registries live there."""
    cls: type = value  # type: ignore[assignment]
    if is_local_module(module_of(cls)):
        trace.hold(value)
        trace.follow(dict_of(cls).values())
        trace.follow(type.__dict__["__bases__"].__get__(cls))


def _reach_builtin(value: object, trace: Trace) -> None:
    """`rows.append` kept under a name: whoever calls it changes `rows`."""
    owner = value.__self__  # type: ignore[attr-defined]
    if owner is not None and type(owner) is not types.ModuleType:
        trace.follow((owner,))


def _reach_function(value: object, trace: Trace) -> None:
    """What a closure or a default holds can be changed by calling; the function itself is code."""
    function: types.FunctionType = value  # type: ignore[assignment]
    if type(function.__module__) is str and is_local_module(function.__module__):
        trace.hold(function)  # its code can be replaced, by autoreload or by hand
    trace.follow(function.__defaults__ or ())
    trace.follow((function.__kwdefaults__ or {}).values())
    trace.follow(function.__dict__.values())
    for cell in function.__closure__ or ():
        try:
            trace.follow((cell.cell_contents,))
        except ValueError:
            continue  # an empty cell


def entries() -> list[Entry]:
    """The table's rows for code. `type` covers metaclasses: a class is never read as an instance of its metaclass."""
    return [
        Entry(types.CodeType, _code),
        Entry(types.CellType, _cell),
        Entry(types.FunctionType, _function, _reach_function),
        Entry(types.BuiltinFunctionType, _builtin, _reach_builtin),
        Entry(types.MethodDescriptorType, _descriptor),
        Entry(types.WrapperDescriptorType, _descriptor),
        Entry(types.ClassMethodDescriptorType, _descriptor),
        Entry(types.MethodWrapperType, _wrapper, _reach_builtin),
        Entry(types.MethodType, _method, _reach_method),
        Entry(functools.partial, _partial, _reach_partial),
        Entry(type(functools.lru_cache(_code)), _cached, _reach_wrapped),
        Entry(property, _property),
        Entry(staticmethod, _bound),
        Entry(classmethod, _bound),
        Entry(functools.cached_property, _cached_property),
        Entry(type, _class, _reach_class, subclasses=True),
        Entry(types.ModuleType, _module, _reach_module, subclasses=True),
    ]
