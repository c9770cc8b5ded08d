"""One line of an outbox. A record carries one entity; writing the same key again replaces what was there.

So the store needs one upsert per noun and no event replay: `running` executions are simply written again when they end.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from mlops_jupyter.entities.runs import Goal, Remark, Verification
from mlops_jupyter.entities.sessions import CellExecution, Observation, Session
from mlops_jupyter.entities.submissions import Submission

Entity: TypeAlias = Session | CellExecution | Observation | Goal | Verification | Submission | Remark


class Record(msgspec.Struct):
    """Key (writer, n); n counts from 1 without gaps. `at` is the writer's clock in Unix seconds."""

    writer: str
    n: int
    at: float
    entity: Entity


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Record)


def encode(record: Record) -> bytes:
    """One line of JSON, newline included. Lone surrogates are escaped by the caller before they get here."""
    return _encoder.encode(record) + b"\n"


def decode(line: bytes) -> Record:
    """The record of one line. Raises `msgspec.DecodeError` for anything else."""
    return _decoder.decode(line)
