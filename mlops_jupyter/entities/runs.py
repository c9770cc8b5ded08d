"""What users compare: experiments with an objective, runs derived from observations, and the verdicts of re-running them."""

from __future__ import annotations

from typing import Literal

import msgspec

from mlops_jupyter.entities.data import Dataset, Scalar, Value
from mlops_jupyter.entities.sessions import LocalModule, Origin

RunState = Literal["open", "finished", "failed", "interrupted"]
VerdictWord = Literal["identical", "within tolerance", "different", "input gone", "failed"]


class Goal(msgspec.Struct, tag="goal", omit_defaults=True):
    """The objective of an experiment, with the time at which it was set: the newest counts, the older ones stay."""

    experiment_id: str
    at: float
    text: str
    metric: str = ""
    at_least: float | None = None
    at_most: float | None = None
    baseline: str = ""
    user: str = ""


class Experiment(msgspec.Struct, omit_defaults=True):
    """A named group of runs; by default one per notebook."""

    id: str
    name: str
    goals: list[Goal] = []


class Param(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a run recorded: an estimator's argument, a top-level literal of its slice, or a `log_params` value."""

    name: str
    value: Value
    source: Literal["estimator", "literal", "logged"] = "estimator"
    shown: bool = True
    n: int = 0


class Metric(msgspec.Struct, frozen=True, omit_defaults=True):
    """A value with a name. Repeats within one execution are a `series`, or several metrics with a `key` each.

    A series of more than 1,000 values is thinned to about as many, the least and the greatest of each stretch among them; `steps`
    are their places in the whole, from 0, which the observations hold. `shared`: it could belong to more than one model. `n` is
    the cell execution, `observation` the key of the observation.
    """

    name: str
    value: float
    key: str = ""
    series: tuple[float, ...] = ()
    steps: tuple[int, ...] = ()
    shared: bool = False
    n: int = 0
    observation: str = ""
    variable: str = ""
    function: str = ""


class ModelRef(msgspec.Struct, frozen=True, omit_defaults=True):
    """A fitted model of a run: the observation that saw it, its variable, class and digest."""

    observation: str
    name: str
    class_name: str
    digest: str = ""
    n: int = 0
    blob: str | None = None


class Artifact(msgspec.Struct, frozen=True, omit_defaults=True):
    """A stored file or value with a name and a content hash."""

    name: str
    digest: str
    nbytes: int | None = None
    n: int = 0


class ResultVerdict(msgspec.Struct, frozen=True, omit_defaults=True):
    """One result of a verification: what was recorded, what the clean run gave."""

    name: str
    verdict: VerdictWord
    expected: Scalar = None
    found: Scalar = None
    detail: str = ""


class Verification(msgspec.Struct, tag="verification", omit_defaults=True):
    """The slice re-run in a clean kernel and compared. It holds for the slice whose digest it carries, and for no other."""

    id: str
    run: str
    """Id of the run, or "" when a variable was verified."""
    session: str
    result: str
    at: float
    verdict: VerdictWord
    results: list[ResultVerdict] = []
    slice_digest: str = ""
    seconds: float = 0.0
    detail: str = ""
    environment: str = ""


class Remark(msgspec.Struct, tag="remark", omit_defaults=True):
    """What people said of a run. It stands beside what the run is derived from, and outlives each deriving."""

    run: str
    session: str
    at: float
    starred: bool = False
    baseline: bool = False
    """What the other runs of its experiment are compared with. One of them is, at most."""
    tags: dict[str, str] = {}
    """Beside the tags that were recorded; the same name here counts."""
    taken_off: list[str] = []
    """Names of tags that somebody took off: a recorded one of that name does not count."""


class Named(msgspec.Struct, frozen=True):
    """A name that runs have, `metric` or `param`, and how many runs have it."""

    kind: Literal["metric", "param"]
    name: str
    runs: int


class Run(msgspec.Struct, tag="run", omit_defaults=True):
    """One attempt that users compare, derived from observations; see lineage/runs.py for the rules. Times are Unix seconds."""

    id: str
    experiment_id: str
    experiment: str
    session: str
    state: RunState
    started: float
    name: str = ""
    """Said by `start_run(name)`, else ""."""
    change: str = ""
    """What changed against the run before: `max_iter 200→400`."""
    number: int = 0
    """Position in its experiment, from 1; given by the store when it first sees the run, then kept."""
    ended: float | None = None
    notebook: str = ""
    user: str = ""
    params: list[Param] = []
    metrics: list[Metric] = []
    models: list[ModelRef] = []
    datasets: list[Dataset] = []
    artifacts: list[Artifact] = []
    tags: dict[str, str] = {}
    cells: list[int] = []
    """The slice: n of each cell execution needed, in order."""
    incomplete: bool = False
    """True if the slice goes through cells that ran before tracking."""
    slice_digest: str = ""
    environment: str = ""
    modules: list[LocalModule] = []
    """The user's own modules that its cells used."""
    git_commit: str = ""
    git_dirty: bool = False
    origin: Origin | None = None
    error: str = ""
    verification: Verification | None = None
    """The newest; filled when a run is read, not when it is derived."""
    goal: Literal["", "met", "missed"] = ""
    deleted: bool = False
    starred: bool = False
    """This and `baseline`: of the remark on it; filled when a run is read."""
    baseline: bool = False
