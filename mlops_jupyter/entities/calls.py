"""What a store can be asked over HTTP, derived from the protocols: the name of each call, its arguments and its result as types.

Client and server build on this one table, so that a method added to a protocol is a route, a method of the remote store and a
page of the reference without a further line.
"""

from __future__ import annotations

import inspect
import typing
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from mlops_jupyter.entities.protocols import Custodian, Gate, Ledger

API = "/mlops/api/v1"
"""Where every address of a server begins."""
Door = Literal["read", "write", "admin"]
_BYTES = frozenset({"get_blob", "has_blob"})
"""Bytes have routes of their own."""


class Position(msgspec.Struct, frozen=True):
    """How far a writer has been shipped: the number of its last record, and the bytes of its file up to there."""

    n: int
    offset: int


class Stored(msgspec.Struct, frozen=True):
    """Whether the batch was taken: not if the writer stands elsewhere, because another shipper was faster."""

    stored: bool


class ErrorBody(msgspec.Struct, frozen=True):
    """What every failing route answers."""

    message: str
    remedy: str = ""


@dataclass(frozen=True)
class Call:
    """One method. `door`: what its caller must be allowed to do."""

    name: str
    door: Door
    method: Literal["GET", "POST"]
    arguments: type[msgspec.Struct]
    result: Any
    words: str
    """Its docstring."""

    def bind(self, given: tuple[object, ...], named: dict[str, object]) -> dict[str, object]:
        """Arguments by name, without those left out."""
        fields = self.arguments.__struct_fields__
        if len(given) > len(fields):
            raise TypeError(f"{self.name} takes {len(fields)} arguments, {len(given)} were given")
        return {**dict(zip(fields, given, strict=False)), **named}


def _calls(protocol: type, door: Door) -> dict[str, Call]:
    found = {}
    for name, method in vars(protocol).items():
        if name.startswith("_") or name in _BYTES or not inspect.isfunction(method):
            continue
        hints = typing.get_type_hints(method, include_extras=True)
        fields: list[tuple[str, Any] | tuple[str, Any, Any]] = [
            (one.name, hints[one.name]) if one.default is one.empty else (one.name, hints[one.name], one.default)
            for one in list(inspect.signature(method).parameters.values())[1:]]
        arguments = msgspec.defstruct(f"{name}_arguments", fields, forbid_unknown_fields=True, kw_only=True)
        verb: Literal["GET", "POST"] = "GET" if door == "read" or not fields else "POST"
        found[name] = Call(name, door, verb, arguments, hints["return"], inspect.getdoc(method) or "")
    return found


CALLS: dict[str, Call] = {**_calls(Ledger, "read"), **_calls(Custodian, "write"), **_calls(Gate, "admin")}
