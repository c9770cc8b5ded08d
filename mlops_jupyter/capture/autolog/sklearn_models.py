"""An estimator as words: its parameters, flat and plain, and what a fit or a search found out. No method of it is called."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import numpy as np
from sklearn.base import BaseEstimator

from mlops_jupyter.capture.autolog.words import plain
from mlops_jupyter.entities.data import Scalar
from mlops_jupyter.fingerprint.types.instances import attributes

_DEPTH = 6


def _signature(cls: type) -> dict[str, object]:
    """Parameter name → default, as scikit-learn reads them: from the constructor, and its base's if it passes `**kwargs` on."""
    kinds = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    found: dict[str, object] = {}
    for base in cls.__mro__:
        if "__init__" not in base.__dict__ or base is object:
            continue
        own = inspect.signature(base.__dict__["__init__"]).parameters.values()
        found = {each.name: each.default for each in own if each.name != "self" and each.kind not in kinds} | found
        if not any(each.kind is inspect.Parameter.VAR_KEYWORD for each in own):
            break
    return found


def _flat(estimator: BaseEstimator, prefix: str, depth: int) -> Iterator[tuple[str, Scalar, bool]]:
    """(name, value, shown) of each parameter, those of parts under `part__name`, as `get_params(deep=True)` has them."""
    own = attributes(estimator)
    more = own.get("_other_params", own.get("kwargs"))  # what LightGBM and XGBoost take beside their own parameters
    for name, value in more.items() if isinstance(more, dict) else ():
        yield f"{prefix}{name}", plain(value), True
    for name, default in _signature(type(estimator)).items():
        value = own.get(name)
        parts = list(_parts(name, value))
        if not (parts and isinstance(value, list | tuple)):
            shown = plain(value) != plain(default) or default is inspect.Parameter.empty
            yield prefix + name, plain(value), shown
        for label, part in parts:
            if label != name:
                yield prefix + label, plain(part), True
            if isinstance(part, BaseEstimator) and depth < _DEPTH:
                yield from _flat(part, f"{prefix}{label}__", depth + 1)


def _parts(name: str, value: object) -> Iterator[tuple[str, object]]:
    """Estimators inside a parameter: itself, or the named ones of a list (`steps`, `transformers`, `estimators`)."""
    if isinstance(value, BaseEstimator):
        yield name, value
    elif type(value) in {list, tuple}:
        for item in value:  # type: ignore[attr-defined]
            named = type(item) is tuple and len(item) >= 2 and type(item[0]) is str
            if named and (isinstance(item[1], BaseEstimator) or type(item[1]) is str):
                yield item[0], item[1]


def class_name(estimator: object) -> str:
    """`module.Class`, for a pipeline or a search with the estimator that decides: `sklearn.pipeline.Pipeline(Ridge)`."""
    cls = type(estimator)
    name = f"{cls.__module__}.{cls.__qualname__}"
    own = attributes(estimator) if isinstance(estimator, BaseEstimator) else {}
    steps = own.get("steps")
    known = estimator._get_param_names() if isinstance(estimator, BaseEstimator) else []
    inner = own.get("estimator") if "estimator" in known else None  # a forest has such an attribute too
    if type(steps) is list and steps and type(steps[-1]) is tuple:
        inner = steps[-1][-1]
    return f"{name}({class_name(inner).rpartition('.')[2]})" if isinstance(inner, BaseEstimator) else name


def params_of(estimator: BaseEstimator) -> tuple[dict[str, Scalar], list[str]]:
    """All parameters by flat name, and the names of those that are not at their default."""
    found = list(_flat(estimator, "", 0))
    return {name: value for name, value, _ in found}, [name for name, _, shown in found if shown]


def predicts(estimator: BaseEstimator) -> bool:
    """True for a model: an estimator with `predict`. A pipeline or search is what its last step or estimator is."""
    own = attributes(estimator)
    steps, inner = own.get("steps"), own.get("estimator")
    if type(steps) is list and steps:
        last = steps[-1][1]
        return isinstance(last, BaseEstimator) and predicts(last)
    if isinstance(inner, BaseEstimator) and type(estimator).__name__.endswith("SearchCV"):
        return predicts(inner)
    return any("predict" in vars(cls) for cls in type(estimator).__mro__)


def inside(estimator: BaseEstimator) -> list[BaseEstimator]:
    """Estimators that answer for this one: what a search or a meta-estimator fitted, the steps of a pipeline."""
    own = attributes(estimator)
    found = [own.get("best_estimator_"), own.get("estimator_")]
    steps = own.get("steps")
    if type(steps) is list:
        found += [step[1] for step in steps if type(step) is tuple and len(step) == 2]
    direct = [part for part in found if isinstance(part, BaseEstimator)]
    return direct + [deeper for part in direct for deeper in inside(part)]


def findings(estimator: BaseEstimator) -> tuple[dict[str, str], float | None]:
    """What a search found (best parameters, score, fold scores) as text, and its best score."""
    own = attributes(estimator)
    best, score, results = own.get("best_params_"), own.get("best_score_"), own.get("cv_results_")
    if type(best) is not dict:
        return {}, None
    details = {"best_params": str(plain(best))}
    at = own.get("best_index_")
    if isinstance(score, float):
        details["best_score"] = repr(float(score))
    if isinstance(results, dict) and isinstance(at, int | np.integer):
        folds = [results.get(f"split{number}_test_score") for number in range(100)]
        scores = [float(fold[at]) for fold in folds if isinstance(fold, np.ndarray)]
        details["fold_scores"] = str(scores)
        details["candidates"] = str(len(results.get("params", ())))
    return details, float(score) if isinstance(score, float) else None
