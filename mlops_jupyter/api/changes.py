"""What a run changed against one of an earlier session: said when runs are read, since a session is derived by itself.

Within a session `lineage` says it. The first run of a session is compared with the newest earlier run of the same models; the
run of a job with the runs that the job was made from, by the parameters that it was given.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePath

import msgspec

from mlops_jupyter.api.words import model_names, number
from mlops_jupyter.entities import Ledger, NotFoundError, Origin, Run, Scalar
from mlops_jupyter.lineage.drafts import say_changes

MOST = 3
LOOKED_BACK = 500
"""So many earlier runs of an experiment are looked at for one of the same models."""


def with_changes(ledger: Ledger, found: Sequence[Run]) -> list[Run]:
    """The runs, each with its `change` where one can be told."""
    wanted = [run for run in found if not run.change and run.number > 1]
    before = _earlier(ledger, wanted)
    return [_told(run, before[run.experiment_id]) if run in wanted else run for run in found]


def _earlier(ledger: Ledger, wanted: Sequence[Run]) -> dict[str, list[Run]]:
    """Experiment → the runs that may be told against: of the sessions that jobs were made from, the newest before."""
    before: dict[str, list[Run]] = {run.experiment_id: [] for run in wanted}
    sources = {(run.experiment_id, run.origin.session) for run in wanted if run.origin is not None and run.origin.session}
    for experiment, session in sorted(sources):
        before[experiment] += [run for run in _of_session(ledger, session) if run.experiment_id == experiment]
    last: dict[str, int] = {}
    for run in wanted:
        if run.origin is None or not run.origin.session:
            last[run.experiment_id] = max(run.number, last.get(run.experiment_id, 0))
    for experiment, at in last.items():
        before[experiment] += ledger.search(f"experiment = '{experiment}' and number < {at}", order_by="number desc",
                                            limit=LOOKED_BACK)
    return before


def _of_session(ledger: Ledger, session: str) -> list[Run]:
    """None of a session that is not here: the job came from another store."""
    try:
        return ledger.runs(session=session)
    except NotFoundError:
        return []


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
