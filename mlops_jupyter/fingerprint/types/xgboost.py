"""XGBoost boosters by the bytes of their model, which are the same for the same training and do not change by predicting.

The scikit-learn wrappers are estimators that hold a booster. A matrix keeps its data in XGBoost's own memory, so it is opaque.
"""

from __future__ import annotations

import xgboost

from mlops_jupyter.fingerprint.walk import Entry, Found, Trace, Walk, leaf


def _booster(value: object, walk: Walk) -> Found:
    booster: xgboost.Booster = value  # type: ignore[assignment]
    data = bytes(booster.save_raw(raw_format="ubj")) + booster.save_config().encode()
    whole = walk.spend(len(data))
    return Found("model", leaf(b"xgboost", data) if whole else None, None, len(data))


def _hold(value: object, trace: Trace) -> None:
    trace.hold(value)


def entries() -> list[Entry]:
    """The table's rows for XGBoost."""
    return [Entry(xgboost.Booster, _booster, _hold)]
