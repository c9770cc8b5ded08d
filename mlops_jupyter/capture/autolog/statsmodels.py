"""statsmodels observed: the results object that `fit` gives is the model; what it knows of its quality are metrics.

The numbers are attributes that statsmodels computes when asked, and keeps. They are asked of a twin that shares the results'
parts but has a cache of its own, so that the user's object stays as it was; and only those that cost one pass over small data.
What the object holds already is taken in any case. `prsquared` would fit another model: it is read only where it is there.
"""

from __future__ import annotations

from collections.abc import Iterator

from mlops_jupyter.capture.autolog.table import names_in, watch
from mlops_jupyter.capture.autolog.telling import Teller, dataset
from mlops_jupyter.capture.autolog.words import number, plain
from mlops_jupyter.capture.observer import Draft, ObservedCall, Observer
from mlops_jupyter.entities.data import Dataset, Scalar

ROWS = {
    "statsmodels.base.model:Model.fit": "fitted",
    "statsmodels.base.model:Model.fit_regularized": "fitted",
    "statsmodels.base.model:Model.__init__": "",
    "statsmodels.base.model:Results.predict": "predicted",
    "statsmodels.base.model:Results.forecast": "predicted",
    "statsmodels.base.model:Results.__init__": "",
}
NAMES = names_in(ROWS) - {"__init__"}
METRICS = ("rsquared", "rsquared_adj", "prsquared", "llf", "aic", "bic")
_CHEAP = {
    "RegressionResults": ("rsquared", "rsquared_adj", "llf", "aic", "bic"), "DiscreteResults": ("llf", "aic", "bic"),
    "GLMResults": ("llf", "aic"), "MLEResults": ("llf", "aic", "bic"),  # GLM's `bic` warns
}  # fmt: skip
_MOST_CELLS = 1_000_000  # observations × variables up to which a pass is made
_SETTINGS = ("formula", "family", "order", "seasonal_order", "trend", "lags", "alpha", "exposure", "offset")


def attach(observer: Observer) -> None:
    """Begin to observe. Called once `statsmodels.base.model` is in `sys.modules`: every model and result starts there."""
    watch(observer, "statsmodels", ROWS, _Readers(Teller(observer)), scouts=frozenset({"__init__"}), behind=_results)


def _results(value: object) -> object:
    """The results behind the wrapper that gives them their labels."""
    if any(cls.__name__ == "ResultsWrapper" for cls in type(value).__mro__):
        return object.__getattribute__(value, "_results")
    return value


class _Readers:
    def __init__(self, teller: Teller) -> None:
        self._teller = teller

    def fitted(self, call: ObservedCall) -> None:
        """`Model(…).fit(…)`: the result is the model."""
        model, results = call.arguments["self"], _results(call.result)
        own = vars(model)
        given: dict[str, Scalar] = {name: plain(own[name]) for name in _SETTINGS if own.get(name) is not None}
        given |= {"endog": plain(getattr(model, "endog_names", None)), "exog": plain(getattr(model, "exog_names", None))}
        given |= {name: plain(value) for name, value in call.arguments.items() if name not in {"self", "disp", "start_params"}}
        key = self._teller.model(call, Draft(
            kind="model", name="results", subject=call.result, class_name=f"{type(model).__module__}.{type(model).__qualname__}",
            params=given, shown=list(given), datasets=list(self._data(own.get("data"))),
        ), [results])  # fmt: skip
        for name, value in _quality(results, model):
            self._teller.fact(call, value, name, key)

    def _data(self, data: object) -> Iterator[Dataset]:
        """The frame that a formula speaks of, or the two sides, under the names that the user has for them."""
        own = vars(data) if data is not None else {}
        frame = own.get("frame")
        parts = {"X": own.get("orig_exog"), "y": own.get("orig_endog")} if frame is None else {"X": frame}
        for role, value in parts.items():
            if value is not None:
                yield dataset(value, self._teller.observer.name_of(value) or {"X": "exog", "y": "endog"}[role], role)

    def predicted(self, call: ObservedCall) -> None:
        """`results.predict(…)`, `results.forecast(…)`."""
        self._teller.predicted(call.result, call.arguments.get("self"))


def _quality(results: object, model: object) -> Iterator[tuple[str, float | int]]:
    """Names and values of what the results say of themselves."""
    import numpy as np

    held = dict(vars(results))
    held |= held.get("_cache") or {}
    names = {name for cls in type(results).__mro__ for name in _CHEAP.get(cls.__name__, ())}
    twin = object.__new__(type(results))
    vars(twin).update(vars(results), _cache={})
    size = max(getattr(getattr(model, side, None), "size", 0) for side in ("exog", "endog"))
    for name in METRICS:
        value = number(held.get(name))
        if value is None and name in names and size <= _MOST_CELLS:
            with np.errstate(all="ignore"):  # a division by zero is told to the user when the user asks
                value = number(getattr(twin, name, None))
        if value is not None:
            yield name, value
