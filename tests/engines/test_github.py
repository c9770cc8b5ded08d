"""GitHub Actions: the workflows are valid by GitHub's schema, and executed by act on this machine, without a container.

The actions of GitHub that a workflow uses are not fetched: `ci_actions/` has one of the same name and inputs for each.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import yaml

from mlops_jupyter.api import submissions as verbs
from mlops_jupyter.api.conformance import CHECKS, Kit
from mlops_jupyter.api.handing import Handing, submit, submit_all
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.entities import InputError, Schedule
from tests.engines import ci_tools
from tests.engines.repositories import (
    HOSTILE,
    a_cancelled_job_says_so_itself_and_leaves_nothing_running,
    a_killed_program_is_neither_running_nor_done,
    committed,
    digest,
    git,
    imported,
    own_home,
    params,
    total,
    write_locked_job,
)

ACTIONS = Path(__file__).parent / "ci_actions"
STUBS = [word for name in ("setup-python@v5", "cache@v4", "upload-artifact@v4")
         for word in ("--local-repository", f"actions/{name}={ACTIONS / name.partition('@')[0]}")]
MISSING = ci_tools.skips("git")
MACHINE = {"environment": "machine"}
pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(MISSING), reason=MISSING)]


@pytest.fixture
def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kit:
    own_home(tmp_path, ci_tools.act(), monkeypatch)
    options = {"via": "act", **MACHINE, "arguments": shlex.join(STUBS)}
    return committed(Kit("github", options, tmp_path / "repository", patience=120))


def written(kit: Kit, *parameters: Mapping[str, object], options: Mapping[str, str] = MACHINE, job: Path | None = None,
            schedule: Schedule | None = None) -> Path:
    """The workflow that `via=files` writes, checked by GitHub's schema."""
    how = Handing(options=options, unverified=True, schedule=schedule)
    [*_, one] = submit_all(job or kit.job(), "github", parameters or [{}], {}, how)
    file = Path(one.place.rpartition(" ")[0])
    words = [ci_tools.act() / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", str(file)]
    checked = subprocess.run(words, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    return file


def act(file: Path, *words: str, event: str = "workflow_dispatch", **env: str) -> subprocess.CompletedProcess[str]:
    """Execute a workflow as somebody who starts it by hand would have it executed."""
    program = ["act", event, "-C", str(file.parents[2]), "-W", str(file), "-P", "ubuntu-latest=-self-hosted",
               "--cache-server-addr", "127.0.0.1", *STUBS, *words]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(program, capture_output=True, text=True, check=False, env={**os.environ, "PATH": path, **env})


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_it_keeps_what_every_runner_promises(kit: Kit, check: Callable[[Kit], None]) -> None:
    check(kit)


def test_what_somebody_types_into_the_form_arrives_as_typed_and_runs_nothing(kit: Kit, tmp_path: Path) -> None:
    file = written(kit, {"factor": 5})
    ran = act(file, "--input", f"text={HOSTILE}", "--input", "what=work", "--input", "factor=2", "-s", "MLOPS_TOKEN",
              MLOPS_TOKEN="t0p-s3cret", ARTIFACTS_HERE=str(tmp_path / "kept"))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "t0p-s3cret" not in ran.stdout + ran.stderr
    [run] = imported(tmp_path / "kept")
    assert params(run)["text"] == HOSTILE
    assert total(run) == 12.0
    [session] = open_ledger().sessions(submission="github-1")
    assert session.origin is not None
    assert session.origin.job == digest(kit.job())


def test_the_defaults_of_the_form_are_what_was_submitted_and_a_failing_notebook_fails_the_workflow(
        kit: Kit, tmp_path: Path) -> None:
    file = written(kit, {"what": "fail", "text": "as given"})
    ran = act(file, ARTIFACTS_HERE=str(tmp_path / "kept"))
    assert ran.returncode == 1
    assert "told to fail" in ran.stdout, ran.stdout
    [run] = imported(tmp_path / "kept")
    assert run.state == "failed"


def test_several_orders_are_one_matrix(kit: Kit, tmp_path: Path) -> None:
    file = written(kit, *({"factor": number, "text": HOSTILE} for number in (1, 2, 3)))
    assert file.name == "mlops-conformance-sweep.yml"
    ran = act(file, ARTIFACTS_HERE=str(tmp_path / "kept"))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert sorted(place.name for place in (tmp_path / "kept").iterdir()) == [f"mlops-conformance-{at}-1" for at in (1, 2, 3)]
    runs = imported(tmp_path / "kept")
    assert [total(run) for run in runs] == [6.0, 12.0, 18.0]
    assert {params(run)["text"] for run in runs} == {HOSTILE}


def test_on_its_schedule_it_runs_with_what_was_submitted(kit: Kit, tmp_path: Path) -> None:
    file = written(kit, {"factor": 4, "text": "it's \n $x"}, schedule=Schedule("30 5 * * 1-5"))
    assert yaml.safe_load(file.read_text(encoding="utf-8"))["on"]["schedule"] == [{"cron": "30 5 * * 1-5"}]
    assert "# Times are UTC" in file.read_text(encoding="utf-8")
    ran = act(file, event="schedule", ARTIFACTS_HERE=str(tmp_path / "kept"))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    [run] = imported(tmp_path / "kept")
    assert (total(run), params(run)["text"]) == (24.0, "it's \n $x")


def test_more_parameters_than_a_form_holds_are_one_json_input(kit: Kit, tmp_path: Path) -> None:
    file = written(kit, {"text": "${{ github.token }}"})
    [name] = set(yaml.safe_load(file.read_text(encoding="utf-8"))["on"]["workflow_dispatch"]["inputs"]) - {"submission", "handed"}
    assert name == "parameters"
    ran = act(file, "--input", 'parameters={"factor": 3, "text": "a \\"b\\" \'c\' $HOME"}', ARTIFACTS_HERE=str(tmp_path / "kept"))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    [run] = imported(tmp_path / "kept")
    assert (total(run), params(run)["text"]) == (18.0, "a \"b\" 'c' $HOME")
    assert act(file, "--input", "parameters={nothing").returncode == 1


def test_the_environment_of_the_lock_is_kept_and_made_again_where_it_comes_back_to_another_folder(
        kit: Kit, tmp_path: Path) -> None:
    job, package = write_locked_job(kit.folder / "locked", tmp_path / "wheels")
    git(kit.folder, "add", ".")
    git(kit.folder, "commit", "-qm", "The locked job")
    file = written(kit, options={"package": str(package)}, job=job)
    ran = [act(file, ARTIFACTS_HERE=str(tmp_path / f"kept{number}"), CACHE_HERE=str(tmp_path / "store")) for number in (1, 2)]
    assert ran[0].returncode == ran[1].returncode == 0, ran[0].stdout + ran[1].stdout
    assert ["cache-hit=true" in one.stdout for one in ran] == [False, True]
    assert "Successfully installed" in ran[1].stdout  # act has another folder for each run
    [key] = [place.name for place in (tmp_path / "store").iterdir()]
    lock = yaml.safe_load((job / "job.yaml").read_text(encoding="utf-8"))["files"]["requirements.txt"].removeprefix("sha256:")
    assert lock[:16] in key
    assert [len(imported(tmp_path / f"kept{number}")) for number in (1, 2)] == [1, 1]


def test_a_job_that_is_cancelled_says_so_itself_and_leaves_nothing_running(kit: Kit) -> None:
    a_cancelled_job_says_so_itself_and_leaves_nothing_running(kit)


def test_a_program_that_is_killed_is_neither_running_nor_done(kit: Kit) -> None:
    a_killed_program_is_neither_running_nor_done(kit)


def test_an_edited_workflow_is_run_as_it_stands_only_where_that_is_said(kit: Kit) -> None:
    file = written(kit)
    file.write_text(file.read_text(encoding="utf-8").replace("mlops run job", "echo edited; mlops run job"), encoding="utf-8")
    options = dict(kit.options)
    with pytest.raises(Exception, match="was edited since"):
        submit(kit.job(), "github", {}, {}, Handing(options=options, unverified=True))
    one = submit(kit.job(), "github", {}, {}, Handing(options={**options, "keep": "true"}, unverified=True))
    assert kit.ended(one).state == "succeeded"
    assert "edited" in verbs.logs(one.id)


def test_another_zone_than_utc_is_refused_unless_it_is_accepted(kit: Kit) -> None:
    berlin = Schedule("0 6 * * *", "Europe/Berlin")
    with pytest.raises(InputError, match="GitHub has only UTC"):
        written(kit, schedule=berlin)
    assert written(kit, schedule=berlin, options={**MACHINE, "utc": "true"}).is_file()
