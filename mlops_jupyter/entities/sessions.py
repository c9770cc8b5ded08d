"""What happened in a kernel: the session, its environment, each cell execution, what was observed in it."""

from __future__ import annotations

from typing import Literal

import msgspec

from mlops_jupyter.entities.data import Dataset, Fingerprint, Scalar
from mlops_jupyter.entities.jobs import InputCheck

SessionKind = Literal["notebook", "ipython", "headless", "job", "verification"]
OutputPolicy = Literal["all", "text", "none"]
SessionState = Literal["running", "ended", "interrupted"]
ExecutionState = Literal["running", "ok", "error", "interrupted", "untracked", "skipped"]
WriteKind = Literal["created", "rebound", "mutated", "maybe"]


class Distribution(msgspec.Struct, frozen=True, omit_defaults=True):
    """An installed package. `origin` is set where a version alone would not bring it back: editable, VCS, local file, conda."""

    name: str
    version: str
    origin: str = ""
    url: str = ""


class Environment(msgspec.Struct, frozen=True, omit_defaults=True):
    """Interpreter, platform and every distribution. `id` follows from the content."""

    id: str
    python: str
    implementation: str
    platform: str
    machine: str
    distributions: tuple[Distribution, ...]
    executable: str = ""


class Hardware(msgspec.Struct, frozen=True, omit_defaults=True):
    """The machine: logical cores, memory in bytes, accelerators by name."""

    cores: int
    memory: int | None = None
    processor: str = ""
    accelerators: tuple[str, ...] = ()


class GitState(msgspec.Struct, frozen=True, omit_defaults=True):
    """The work tree that the notebook lies in. `diff` is the blob of the uncommitted diff against HEAD; None if clean."""

    commit: str
    branch: str = ""
    dirty: bool = False
    diff: str | None = None
    remote: str = ""
    root: str = ""


class NotebookRef(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which notebook: an id that survives renames, the path as its label (contents path if known, else file path)."""

    id: str
    path: str = ""


class Origin(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a job's or a verification's session was made from. `changed` names the inputs given with -i."""

    job: str = ""
    """Digest of the job's bundle."""
    run: str = ""
    session: str = ""
    result: str = ""
    parameters: dict[str, Scalar | list[Scalar]] = {}
    inputs: dict[str, str] = {}
    verified: bool = False
    checks: list[InputCheck] = []
    """What the inputs were against those that the job was made with."""
    submission: str = ""
    """The hand-over to a runner that it is an attempt of."""


class Session(msgspec.Struct, tag="session", omit_defaults=True):
    """One kernel life under tracking, of one user. Times are Unix seconds."""

    id: str
    writer: str
    kind: SessionKind
    experiment: str
    """Name of the experiment; by default the notebook's id decides the experiment and the name is the notebook's stem."""
    experiment_id: str
    started: float
    notebook: NotebookRef | None = None
    kernel_id: str = ""
    user: str = ""
    host: str = ""
    process: int = 0
    ended: float | None = None
    state: SessionState = "running"
    environment: Environment | None = None
    """The newest; the executions that changed it name its id."""
    environments: list[Environment] = []
    """Those before it, oldest first: a cell installed something."""
    hardware: Hardware | None = None
    git: GitState | None = None
    outputs: OutputPolicy = "all"
    tags: dict[str, str] = {}
    origin: Origin | None = None
    cwd: str = ""
    version: str = ""
    """Version of mlops_jupyter that wrote it."""
    notes: list[str] = []
    """What could not be captured, in words: shown, never hidden."""


class CellError(msgspec.Struct, frozen=True, omit_defaults=True):
    """The exception that ended a cell: class name, message, traceback as plain text (secrets out, ANSI out)."""

    name: str
    message: str = ""
    traceback: str = ""
    line: int | None = None


class Output(msgspec.Struct, frozen=True, omit_defaults=True):
    """One output of a cell. Text inline, pictures as blobs; a cut is said in `cut_from`."""

    kind: Literal["stream", "result", "display", "error"]
    mime: str = "text/plain"
    text: str = ""
    blob: str | None = None
    name: str = ""
    """`stdout` or `stderr` for streams."""
    cut_from: int | None = None
    """Length before the cut, in characters or bytes; None if whole."""


class VariableVersion(msgspec.Struct, frozen=True, omit_defaults=True):
    """A name with the content it had after the cell. `maybe`: touched and not comparable, so it counts as changed in place."""

    name: str
    how: WriteKind
    fingerprint: Fingerprint


class Read(msgspec.Struct, frozen=True, omit_defaults=True):
    """A name of the namespace that the cell used; `via` the function through which, when not used in the cell's own text."""

    name: str
    via: str = ""


class FileAccess(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file that the cell read or wrote. `path` as opened; `relative` to the session's folder when inside it."""

    path: str
    mode: Literal["read", "write"]
    fingerprint: Fingerprint
    relative: str = ""
    modified: float | None = None


class Query(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a cell asked for outside and got: the rows of a statement (`sql`), or the bytes behind an address (`url`). No secrets.

    `fingerprint` of the rows in order, or of the bytes; without a digest where nobody could look without consuming them.
    """

    kind: Literal["sql", "url"]
    text: str
    """The statement as given, or the address without credentials and secret parameters."""
    source: str = ""
    """Where a statement went: URL of the connection, else the library's name."""
    rows: int | None = None
    fingerprint: Fingerprint = Fingerprint("query")
    unordered: str | None = None
    """Digest of the rows in any order."""


class LocalModule(msgspec.Struct, frozen=True, omit_defaults=True):
    """A module of the user's own that the notebook imports: neither installed nor standard library. Source kept as blob."""

    name: str
    path: str
    digest: str
    relative: str = ""


class RandomState(msgspec.Struct, frozen=True, omit_defaults=True):
    """The generators `python` and `numpy`. `before`: source → digest of its state = name of the blob that restores it."""

    before: dict[str, str] = {}
    drew: tuple[str, ...] = ()
    """Sources whose state was different after the cell, and those whose state its code sets or shows."""
    seeded: tuple[str, ...] = ()
    """Sources that the cell itself seeded (a seed call in the code that ran)."""
    by_import: tuple[str, ...] = ()
    """Of those that drew, the sources where an imported library drew for itself, at import, and nobody else did."""


class CellExecution(msgspec.Struct, tag="execution", omit_defaults=True):
    """One run of one cell. Key (session, n); n counts from 1 in order of execution and is ours, never the prompt number."""

    session: str
    n: int
    source: str
    """As typed."""
    state: ExecutionState
    cell: str = ""
    """The cell's id in the notebook; "" if the front end sent none."""
    executed: str = ""
    """As executed, after IPython's transforms; "" if equal to `source`."""
    prompt: int | None = None
    started: float | None = None
    ended: float | None = None
    error: CellError | None = None
    outputs: list[Output] = []
    outputs_dropped: int = 0
    reads: list[Read] = []
    writes: list[VariableVersion] = []
    deletes: list[str] = []
    stores: list[str] = []
    """Names that the cell's text binds (static), whether or not the value changed."""
    files: list[FileAccess] = []
    queries: list[Query] = []
    environment: str = ""
    """Id of the environment after this cell, where it is another one than before it; "" where nothing changed."""
    modules: list[LocalModule] = []
    imports: list[str] = []
    """Top-level names of packages imported so far that this cell imported first (import names, not distribution names)."""
    random: RandomState | None = None
    opaque: list[str] = []
    """Why reads or writes may be incomplete (`exec`, `%run`, unknown magic …): such a cell touches everything."""
    unverified: list[str] = []
    """Written names whose content was not read to the end: too large for the cell's path, changed before the reading was over."""
    effects: list[str] = []
    """Effects outside the folder: subprocesses, network hosts, files elsewhere, in words."""
    cost: float = 0.0
    """Seconds that tracking took for this cell."""
    memory: int | None = None
    """The most bytes that the kernel's process has held by the end of this cell, since it began; None where nobody says."""
    taken_from: str = ""
    """`session:n` of the execution whose values a checkpoint brought back here, so that the cell did not run; "" if it did."""

    @property
    def seconds(self) -> float | None:
        """Wall time of the cell, None while it runs or where it was not measured."""
        return None if self.started is None or self.ended is None else self.ended - self.started


class CallSite(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where an observed call stands: `module.qualname` of the function; cell id or file; line from 1, column from 0."""

    function: str
    place: str = ""
    line: int = 0
    column: int = 0
    target: str = ""
    """The variable or constant dict key that the call's value is assigned to; "" if none."""


ObservationKind = Literal["metric", "model", "param", "dataset", "artifact", "start-run", "end-run", "tag"]


class Observation(msgspec.Struct, tag="observation", omit_defaults=True):
    """A metric value, fitted model, param, dataset or artifact seen in a cell execution. Key (session, n, seq).

    `model`: `name` is the variable (else the class), `class_name` the estimator's class, `params` its parameters, all of
    them, `shown` those that are not at their default, `datasets` what it was fitted on, `fingerprint` of the fitted model,
    `details` e.g. `best_params`, `fold_scores` as text. `metric`: `value`, `models` = keys of the models whose prediction
    reached its arguments, `datasets` the names it was computed on. `artifact`: `blob`.
    """

    session: str
    n: int
    seq: int
    at: float
    kind: ObservationKind
    name: str
    value: Scalar = None
    key: str = ""
    """Group of a metric computed in a loop (`carrier=UA` → `UA`); "" if none."""
    step: int | None = None
    series: list[float] = []
    """All values of a metric that was seen at once with its history (rounds, epochs), `value` the last; thinned if very long."""
    site: CallSite | None = None
    variable: str = ""
    """The namespace name that holds the value after the cell, if any."""
    class_name: str = ""
    params: dict[str, Scalar] = {}
    shown: list[str] = []
    models: list[str] = []
    datasets: list[Dataset] = []
    fingerprint: Fingerprint | None = None
    blob: str | None = None
    logged: bool = False
    """True if the user said it (`log_metric` …), False if we saw it."""
    details: dict[str, str] = {}

    @property
    def id(self) -> str:
        """The key as text: `session:n:seq`."""
        return f"{self.session}:{self.n}:{self.seq}"
