"""What an autolog file says of a call, each in one verb: a model, a metric, a series, a prediction.

The files know their library; here is what is the same for all: how an observation gets its name, its data, its group in a loop,
and how models and metrics of different libraries find each other (`links.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mlops_jupyter.capture import calls
from mlops_jupyter.capture.autolog.words import class_name, group, number, plain, short, thinned, written
from mlops_jupyter.capture.observer import Draft, ObservedCall, Observer
from mlops_jupyter.config import Settings
from mlops_jupyter.entities.data import Dataset, Fingerprint, Scalar
from mlops_jupyter.fingerprint import fingerprint, schema_of

Roles = Mapping[str, str]
"""Parameter name → what it is for: `X` or `y`."""


class Teller:
    """Says to the observer what calls mean. One for each autolog file; the links are the session's."""

    def __init__(self, observer: Observer) -> None:
        self.observer = observer
        self.links = calls.links()

    def model(self, call: ObservedCall, draft: Draft, answering: Iterable[object] = ()) -> str:
        """A fitted model, the draft's subject; the objects `answering` speak for it too. Returns its key.

        The draft brings what only the library's file knows: params, details, data; the rest is filled here.
        """
        subject = draft.subject
        target = call.site.target if call.result is subject else ""
        draft.class_name = draft.class_name or class_name(subject)
        draft.name = target or self.observer.name_of(subject) or draft.name or draft.class_name.rpartition(".")[2]
        draft.key, draft.site = group(call.loop_key), call.site
        key = self.observer.observe(draft)
        if draft.kind == "model":
            self.links.add_model([subject, *answering], key)
        return key

    def metric(self, call: ObservedCall, value: object, name: str, models: Sequence[str], data: str = "") -> None:
        """A value that a function returned. `name`: what it is called if nothing is assigned; `data`: on what it was computed."""
        found = number(value)
        if found is None:
            return
        where = group(call.loop_key)
        self.observer.observe(Draft(
            kind="metric", name=call.site.target or (f"{name}[{data}]" if data else name), value=found, key=where,
            step=int(where) if where.isdecimal() else None, site=call.site, models=[key for key in models if key],
            datasets=[Dataset(data, Fingerprint("opaque"))] if data else [],
        ))  # fmt: skip

    def fact(self, call: ObservedCall, value: object, name: str, model: str, details: Mapping[str, str] | None = None) -> None:
        """A number that belongs to a model under the library's own name for it."""
        found = number(value)
        if found is not None:
            self.observer.observe(Draft(kind="metric", name=name, value=found, key=group(call.loop_key), site=call.site,
                                        models=[model] if model else [], details=dict(details or {})))

    def series(self, call: ObservedCall, values: list[float], name: str, model: str) -> None:
        """One value per round or epoch; the metric is the last of them."""
        points, note = thinned(values)
        self.points(call, points, name, model, len(values), note)

    def points(self, call: ObservedCall, points: list[float], name: str, model: str, steps: int, note: str) -> None:
        """A series of that many steps of which these points are left; `note` says so."""
        if not points:
            return
        self.observer.observe(Draft(
            kind="metric", name=name, value=points[-1], step=steps, series=points, key=group(call.loop_key), site=call.site,
            models=[model] if model else [], details={"thinned": note} if note else {},
        ))  # fmt: skip

    def facts(self, call: ObservedCall, values: Mapping[str, object], model: str, data: str) -> None:
        """Several numbers that one call gave: `scores.loss` where the result is assigned, else `loss[x_test]`."""
        target = call.site.target
        for name, value in values.items():
            self.fact(call, value, f"{target}.{name}" if target else f"{name}[{data}]" if data else name, model)

    def predicted(self, result: object, model: object) -> None:
        """`result` came out of this model, if its fit was seen."""
        key = self.links.model_of(model)
        if key:
            self.links.add_prediction(result, key)


def params(given: Mapping[object, object]) -> dict[str, Scalar]:
    """Parameters as they may be stored."""
    return {str(name): plain(value) for name, value in given.items()}


def argument(call: ObservedCall, name: str, default: object = None) -> object:
    """What was given for a parameter; else what the function's own frame held for it when it returned; else `default`."""
    found = call.arguments.get(name, call.left.get(name))
    return default if found is None else found


def datasets(call: ObservedCall, roles: Roles) -> list[Dataset]:
    """What a model was fitted on, with fingerprint and schema where the object is known."""
    found = []
    for parameter, role in roles.items():
        expression, value = call.expressions.get(parameter), call.arguments.get(parameter)
        name = short(expression.text if expression is not None else parameter)
        if value is not None:
            found.append(dataset(value, name, role))
        elif expression is not None and expression.text != "None":
            found.append(Dataset(name, Fingerprint("opaque"), role=role))
    return found


def dataset(value: object, name: str, role: str) -> Dataset:
    """A value that a model was fitted on."""
    return Dataset(name, fingerprint(value, Settings.current().hash_bytes), role=role, schema=schema_of(value))


__all__ = ["Teller", "argument", "dataset", "datasets", "params", "written"]
