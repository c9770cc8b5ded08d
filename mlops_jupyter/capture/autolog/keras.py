"""Keras observed: a `fit` is a model with its history, `evaluate` gives metrics, predictions join the model.

Any backend: what is read are Keras's own objects. The learning rate is the one that the optimizer had when the fit ended.
"""

from __future__ import annotations

from collections.abc import Iterable

from mlops_jupyter.capture.autolog.table import names_in, watch
from mlops_jupyter.capture.autolog.telling import Teller, argument, datasets
from mlops_jupyter.capture.autolog.words import number, numbers, plain, written
from mlops_jupyter.capture.observer import Draft, ObservedCall, Observer
from mlops_jupyter.entities.data import Scalar
from mlops_jupyter.fingerprint.types.instances import attributes

ROWS = {
    "keras.src.trainers.trainer:Trainer.fit": "fitted",
    "keras.src.trainers.trainer:Trainer.evaluate": "evaluated",
    "keras.src.trainers.trainer:Trainer.predict": "predicted",
}
NAMES = names_in(ROWS)


def attach(observer: Observer) -> None:
    """Begin to observe. Called once Keras is in `sys.modules`."""
    watch(observer, "keras", ROWS, _Readers(Teller(observer)))


class _Readers:
    def __init__(self, teller: Teller) -> None:
        self._teller = teller

    def fitted(self, call: ObservedCall) -> None:
        """`model.fit(…)`, which gives a History."""
        model = call.arguments["self"]
        own, seen = attributes(model), attributes(call.result)
        optimizer = own.get("optimizer")
        given: dict[str, Scalar] = {"optimizer": type(optimizer).__name__, "loss": plain(own.get("loss"))}
        given |= _rate(optimizer)
        shown = list(given)
        given |= {"epochs": number(argument(call, "epochs", 1)), "batch_size": number(argument(call, "batch_size"))}
        shown += [name for name in ("epochs", "batch_size") if given[name] is not None]
        key = self._teller.model(call, Draft(
            kind="model", name=type(model).__name__, subject=model, params=given, shown=shown,
            datasets=datasets(call, {"x": "X", "y": "y"}),
        ))  # fmt: skip
        history = seen.get("history")
        for name, values in history.items() if isinstance(history, dict) else ():
            self._teller.series(call, numbers(values), name, key)

    def evaluated(self, call: ObservedCall) -> None:
        """`model.evaluate(…)`: a number, a list in the order of the compiled metrics, or a dictionary."""
        model = call.arguments["self"]
        key, data = self._teller.links.model_of(model), written(call, ("x",))
        logs = call.result if isinstance(call.result, dict) else call.left.get("logs")
        if isinstance(call.result, list | tuple):
            values = logs if isinstance(logs, dict) else dict(zip(_names(model), call.result, strict=False))
            self._teller.facts(call, values, key, data)
        elif isinstance(call.result, dict):
            self._teller.facts(call, call.result, key, data)
        else:
            self._teller.metric(call, call.result, "loss", [key], data)

    def predicted(self, call: ObservedCall) -> None:
        """`model.predict(…)`."""
        self._teller.predicted(call.result, call.arguments.get("self"))


def _rate(optimizer: object) -> dict[str, Scalar]:
    """Its learning rate, or the schedule's name."""
    rate = attributes(optimizer).get("_learning_rate") if optimizer is not None else None
    found = _array(rate)
    if rate is None or number(found) is None:
        return {} if rate is None else {"learning_rate": type(rate).__name__}  # a schedule
    return {"learning_rate": float(str(found))}  # 0.01 rather than what float32 makes of it


def _array(variable: object) -> object:
    read = getattr(variable, "numpy", None)
    return read() if callable(read) else variable


def _names(model: object) -> Iterable[str]:
    """`loss` and the names of the metrics that the model was compiled with."""
    compiled = attributes(model).get("_compile_metrics")
    return ["loss", *(str(each.name) for each in getattr(compiled, "metrics", []))]
