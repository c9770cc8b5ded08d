"""Figures and their parts: never compared, but it is known which belong together.

A walk through a figure as through any object would meet thousands of transforms, ticks and callbacks each time that a cell
draws. All parts of one figure lead to that figure instead. The numbers that they show are copies of what they were given.
"""

from __future__ import annotations

from collections.abc import Iterable

from mlops_jupyter.fingerprint.types import instances
from mlops_jupyter.fingerprint.types.instances import attributes
from mlops_jupyter.fingerprint.walk import Entry, Found, Trace, Walk, module_of, mro_of

_PARTS = ("_localaxes", "_children", "subfigs", "texts", "patches", "lines", "images")
"""Attributes that list what a figure or axes is made of."""


def _figure(value: object, walk: Walk) -> Found:
    return Found("figure")


def _lists(own: dict[str, object]) -> Iterable[object]:
    for name in _PARTS:
        listed = own.get(name)
        if type(listed) is list:
            yield from listed


def _root(value: object) -> object:
    """The figure that an artist is in, itself if it is in none."""
    for _ in range(8):
        own = attributes(value)
        above = own.get("_parent_figure") or own.get("figure") or own.get("_figure")
        if above is None or above is value:
            break
        value = above
    return value


def _reach(value: object, trace: Trace) -> None:
    trace.hold(value)
    root = _root(value)
    trace.hold(root)
    waiting = [root, value]
    seen = {id(root)}
    while waiting:
        for part in _lists(attributes(waiting.pop())):
            if id(part) not in seen:
                seen.add(id(part))
                trace.hold(part)
                waiting.append(part)


def entries() -> list[Entry]:
    """None by exact type: see `entry_for_unknown`."""
    return []


def entry_for_unknown(cls: type) -> Entry:
    """Artists of every kind; anything else of matplotlib's as any library's object."""
    if any(base.__name__ == "Artist" and module_of(base) == "matplotlib.artist" for base in mro_of(cls)):
        return Entry(cls, _figure, _reach)
    return instances.entry_for_unknown(cls)
