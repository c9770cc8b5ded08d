"""Entities as JSON text that is always valid: whatever strings and numbers a user's code brings, a fact is never refused.

`msgspec` is strict where Python is not: it raises for lone surrogates and for integers beyond 64 bits, refuses subclasses of
float, and turns `nan` and `inf` into `null`. The fast path is plain msgspec. Only when it fails, or when a `null` stands in the
text, is a cleaned copy encoded: surrogates escaped with a backslash, `nan`, `inf` and huge integers as text. Reading is lax, so
a field that is a float is a float again; a field that may also be text keeps the word `nan`.
"""

from __future__ import annotations

import gc
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec

from mlops_jupyter.entities.records import Record
from mlops_jupyter.entities.sessions import Observation

T = TypeVar("T", bound=msgspec.Struct)
_encoder = msgspec.json.Encoder()
_records = msgspec.json.Decoder(Record, strict=False)
_null = re.compile(rb"[:,\[]null")
_WORDS = ("nan", "inf", "-inf")


def to_json(entity: object) -> bytes:
    """An entity, a list or a mapping of them, as one line of JSON without its newline. TypeError for what no entity holds."""
    try:
        text = _encoder.encode(entity)
    except (UnicodeError, OverflowError, TypeError, ValueError):
        return _encoder.encode(_clean(entity))
    return text if b"null" not in text or _null.search(text) is None else _encoder.encode(_clean(entity))


def from_json(text: bytes | str, kind: type[T]) -> T:
    """The entity of that text. Raises `msgspec.DecodeError` for anything else."""
    return _numbers(msgspec.json.decode(text, type=kind, strict=False))


def any_from_json(text: bytes | str, kind: Any) -> Any:
    """The value of any type that entities are made of. Raises `msgspec.DecodeError` for anything else."""
    value = msgspec.json.decode(text, type=kind, strict=False)
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, Observation):
            _numbers(one)
    return value


def record_from_json(line: bytes) -> Record:
    """The record of one line of an outbox. Raises `msgspec.DecodeError` for anything else."""
    record = _records.decode(line)
    _numbers(record.entity)
    return record


def _numbers(entity: T) -> T:
    """A metric's value is a number, also where JSON has no word for it."""
    if isinstance(entity, Observation) and entity.kind == "metric" and isinstance(entity.value, str) and entity.value in _WORDS:
        entity.value = float(entity.value)
    return entity


def _clean(value: object) -> object:  # noqa: PLR0911 (one line per type)
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        number = int(value)
        return number if -(2**63) <= number < 2**64 else str(number)
    if isinstance(value, float):
        number_or_nan = float(value)
        return number_or_nan if math.isfinite(number_or_nan) else str(number_or_nan)
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.replace(value, **{name: _clean(getattr(value, name)) for name in value.__struct_fields__})
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_clean(item) for item in value]
    return value


@contextmanager
def uncollected() -> Iterator[None]:
    """Records hold no cycles, and there are many at once: each sixth batch would have every object of the process looked at.

    In a Jupyter server that stops everything for 0.15 s (290,000 objects). For what lasts a moment: threads share the collector.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
