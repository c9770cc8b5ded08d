"""Verbs on jobs: preview and make one from a notebook, look at it, run it, hand it over.

`convert` is the whole path: find the session (or make it, by executing the notebook under tracking), slice to the results,
write the bundle, run it once clean, compare. A bundle whose clean run does not give the recorded metrics stays on disk as
`unverified`, so that it can be looked at, and the verb fails.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from mlops_jupyter.api.here import find_session, notebook_file, sessions_of
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.api.notebooks import code_cells, read_notebook
from mlops_jupyter.entities import (
    CellExecution,
    ConflictError,
    InputError,
    JobFailedError,
    JobManifest,
    NotFoundError,
    Observation,
    ResultVerdict,
    Run,
    Scalar,
    Session,
)

Say = Callable[[str], None]
