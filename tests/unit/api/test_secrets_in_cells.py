"""A secret in a cell is not stored; the cell is not stale for that, and a job that would need it is refused."""

from __future__ import annotations

import pytest

from mlops_jupyter.api.slices import as_recorded
from mlops_jupyter.capture.secrets import Redactor, load_key
from mlops_jupyter.config import Settings
from mlops_jupyter.entities import CellExecution, ConflictError
from mlops_jupyter.jobs.effects import refuse_redacted
from mlops_jupyter.lineage.stale import stale

SOURCE = 'api_key = "hunter2-hunter2"\nx = 1'


def test_a_cell_with_a_secret_is_not_stale_only_because_its_secret_was_taken_out() -> None:
    redact = Redactor(load_key(Settings.current().outbox_folder().parent))
    ran = CellExecution("s", 1, redact(SOURCE), "ok", cell="a")
    assert "hunter2" not in ran.source
    assert stale([ran], as_recorded([("a", SOURCE)])) == []
    assert [cell.id for cell in stale([ran], as_recorded([("a", SOURCE.replace("x = 1", "x = 2"))]))] == ["a"]


def test_a_slice_that_lacks_a_secret_cannot_be_run_again_and_says_why() -> None:
    with pytest.raises(ConflictError, match=r"cell \[1\] api_key.*cannot be run again"):
        refuse_redacted([CellExecution("s", 1, 'api_key = "[redacted:assigned:12345678]"', "ok")])
