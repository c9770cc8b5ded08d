"""Threads lead to what they were given to run, and to nothing else.

A thread also keeps what prints an error of its own, and that is the shell: followed, it made a pool of threads share everything.
"""

from __future__ import annotations

import threading

from mlops_jupyter.fingerprint.types.instances import attributes, opaque
from mlops_jupyter.fingerprint.walk import Entry, Trace

GIVEN = frozenset({"_target", "_args", "_kwargs"})
MACHINERY = frozenset(attributes(threading.Thread(name="mlops-example"))) - GIVEN  # with a name: `Thread-N` counts for the user
"""Attributes that every thread has."""


def _reach(value: object, trace: Trace) -> None:
    trace.hold(value)
    trace.follow(part for name, part in attributes(value).items() if name not in MACHINERY)


def entries() -> list[Entry]:
    """The table's row for threads, those of the user's own classes included."""
    return [Entry(threading.Thread, opaque, _reach, subclasses=True)]
