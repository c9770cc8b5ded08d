"""scikit-learn observed: fits become models, metric functions and `.score` become metrics, transformers become params.

`calls.py` says which call ended, with what; this file says what it means. The library is neither patched nor, before the user
imports it, imported. `sklearn_events.py` draws the conclusions, `sklearn_models.py` reads estimators. Estimators of other
libraries that follow scikit-learn's interface (XGBoost, LightGBM …) are estimators like any other.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import CodeType, FunctionType, ModuleType

from mlops_jupyter.capture import calls
from mlops_jupyter.capture.assembly import Armed
from mlops_jupyter.capture.calls import Called, Library
from mlops_jupyter.capture.observer import Observer

FITS = frozenset({"fit", "fit_predict", "fit_transform", "partial_fit"})
PREDICTIONS = frozenset({"predict", "predict_proba", "predict_log_proba", "decision_function", "fit_predict"})
METHODS = FITS | PREDICTIONS | {"score"}
VALIDATIONS = frozenset({"cross_val_score", "cross_validate", "cross_val_predict"})
METRICS = frozenset({
    "accuracy_score", "adjusted_mutual_info_score", "adjusted_rand_score", "auc", "average_precision_score",
    "balanced_accuracy_score", "brier_score_loss", "calinski_harabasz_score", "class_likelihood_ratios", "cohen_kappa_score",
    "completeness_score", "consensus_score", "coverage_error", "d2_absolute_error_score", "d2_brier_score",
    "d2_log_loss_score", "d2_pinball_score", "d2_tweedie_score", "davies_bouldin_score", "dcg_score",
    "explained_variance_score", "f1_score", "fbeta_score", "fowlkes_mallows_score", "hamming_loss", "hinge_loss",
    "homogeneity_score", "jaccard_score", "label_ranking_average_precision_score", "label_ranking_loss", "log_loss",
    "matthews_corrcoef", "max_error", "mean_absolute_error", "mean_absolute_percentage_error", "mean_gamma_deviance",
    "mean_pinball_loss", "mean_poisson_deviance", "mean_squared_error", "mean_squared_log_error", "mean_tweedie_deviance",
    "median_absolute_error", "mutual_info_score", "ndcg_score", "normalized_mutual_info_score", "precision_score", "r2_score",
    "rand_score", "recall_score", "roc_auc_score", "root_mean_squared_error", "root_mean_squared_log_error",
    "silhouette_score", "top_k_accuracy_score", "v_measure_score", "zero_one_loss",
})  # fmt: skip
NAMES = METHODS | VALIDATIONS | METRICS
"""Terminal names worth looking at; read before scikit-learn is imported."""


def attach(observer: Observer) -> None:
    """Begin to observe. Called once scikit-learn is in `sys.modules`."""
    from mlops_jupyter.capture.autolog.sklearn_events import Listening  # it imports scikit-learn

    listening = Listening(observer, METRICS, VALIDATIONS, FITS, PREDICTIONS)
    observer.listen(listening.heard)
    calls.watch(Library("sklearn", _Codes(), _codes_of, _read, _function_of))


def _base() -> type | None:
    module = sys.modules.get("sklearn.base")
    found = vars(module).get("BaseEstimator") if isinstance(module, ModuleType) else None
    return found if isinstance(found, type) else None


class _Codes:
    """Asked before each cell: the shared wrappers of all fits and all validated functions once, then methods of new classes."""

    def __init__(self) -> None:
        self._seen: dict[int, weakref.ref[type]] = {}

    def __call__(self) -> Iterator[Armed]:
        """Code objects that were not given before."""
        if not self._seen:
            from sklearn.base import _fit_context
            from sklearn.utils._param_validation import validate_params

            yield _fit_context(prefer_skip_nested_validation=True)(_nothing).__code__
            yield validate_params({}, prefer_skip_nested_validation=True)(_nothing).__code__
        base = _base()
        waiting, reached = [base] if base is not None else [], set[int]()
        while waiting:
            cls = waiting.pop()
            if id(cls) in reached:
                continue
            reached.add(id(cls))
            waiting += type.__subclasses__(cls)
            if self._is_new(cls):
                for each in cls.__mro__[1:-1]:
                    if self._is_new(each):  # a mixin
                        yield from _codes_of_class(each)
                yield from _codes_of_class(cls)

    def _is_new(self, cls: type) -> bool:
        known = self._seen.get(id(cls))
        if known is not None and known() is cls:
            return False
        self._seen[id(cls)] = weakref.ref(cls)
        return True


def _nothing(estimator: object) -> None:
    """Decorated only to get at the code object that the decorator makes."""


def _codes_of(receiver: object) -> Iterator[Armed]:
    for part in (receiver, *_parts(receiver)):
        for cls in type(part).__mro__:
            yield from _codes_of_class(cls)


def _parts(receiver: object) -> Iterable[object]:
    base = _base()
    own = vars(receiver) if base is not None and isinstance(receiver, base) else {}
    return [value for value in own.values() if base is not None and isinstance(value, base)]


def _codes_of_class(cls: type) -> Iterator[Armed]:
    for name in METHODS:
        method = cls.__dict__.get(name)
        function = vars(method).get("fn", method) if type(method).__name__ == "_AvailableIfDescriptor" else method
        if type(function) is FunctionType:
            yield function


def _function_of(receiver: object, name: str) -> Callable[..., object] | None:
    """The function that an estimator's class has under a name; None for anything that is no estimator."""
    base = _base()
    if base is None or not issubclass(type(receiver), base):
        return None
    for cls in type(receiver).__mro__:
        method = cls.__dict__.get(name)
        function = vars(method).get("fn", method) if type(method).__name__ == "_AvailableIfDescriptor" else method
        if type(function) is FunctionType:
            return function
    return None


def _read(code: CodeType, local: Mapping[str, object]) -> Called | None:
    """The call that a returning frame is: one of the two shared wrappers, or a method's own code."""
    args, keywords = local.get("args"), local.get("kwargs")
    if "fit_method" in local:
        return _bound(local["fit_method"], local.get("estimator"), args, keywords)
    if "func" in local and code.co_name == "wrapper":
        return _bound(local["func"], None, args, keywords)
    receiver = local.get(code.co_varnames[0]) if code.co_argcount else None
    name = code.co_name
    wrapped = local.get("f")  # `transform` and `fit_transform` of estimators that can give frames
    if name == "wrapped" and isinstance(wrapped, FunctionType):
        name = wrapped.__name__
    function = _function_of(receiver, name)
    return None if function is None else Called(function, receiver)


def _bound(function: object, receiver: object, args: object, keywords: object) -> Called | None:
    if not isinstance(function, FunctionType) or not isinstance(args, tuple) or not isinstance(keywords, dict):
        return None
    names = function.__code__.co_varnames[(receiver is not None) : function.__code__.co_argcount]
    return Called(function, receiver, {**dict(zip(names, args, strict=False)), **keywords})
