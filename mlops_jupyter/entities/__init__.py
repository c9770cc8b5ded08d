"""The words of DESIGN.md as types. Nothing here knows how they are captured, stored or shown."""

from mlops_jupyter.entities.data import (
    Column,
    ColumnProfile,
    Dataset,
    Fingerprint,
    Profile,
    Scalar,
    Schema,
    Value,
)
from mlops_jupyter.entities.errors import (
    ConflictError,
    InputError,
    JobCancelledError,
    JobFailedError,
    MlopsError,
    NotFoundError,
    StoreError,
)
from mlops_jupyter.entities.ids import content_hash, derived_id, new_id
from mlops_jupyter.entities.jobs import (
    InputCheck,
    JobInput,
    JobManifest,
    JobParameter,
    JobResult,
    Outcome,
    Tolerance,
)
from mlops_jupyter.entities.protocols import AnyStore, Ledger, Merged, Recorder, Sink, Spent
from mlops_jupyter.entities.records import Entity, Record
from mlops_jupyter.entities.runs import (
    Artifact,
    Experiment,
    Goal,
    Metric,
    ModelRef,
    Named,
    Param,
    Remark,
    ResultVerdict,
    Run,
    Verification,
)
from mlops_jupyter.entities.sessions import (
    CallSite,
    CellError,
    CellExecution,
    Distribution,
    Environment,
    FileAccess,
    GitState,
    Hardware,
    LocalModule,
    NotebookRef,
    Observation,
    Origin,
    Output,
    Query,
    RandomState,
    Read,
    Session,
    VariableVersion,
)
from mlops_jupyter.entities.submissions import Delivered, Firing, Missed, Overlap, Schedule, Sight, Submission
from mlops_jupyter.entities.tokens import NewToken, Scope, Token

__all__ = [
    "AnyStore", "Artifact", "CallSite", "CellError", "CellExecution", "Column", "ColumnProfile", "ConflictError", "Dataset",
    "Delivered", "Distribution", "Entity", "Environment", "Experiment", "FileAccess", "Fingerprint", "Firing", "GitState",
    "Goal", "Hardware", "InputCheck", "InputError", "JobCancelledError", "JobFailedError", "JobInput", "JobManifest",
    "JobParameter", "JobResult", "Ledger", "LocalModule", "Merged", "Metric", "Missed", "MlopsError", "ModelRef", "Named",
    "NewToken", "NotFoundError", "NotebookRef", "Observation", "Origin", "Outcome", "Output", "Overlap", "Param", "Profile",
    "Query", "RandomState", "Read", "Record", "Recorder", "Remark", "ResultVerdict", "Run", "Scalar", "Schedule", "Schema",
    "Scope", "Session", "Sight", "Sink", "Spent", "StoreError", "Submission", "Token", "Tolerance", "Value", "VariableVersion",
    "Verification", "content_hash", "derived_id", "new_id",
]
