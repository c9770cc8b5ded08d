"""Models and results of statsmodels by what was estimated and from what: class, public numbers and arrays, the model's data.

What they work out when they are asked first (summaries, diagnostics, what is named with an underscore) is left out: asking
changes nothing. Dictionaries of settings are left out too, so what is put into one of them is not seen.
"""

from __future__ import annotations

import types

import numpy as np

from mlops_jupyter.fingerprint.types import instances
from mlops_jupyter.fingerprint.types.instances import attributes
from mlops_jupyter.fingerprint.walk import Entry, Found, Walk, combine, exactly, leaf, module_of, mro_of, name_of

_READ = exactly(int, float, complex, bool, str, types.NoneType, np.ndarray, np.float64, np.int64)
_KNOWN = frozenset({("statsmodels.base.model", "Model"), ("statsmodels.base.model", "Results"),
                    ("statsmodels.base.wrapper", "ResultsWrapper")})


def _parts(value: object, walk: Walk) -> list[bytes]:
    own = attributes(value)
    parts = [leaf(b"class", name_of(type(value)).encode())]
    for name in sorted(name for name in own if type(name) is str and name[:1] != "_" and id(type(own[name])) in _READ):
        parts += [leaf(b"name", name.encode()), walk.digest(own[name])]
    for name in ("_results", "model"):
        if name in own:
            parts += _parts(own[name], walk)
    return parts


def _estimated(value: object, walk: Walk) -> Found:
    return Found("model", combine(b"statsmodels", _parts(value, walk)))


def entries() -> list[Entry]:
    """None by exact type: see `entry_for_unknown`."""
    return []


def entry_for_unknown(cls: type) -> Entry:
    """Models, results and the wrappers that give them labels; anything else of the library's as any library's object."""
    if any((module_of(base), base.__name__) in _KNOWN for base in mro_of(cls)):
        return Entry(cls, _estimated, instances.reach_referents)
    return instances.entry_for_unknown(cls)
