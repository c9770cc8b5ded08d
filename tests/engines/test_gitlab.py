"""GitLab CI: the files are valid by GitLab's schema, and executed by gitlab-ci-local on this machine, without a container."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import yaml

from mlops_jupyter.api.conformance import CHECKS, Kit
from mlops_jupyter.api.handing import Handing, submit_all
from mlops_jupyter.entities import InputError, Schedule
from tests.engines import ci_tools
from tests.engines.repositories import (
    HOSTILE,
    a_cancelled_job_says_so_itself_and_leaves_nothing_running,
    a_killed_program_is_neither_running_nor_done,
    committed,
    git,
    imported,
    own_home,
    params,
    total,
    write_locked_job,
)

MISSING = ci_tools.skips("git", "node", "npm", "rsync")
MACHINE = {"environment": "machine"}
pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(MISSING), reason=MISSING)]


@pytest.fixture
def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kit:
    own_home(tmp_path, ci_tools.gitlab(), monkeypatch)
    return committed(Kit("gitlab", {"via": "gitlab-ci-local", **MACHINE}, tmp_path / "repository", patience=120))


def written(kit: Kit, *parameters: Mapping[str, object], options: Mapping[str, str] = MACHINE, job: Path | None = None,
            schedule: Schedule | None = None) -> Path:
    """The file that `via=files` writes, checked by GitLab's schema, as is the `.gitlab-ci.yml` that takes it in."""
    how = Handing(options=options, unverified=True, schedule=schedule)
    [*_, one] = submit_all(job or kit.job(), "gitlab", parameters or [{}], {}, how)
    file = Path(one.place.rpartition(" ")[0])
    words = [ci_tools.act() / "check-jsonschema", "--builtin-schema", "vendor.gitlab-ci", file, kit.folder / ".gitlab-ci.yml"]
    checked = subprocess.run(words, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    return file


def local(kit: Kit, *words: str) -> subprocess.CompletedProcess[str]:
    """Execute the whole pipeline of the repository, as somebody who starts it by hand would have it executed."""
    asked = [word for pair in words for word in ("--variable", pair)]
    program = ["gitlab-ci-local", "--force-shell-executor", "--shell-isolation", "--no-color", *asked]
    git(kit.folder, "add", ".")  # it takes what git knows of
    env = {**os.environ, "MLOPS_STORE": ""}  # a machine that has no store of ours
    return subprocess.run(program, cwd=kit.folder, capture_output=True, text=True, check=False, env=env)


def kept(kit: Kit) -> Path:
    """Where it puts artifacts."""
    return kit.folder / "mlops-delivered"


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_it_keeps_what_every_runner_promises(kit: Kit, check: Callable[[Kit], None]) -> None:
    check(kit)


def test_what_somebody_gives_a_pipeline_arrives_as_given_and_only_the_chosen_job_runs(kit: Kit) -> None:
    written(kit, {"factor": 5, "text": HOSTILE})
    assert local(kit).returncode == 0  # nothing was chosen, so that nothing runs
    assert not kept(kit).exists()
    ran = local(kit, "MLOPS_RUN=conformance", "conformance_factor=2")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    [run] = imported(kept(kit))
    assert (total(run), params(run)["text"]) == (12.0, HOSTILE)


def test_a_failing_notebook_fails_the_pipeline_and_leaves_its_result(kit: Kit) -> None:
    written(kit, {"what": "fail"})
    ran = local(kit, "MLOPS_RUN=conformance")
    assert ran.returncode == 1
    assert "told to fail" in ran.stdout, ran.stdout
    [run] = imported(kept(kit))
    assert run.state == "failed"


def test_several_orders_are_one_matrix(kit: Kit) -> None:
    file = written(kit, *({"factor": number, "text": HOSTILE} for number in (1, 2, 3)))
    assert file.name == "mlops-conformance-sweep.yml"
    ran = local(kit, "MLOPS_RUN=conformance-sweep")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    runs = imported(kept(kit))
    assert sorted(total(run) for run in runs) == [6.0, 12.0, 18.0]  # type: ignore[type-var]
    assert {params(run)["text"] for run in runs} == {HOSTILE}


def test_the_environment_is_made_once_and_then_comes_from_the_cache(kit: Kit, tmp_path: Path) -> None:
    job, package = write_locked_job(kit.folder / "locked", tmp_path / "wheels")
    git(kit.folder, "add", ".")
    git(kit.folder, "commit", "-qm", "The locked job")
    file = written(kit, options={"package": str(package)}, job=job)
    lock = yaml.safe_load((job / "job.yaml").read_text(encoding="utf-8"))["files"]["requirements.txt"].removeprefix("sha256:")
    assert lock[:16] in yaml.safe_load(file.read_text(encoding="utf-8"))["mlops-locked"]["cache"]["key"]
    ran = []
    for _ in range(2):
        ran.append(local(kit, "MLOPS_RUN=locked"))
        assert ran[-1].returncode == 0, ran[-1].stdout + ran[-1].stderr
        shutil.rmtree(kit.folder / ".gitlab-ci-local" / "builds")
    assert ["Successfully installed" in one.stdout for one in ran] == [True, False]


def test_a_job_that_is_cancelled_says_so_itself_and_leaves_nothing_running(kit: Kit) -> None:
    a_cancelled_job_says_so_itself_and_leaves_nothing_running(kit)


def test_a_program_that_is_killed_is_neither_running_nor_done(kit: Kit) -> None:
    a_killed_program_is_neither_running_nor_done(kit)


def test_a_schedule_says_the_command_that_makes_it(kit: Kit) -> None:
    text = written(kit, {"factor": 4}, schedule=Schedule("0 6 * * 1-5", "Europe/Berlin")).read_text(encoding="utf-8")
    assert "--cron '0 6 * * 1-5' --cronTimeZone Europe/Berlin" in text
    assert yaml.safe_load(text)["variables"]["conformance_factor"]["value"] == "4"
    how = Handing(options=kit.options, unverified=True, schedule=Schedule("0 6 * * *"))
    with pytest.raises(InputError, match="outside of files"):
        submit_all(kit.job(), "gitlab", [{}], {}, how)


def test_a_gitlab_ci_file_of_the_users_own_is_left_as_it_is(kit: Kit) -> None:
    main = kit.folder / ".gitlab-ci.yml"
    main.write_text("mine: {script: [echo mine]}\n")
    written(kit)
    assert main.read_text() == "mine: {script: [echo mine]}\n"
