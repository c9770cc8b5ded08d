"""torch tensors by dtype, shape and values; modules, optimizers and schedulers by their attributes. Nothing is moved or changed.

The values of a tensor in the machine's own memory are read where they lie. What is on another device is not brought here: it has
no digest. Whether a tensor takes part in gradients, and the gradient it has so far, are content: the next `step` depends on them.
"""

from __future__ import annotations

import ctypes

import numpy as np
import torch

from mlops_jupyter.fingerprint.tree import LEAF_ROWS, column_found, fixed_leaves
from mlops_jupyter.fingerprint.types import instances
from mlops_jupyter.fingerprint.types.columns import Array, plain_column
from mlops_jupyter.fingerprint.types.instances import attribute_digests, attributes
from mlops_jupyter.fingerprint.walk import Entry, Found, Trace, Walk, combine, dict_of, leaf, mro_of, name_of

_DTYPES = {
    torch.bool: "?", torch.uint8: "u1", torch.int8: "i1", torch.int16: "i2", torch.int32: "i4", torch.int64: "i8",
    torch.float16: "f2", torch.float32: "f4", torch.float64: "f8",
}  # fmt: skip
_NODES = 2_000
"""Most steps of a graph that are looked through for its leaves."""
_PARTS = {
    torch.sparse_coo: ("_indices", "_values"),
    torch.sparse_csr: ("crow_indices", "col_indices", "values"),
    torch.sparse_csc: ("ccol_indices", "row_indices", "values"),
}
_Tensor = torch._C.TensorBase if hasattr(torch._C, "TensorBase") else torch._C._TensorBase


def _tensor(value: object, walk: Walk) -> Found:
    tensor: torch.Tensor = value  # type: ignore[assignment]
    shape, size = tuple(tensor.shape), tensor.numel() * tensor.element_size()
    device = tensor.device.type
    parts = [leaf(b"held", f"{name_of(type(value))} {tensor.dtype} {tensor.requires_grad} {tensor.layout}".encode())]
    if tensor.requires_grad and tensor.is_leaf:
        parts.append(walk.digest(tensor.grad))
    plain = _Tensor.detach(tensor)
    if device == "meta":
        return Found("array", combine(b"meta tensor", [*parts, walk.digest(shape)]), shape, size)
    if device != "cpu" or tensor.is_quantized or (tensor.layout is not torch.strided and tensor.layout not in _PARTS):
        return Found("array", None, shape, size)
    if tensor.layout in _PARTS:
        parts += [walk.digest(getattr(plain, name)()) for name in _PARTS[tensor.layout]]
        return Found("array", combine(b"sparse tensor", [*parts, walk.digest(shape)]), shape, size)
    plain = plain.resolve_conj().resolve_neg().contiguous()
    found = _values(plain, size, walk)
    return found._replace(digest=combine(b"tensor", [found.digest or b"", *parts]))


def _values(tensor: torch.Tensor, size: int, walk: Walk) -> Found:
    """Of a contiguous tensor in this machine's memory, which must live until this returns."""
    shape = tuple(tensor.shape)
    memory = memoryview((ctypes.c_ubyte * size).from_address(tensor.data_ptr()) if size else b"").cast("B")
    dtype = _DTYPES.get(tensor.dtype)
    if dtype is not None and len(shape) == 1:
        values: Array = np.frombuffer(memory, dtype) if size else np.zeros(0, dtype)
        with np.errstate(all="ignore"):
            return column_found("array", plain_column(values, walk), size)
    rows = shape[0] if shape else 1
    step = max(1, LEAF_ROWS // max(tensor.numel() // max(rows, 1), 1))
    leaves = fixed_leaves(memory, rows, walk, step)
    tag = f"{tensor.dtype} {','.join(map(str, shape))}".encode()
    return Found("array", leaf(b"values " + tag, b"".join(leaves)), shape, size, None, None, None, [leaves], step)


def _module(value: object, walk: Walk) -> Found:
    before = walk.covered
    parts = [leaf(b"class", name_of(type(value)).encode()), *attribute_digests(value, walk)]
    return Found("model", combine(b"module", parts), None, walk.covered - before)


def _generator(value: object, walk: Walk) -> Found:
    generator: torch.Generator = value  # type: ignore[assignment]
    if generator.device.type != "cpu":
        return Found("instance")
    return Found("instance", combine(b"torch.Generator", [walk.digest(generator.get_state())]))


def _text(value: object, walk: Walk) -> Found:
    return Found("scalar", leaf(name_of(type(value)).encode(), str(value).encode()))


def _part(value: object, walk: Walk) -> Found:
    """An object of a Python class of torch's own: optimizers, schedulers, data sets and loaders."""
    parts = [leaf(b"class", name_of(type(value)).encode()), *attribute_digests(value, walk)]
    return Found("instance", combine(b"part", parts))


def _reach_tensor(value: object, trace: Trace) -> None:
    """The memory of the whole storage: a view of it shares what is written anywhere."""
    tensor: torch.Tensor = value  # type: ignore[assignment]
    trace.hold(value)
    if tensor.layout is torch.strided:
        storage = tensor.untyped_storage()
        trace.span(storage.data_ptr(), storage.data_ptr() + storage.nbytes())
    if tensor._is_view():
        trace.follow((tensor._base,))  # whose gradients are this one's, even where its data was replaced
    if tensor.requires_grad and tensor.is_leaf and tensor.grad is not None:
        trace.follow((tensor.grad,))
    if tensor.requires_grad and not tensor.is_leaf:
        trace.follow(_filled_by_backward(tensor, trace))


def _filled_by_backward(tensor: torch.Tensor, trace: Trace) -> list[object]:
    """The leaves of the graph that made the tensor: `backward` puts their gradients there."""
    found: list[object] = []
    seen: set[object] = set()
    waiting = [tensor.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        if len(seen) >= _NODES:
            trace.complete = False
            break
        seen.add(node)
        found.append(getattr(node, "variable", None))
        waiting += [following for following, _ in node.next_functions]
    return found


def _reach(value: object, trace: Trace) -> None:
    trace.hold(value)
    trace.follow(attributes(value).values())


def _hold(value: object, trace: Trace) -> None:
    trace.hold(value)


def entries() -> list[Entry]:
    """The table's rows for torch. Other subclasses of tensors are left out: they may run code of their own."""
    return [
        Entry(torch.Tensor, _tensor, _reach_tensor),
        Entry(torch.nn.Parameter, _tensor, _reach_tensor),
        Entry(torch.nn.Module, _module, _reach, subclasses=True),
        Entry(torch.optim.Optimizer, _part, _reach, subclasses=True),
        Entry(torch.Generator, _generator, _hold),
        Entry(torch.dtype, _text),
        Entry(torch.device, _text),
        Entry(torch.layout, _text),
        Entry(torch.memory_format, _text),
    ]


def entry_for_unknown(cls: type) -> Entry:
    """Any other class defined inside torch; those that iterate are iterators."""
    if any("__next__" in dict_of(base) for base in mro_of(cls)):
        return instances.entry_for_unknown(cls)
    return Entry(cls, _part, _reach)
