"""What a finished call of scikit-learn says: a model, a metric, a transformer's params, or a prediction to remember."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator

from mlops_jupyter.capture.autolog.sklearn_models import class_name, findings, inside, params_of, predicts
from mlops_jupyter.capture.autolog.telling import Teller, datasets
from mlops_jupyter.capture.autolog.words import group, written
from mlops_jupyter.capture.observer import Draft, ObservedCall, Observer
from mlops_jupyter.fingerprint.types.instances import attributes

_TRUTH = ("y_true", "labels_true", "y", "X", "#0")
_ROLES = {"X": "X", "y": "y"}


class Listening:
    """One listener for one session. `heard` gets every finished outermost call."""

    def __init__(self, observer: Observer, metrics: frozenset[str], validations: frozenset[str], fits: frozenset[str],
                 predictions: frozenset[str]) -> None:  # fmt: skip
        self._teller = Teller(observer)
        self._links = self._teller.links
        self._metrics = metrics
        self._validations = validations
        self._fits = fits
        self._predictions = predictions

    def heard(self, call: ObservedCall) -> None:
        """Take one call."""
        name = getattr(call.callable, "__name__", "")
        estimator = call.arguments.get("self")
        if isinstance(estimator, BaseEstimator):
            if name in self._fits:
                self._fitted(call, estimator, partial=name == "partial_fit")
            if name in self._predictions:
                self._teller.predicted(call.result, estimator)
            if name == "score":
                self._teller.metric(call, call.result, name, [self._links.model_of(estimator)], written(call, ("X", "#0")))
        elif getattr(call.callable, "__module__", "").partition(".")[0] != "sklearn":
            return
        elif name in self._validations:
            self._validated(call, name)
        elif name in self._metrics:
            self._teller.metric(call, call.result, name, self._links.models_of(call), written(call, _TRUTH))

    def _fitted(self, call: ObservedCall, estimator: BaseEstimator, *, partial: bool) -> None:
        """A model, or the params of a transformer. Further batches of a `partial_fit` are the same model."""
        if partial and self._links.model_of(estimator):
            return
        given, shown = params_of(estimator)
        draft = Draft(kind="model" if predicts(estimator) else "param", name=type(estimator).__name__, subject=estimator,
                      class_name=class_name(estimator), params=given, shown=shown)
        if draft.kind == "param":
            self._teller.model(call, draft)
            return
        draft.details, best = findings(estimator)
        draft.datasets = datasets(call, _ROLES)
        key = self._teller.model(call, draft, inside(estimator))
        labels = attributes(estimator).get("labels_")
        if isinstance(labels, np.ndarray):
            self._links.add_prediction(labels, key)
        self._teller.fact(call, best, "best_score", key, draft.details)
        for root in dict.fromkeys(cls.__module__.partition(".")[0] for cls in type(estimator).__mro__):
            if root in self._links.further:
                self._links.further[root](call, key)

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
            data = written(call, ("X", "#1"))
            self._teller.observer.observe(Draft(
                kind="metric", name=base if call.site.target or not data else f"{base}[{data}]",
                value=float(folds.mean()), key=group(call.loop_key), site=call.site, models=[model] if model else [],
                class_name=class_name(estimator), params=given, shown=shown,
                datasets=datasets(call, _ROLES),
                details={
                    "fold_scores": str([float(score) for score in folds]), "std": repr(float(folds.std())),
                    "scoring": scoring if isinstance(scoring, str) else "",
                },
            ))  # fmt: skip
