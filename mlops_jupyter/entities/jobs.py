"""A job: an immutable, content-hashed definition made from a notebook. `job.yaml` in a bundle is this manifest as YAML."""

from __future__ import annotations

from typing import Literal

import msgspec

from mlops_jupyter.entities.data import Fingerprint, Scalar, Schema

MANIFEST_VERSION = 1
ParameterType = Literal["integer", "number", "string", "boolean", "date", "datetime", "decimal", "path", "array", "secret"]
"""What can be given, in JSON's words. Moments and decimals are ISO and decimal text, a secret is where to find it."""
InputPolicy = Literal["record", "warn", "fail"]
InputState = Literal["same", "new rows", "schema changed", "broken"]
OutcomeState = Literal["scheduled", "queued", "running", "succeeded", "failed", "cancelled", "timed-out", "died"]


class JobParameter(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a job can be given. `schema` is JSON Schema for one value; `varied`: it differed between the recorded runs.

    A secret's default is the reference to look it up by, `env:API_KEY`; its value is nowhere.
    """

    name: str
    type: ParameterType
    default: Scalar | list[Scalar]
    schema: dict[str, object] = {}
    description: str = ""
    varied: bool = False
    cell: int = 0
    """The cell execution from which its assignment was cut."""
    arrives: str = ""
    """What the code makes of the given value before it uses it (`tuple`, `Decimal`, `np.float64`); "" if it takes it as it is."""


class JobInput(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file, URL or query of the slice, overridable with `-i name=URI`. `path` as the notebook opens it."""

    name: str
    path: str
    fingerprint: Fingerprint
    schema: Schema | None = None
    carried: bool = False
    """True if the file is inside the bundle."""
    source: str = ""
    """Where the recorded run had it, where that is not inside the bundle; used when nothing is given with -i."""
    fixed: bool = False
    """True if no literal in the cells names the path, so that -i cannot put another file in its place."""
    kind: Literal["file", "url", "query"] = "file"
    """A `url` is fetched from `source` and read from a file; of a `query`, `path` is the statement, and it is asked as it is."""
    rows: int | None = None
    policy: InputPolicy = "warn"
    """What is done where the schema has changed or the file is broken: it is only recorded, said, or the job does not start."""


class InputCheck(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an input of a run was against that of the recorded run. `new rows`: other content, with the same columns."""

    name: str
    state: InputState
    detail: str = ""


class JobResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the job makes and what the recorded run had for it."""

    name: str
    kind: Literal["metric", "model", "variable", "file"]
    value: Scalar = None
    digest: str = ""
    variable: str = ""
    key: str = ""
    metric: str = ""
    """Of a variable: the metric as which `log_metric` told its value, in group `key`. A run of the job records it as that."""


class Tolerance(msgspec.Struct, frozen=True):
    """How far a metric of the job may be from its reference, relative to the larger of the two, and where that number is from."""

    value: float
    source: str


class JobManifest(msgspec.Struct, omit_defaults=True):
    """The contract of a bundle. `files` maps each other file of the bundle to its sha256; `digest` covers all of it."""

    name: str
    created: float
    parameters: list[JobParameter]
    inputs: list[JobInput]
    results: list[JobResult]
    cells: int
    """Number of code cells in the job's notebook."""
    cells_total: int
    """Number of code cells in the notebook it was made from."""
    owner: str = ""
    notebook: str = ""
    made_from_run: str = ""
    made_from_session: str = ""
    experiment: str = ""
    experiment_id: str = ""
    python: str = ""
    kernel: str = "python3"
    verified: bool = False
    verified_at: float | None = None
    verdict: str = "unverified"
    modules: list[str] = []
    warnings: list[str] = []
    seed: int | None = None
    effects: list[str] = []
    """What its cells did outside their folder when they were recorded, in words: a clean run would do it again."""
    tolerances: dict[str, Tolerance] = {}
    """Metric (`auc`, of a group `auc[UA]`) → its own tolerance, where clean runs of the job were seen to differ."""
    added: list[int] = []
    """Cell executions that are in the job because somebody added them."""
    left_out: list[int] = []
    """Cell executions that the results need and that somebody left out."""
    files: dict[str, str] = {}
    version: int = MANIFEST_VERSION
    digest: str = ""


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a job's run ended, judged in one place from exceptions and exit codes, never from notebook metadata.

    `died` is a failure too: something killed it. The first three states are no end.
    """

    state: OutcomeState
    error: str = ""
    cell: int | None = None
    """Position of the failing cell in the job's notebook, from 1."""
    source: str = ""
    seconds: float = 0.0
