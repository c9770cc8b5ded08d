"""NumPy arrays, scalars, dtypes and random generators. Bytes are hashed where they lie, in logical (C) order, little-endian.

Memory layout is not content: a transposed or strided array has the digest of its contiguous copy, made leaf by leaf. A
structured array is read field by field, because the padding between fields holds whatever was in memory before.
"""

from __future__ import annotations

import io
import math

import numpy as np
from xxhash import xxh3_128_digest

from mlops_jupyter.entities.data import Column, Profile, Schema
from mlops_jupyter.fingerprint.tree import LEAF_ROWS, Hashed, chosen, column_found, fixed_leaves
from mlops_jupyter.fingerprint.types.columns import Array, content, plain_column
from mlops_jupyter.fingerprint.types.instances import attribute_digests, attributes
from mlops_jupyter.fingerprint.types.objects import object_column
from mlops_jupyter.fingerprint.types.statistics import Centers, number_profile
from mlops_jupyter.fingerprint.walk import UNKNOWN, Entry, Found, Trace, Walk, combine, leaf, name_of


def logical_type(dtype: np.dtype[np.generic]) -> bytes:
    """Name of a dtype that does not depend on the byte order of the machine or the array."""
    return dtype.newbyteorder("<").str.encode() if dtype.fields is None else repr(dtype.newbyteorder("<").descr).encode()


def leaf_step(shape: tuple[int, ...]) -> int:
    """Rows in each leaf of an array of more than one dimension: whole rows, about 64 Ki items."""
    per_row = math.prod(shape[1:])
    return max(1, LEAF_ROWS // max(per_row, 1))


def plain_leaves(values: Array, walk: Walk) -> list[bytes]:
    """Leaves of an array of fixed-size items without padding, in rows of its first axis."""
    rows, step = values.shape[0], leaf_step(values.shape)
    if values.flags.c_contiguous and values.dtype.isnative:
        return fixed_leaves(content(values), rows, walk, step)
    return [
        xxh3_128_digest(content(values[start:stop])) if take else UNKNOWN
        for start, stop, take in chosen(rows, values.nbytes, walk, step)
    ]


def array_digest(values: Array, walk: Walk) -> bytes:
    """Digest of any array: dtype, shape, content."""
    shape = ",".join(map(str, values.shape)).encode()
    if values.dtype.hasobject or values.dtype.kind == "T":
        items = np.ndarray.tolist(values.reshape(-1))
        return combine(b"object array:" + shape, walk.digests(items))
    if values.dtype.fields is not None:
        fields = [leaf(b"fields", repr(list(values.dtype.fields)).encode())]
        fields += [array_digest(values[name], walk) for name in values.dtype.fields]
        return combine(b"structured array:" + shape, fields)
    return _plain_digest(values, plain_leaves(values if values.ndim else values.reshape(1), walk))


def _plain_digest(values: Array, leaves: list[bytes]) -> bytes:
    shape = ",".join(map(str, values.shape)).encode()
    return leaf(b"array:" + logical_type(values.dtype) + b":" + shape, b"".join(leaves))


def vector_column(values: Array, walk: Walk) -> Hashed:
    """An array of one dimension as a column."""
    return object_column(values, walk) if values.dtype.hasobject else plain_column(values, walk)


def _array(value: object, walk: Walk) -> Found:
    values = np.ndarray.view(value, np.ndarray)  # type: ignore[call-overload]
    simple = values.dtype.fields is None and values.dtype.kind not in "TV"
    exact = type(value) is np.ndarray or type(value) is np.memmap
    if exact and values.ndim == 1 and simple:
        with np.errstate(all="ignore"):
            return column_found("array", vector_column(values, walk), values.nbytes)
    if exact and values.ndim and simple and not values.dtype.hasobject:
        leaves = plain_leaves(values, walk)
        return Found("array", _plain_digest(values, leaves), values.shape, values.nbytes, None, None, None, [leaves],
                     leaf_step(values.shape))
    digest = array_digest(values, walk)
    if not exact:
        parts = [leaf(b"class", name_of(type(value)).encode()), digest, *attribute_digests(value, walk, base=np.ndarray)]
        digest = combine(b"subclass", parts)
    return Found("array", digest, values.shape, values.nbytes)


def _masked(value: object, walk: Walk) -> Found:
    masked: np.ma.MaskedArray[tuple[int, ...], np.dtype[np.generic]] = value  # type: ignore[assignment]
    data = np.ndarray.view(masked, np.ndarray)
    mask = np.ma.getmaskarray(masked)
    if not data.dtype.hasobject and data.dtype.fields is None:
        data = np.where(mask, np.zeros((), data.dtype), data)  # what lies under the mask is not content
    return Found("array", combine(b"masked", [array_digest(data, walk), array_digest(mask, walk)]), data.shape, data.nbytes)


def _scalar(value: object, walk: Walk) -> Found:
    boxed = np.asarray(value)
    return Found("scalar", combine(b"numpy scalar", [array_digest(boxed, walk)]), None, boxed.nbytes)


def _dtype(value: object, walk: Walk) -> Found:
    return Found("scalar", leaf(b"dtype", repr(value).encode()))


def _ufunc(value: object, walk: Walk) -> Found:
    return Found("function", leaf(b"ufunc", value.__name__.encode()))  # type: ignore[attr-defined]


def _generator(value: object, walk: Walk) -> Found:
    generator: np.random.Generator = value  # type: ignore[assignment]
    return Found("instance", combine(b"Generator", [walk.digest(generator.bit_generator)]))


def _bits(value: object, walk: Walk) -> Found:
    spawned = getattr(getattr(value, "seed_seq", None), "n_children_spawned", None)
    parts = walk.digests((value.state, spawned if type(spawned) is int else None))  # type: ignore[attr-defined]
    return Found("instance", combine(name_of(type(value)).encode(), parts))


def _random_state(value: object, walk: Walk) -> Found:
    state: np.random.RandomState = value  # type: ignore[assignment]
    return Found("instance", combine(b"RandomState", [walk.digest(state.get_state(legacy=False))]))


def reach_array(value: object, trace: Trace) -> None:
    """The array's own memory, and through `base` whoever owns it."""
    values = np.ndarray.view(value, np.ndarray)  # type: ignore[call-overload]
    trace.hold(value)
    if values.size:
        trace.span(*np.lib.array_utils.byte_bounds(values))
    trace.follow(_owners(values))
    if getattr(value, "filename", None) is not None and np.memmap in type(value).__mro__:
        trace.share(str(value.filename))  # type: ignore[attr-defined]
    if values.dtype.hasobject:
        trace.follow(np.ndarray.tolist(values.reshape(-1)[:1_000]))
        trace.complete = trace.complete and values.size <= 1_000
    if type(value) is not np.ndarray:
        trace.follow(attributes(value).values())


def _owners(values: Array) -> list[object]:
    """What is no array and owns the memory of one: a bytearray, a buffer."""
    owner: object = values
    while isinstance(owner, np.ndarray):
        owner = owner.base
    return [] if owner is None or type(owner) is bytes else [owner]


def _reach_record(value: object, trace: Trace) -> None:
    """A row of a structured array is a view of it."""
    start, _ = value.__array_interface__["data"]  # type: ignore[attr-defined]
    trace.hold(value)
    trace.span(start, start + value.nbytes)  # type: ignore[attr-defined]


def _flat(value: object, walk: Walk) -> Found:
    return Found("iterator")


def _reach_flat(value: object, trace: Trace) -> None:
    trace.hold(value)
    trace.follow((value.base,))  # type: ignore[attr-defined]


def _reach_operands(value: object, trace: Trace) -> None:
    """The arrays that it walks through, and may write into, until it is closed."""
    trace.hold(value)
    try:
        trace.follow(np.nditer.operands.__get__(value))
    except ValueError:  # closed
        return


def _reach_generator(value: object, trace: Trace) -> None:
    trace.hold(value)
    bits = getattr(value, "bit_generator", None) or getattr(value, "_bit_generator", None)
    if bits is not None:
        trace.hold(bits)


def _scalar_types() -> list[type]:
    names = "bool_ int8 int16 int32 int64 uint8 uint16 uint32 uint64 longlong ulonglong float16 float32 float64 longdouble"
    more = "complex64 complex128 clongdouble datetime64 timedelta64 str_ bytes_ void"
    return list({id(getattr(np, name)): getattr(np, name) for name in f"{names} {more}".split()}.values())


def entries() -> list[Entry]:
    """The table's rows for NumPy."""
    bits = [np.random.PCG64, np.random.PCG64DXSM, np.random.MT19937, np.random.Philox, np.random.SFC64]
    return [
        Entry(np.ndarray, _array, reach_array, subclasses=True),
        Entry(np.ma.MaskedArray, _masked, reach_array),
        *(Entry(cls, _scalar, _reach_record if cls is np.void else None) for cls in _scalar_types()),
        Entry(np.flatiter, _flat, _reach_flat),
        Entry(np.nditer, _flat, _reach_operands),
        Entry(np.dtype, _dtype, None, subclasses=True),
        Entry(np.ufunc, _ufunc),
        Entry(type(np.mean), _ufunc),
        Entry(np.random.Generator, _generator, _reach_generator),
        *(Entry(cls, _bits, _reach_generator) for cls in bits),
        Entry(np.random.RandomState, _random_state, _reach_generator),
    ]


def schema(value: object) -> Schema | None:
    """One column for a vector, one for each column of a matrix."""
    if not isinstance(value, np.ndarray) or value.ndim not in {1, 2}:
        return None
    if value.dtype.names is not None:
        return Schema(tuple(Column(name, str(value.dtype[name]), False) for name in value.dtype.names))
    width = value.shape[1] if value.ndim == 2 else 1
    return Schema(tuple(Column(str(place), str(value.dtype), value.dtype.kind in "fcO") for place in range(width)))


def profile(value: object, centers: Centers) -> Profile | None:
    """Statistics of each column of a numeric array."""
    if not isinstance(value, np.ndarray) or value.ndim not in {1, 2} or value.dtype.kind not in "biuf":
        return None
    columns = value.T if value.ndim == 2 else value[np.newaxis]
    return Profile(len(value), tuple(number_profile(str(place), column, centers) for place, column in enumerate(columns)))


def head(value: object, rows: int) -> object:
    """The first rows, a view."""
    return value[:rows] if isinstance(value, np.ndarray) and value.ndim else None


def saved(value: object) -> tuple[bytes, str] | None:
    """An array without objects in it, as NumPy's own file."""
    if type(value) is not np.ndarray or value.dtype.hasobject:
        return None
    buffer = io.BytesIO()
    np.save(buffer, value, allow_pickle=False)
    return buffer.getvalue(), "npy"


def restored(data: bytes, how: str, name: str) -> object:
    """The array of those bytes."""
    return np.load(io.BytesIO(data), allow_pickle=False)
