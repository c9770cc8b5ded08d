"""What the runners of GitHub and GitLab write, refuse and ask of the clients. Nothing is run here: tests/engines does that."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import msgspec
import nbformat
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_notebook

from mlops_jupyter.api import submissions as verbs
from mlops_jupyter.api.handing import Handing, preview, submit, submit_all
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.entities import (
    ConflictError,
    Delivered,
    InputError,
    JobManifest,
    JobParameter,
    Outcome,
    Schedule,
    StoreError,
    Submission,
)
from mlops_jupyter.entities.codec import to_json
from mlops_jupyter.jobs import bundle
from mlops_jupyter.jobs.convert import NOTEBOOK, Draft
from mlops_jupyter.jobs.runners.ci import Here
from mlops_jupyter.jobs.runners.local import ASKED, CODE, PROCESS
from tests.engines.repositories import git
from tests.fakes import write_client

PARAMETERS = [
    JobParameter("month", "integer", 6, {"type": "integer", "minimum": 1, "maximum": 12}, "which month"),
    JobParameter("share", "number", 0.25), JobParameter("fast", "boolean", default=True),
    JobParameter("solver", "string", "lbfgs", {"type": "string", "enum": ["lbfgs", "saga"]}),
    JobParameter("since", "date", "2013-06-30"), JobParameter("carriers", "array", ["UA", "B6"]),
]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for what a cancelled attempt leaves."""
    monkeypatch.setattr(verbs, "_LEAVE", 0.0)


def looked(one: Submission) -> Submission:
    """As it stands when it was looked at twice: a cancelled attempt is given time between the two."""
    verbs.submission(one.id)
    return verbs.submission(one.id)


def write_job(folder: Path, *parameters: JobParameter, name: str = "flights") -> Path:
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = nbformat.writes(new_notebook(cells=[new_code_cell("1", id="only")], metadata=kernel)).encode()
    manifest = JobManifest(name, 1795000000.0, list(parameters or PARAMETERS), [], [], 1, 1, python="3.12.4")
    bundle.write(Draft(manifest, {}, {NOTEBOOK: notebook}, [], []), folder)
    return folder


def commit(repository: Path) -> None:
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "More")


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    repository = tmp_path / "repository"
    made = write_job(repository / "jobs" / "flights")
    git(repository, "init", "-q", "-b", "main")
    commit(repository)
    return made


def how(**options: str) -> Handing:
    return Handing(options=options, unverified=True)


def text(job: Path, runner: str = "github", handing: Handing | None = None, **parameters: object) -> str:
    return preview(job, runner, [parameters], {}, handing or how())


def github(job: Path, **parameters: object) -> dict[str, object]:
    found = yaml.safe_load(text(job, **parameters))
    assert isinstance(found, dict)
    return found


def test_each_parameter_is_an_input_with_its_type_its_default_and_what_it_means(job: Path) -> None:
    inputs = github(job, solver="saga")["on"]["workflow_dispatch"]["inputs"]  # type: ignore[index]
    ours = {name: inputs.pop(name) for name in ("submission", "handed")}
    assert all(one["default"] == "" for one in ours.values())
    assert inputs == {
        "month": {"description": "which month; integer; 1 to 12", "type": "number", "default": 6},
        "share": {"description": "number", "type": "number", "default": 0.25},
        "fast": {"description": "boolean", "type": "boolean", "default": True},
        "solver": {"description": "string; lbfgs or saga", "type": "choice", "options": ["lbfgs", "saga"], "default": "saga"},
        "since": {"description": "date", "type": "string", "default": "2013-06-30"},
        "carriers": {"description": "array", "type": "string", "default": '["UA","B6"]'},
    }


@pytest.mark.parametrize("runner", ["github", "gitlab"])
def test_no_value_stands_in_a_command(job: Path, runner: str) -> None:
    hostile = "x'; exit 3 \"$(id)\" `id` ${{ github.token }}"
    write_job(job.parent / "notes", JobParameter("note", "string", "plain"), JobParameter("other", "integer", 1), name="notes")
    commit(job.parents[1])
    for parameters in ([{"note": hostile}], [{"note": hostile}, {"note": "b"}]):
        shown = yaml.safe_load(preview(job.parent / "notes", runner, parameters, {}, how()))
        jobs = shown["jobs"].values() if runner == "github" else [one for name, one in shown.items() if name.startswith("mlops")]
        lines = [line for one in jobs for line in one.get("script", [step.get("run", "") for step in one.get("steps", [])])]
        assert any("mlops run" in line for line in lines)
        assert not [line for line in lines if "exit 3" in line or "${{" in line]


@pytest.mark.parametrize("runner", ["github", "gitlab"])
def test_the_same_job_gives_the_same_bytes_and_another_submission_of_it_too(job: Path, runner: str) -> None:
    places = [submit(job, runner, {"month": 7}, {}, how()).place for _ in range(2)]
    assert places[0] == places[1]
    file = Path(places[0].rpartition(" ")[0])
    assert text(job, runner, month=7).partition("\n")[2].startswith(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("runner", ["github", "gitlab"])
def test_an_edit_is_kept_unless_somebody_says_otherwise(job: Path, runner: str) -> None:
    one = submit(job, runner, {}, {}, how())
    file = Path(one.place.rpartition(" ")[0])
    edited = file.read_text(encoding="utf-8").replace("360", "30")
    file.write_text(edited, encoding="utf-8")
    with pytest.raises(ConflictError, match="was edited since"):
        submit(job, runner, {"month": 7}, {}, how())
    assert file.read_text(encoding="utf-8") == edited
    with pytest.raises(ConflictError, match="was edited since"):
        verbs.cancel(one.id)
    submit(job, runner, {"month": 7}, {}, how(overwrite="true"))
    assert "360" in file.read_text(encoding="utf-8")
    assert looked(one).state == "cancelled"  # another stands in its place


@pytest.mark.parametrize("runner", ["github", "gitlab"])
def test_a_file_that_is_only_written_stays_scheduled_until_it_is_taken_away(job: Path, runner: str) -> None:
    one = submit(job, runner, {}, {}, how())
    seen = verbs.submission(one.id)
    assert seen.state == "scheduled"
    assert seen.outcome is not None
    assert "not committed yet: git add" in seen.outcome.error
    commit(job.parents[1])
    seen = verbs.submission(one.id)
    assert seen.outcome is not None
    assert "once it is pushed" in seen.outcome.error
    assert "only written here" in verbs.logs(one.id)
    verbs.cancel(one.id)
    assert looked(one).state == "cancelled"
    assert not Path(one.place.rpartition(" ")[0]).exists()


@pytest.mark.parametrize("runner", ["github", "gitlab"])
def test_a_job_that_ci_would_not_find_as_it_is_here_is_refused_with_the_command(tmp_path: Path, job: Path, runner: str) -> None:
    outside = write_job(tmp_path / "outside")
    with pytest.raises(InputError, match="lies in no git repository"):
        submit(outside, runner, {}, {}, how())
    with pytest.raises(InputError, match=r"is not committed.*: not job\.yaml") as caught:
        submit(write_job(job.parent / "new"), runner, {}, {}, how())
    assert "git add" in caught.value.remedy
    git(job.parents[1], "rm", "-q", "--cached", "-r", "jobs/flights")
    with pytest.raises(InputError, match="is not committed"):
        submit(job, runner, {}, {}, how())
    git(job.parents[1], "add", "jobs/flights")
    job.joinpath("job.yaml").write_text(job.joinpath("job.yaml").read_text() + "# seen\n")
    with pytest.raises(InputError, match="was changed since it was committed"):
        submit(job, runner, {}, {}, how())
    assert {one.state for one in open_ledger().submissions()} == {"failed"}
    assert not (job.parents[1] / ".github").exists()


@pytest.mark.parametrize("runner", ["github", "gitlab"])
def test_names_that_a_file_or_ci_cannot_hold(job: Path, runner: str) -> None:
    repository = job.parents[1]
    odd = write_job(repository / "odd", JobParameter("größe", "integer", 1), name="../ż x\ny: evil")
    same = write_job(repository / "same")
    commit(repository)
    shown = preview(odd, runner, [{}], {}, how())
    assert yaml.safe_load(shown)
    assert "\ny: evil" not in shown
    assert "mlops-x-y-evil.yml" in shown.splitlines()[0]
    submit(job, runner, {}, {}, how())
    with pytest.raises(ConflictError, match="is of the job in jobs/flights"):
        submit(same, runner, {}, {}, how())
    assert "mlops-other.yml" in submit(same, runner, {}, {}, how(name="other")).place
    with pytest.raises(InputError, match="cannot be the name"):
        submit(same, runner, {}, {}, how(name="../x"))


def test_too_many_inputs_or_names_that_differ_by_case_only_are_one_json_input(job: Path) -> None:
    repository = job.parents[1]
    many = write_job(repository / "many", *(JobParameter(f"p{at}", "integer", at) for at in range(24)), name="many")
    fits = write_job(repository / "fits", *(JobParameter(f"p{at}", "integer", at) for at in range(23)), name="fits")
    case = write_job(repository / "case", JobParameter("n", "integer", 1), JobParameter("N", "integer", 2), name="case")
    commit(repository)
    for made, count in ((many, 3), (fits, 25), (case, 3)):
        inputs = github(made)["on"]["workflow_dispatch"]["inputs"]  # type: ignore[index]
        assert len(inputs) == count
    assert json.loads(inputs["parameters"]["default"]) == {"n": 1, "N": 2}


@pytest.mark.parametrize("runner", ["github", "gitlab"])
def test_an_address_to_deliver_to_is_handed_on_and_a_folder_of_this_machine_is_not(job: Path, runner: str) -> None:
    for deliver, stands in (("s3://team/runs", True), ("/data/runs", False)):
        shown = text(job, runner, msgspec.structs.replace(how(), deliver=deliver))
        assert (deliver in shown) is stands


def test_secrets_are_named_and_those_of_this_machine_are_refused(job: Path) -> None:
    repository = job.parents[1]
    made = write_job(repository / "secret", JobParameter("api_key", "secret", "env:API_KEY"), name="secret")
    kept = write_job(repository / "kept", JobParameter("api_key", "secret", "keyring:shop/ann"), name="kept")
    commit(repository)
    steps = github(made)["jobs"]["run"]["steps"]  # type: ignore[index]
    env = next(step["env"] for step in steps if "env" in step)
    assert env["API_KEY"] == "${{ secrets.API_KEY }}"
    assert (env["MLOPS_STORE"], env["MLOPS_TOKEN"]) == ("${{ vars.MLOPS_STORE }}", "${{ secrets.MLOPS_TOKEN }}")
    with pytest.raises(InputError, match="is kept on this machine"):
        github(kept)


@pytest.mark.parametrize(("runner", "most"), [("github", 256), ("gitlab", 200)])
def test_a_matrix_has_an_end(job: Path, runner: str, most: int) -> None:
    orders = [{"month": at % 12 + 1} for at in range(most + 1)]
    preview(job, runner, orders[:most], {}, how())
    with pytest.raises(InputError, match=f"it takes {most}"):
        preview(job, runner, orders, {}, how())


def test_a_schedule_gives_every_value_and_does_not_overlap(job: Path) -> None:
    handing = Handing(unverified=True, timeout=600.0, retries=1, schedule=Schedule("0 6 * * *", overlap="cancel-old"))
    found = yaml.safe_load(text(job, handing=handing, month=7))
    assert found["concurrency"]["cancel-in-progress"] is True
    run = found["jobs"]["run"]
    assert run["timeout-minutes"] == 30
    told = next(step["env"]["HANDED"] for step in run["steps"] if "env" in step)
    given = json.loads(told.split("&& '")[1].split("' ||")[0])
    assert given["parameters"] == {"month": "7", "share": "0.25", "fast": "true", "solver": "lbfgs", "since": "2013-06-30",
                                   "carriers": '["UA","B6"]'}
    assert (given["timeout"], given["retries"]) == (600.0, 1)


class There:
    """A repository whose other side has the job and its file, and a client that is a double: see tests/fakes.py."""

    def __init__(self, job: Path, runner: str, client: str, folder: Path) -> None:
        self.job, self.runner, self.client, self.state = job, runner, client, folder / "client"
        self.program = write_client(client, self.state)
        git(folder, "init", "-q", "--bare", "-b", "main", "origin.git")
        repository = job.parents[1]
        git(repository, "remote", "add", "origin", str(folder / "origin.git"))
        git(repository, "push", "-q", "--set-upstream", "origin", "main")

    def submit(self, *parameters: dict[str, object], **options: str) -> list[Submission]:
        return submit_all(self.job, self.runner, parameters or [{}], {}, how(via=self.client, **options))

    def push(self) -> None:
        commit(self.job.parents[1])
        git(self.job.parents[1], "push", "-q")

    def runs(self) -> list[dict[str, object]]:
        file = self.state / ("runs.json" if self.client == "gh" else "pipelines.json")
        return list(json.loads(file.read_text())) if file.exists() else []

    def set(self, at: int, **fields: str) -> None:
        runs = self.runs()
        runs[at].update(fields)
        (self.state / ("runs.json" if self.client == "gh" else "pipelines.json")).write_text(json.dumps(runs))

    def finish(self, at: int, word: str) -> None:
        self.set(at, **({"status": "completed", "conclusion": word} if self.client == "gh" else {"status": word}))

    def keep(self, at: int, submission: str, outcome: Outcome) -> None:
        """What the run keeps as its artifact: a result without an archive, of an attempt that recorded nothing."""
        told = to_json(Delivered(submission, "attempt1", outcome, 1795000000.0))
        number = str(self.runs()[at]["databaseId" if self.client == "gh" else "id"])
        if self.client == "gh":
            folder = self.state / "artifacts" / number / "mlops-flights-1" / submission / "attempt1"
            folder.mkdir(parents=True)
            (folder / "result.json").write_bytes(told)
            return
        (self.state / "artifacts").mkdir(exist_ok=True)
        with zipfile.ZipFile(self.state / "artifacts" / f"{number}0.zip", "w") as packed:
            packed.writestr(f"mlops-delivered/{submission}/attempt1/result.json", told)

    def breaks(self, code: int, said: str) -> None:
        (self.state / "broken").write_text(f"{code} {said}")

    def mends(self) -> None:
        (self.state / "broken").unlink()


@pytest.fixture(params=[("github", "gh"), ("gitlab", "glab")], ids=["gh", "glab"])
def there(request: pytest.FixtureRequest, job: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> There:
    runner, client = request.param
    made = There(job, runner, client, tmp_path)
    monkeypatch.setenv("PATH", f"{made.program.parent}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(InputError, match="not committed yet"):
        made.submit()
    commit(job.parents[1])
    with pytest.raises(InputError, match="not pushed as it is here"):
        made.submit()
    assert made.runs() == []
    git(job.parents[1], "push", "-q")
    return made


WORDS = {"gh": ("in_progress", "success", "failure", "timed_out"), "glab": ("running", "success", "failed", "failed")}


def test_each_order_is_started_with_its_own_values_and_found_again(there: There) -> None:
    text = "a $HOME ${{ github.token }} 'b' \"c\""
    write_job(there.job.parent / "notes", JobParameter("note", "string", "x"), name="notes")
    there.job = there.job.parent / "notes"
    commit(there.job.parents[1])
    with pytest.raises(InputError, match="not committed yet"):
        there.submit()
    there.push()
    made = there.submit({"note": text}, {"note": "second"}, {"note": "third"})
    told = [run["handed"] if there.client == "gh" else run["variables"][2]["value"] for run in there.runs()]  # type: ignore[index]
    given = [json.loads(str(one)) for one in told]
    assert [one["parameters"]["note"] for one in given] == [text, "second", "third"]
    assert [one["submission"] for one in given] == [one.id for one in made]
    assert not any("deliver" in one for one in given)  # a folder of this machine
    assert "$" not in "".join(map(str, told))
    assert {verbs.submission(one.id).state for one in made} == {"queued"}
    there.finish(0, WORDS[there.client][1])
    assert [verbs.submission(one.id).state for one in made] == ["succeeded", "queued", "queued"]


def test_its_word_is_asked_for_and_what_it_kept_is_fetched_once_it_has_ended(there: There) -> None:
    [one] = there.submit({"month": 7})
    running, _, failed, _ = WORDS[there.client]
    there.set(0, status=running)
    seen = verbs.submission(one.id)
    assert seen.state == "running"
    assert seen.outcome is not None
    assert "https://git" in seen.outcome.error  # where it can be looked at
    there.keep(0, one.id, Outcome("failed", "ValueError: in cell 3", 3))
    there.finish(0, failed)
    done = verbs.submission(one.id)
    assert done.outcome == Outcome("failed", "ValueError: in cell 3", 3)
    assert (done.queued, done.ended) == (1795860000.0, 1795860060.0)
    assert "it has read 2 rows" in verbs.logs(one.id)
    asked = len((there.state / "said.jsonl").read_text().splitlines())
    assert verbs.submission(one.id) == done
    assert len((there.state / "said.jsonl").read_text().splitlines()) == asked  # one that has ended is not asked about


def test_a_run_that_kept_nothing_ends_as_the_place_says(there: There) -> None:
    [one] = there.submit()
    there.finish(0, WORDS[there.client][3])
    assert verbs.submission(one.id).state == ("timed-out" if there.client == "gh" else "failed")


def test_cancel_reaches_the_run(there: There) -> None:
    [one, other] = there.submit({"month": 1}, {"month": 2})
    verbs.cancel(one.id)
    assert looked(one).state == "cancelled"
    assert verbs.submission(other.id).state == "queued"
    with pytest.raises(ConflictError):
        verbs.cancel(one.id)


@pytest.mark.parametrize(("code", "said", "error"), [
    (1, "error connecting to api.github.com: dial tcp: no such host", StoreError), (1, "HTTP 502: Bad gateway", StoreError),
    (4, "To get started, please run: gh auth login", InputError), (1, "HTTP 401: Bad credentials, 401 Unauthorized", InputError),
])
def test_out_of_reach_or_refused_is_said_and_leaves_what_was_known(
        there: There, code: int, said: str, error: type[Exception]) -> None:
    [one] = there.submit()
    there.breaks(code, said)
    assert verbs.submission(one.id).state == "queued"
    for ask in (lambda: verbs.logs(one.id), there.submit):
        with pytest.raises(error, match=r"cannot be reached|refuses"):
            ask()
    there.mends()
    assert verbs.submission(one.id).state == "queued"


def test_an_answer_that_is_none_ends_nothing(there: There) -> None:
    [one] = there.submit()
    real = there.program.read_text()
    there.program.write_text("#!/bin/sh\necho '<html>'\n")
    assert verbs.submission(one.id).state == "queued"
    there.program.write_text(real)
    assert verbs.submission(one.id).state == "queued"


@pytest.mark.parametrize("there", [("gitlab", "glab")], indirect=True)
def test_an_archive_cut_short_on_its_way_is_asked_for_again(there: There) -> None:
    [one] = there.submit()
    there.keep(0, one.id, Outcome("succeeded"))
    file = next((there.state / "artifacts").glob("*.zip"))
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    there.finish(0, "success")
    assert verbs.submission(one.id).state == "queued"
    file.write_bytes(whole)
    assert verbs.submission(one.id).state == "succeeded"


def test_a_schedule_is_not_started(there: There) -> None:
    handing = Handing(options={"via": there.client}, unverified=True, schedule=Schedule("0 6 * * *"))
    with pytest.raises(InputError, match="via=files"):
        submit(there.job, there.runner, {}, {}, handing)


@pytest.mark.parametrize(("runner", "program"), [
    ("github", "gh"), ("github", "act"), ("gitlab", "glab"), ("gitlab", "gitlab-ci-local")])
def test_a_program_that_is_missing_is_named_with_what_installs_it(
        job: Path, monkeypatch: pytest.MonkeyPatch, runner: str, program: str) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match=f"{program} is not installed") as caught:
        submit(job, runner, {}, {}, how(via=program))
    assert "install" in caught.value.remedy


@pytest.mark.parametrize(("code", "word"), [("0", "stopped"), ("1", "stopped"), (None, "stopped")])
def test_what_was_told_to_stop_was_stopped_whatever_its_program_says(tmp_path: Path, code: str | None, word: str) -> None:
    (tmp_path / PROCESS).write_text("999999999 1.0")
    if code is not None:
        (tmp_path / CODE).write_text(code)
    (tmp_path / ASKED).touch()
    (sight,) = Here().status([str(tmp_path)])
    assert sight.word == word
    (tmp_path / ASKED).unlink()
    (sight,) = Here().status([str(tmp_path)])
    assert sight.word != word
