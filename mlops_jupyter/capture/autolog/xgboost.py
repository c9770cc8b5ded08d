"""XGBoost observed: `train` gives a model with its evaluation history, `cv` metrics over rounds, predictions join the booster.

The estimators of `xgboost.sklearn` are scikit-learn's: their fits are seen there, and here only their history is added.
"""

from __future__ import annotations

from mlops_jupyter.capture.autolog import boosting
from mlops_jupyter.capture.autolog.table import names_in, watch
from mlops_jupyter.capture.autolog.telling import Teller
from mlops_jupyter.capture.autolog.words import columns
from mlops_jupyter.capture.observer import ObservedCall, Observer

ROWS = {
    "xgboost.training:train": "trained",
    "xgboost.training:cv": "validated",
    "xgboost.core:Booster.predict": "predicted",
    "xgboost.core:Booster.inplace_predict": "predicted",
}
NAMES = names_in(ROWS)


def attach(observer: Observer) -> None:
    """Begin to observe. Called once XGBoost is in `sys.modules`."""
    watch(observer, "xgboost", ROWS, _Readers(Teller(observer)))


class _Readers:
    def __init__(self, teller: Teller) -> None:
        self._teller = teller
        teller.links.further["xgboost"] = self.fitted

    def trained(self, call: ObservedCall) -> None:
        """`xgboost.train`. Without `evals_result` the history is the one that its own frame kept."""
        best = _best(call.result)
        key = boosting.trained(self._teller, call, data="dtrain", details=best, default_rounds=10)
        history = call.arguments.get("evals_result")
        boosting.rounds(self._teller, call, history or getattr(call.left.get("cb_container"), "history", None), key)
        if "best_score" in best:
            self._teller.fact(call, float(best["best_score"]), "best_score", key)

    def fitted(self, call: ObservedCall, key: str) -> None:
        """More of an estimator whose model has this key: its history, and its booster, which predicts too."""
        own = vars(call.arguments["self"])
        booster = own.get("_Booster")
        if booster is not None:
            self._teller.links.add_model([booster], key)
        boosting.rounds(self._teller, call, own.get("evals_result_"), key)
        best = _best(booster)
        if "best_score" in best:
            self._teller.fact(call, float(best["best_score"]), "best_score", key, best)

    def predicted(self, call: ObservedCall) -> None:
        """`Booster.predict`."""
        self._teller.predicted(call.result, call.arguments.get("self"))

    def validated(self, call: ObservedCall) -> None:
        """`xgboost.cv`: a frame, or a dictionary where `as_pandas=False`."""
        boosting.validated(self._teller, call, columns(call.result), data="dtrain")


def _best(booster: object) -> dict[str, str]:
    """What early stopping noted in a booster."""
    attr = getattr(booster, "attr", None)
    noted = {name: attr(name) for name in ("best_iteration", "best_score")} if callable(attr) else {}
    return {name: text for name, text in noted.items() if isinstance(text, str)}
