"""Verbs over a real ledger that a pen of our own wrote: which session is meant, what changed, goals, shapes, refusals."""

from __future__ import annotations

import time
from pathlib import Path

import nbformat
import pytest

from mlops_jupyter.api import headless, jobs, runs, sessions, slices, verification
from mlops_jupyter.api.here import find_session
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.api.runs import RunFilter
from mlops_jupyter.config import Settings
from mlops_jupyter.entities import (
    CellExecution,
    ConflictError,
    Fingerprint,
    Goal,
    JobFailedError,
    NotebookRef,
    NotFoundError,
    Observation,
    Outcome,
    Read,
    ResultVerdict,
    Session,
    VariableVersion,
    Verification,
    new_id,
)
from mlops_jupyter.outbox import Outbox

SOURCES = ["C = {C}", "print('look')", "%mlops runs", "auc = C / 10"]


def written(name: str, value: float) -> VariableVersion:
    return VariableVersion(name, "created", Fingerprint("scalar", f"fp1:xxh3-128:{value}"))


def record(notebook: Path, C: float, kind: str = "notebook") -> str:
    """One session of the notebook: C, a look, a question of ours, and a metric of C."""
    box = Outbox(Settings.current().outbox_folder())
    name, at = new_id(), time.time()
    session = Session(name, box.writer, kind, "nb", "e1", at,
                      notebook=NotebookRef("nb1", str(notebook)), cwd=str(notebook.parent))
    box.record(session)
    facts = [([], [written("C", C)]), ([], []), ([], []), ([Read("C")], [written("auc", C / 10)])]
    for n, (source, (reads, writes)) in enumerate(zip(SOURCES, facts, strict=True), 1):
        box.record(CellExecution(name, n, source.format(C=C), "ok", cell=f"c{n}", started=at + n, ended=at + n + 0.5, reads=reads,
                                 writes=writes, stores=[write.name for write in writes]))
    box.record(Observation(name, 4, 1, at + 4, "metric", "auc", value=C / 10, variable="auc"))
    session.ended, session.state = at + 5, "ended"
    box.record(session)
    box.close()
    return name


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    cells = [nbformat.v4.new_code_cell(source.format(C=2.0), id=f"c{n}") for n, source in enumerate(SOURCES, 1)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "nb.ipynb")
    return tmp_path / "nb.ipynb"


def test_the_newest_own_session_of_a_notebook_is_meant(notebook: Path) -> None:
    record(notebook, 1.0)
    newest = record(notebook, 2.0)
    record(notebook, 3.0, kind="verification")
    ledger = open_ledger()
    assert find_session(ledger, notebook=notebook).id == newest
    assert find_session(ledger).id == newest
    assert find_session(ledger, newest[:20]).id == newest
    with pytest.raises(NotFoundError, match="no session of"):
        find_session(ledger, notebook="other.ipynb")


def test_why_leaves_out_what_was_not_needed_and_does_not_count_our_own_cells(notebook: Path) -> None:
    record(notebook, 2.0)
    why = slices.why("auc")
    assert [cell.id for cell in why.cells] == ["c1", "c4"]
    assert why.left_out == 1
    with pytest.raises(NotFoundError, match="acu"):
        slices.why("acu")


def test_a_run_says_what_changed_against_an_earlier_session_and_whether_it_met_the_goal(notebook: Path) -> None:
    record(notebook, 1.0)
    assert [run.change for run in runs.runs()] == [""]
    record(notebook, 2.0)
    open_ledger().put(Goal("e1", time.time(), "high", metric="auc", at_least=0.15))
    newest, oldest = runs.runs(experiment="nb")
    assert newest.change == "C 1.0→2.0"
    assert (newest.goal, oldest.goal) == ("met", "missed")
    a, b, found = runs.diff()
    assert (a.id, b.id) == (oldest.id, newest.id)
    assert [change.name for change in found.params] == ["C"]


def test_runs_are_found_by_notebook_and_an_unknown_experiment_names_the_known(notebook: Path) -> None:
    record(notebook, 1.0)
    assert len(runs.rows(RunFilter(notebook=notebook))) == 1
    with pytest.raises(NotFoundError, match="nope") as error:
        runs.runs(experiment="nope")
    assert "nb" in error.value.remedy


def test_stale_compares_with_the_saved_file(notebook: Path) -> None:
    record(notebook, 1.0)
    found = slices.stale(notebook=notebook)
    assert {"c1", "c4"} <= {cell.id for cell in found.cells}
    assert found.saved is not None
    assert set(found.answer()[0]) == {"id", "reason"}


def test_execution_rows_have_the_promised_keys(notebook: Path) -> None:
    record(notebook, 1.0)
    rows = sessions.execution_rows(sessions.session()[1])
    assert rows[0].__struct_fields__ == ("n", "cell", "source", "state", "started", "seconds")
    assert rows[0].seconds == pytest.approx(0.5)


def test_a_plan_says_cells_and_seconds_before_anything_runs(notebook: Path) -> None:
    record(notebook, 2.0)
    plan = verification.plan("auc")
    assert (plan.label, plan.cells) == ("auc", 2)
    assert plan.seconds == pytest.approx(1.0)
    assert verification.plan("#1").cells == 2


def test_a_verdict_that_does_not_hold_fails_with_both_values() -> None:
    found = Verification("v", "r", "s", "auc", 0.0, "different", [ResultVerdict("auc", "different", 0.9, 0.8)])
    with pytest.raises(JobFailedError, match=r"auc was 0\.9, is 0\.8"):
        verification.must_hold(found)
    found.verdict = "within tolerance"
    verification.must_hold(found)


def test_a_preview_runs_nothing_and_refuses_a_notebook_that_changed(notebook: Path) -> None:
    record(notebook, 1.0)
    with pytest.raises(ConflictError, match="not tracked as it stands"):
        jobs.preview(jobs.Source(notebook=notebook))
    record(notebook, 2.0)
    answer = jobs.preview(jobs.Source(notebook=notebook)).answer()
    assert [parameter.name for parameter in answer["parameters"]] == ["C"]
    assert [cell["id"] for cell in answer["cells"]] == ["c1", "c4"]


def test_an_outcome_that_is_no_success_names_cell_error_and_source() -> None:
    with pytest.raises(JobFailedError) as error:
        headless.must_succeed(Outcome("failed", "ValueError: no", 3, "x = int('a')"), "nb.ipynb", "mend it")
    assert "nb.ipynb failed in cell 3: ValueError: no" in error.value.what
    assert "x = int('a')" in error.value.what
    headless.must_succeed(Outcome("succeeded"), "nb.ipynb")
