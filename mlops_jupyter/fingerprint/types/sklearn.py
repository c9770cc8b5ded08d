"""scikit-learn: an estimator is its class and its attributes, that is its parameters and what `fit` learned.

Attributes are walked in `__dict__` (by convention every parameter is stored under its name), so neither `get_params` nor a
property of a user's estimator runs. Compiled parts of scikit-learn itself (trees, losses) are read through their own
`__reduce__`. What a pure `predict` or a clock changes is left out: counters of nearest-neighbour trees, fit times.
"""

from __future__ import annotations

from collections.abc import Iterable

from sklearn.base import BaseEstimator

from mlops_jupyter.fingerprint.types.instances import attribute_digests, attributes, hides_state
from mlops_jupyter.fingerprint.walk import Entry, Found, Trace, Walk, combine, dict_of, leaf, mro_of, name_of

_CLOCKS = frozenset({"mean_fit_time", "std_fit_time", "mean_score_time", "std_score_time"})
_BENIGN = frozenset({"refit_time_", "cv_results_"})
_COUNTING_TREES = frozenset({"KDTree", "KDTree32", "KDTree64", "BallTree", "BallTree32", "BallTree64"})
_COUNTERS = slice(7, 11)  # n_trims, n_leaves, n_splits, n_calls in BinaryTree.__getstate__


def _estimator(value: object, walk: Walk) -> Found:
    before = walk.covered
    parts = [leaf(b"class", name_of(type(value)).encode()), *attribute_digests(value, walk, skip=_BENIGN)]
    results = attributes(value).get("cv_results_")
    if type(results) is dict:
        kept = [(key, item) for key, item in results.items() if key not in _CLOCKS]
        parts += [part for key, item in kept for part in (walk.digest(key), walk.digest(item))]
    return Found("model", combine(b"estimator", parts), None, walk.covered - before)


def _compiled(value: object, walk: Walk) -> Found:
    cls = type(value)
    for base in mro_of(cls):
        reduce = dict_of(base).get("__reduce__") if base is not object else None
        if reduce is not None:
            reduced = reduce(value)  # type: ignore[operator]
            break
    else:
        return Found("opaque")
    state = reduced[2] if len(reduced) > 2 else None
    if cls.__name__ in _COUNTING_TREES and type(state) is tuple:
        state = tuple(item for number, item in enumerate(state) if number not in range(_COUNTERS.start, _COUNTERS.stop))
    parts = [leaf(b"class", name_of(cls).encode()), walk.digest(reduced[1]), walk.digest(state)]
    return Found("instance", combine(b"compiled", parts))


def _part(value: object, walk: Walk) -> Found:
    """An object of a class of scikit-learn's own that is no estimator: written in Python or compiled."""
    if hides_state(type(value)):
        return _compiled(value, walk)
    parts = [leaf(b"class", name_of(type(value)).encode()), *attribute_digests(value, walk)]
    return Found("instance", combine(b"part", parts))


def _reach(value: object, trace: Trace) -> None:
    trace.hold(value)
    trace.follow(attributes(value).values())


def entries() -> Iterable[Entry]:
    """The table's rows for scikit-learn."""
    return [Entry(BaseEstimator, _estimator, _reach, subclasses=True)]


def entry_for_unknown(cls: type) -> Entry:
    """Any other class defined inside scikit-learn."""
    return Entry(cls, _part, _reach)
