"""What a request body may hold, route by route. Unknown fields and wrong types are refused with the path of the field."""

from __future__ import annotations

import msgspec

from mlops_jupyter.entities import Scalar

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
    """What would become a job: a run, or results of a session (all of its runs if none is named)."""

    session: str = ""
    run: str = ""
    results: list[str] = []


class ConvertBody(msgspec.Struct, forbid_unknown_fields=True):
    """Make a job of a run, or of results of a session, in a folder (a contents path). `parameters` None keeps all candidates."""

    folder: str
    session: str = ""
    run: str = ""
    results: list[str] = []
    parameters: list[str] | None = None
    verify: bool = True
    allow_effects: bool = False


class RunBody(msgspec.Struct, forbid_unknown_fields=True):
    """Run a bundle. `inputs` maps an input's name to a path or URI."""

    folder: str
    parameters: dict[str, Value] = {}
    inputs: dict[str, str] = {}
