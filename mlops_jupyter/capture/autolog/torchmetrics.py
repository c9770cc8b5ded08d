"""torchmetrics observed: what `metric.compute()` gives is a metric. Its updates, one per batch, are left alone."""

from __future__ import annotations

from mlops_jupyter.capture.autolog.table import names_in, watch
from mlops_jupyter.capture.autolog.telling import Teller
from mlops_jupyter.capture.observer import ObservedCall, Observer

ROWS = {"torchmetrics.metric:Metric.compute": "computed"}
NAMES = names_in(ROWS)


def attach(observer: Observer) -> None:
    """Begin to observe. Called once torchmetrics is in `sys.modules`."""
    watch(observer, "torchmetrics", ROWS, _Readers(Teller(observer)),
          through=lambda frame: str(frame.f_globals.get("__name__")).startswith("torchmetrics."))  # fmt: skip


class _Readers:
    def __init__(self, teller: Teller) -> None:
        self._teller = teller

    def computed(self, call: ObservedCall) -> None:
        """`metric.compute()`: one number. What it gives per class is no metric that could be compared."""
        metric = call.arguments.get("self")
        models = self._teller.links.models_of(call)
        self._teller.metric(call, call.result, type(metric).__name__, models)
