"""LightGBM observed: `train` gives a model with its evaluation history, `cv` metrics over rounds, predictions join the booster.

The estimators of `lightgbm.sklearn` are scikit-learn's: their fits are seen there, and here only their history is added.
"""

from __future__ import annotations

from mlops_jupyter.capture.autolog import boosting
from mlops_jupyter.capture.autolog.table import names_in, watch
from mlops_jupyter.capture.autolog.telling import Teller
from mlops_jupyter.capture.autolog.words import columns
from mlops_jupyter.capture.observer import ObservedCall, Observer

ROWS = {
    "lightgbm.engine:train": "trained",
    "lightgbm.engine:cv": "validated",
    "lightgbm.basic:Booster.predict": "predicted",
}
NAMES = names_in(ROWS)


def attach(observer: Observer) -> None:
    """Begin to observe. Called once LightGBM is in `sys.modules`."""
    watch(observer, "lightgbm", ROWS, _Readers(Teller(observer)))


class _Readers:
    def __init__(self, teller: Teller) -> None:
        self._teller = teller
        teller.links.further["lightgbm"] = self.fitted

    def trained(self, call: ObservedCall) -> None:
        """`lightgbm.train`. The history is in the callback that records it; without one, the booster knows the last scores."""
        own = vars(call.result)
        key = boosting.trained(self._teller, call, data="train_set", details=_best(own.get("best_iteration")), default_rounds=100)
        callbacks = call.arguments.get("callbacks", call.left.get("callbacks"))
        recorded = [
            vars(each).get("eval_result") for each in (callbacks if isinstance(callbacks, list | tuple | set) else ())
            if type(each).__name__ == "_RecordEvaluationCallback"
        ]  # fmt: skip
        self._history(call, recorded[0] if recorded else None, own.get("best_score"), key)

    def fitted(self, call: ObservedCall, key: str) -> None:
        """More of an estimator whose model has this key: its history, and its booster, which predicts too."""
        own = vars(call.arguments["self"])
        booster = own.get("_Booster")
        if booster is not None:
            self._teller.links.add_model([booster], key)
        self._history(call, own.get("_evals_result"), own.get("_best_score"), key)

    def _history(self, call: ObservedCall, history: object, last: object, key: str) -> None:
        if isinstance(history, dict) and history:
            boosting.rounds(self._teller, call, history, key)
            return
        for data, metrics in last.items() if isinstance(last, dict) else ():
            for name, value in metrics.items():
                self._teller.fact(call, value, f"{name}[{data}]", key)

    def predicted(self, call: ObservedCall) -> None:
        """`Booster.predict`."""
        self._teller.predicted(call.result, call.arguments.get("self"))

    def validated(self, call: ObservedCall) -> None:
        """`lightgbm.cv`: a dictionary of lists."""
        boosting.validated(self._teller, call, columns(call.result), data="train_set")


def _best(iteration: object) -> dict[str, str]:
    """What early stopping noted; LightGBM has 0 or -1 where it did not stop."""
    return {"best_iteration": str(iteration)} if isinstance(iteration, int) and iteration > 0 else {}
