"""Loggers and handlers by how they are set up, not by what went through them.

A handler's lock is nobody's state, and the kernel's own streams are machinery; a stream of the user's is followed, because
logging changes it.
"""

from __future__ import annotations

import logging
import sys

from mlops_jupyter.fingerprint.types.instances import attribute_digests, attributes, opaque
from mlops_jupyter.fingerprint.walk import Entry, Found, Trace, Walk, combine, is_kernel, leaf, module_of, name_of

_SET_UP = ("name", "level", "propagate", "disabled", "handlers", "filters")
_MACHINERY = frozenset({"lock", "_closed"})


def _is_machinery(stream: object) -> bool:
    """True for where a program's output goes, in a kernel and outside."""
    standard = (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
    return any(stream is one for one in standard) or is_kernel(module_of(type(stream)))


def _logger(value: object, walk: Walk) -> Found:
    own = attributes(value)
    parts = [leaf(b"class", name_of(type(value)).encode()), *(walk.digest(own.get(name)) for name in _SET_UP)]
    return Found("instance", combine(b"logger", parts))


def _handler(value: object, walk: Walk) -> Found:
    skip = _MACHINERY | {"stream"} if _is_machinery(attributes(value).get("stream")) else _MACHINERY
    parts = [leaf(b"class", name_of(type(value)).encode()), *attribute_digests(value, walk, skip=skip)]
    return Found("instance", combine(b"handler", parts))


def _set_up(value: object, walk: Walk) -> Found:
    """A formatter or a filter."""
    parts = [leaf(b"class", name_of(type(value)).encode()), *attribute_digests(value, walk)]
    return Found("instance", combine(b"logging", parts))


def _reach(value: object, trace: Trace) -> None:
    trace.hold(value)
    own = attributes(value)
    named = (own.get(name) for name in ("handlers", "filters", "stream", "formatter", "buffer", "target"))
    trace.follow(part for part in named if part is not None and not _is_machinery(part))


def entries() -> list[Entry]:
    """The table's rows for the standard library's logging, subclasses included."""
    return [
        Entry(logging.Logger, _logger, _reach, subclasses=True),
        Entry(logging.Handler, _handler, _reach, subclasses=True),
        Entry(logging.Manager, opaque),
        *(Entry(cls, _set_up, _reach, subclasses=True)
          for cls in (logging.Formatter, logging.PercentStyle, logging.Filter)),
    ]  # fmt: skip
