"""What a run changed against one of an earlier session: said when runs are read, since a session is derived by itself.

Within a session `lineage` says it. The first run of a session is compared with the newest earlier run of the same models; the
run of a job with the runs that the job was made from, by the parameters that it was given.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePath

import msgspec

from mlops_jupyter.api.words import model_names, number
from mlops_jupyter.entities import Ledger, Origin, Run, Scalar
from mlops_jupyter.lineage.drafts import say_changes

MOST = 3


def with_changes(ledger: Ledger, found: Sequence[Run]) -> list[Run]:
    """The runs, each with its `change` where one can be told."""
    wanted = {run.experiment_id for run in found if not run.change and run.number > 1}
    before = {experiment: ledger.runs(experiment=experiment) for experiment in wanted}
    return [_told(run, before[run.experiment_id]) if run.experiment_id in before and not run.change else run for run in found]


def _told(run: Run, others: Iterable[Run]) -> Run:
    earlier = sorted((other for other in others if other.number < run.number), key=lambda other: -other.number)
    if run.origin is not None and run.origin.session:
        source = [other for other in earlier if other.session == run.origin.session]
        change = _given(run.origin, source)
        return msgspec.structs.replace(run, change=change) if change else run
    same = next((other for other in earlier if model_names(other) == model_names(run) and other.origin is None), None)
    if same is None:
        return run
    pair = [msgspec.structs.replace(same), msgspec.structs.replace(run)]
    say_changes(pair)
    return msgspec.structs.replace(run, change=pair[1].change)


def _given(origin: Origin, source: Sequence[Run]) -> str:
    """The parameters whose value is not that of the run that the job was made from, and the inputs that were replaced."""
    known = {param.name: param.value for run in reversed(source) for param in run.params}
    told = [f"{name} {number(known[name])}→{_text(value)}" for name, value in origin.parameters.items()
            if name in known and _text(known[name]) != _text(value)]
    told += [f"{name}→{PurePath(where).name}" for name, where in origin.inputs.items()]
    return ", ".join(told[:MOST]) + (f" and {len(told) - MOST} more" if len(told) > MOST else "")


def _text(value: Scalar | list[Scalar]) -> str:
    return str(value) if isinstance(value, list) else number(value)
