"""Verbs that write: start and stop tracking, and say what only the user knows (`log_metric`, `log_params`, `log_model`, goals).

Each acts on the tracking of this process. Without one, there is one clear warning and nothing happens, so that a notebook
with `log_metric` in it runs anywhere.
"""

from __future__ import annotations

import errno
import io
import os
import pickle
import sys
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_jupyter.api.here import tracking as current
from mlops_jupyter.api.options import size
from mlops_jupyter.entities.data import Dataset, Scalar
from mlops_jupyter.entities.errors import ConflictError, InputError
from mlops_jupyter.entities.runs import Goal
from mlops_jupyter.entities.sessions import CallSite, ObservationKind, OutputPolicy

if TYPE_CHECKING:
    from mlops_jupyter.capture.ipython import Tracking
    from mlops_jupyter.capture.shell import Status

MOST_BYTES = 2 << 30
"""A larger artifact is refused: it belongs in a file of the user's, logged by path."""
_warned: set[str] = set()


def track(experiment: str = "", *, tags: Mapping[str, str] | None = None, outputs: OutputPolicy = "all",
          keep_data: str = "") -> Tracking:
    """Record every cell from here on, as `%mlops track`. Already tracking: the running one. Raises outside IPython."""
    from mlops_jupyter.capture.ipython import start, this_shell
    from mlops_jupyter.capture.options import TrackOptions

    shell = this_shell()
    if shell is None:
        raise ConflictError("there is no IPython shell in this process", "use a notebook, or: mlops track NOTEBOOK")
    return start(shell, TrackOptions(experiment=experiment, tags=dict(tags or {}), outputs=outputs,
                                     keep_data=size(keep_data, "keep_data")))


def off() -> None:
    """Stop tracking. What was recorded stays."""
    if current() is not None:
        from mlops_jupyter.capture.ipython import stop

        stop()


def status() -> Status | None:
    """What is stored, where, and what tracking cost so far; None if it is off."""
    here = current()
    return None if here is None else here.status()


def log_metric(name: str, value: float, step: int | None = None, key: str = "") -> None:
    """Record one metric value. `step` makes a series, `key` a value for each group (`log_metric("auc", 0.8, key="UA")`)."""
    number = _number(name, value)
    _say("metric", name, value=number, step=step, key=key, subject=value)


def log_metrics(metrics: Mapping[str, float], step: int | None = None) -> None:
    """Record several metric values at once."""
    for name, value in metrics.items():
        _say("metric", name, value=_number(name, value), step=step, subject=value)


def log_param(name: str, value: object) -> None:
    """Record one param. Numbers, text and booleans as they are, anything else as its text."""
    _say("param", name, value=_scalar(value), subject=value)


def log_params(params: Mapping[str, object]) -> None:
    """Record several params at once."""
    for name, value in params.items():
        _say("param", name, value=_scalar(value), subject=value)


def log_artifact(what: object, name: str = "") -> None:
    """Keep a file (a path that exists) or a value (text, bytes, a figure with `savefig`, else pickled) with the run."""
    here = _here("log_artifact")
    if here is None:
        return
    label, data, details = _artifact(what, name)
    if len(data) > MOST_BYTES:
        raise InputError(f"the artifact {label!r} is {len(data):,} bytes",
                         "save it to a file of your own, and log its path with log_param")
    _say("artifact", label, blob=here.keep(data), subject=what, details={**details, "bytes": str(len(data))})


def log_model(model: object, name: str = "") -> None:
    """Keep the bytes of a model, so that a job or a registry can use it. joblib where it is loaded, else pickle."""
    here = _here("log_model")
    if here is None:
        return
    variable = name or here.name_of(model) or type(model).__name__
    data, how = _pickled(model)
    _say("model", variable, blob=here.keep(data), subject=model, details={"format": how, "bytes": str(len(data))},
         class_name=f"{type(model).__module__}.{type(model).__qualname__}")


def register_secret(value: str) -> None:
    """Keep `value` out of everything that is recorded from now on, in this process, also if tracking starts later.

    Values of environment variables with a secret's name are known without this. The cell that calls it was recorded before it
    ran: read the value from somewhere, do not write it there. Raises InputError for text too short to be told from others.
    """
    from mlops_jupyter.capture.secrets import MINIMUM, register

    if type(value) is not str or len(value) < MINIMUM:
        raise InputError(f"a secret is text of at least {MINIMUM} characters", "register the whole value, e.g. the password")
    register(value)


def start_run(name: str = "") -> None:
    """What follows belongs to one run of that name, until `end_run` or the next `start_run`."""
    _say("start-run", name)


def end_run() -> None:
    """End the run that `start_run` began."""
    _say("end-run", "")


def set_goal(text: str, metric: str = "", at_least: float | None = None, at_most: float | None = None,
             baseline: str = "") -> None:
    """The objective of this session's experiment. The newest goal counts, the older ones stay on record."""
    if not text.strip():
        raise InputError("a goal needs a text", '%mlops goal "late flights, AUC 0.75" --metric auc --at-least 0.75')
    if (at_least is not None or at_most is not None) and not metric:
        raise InputError("a bound needs a metric", "name it with --metric")
    here = _here("set_goal")
    if here is not None:
        here.record_goal(Goal(experiment_id=here.session.experiment_id, at=time.time(), text=text, metric=metric,
                              at_least=at_least, at_most=at_most, baseline=baseline, user=here.session.user))


def _here(verb: str) -> Tracking | None:
    """The tracking of this process; else None, and one warning for each verb."""
    here = current()
    if here is None and verb not in _warned and os.environ.get("MLOPS_DISABLE") != "1":
        _warned.add(verb)
        warnings.warn(f"mlops_jupyter.{verb}: this kernel is not tracked, nothing is recorded. Start with %mlops track",
                      stacklevel=4)
    return here


def _say(kind: ObservationKind, name: str, *, subject: object = None, value: Scalar = None,  # noqa: PLR0913 (a draft's fields)
         step: int | None = None, key: str = "", blob: str | None = None, details: dict[str, str] | None = None,
         class_name: str = "", datasets: list[Dataset] | None = None) -> None:
    verb = sys._getframe(1).f_code.co_name
    here = _here(verb)
    if here is None:
        return
    from mlops_jupyter.capture.observer import Draft

    site = CallSite(function=f"mlops_jupyter.{verb}", line=sys._getframe(2).f_lineno)
    here.log(Draft(kind=kind, name=name, value=value, step=step, key=key, site=site, subject=subject, blob=blob, logged=True,
                   details=details or {}, class_name=class_name, datasets=datasets or []))


def _number(name: str, value: object) -> float:
    """`value` as a float; numpy scalars and the like through `float()`."""
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"the metric {name!r} is no number: {type(value).__name__}",
                         f"pass one number, e.g. mlops.log_metric({name!r}, float(value))") from error


def _scalar(value: object) -> Scalar:
    if value is None or type(value) in (str, int, float, bool):
        return value  # type: ignore[return-value]
    item = getattr(value, "item", None)
    if callable(item) and getattr(value, "ndim", None) == 0:  # a numpy scalar
        found = item()
        return found if type(found) in (str, int, float, bool) else str(found)
    return str(value)


def _artifact(what: object, name: str) -> tuple[str, bytes, dict[str, str]]:
    """(name, bytes, details) of a file or a value."""
    if isinstance(what, str | os.PathLike):
        path = Path(what)
        try:
            if path.is_file():
                return name or path.name, path.read_bytes(), {"path": str(path)}
        except OSError as error:
            if name and isinstance(what, str) and error.errno == errno.ENAMETOOLONG:
                return name, what.encode(), {"format": "text"}  # a text that is no path
            raise InputError(f"the file {str(path)!r} cannot be read: {error}", "check the path and its rights") from error
        if not name or isinstance(what, os.PathLike):
            raise InputError(f"there is no file {str(path)!r}", "give the path of a file, or a value and name=…")
    if not name:
        raise InputError(f"an artifact of type {type(what).__name__} needs a name", 'mlops.log_artifact(value, name="…")')
    if isinstance(what, str):
        return name, what.encode(), {"format": "text"}
    if isinstance(what, bytes | bytearray):
        return name, bytes(what), {"format": "bytes"}
    save = getattr(what, "savefig", None)
    if callable(save):
        buffer = io.BytesIO()
        save(buffer, format="png")
        return name, buffer.getvalue(), {"format": "image/png"}
    data, how = _pickled(what)
    return name, data, {"format": how}


def _pickled(value: object) -> tuple[bytes, str]:
    from mlops_jupyter.fingerprint.written import pickled

    try:
        return pickled(value)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise InputError(f"a {type(value).__name__} cannot be kept as bytes: {error}", "save it with its own library, and "
                         "log the file: mlops.log_artifact(path)") from error
