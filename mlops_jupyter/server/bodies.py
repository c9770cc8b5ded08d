"""What a request body may hold, route by route. Unknown fields and wrong types are refused with the path of the field."""

from __future__ import annotations

import msgspec

from mlops_jupyter.entities import Scalar
from mlops_jupyter.entities.jobs import InputPolicy
from mlops_jupyter.jobs.terms import Terms

Value = Scalar | list[Scalar]


class CellSource(msgspec.Struct, forbid_unknown_fields=True):
    """A cell as the notebook holds it now."""

    id: str
    source: str


class StaleBody(msgspec.Struct, forbid_unknown_fields=True):
    """The open notebook's code cells, in order."""

    kernel: str
    cells: list[CellSource]
    path: str = ""


class VerifyBody(msgspec.Struct, forbid_unknown_fields=True):
    """`allow_effects`: also re-run cells that write elsewhere, use a database or the network."""

    allow_effects: bool = False


class PreviewBody(msgspec.Struct, forbid_unknown_fields=True):
    """What would become a job: a run, or results of a session (all of its runs if none is named).

    `added` and `left_out`: cell executions that are in it, or not, whatever the results need. `terms`: said of parameters.
    """

    session: str = ""
    run: str = ""
    results: list[str] = []
    parameters: list[str] | None = None
    added: list[int] = []
    left_out: list[int] = []
    terms: dict[str, Terms] = {}


class ConvertBody(msgspec.Struct, forbid_unknown_fields=True):
    """Make a job of a run, or of results of a session, in a folder (a contents path). `parameters` None keeps all candidates.

    `policies`: of an input (or `*`), what is done where its schema has changed or it is broken: record, warn or fail.
    """

    folder: str
    session: str = ""
    run: str = ""
    results: list[str] = []
    parameters: list[str] | None = None
    verify: bool = True
    allow_effects: bool = False
    added: list[int] = []
    left_out: list[int] = []
    terms: dict[str, Terms] = {}
    policies: dict[str, InputPolicy] = {}


class RunBody(msgspec.Struct, forbid_unknown_fields=True):
    """Run a bundle. `inputs` maps an input's name to a path or URI. `resume`: take what earlier runs kept and still holds."""

    folder: str
    parameters: dict[str, Value] = {}
    inputs: dict[str, str] = {}
    resume: bool = False


class RemarkBody(msgspec.Struct, forbid_unknown_fields=True):
    """What is said of a run. None, or left out: as it is. A tag of None goes."""

    starred: bool | None = None
    baseline: bool | None = None
    tags: dict[str, str | None] = {}
