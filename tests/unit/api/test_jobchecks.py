"""What a clean run, or an upgrade, is answered with: what holds passes, what does not is an error that names it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_jupyter.api.jobchecks import job_verdict_sheet, must_be_the_same, must_reproduce, try_job, upgrade_sheet, verify_job
from mlops_jupyter.entities import ConflictError, InputError, JobFailedError, JobManifest, Outcome, ResultVerdict
from mlops_jupyter.jobs import bundle
from mlops_jupyter.jobs.convert import Draft
from mlops_jupyter.jobs.tolerances import spreads
from mlops_jupyter.jobs.upgrade import Change, Upgrade
from mlops_jupyter.jobs.verify_bundle import BundleVerdict

JOB, GOOD = Path("job"), Outcome("succeeded")
SAME = Change("auc", "metric", "within tolerance", 0.5, 0.5000000001, 1e-10)
OTHER = Change("predictions", "values", "different", difference=0.25, differing=3, values=40)


def upgrade(*changes: Change, outcome: Outcome = GOOD) -> Upgrade:
    verdict = "failed" if not changes else "different" if OTHER in changes else "within tolerance"
    return Upgrade(["numpy 2.0 → 2.1"], verdict, list(changes), outcome)  # type: ignore[arg-type]


def test_an_upgrade_that_changes_nothing_passes() -> None:
    must_be_the_same(upgrade(SAME), JOB)


def test_an_upgrade_that_changes_a_result_names_it_and_the_version() -> None:
    with pytest.raises(JobFailedError, match=r"with numpy 2\.0 → 2\.1 the job job gives other results: predictions\n") as caught:
        must_be_the_same(upgrade(SAME, OTHER), JOB)
    assert "convert" in caught.value.remedy


def test_an_upgrade_that_the_job_does_not_survive_names_the_cell() -> None:
    died = Outcome("failed", "ImportError: no", 2)
    with pytest.raises(JobFailedError, match="failed in cell 2: ImportError: no"):
        must_be_the_same(upgrade(outcome=died), JOB)


def test_the_table_of_an_upgrade_has_both_sides_and_the_difference() -> None:
    found = upgrade(SAME, OTHER)
    found.drifted = [ResultVerdict("f1", "different", 0.5, 0.6)]
    text = upgrade_sheet(found, JOB).text()
    assert "job with numpy 2.0 → 2.1: different" in text
    assert "+1e-10" in text
    assert "40 values" in text
    assert "3 differ" in text
    assert "at most 0.25" in text
    assert "f1 is not as recorded either: 0.5 → 0.6" in text


def verdict(word: str, outcome: Outcome = GOOD, differs: list[str] | None = None) -> BundleVerdict:
    manifest = JobManifest("flights", 1.0, [], [], [], 1, 1)
    results = [ResultVerdict("auc", word, 0.5, 0.6)]  # type: ignore[arg-type]
    return BundleVerdict(word, results, outcome, manifest, [], differs or [])  # type: ignore[arg-type]


@pytest.mark.parametrize("word", ["identical", "within tolerance"])
def test_a_clean_run_that_reproduces_passes(word: str) -> None:
    must_reproduce(verdict(word), JOB)


def test_a_clean_run_that_does_not_reproduce_names_values_and_the_environment_to_try() -> None:
    with pytest.raises(JobFailedError, match=r"auc \(different: recorded 0\.5, found 0\.6\)") as caught:
        must_reproduce(verdict("different", differs=["numpy 2.0 → 2.1"]), JOB)
    assert caught.value.remedy.startswith("mlops verify job --env fresh")
    with pytest.raises(JobFailedError) as caught:
        must_reproduce(verdict("different"), JOB)
    assert "--env fresh" not in caught.value.remedy
    with pytest.raises(JobFailedError, match="died: the kernel died"):
        must_reproduce(verdict("failed", Outcome("died", "the kernel died")), JOB)


def test_the_sheet_of_a_job_says_where_it_ran_and_what_clean_runs_propose() -> None:
    found = verdict("different", differs=[f"p{n} 1 → 2" for n in range(10)])
    found.spreads = spreads([{("auc", ""): [0.80]}, {("auc", ""): [0.81]}], 1e-9)
    text = job_verdict_sheet(found, JOB).text()
    assert "2 clean runs" in text
    assert "0.025: the largest relative deviation of 2 clean runs, ×2" in text
    assert "p7 1 → 2, and 2 more" in text


def test_what_cells_did_outside_their_folder_is_not_done_again_unasked(tmp_path: Path) -> None:
    manifest = JobManifest("flights", 1.0, [], [], [], 1, 1, effects=["network: example.org"])
    bundle.write(Draft(manifest, {}, {}, [], []), tmp_path / "job")
    with pytest.raises(ConflictError, match=r"network: example\.org") as caught:
        verify_job(tmp_path / "job")
    assert caught.value.remedy.endswith("--allow-effects")
    with pytest.raises(ConflictError, match=r"network: example\.org"):
        try_job(tmp_path / "job", ["numpy==2.1"])
    with pytest.raises(InputError, match="has no lock"):
        try_job(tmp_path / "job", ["numpy==2.1"], allow_effects=True)
