"""LightGBM boosters by the text of their model, which is the same for the same training and does not change by predicting.

The scikit-learn wrappers are estimators that hold a booster. A data set keeps its data in LightGBM's own memory, so it is opaque.
"""

from __future__ import annotations

import lightgbm

from mlops_jupyter.fingerprint.types.instances import attributes
from mlops_jupyter.fingerprint.walk import Entry, Found, Trace, Walk, combine, leaf

_KEPT = ("best_iteration", "pandas_categorical", "params")


def _booster(value: object, walk: Walk) -> Found:
    booster: lightgbm.Booster = value  # type: ignore[assignment]
    own = attributes(value)
    data = booster.model_to_string(num_iteration=-1).encode()
    whole = walk.spend(len(data))
    parts = [leaf(b"lightgbm", data), *walk.digests([own.get(name) for name in _KEPT])]
    return Found("model", combine(b"booster", parts) if whole else None, None, len(data))


def _hold(value: object, trace: Trace) -> None:
    trace.hold(value)


def entries() -> list[Entry]:
    """The table's rows for LightGBM."""
    return [Entry(lightgbm.Booster, _booster, _hold)]
