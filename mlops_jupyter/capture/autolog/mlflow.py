"""The user's own `mlflow.log_*` calls, as if they had been said to us; nothing of MLflow's store is read or changed.

`with mlflow.start_run()` ends without a call that could be seen everywhere: before each event and at the end of a cell, MLflow is
asked which run is active, and a run that no longer is has ended. With `mlflow.autolog()` MLflow's frames stand between the
user's `fit` and the library's; what MLflow computes and logs of its own accord is not the user's.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import PurePath
from types import FrameType, FunctionType

from mlops_jupyter.capture.assembly import parameters
from mlops_jupyter.capture.autolog.table import names_in, watch
from mlops_jupyter.capture.autolog.telling import Teller, argument
from mlops_jupyter.capture.autolog.words import class_name, number, plain
from mlops_jupyter.capture.observer import Draft, ObservedCall, Observer
from mlops_jupyter.config import Settings
from mlops_jupyter.entities.data import Fingerprint
from mlops_jupyter.entities.sessions import ObservationKind
from mlops_jupyter.fingerprint import fingerprint_file

_FLAVOURS = ("sklearn", "xgboost", "lightgbm", "statsmodels", "keras", "tensorflow", "pytorch", "catboost", "pyfunc")
_FLUENT = {
    "start_run": "started", "end_run": "", "log_metric": "metric", "log_metrics": "metrics", "log_param": "param",
    "log_params": "params", "set_tag": "tag", "set_tags": "tags", "log_artifact": "artifact", "log_artifacts": "artifact",
    "log_text": "written", "log_dict": "written", "log_figure": "written", "log_image": "written",
}  # fmt: skip
ROWS = {
    **{f"mlflow.tracking.fluent:{name}": reader for name, reader in _FLUENT.items()},
    **{f"mlflow.{flavour}:log_model": "model" for flavour in _FLAVOURS},
    "mlflow.utils.lazy_load:LazyLoader._load": "",
}
NAMES = names_in(ROWS) - {"_load"}
_SAFETY = "mlflow.utils.autologging_utils.safety"


def attach(observer: Observer) -> None:
    """Begin to observe. Called once MLflow is in `sys.modules`."""
    readers = _Readers(Teller(observer))
    watch(observer, "mlflow", ROWS, readers, encloses=False, passes=_passes, scouts=frozenset({"_load"}), settle=readers.settle,
          ended=readers.settle)


def _passes(frame: FrameType, below: FrameType) -> bool:
    """MLflow's frames around a call that the user made: `safe_patch_function` → a flavour's patch → `call_original`.

    A call that a flavour's patch makes for itself (a training score) is not reached through `call_original`.
    """
    module, under = frame.f_globals.get("__name__"), below.f_globals.get("__name__")
    if module == _SAFETY:
        return True
    patch = isinstance(module, str) and module.startswith("mlflow.")
    if under == _SAFETY:
        return patch and below.f_code.co_name == "call_original"
    return patch and isinstance(under, str) and under.startswith("mlflow.")


class _Readers:
    def __init__(self, teller: Teller) -> None:
        self._teller = teller
        self._open: list[str] = []
        self._thread = 0

    def settle(self) -> None:
        """Say that runs have ended which MLflow no longer has open. A run that is not known here has just begun."""
        if not self._open or threading.get_ident() != self._thread:
            return
        active = sys.modules["mlflow"].active_run()
        run = "" if active is None else active.info.run_id
        if not run or run in self._open:
            self._end_down_to(run)

    def _end_down_to(self, run: str) -> None:
        while self._open and self._open[-1] != run:
            self._observe("end-run", "", details={"mlflow_run": self._open.pop()})

    def started(self, call: ObservedCall) -> None:
        """`start_run`, as a function or in a `with`. The name is the one that MLflow shows, also where it made one up."""
        info, data = call.result.info, call.result.data  # type: ignore[attr-defined]
        parent = data.tags.get("mlflow.parentRunId", "")
        self._end_down_to(parent)
        details = {"mlflow_run": str(info.run_id), **({"nested": "yes"} if self._open else {})}
        self._open.append(info.run_id)
        self._thread = threading.get_ident()
        self._observe("start-run", str(info.run_name or ""), call, details=details)
        self._all(call, "tag", argument(call, "tags"))

    def metric(self, call: ObservedCall) -> None:
        """`log_metric(key, value, step=None)`."""
        self._metrics(call, {argument(call, "key"): argument(call, "value")})

    def metrics(self, call: ObservedCall) -> None:
        """`log_metrics(metrics, step=None)`."""
        self._metrics(call, argument(call, "metrics"))

    def _metrics(self, call: ObservedCall, values: object) -> None:
        step, models = number(argument(call, "step")), self._teller.links.models_of(call)
        for name, given in values.items() if isinstance(values, dict) else ():
            value = number(given)
            if value is not None:
                self._observe("metric", str(name), call, value=value, step=int(step) if step is not None else None, models=models)

    def param(self, call: ObservedCall) -> None:
        """`log_param(key, value)`."""
        self._all(call, "param", {argument(call, "key"): argument(call, "value")})

    def params(self, call: ObservedCall) -> None:
        """`log_params(params)`."""
        self._all(call, "param", argument(call, "params"))

    def tag(self, call: ObservedCall) -> None:
        """`set_tag(key, value)`."""
        self._all(call, "tag", {argument(call, "key"): argument(call, "value")})

    def tags(self, call: ObservedCall) -> None:
        """`set_tags(tags)`."""
        self._all(call, "tag", argument(call, "tags"))

    def _all(self, call: ObservedCall, kind: ObservationKind, values: object) -> None:
        for name, value in values.items() if isinstance(values, dict) else ():
            self._observe(kind, str(name), call, value=plain(value))

    def artifact(self, call: ObservedCall) -> None:
        """`log_artifact(local_path)`, `log_artifacts(local_dir)`: MLflow keeps the bytes, we their digest if they are few."""
        given = argument(call, "local_path", argument(call, "local_dir"))
        if not isinstance(given, str | os.PathLike):
            return
        path = os.fspath(given)
        small = os.path.isfile(path) and os.path.getsize(path) <= Settings.current().hash_bytes  # noqa: PTH113, PTH202 (as given)
        found = fingerprint_file(path) if small else Fingerprint("file", type_name="file")
        self._observe("artifact", PurePath(path).name, call, fingerprint=found, details={"path": path})

    def written(self, call: ObservedCall) -> None:
        """`log_text(text, artifact_file)` and its like: a file that only MLflow has."""
        name = argument(call, "artifact_file", argument(call, "key"))
        if isinstance(name, str):
            self._observe("artifact", name, call, details={"store": "mlflow"})

    def model(self, call: ObservedCall) -> None:
        """`mlflow.<flavour>.log_model(model, …)`."""
        function = call.callable
        subject = argument(call, parameters(function, is_method=False)[0]) if isinstance(function, FunctionType) else None
        if subject is None:
            return
        key = self._teller.links.model_of(subject)
        given = argument(call, "name", argument(call, "artifact_path"))
        name = self._teller.observer.name_of(subject) or (given if isinstance(given, str) else type(subject).__name__)
        self._observe("model", name, call, subject=subject, class_name=class_name(subject), models=[key] if key else [],
                      details={"format": "mlflow", "uri": str(getattr(call.result, "model_uri", ""))})

    def _observe(self, kind: ObservationKind, name: str, call: ObservedCall | None = None, **fields: object) -> None:
        draft = Draft(kind=kind, name=name, logged=True, site=call.site if call is not None else None)
        for field, value in fields.items():
            setattr(draft, field, value)
        self._teller.observer.observe(draft)
