"""The lines of jobs on their way: how far each is, and whether that is how it stands or how it was last seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_jupyter.api import handovers
from mlops_jupyter.api.handing import user_here
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.api.submissions import look, unasked
from mlops_jupyter.entities import JobParameter, Origin, Session, StoreError, Submission
from mlops_jupyter.jobs.bundle import load
from mlops_jupyter.jobs.convert import NOTEBOOK
from mlops_jupyter.store import Store
from tests.integration.sweep_jobs import write_job
from tests.unit.store.story import append, cell

ELSEWHERE = "ann@far"


def put(id: str, **fields: object) -> Submission:
    facts: dict[str, object] = {"place": "there", "host": ELSEWHERE, "state": "running", **fields}
    one = Submission(id, str(facts.pop("job", "sha256:j")), str(facts.pop("runner", "kubernetes")), 1.0, **facts)  # type: ignore[arg-type]
    open_ledger().put(one)
    return one


def test_progress_counts_the_cells_of_the_job_and_not_that_of_given_parameters(tmp_path: Path) -> None:
    job = write_job(tmp_path / "job", [JobParameter("rows", "integer", 1)], "big = rows", "score = big")
    one = put("u1", job=load(job).manifest.digest, bundle=str(job))
    assert (line := handovers.row(open_ledger(), one)).total == 3
    assert line.done == 0
    store = open_ledger()
    assert isinstance(store, Store)
    attempt = Session("j1", "u1.1", "job", "a", "exp-a", 1.0, origin=Origin(job=one.job, submission="u1"))
    ran = [cell(n, session="j1", cell=name, started=1.0, ended=2.0 if n < 4 else None)
           for n, name in enumerate(("parameters", "of-papermill", "c1", "c2"), 1)]
    append(store, attempt, *ran, writer="u1.1")
    line = handovers.row(store, one)
    assert (line.done, line.total) == (2, 3)


def test_a_job_whose_notebook_is_gone_hides_no_other_line(tmp_path: Path) -> None:
    job = write_job(tmp_path / "job", [JobParameter("rows", "integer", 1)], "score = rows")
    one = put("u1", job="sha256:gone", bundle=str(job))
    (job / NOTEBOOK).unlink()
    line = handovers.row(open_ledger(), one)
    assert (line.state, line.done, line.total) == ("running", 0, 0)


def test_what_cannot_be_asked_says_so_and_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs, mine, over = put("u1"), put("u2", host=user_here()), put("u3", state="failed")

    def away(name: str, options: object) -> object:
        raise StoreError("the cluster does not answer", "kubectl cluster-info")

    monkeypatch.setattr("mlops_jupyter.api.submissions.runner_of", away)
    seen = {one.id: one for one in look(open_ledger(), [theirs, mine, over])}
    assert unasked(seen["u1"]) == "only ann@far, who handed it over, can ask its runner"
    assert unasked(seen["u2"]) == "its runner cannot be asked: the cluster does not answer"
    assert unasked(seen["u3"]) == ""
    line = handovers.row(open_ledger(), seen["u2"])
    assert (line.state, line.error, line.unasked) == ("running", "", unasked(seen["u2"]))
