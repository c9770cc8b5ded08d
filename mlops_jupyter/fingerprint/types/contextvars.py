"""Variables of a context lead to the value that they have in it. What that is belongs to the context, so they have no digest."""

from __future__ import annotations

import contextvars
from collections.abc import Iterable

from mlops_jupyter.fingerprint.types.instances import opaque
from mlops_jupyter.fingerprint.types.references import reaching
from mlops_jupyter.fingerprint.walk import Entry


def _now(value: object) -> Iterable[object]:
    """The value where we are asked: in the cell's own context, as hooks run there."""
    try:
        return (contextvars.ContextVar.get(value),)  # type: ignore[call-overload]
    except LookupError:  # never set, and without a default
        return ()


def _all(value: object) -> Iterable[object]:
    return contextvars.Context.values(value)  # type: ignore[arg-type]


def _before(value: object) -> Iterable[object]:
    """What a token will bring back, and the variable that it belongs to."""
    token: contextvars.Token[object] = value  # type: ignore[assignment]
    return (token.old_value, token.var)


def entries() -> list[Entry]:
    """The table's rows for variables of a context, whole contexts, and tokens."""
    return [
        Entry(contextvars.ContextVar, opaque, reaching(_now)),
        Entry(contextvars.Context, opaque, reaching(_all)),
        Entry(contextvars.Token, opaque, reaching(_before)),
    ]
