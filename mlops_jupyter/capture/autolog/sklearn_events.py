"""What a finished call of scikit-learn says: a model, a metric, a transformer's params, or a prediction to remember."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.base import BaseEstimator

from mlops_jupyter.capture.autolog.sklearn_links import Links
from mlops_jupyter.capture.autolog.sklearn_models import class_name, findings, inside, params_of, predicts
from mlops_jupyter.capture.observer import Draft, ObservedCall, Observer
from mlops_jupyter.config import Settings
from mlops_jupyter.entities.data import Dataset, Fingerprint
from mlops_jupyter.fingerprint import fingerprint, schema_of
from mlops_jupyter.fingerprint.types.instances import attributes

_TRUTH = ("y_true", "labels_true", "y", "X", "#0")
_LONGEST_NAME = 60


class Listening:
    """One listener for one session. `heard` gets every finished outermost call."""

    def __init__(self, observer: Observer, metrics: frozenset[str], validations: frozenset[str], fits: frozenset[str],
                 predictions: frozenset[str]) -> None:  # fmt: skip
        self._observer = observer
        self._metrics = metrics
        self._validations = validations
        self._fits = fits
        self._predictions = predictions
        self._links = Links()

    def heard(self, call: ObservedCall) -> None:
        """Take one call."""
        name = getattr(call.callable, "__name__", "")
        estimator = call.arguments.get("self")
        if isinstance(estimator, BaseEstimator):
            if name in self._fits:
                self._fitted(call, estimator, partial=name == "partial_fit")
            if name in self._predictions:
                self._predicted(call, estimator)
            if name == "score":
                self._metric(call, name, [self._links.model_of(estimator)])
        elif name in self._validations:
            self._validated(call, name)
        elif name in self._metrics:
            self._metric(call, name, self._links.models_of(call))

    def _fitted(self, call: ObservedCall, estimator: BaseEstimator, *, partial: bool) -> None:
        """A model, or the params of a transformer. Further batches of a `partial_fit` are the same model."""
        if partial and self._links.model_of(estimator):
            return
        cls = type(estimator)
        given, shown = params_of(estimator)
        is_model = predicts(estimator)
        target = call.site.target if call.result is estimator else ""
        draft = Draft(
            kind="model" if is_model else "param", name=target or self._observer.name_of(estimator) or cls.__name__,
            key=_group(call.loop_key), site=call.site, subject=estimator, class_name=class_name(estimator),
            params=given, shown=shown,
        )  # fmt: skip
        if not is_model:
            self._observer.observe(draft)
            return
        details, best = findings(estimator)
        draft.details = details
        draft.datasets = _datasets(call)
        key = self._observer.observe(draft)
        self._links.add_model([estimator, *inside(estimator)], key)
        labels = attributes(estimator).get("labels_")
        if isinstance(labels, np.ndarray):
            self._links.add_prediction(labels, key)
        if best is not None:
            self._observer.observe(
                Draft(kind="metric", name="best_score", value=best, site=call.site, models=[key], details=details, key=draft.key)
            )

    def _predicted(self, call: ObservedCall, estimator: BaseEstimator) -> None:
        key = self._links.model_of(estimator)
        if key:
            self._links.add_prediction(call.result, key)

    def _metric(self, call: ObservedCall, name: str, models: Sequence[str]) -> None:
        value = _number(call.result)
        if value is None:
            return
        data = _data_name(call, ("X", "#0") if name == "score" else _TRUTH)
        group = _group(call.loop_key)
        self._observer.observe(Draft(
            kind="metric", name=call.site.target or (f"{name}[{data}]" if data else name), value=value, key=group,
            step=int(group) if group.isdecimal() else None, site=call.site, models=[key for key in models if key],
            datasets=[Dataset(data, Fingerprint("opaque"))] if data else [],
        ))  # fmt: skip

    def _validated(self, call: ObservedCall, name: str) -> None:
        """Fold scores: the mean is the metric, the folds are its details. The estimator that was cloned is named."""
        estimator = call.arguments.get("estimator")
        model = self._links.model_of(estimator)
        if name == "cross_val_predict":
            if model:
                self._links.add_prediction(call.result, model)
            return
        scores = {"": call.result}
        if isinstance(call.result, dict):
            scores = {key: item for key, item in call.result.items() if key.startswith(("test_", "train_"))}
        given, shown = params_of(estimator) if isinstance(estimator, BaseEstimator) else ({}, [])
        scoring = call.arguments.get("scoring")
        for label, folds in scores.items():
            if not isinstance(folds, np.ndarray) or folds.dtype.kind != "f" or not folds.size:
                continue
            base = ".".join(filter(None, (call.site.target or name, label)))
            data = _data_name(call, ("X", "#1"))
            self._observer.observe(Draft(
                kind="metric", name=base if call.site.target or not data else f"{base}[{data}]",
                value=float(folds.mean()), key=_group(call.loop_key), site=call.site, models=[model] if model else [],
                class_name=class_name(estimator), params=given, shown=shown,
                datasets=_datasets(call),
                details={
                    "fold_scores": str([float(score) for score in folds]), "std": repr(float(folds.std())),
                    "scoring": scoring if isinstance(scoring, str) else "",
                },
            ))  # fmt: skip


def _number(value: object) -> float | int | None:
    if type(value) in {int, float}:
        return value  # type: ignore[return-value]
    if isinstance(value, np.floating | np.integer):
        return float(value) if isinstance(value, np.floating) else int(value)
    return None


def _group(loop_key: str) -> str:
    return loop_key.partition("=")[2]


def _data_name(call: ObservedCall, wanted: tuple[str, ...]) -> str:
    """The text of the argument that says on which data: the truth of a metric, the rows of a score."""
    text = next((call.expressions[name].text for name in wanted if name in call.expressions), "")
    return text if len(text) <= _LONGEST_NAME else text[: _LONGEST_NAME - 1] + "…"


def _datasets(call: ObservedCall) -> list[Dataset]:
    """What an estimator was fitted on, with fingerprint and schema where the object is known."""
    found = []
    for role in ("X", "y"):
        written, value = call.expressions.get(role), call.arguments.get(role)
        name = (written.text if written is not None else role)[:_LONGEST_NAME]
        if value is not None:
            found.append(Dataset(name, fingerprint(value, Settings.current().hash_bytes), role=role, schema=schema_of(value)))
        elif written is not None:
            found.append(Dataset(name, Fingerprint("opaque"), role=role))
    return found
