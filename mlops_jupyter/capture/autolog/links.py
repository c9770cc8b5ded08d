"""Which model does a metric speak of? The one whose prediction reached its arguments, whatever library made either.

Every prediction is remembered by identity, by the memory it lies in, and by the content of its columns, never by a strong
reference. An argument is traced in this order, and the first kind of evidence that finds a model wins: the object or its
memory; its content (a frame's column that holds the prediction); the frame's column of that name, where groups of the frame
are passed; the names that the cell assigned it from. Nothing found: the lineage falls back to the slice.
"""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from mlops_jupyter.capture.observer import Expression, ObservedCall
from mlops_jupyter.entities.sessions import CallSite
from mlops_jupyter.fingerprint import fingerprint, footprint
from mlops_jupyter.fingerprint.types.instances import attributes

_REMEMBERED = 256
_CONTENT_BYTES = 64 << 20  # a longer prediction is followed by identity and memory only

Ref = weakref.ref[object]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What is kept of one prediction: no reference that would keep it alive."""

    model: str
    ref: Ref | None
    ranges: tuple[tuple[int, int], ...]
    digests: frozenset[str]


class Links:
    """Models and predictions of this session, of all libraries."""

    def __init__(self) -> None:
        self._models: dict[int, tuple[Ref, str]] = {}
        self._predictions: deque[Prediction] = deque(maxlen=_REMEMBERED)
        self._site: CallSite | None = None
        self._columns: dict[tuple[int, str], list[str]] = {}
        self.further: dict[str, Callable[[ObservedCall, str], None]] = {}
        """Library → who says more about a fit of its estimators, once the model has a key."""

    def add_model(self, estimators: Iterable[object], key: str) -> None:
        """These objects answer for the model `key` from now on."""
        for estimator in estimators:
            self._models[id(estimator)] = (weakref.ref(estimator), key)
        if len(self._models) > 4 * _REMEMBERED:
            self._models = {number: kept for number, kept in self._models.items() if kept[0]() is not None}

    def model_of(self, value: object) -> str:
        """Key of the model that an estimator is, "" if it was not seen."""
        ref, key = self._models.get(id(value), (None, ""))
        return key if ref is not None and ref() is value else ""

    def add_prediction(self, result: object, model: str) -> None:
        """`result` was predicted by `model`."""
        try:
            ref: Ref | None = weakref.ref(result)
        except TypeError:
            ref = None  # a list: known by content only
        found = fingerprint(result, _CONTENT_BYTES)
        digests = frozenset(contents(result)) if found.coverage == 1.0 else frozenset()
        self._predictions.append(Prediction(model, ref, footprint(result).ranges, digests))

    def models_of(self, call: ObservedCall) -> list[str]:
        """Keys of the models whose predictions reached the arguments of a call."""
        if call.site != self._site:  # within the repeats of one site the frames gone through are hashed once
            self._site = call.site
            self._columns.clear()
        values = [value for name, value in call.arguments.items() if name != "self"]
        expressions = list(call.expressions.values())
        roots = [root for each in expressions for root in each.roots]
        for evidence in (
            self._by_object([*values, *roots]),
            self._by_content(values, expressions),
            self._by_column(call.around, expressions, values),
            self._by_object([feed for each in expressions for feed in each.feeds]),
            [self.model_of(root) for each in expressions for root in (*each.roots, *each.feeds)],
        ):
            found = list(dict.fromkeys(key for key in evidence if key))
            if found:
                return found
        return []

    def _by_object(self, values: Iterable[object]) -> Iterator[str]:
        for value in values:
            if _is_frame(value):
                continue  # a whole frame's memory says nothing about the column in question
            ranges = footprint(value).ranges
            for kept in reversed(self._predictions):
                if kept.ref is None:
                    continue
                alive = kept.ref()
                if alive is value or (alive is not None and _overlap(ranges, kept.ranges)):
                    yield kept.model
                    break

    def _by_content(self, values: Iterable[object], expressions: Iterable[Expression]) -> Iterator[str]:
        for value in values:
            if not _is_frame(value):
                yield self._holding(set(contents(value)))
        for each in expressions:
            for root in each.roots:
                yield self._holding({text for label in each.labels for text in _column(root, label)})

    def _by_column(self, around: Iterable[object], expressions: Iterable[Expression], values: Iterable[object]) -> Iterator[str]:
        """Groups of a frame: the frame that is gone through has, under the same label, a prediction as its column."""
        labels = {label for each in expressions for label in each.labels}
        names = (attributes(value).get("_name") for value in values if type(value).__name__ == "Series")
        labels |= {name for name in names if isinstance(name, str)}
        for value in around:
            frame = attributes(value).get("obj", value)  # a group-by holds its frame as `obj`
            for label in sorted(labels) if _is_frame(frame) else ():
                if (id(frame), label) not in self._columns:
                    self._columns[id(frame), label] = _column(frame, label)
                yield self._holding(set(self._columns[id(frame), label]))

    def _holding(self, digests: set[str]) -> str:
        return next((kept.model for kept in reversed(self._predictions) if kept.digests & digests), "")


def _overlap(first: tuple[tuple[int, int], ...], second: tuple[tuple[int, int], ...]) -> bool:
    return any(a < d and c < b for a, b in first for c, d in second)


def _is_frame(value: object) -> bool:
    return type(value).__name__ == "DataFrame"


def _column(frame: object, label: str) -> list[str]:
    """Content of one column of a pandas frame, without hashing the others."""
    if not _is_frame(frame) or not type(frame).__module__.startswith("pandas"):
        return []
    known = frame.columns  # type: ignore[attr-defined]
    if label not in known or not known.is_unique:
        return []
    return contents(frame[label])  # type: ignore[index]


def contents(value: object) -> list[str]:
    """Digest of each column of a prediction, whatever holds it: vector, matrix, series, frame."""
    module = type(value).__module__.partition(".")[0]
    if module == "pandas" and type(value).__name__ == "Series":
        value = value.to_numpy()  # type: ignore[attr-defined]
    elif module == "pandas" and _is_frame(value):
        return [text for place in range(min(value.shape[1], 64)) for text in contents(value.iloc[:, place])]  # type: ignore[attr-defined]
    if type(value).__module__ != "numpy" or not hasattr(value, "ndim") or not hasattr(value, "dtype"):
        return []
    columns: list[object] = [value] if value.ndim == 1 else []
    if value.ndim == 2:
        columns = [value[:, place] for place in range(min(value.shape[1], 64))]  # type: ignore[index, attr-defined]
    if getattr(value, "size", 0) < 2:
        return []
    found = (fingerprint(column, _CONTENT_BYTES) for column in columns)
    return [each.digest for each in found if each.digest is not None and each.coverage == 1.0]
