"""An attempt far from its store: what it reports while it runs, what it leaves when it ends, what becomes of its submission."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import msgspec
import psutil
import pytest
import requests

from mlops_jupyter import plugins
from mlops_jupyter.api import submissions as verbs
from mlops_jupyter.api.attempts import ARCHIVE, NOTEBOOK, RESULT
from mlops_jupyter.api.conformance import CHECKS, Check, Kit, write_job
from mlops_jupyter.api.handing import Handing, submit
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.entities import Delivered, InputError, Sight, StoreError, Submission
from mlops_jupyter.entities.codec import to_json
from mlops_jupyter.entities.submissions import NO_END
from mlops_jupyter.jobs.runners import About, Order
from mlops_jupyter.jobs.runners.local import PROCESS, LocalRunner
from mlops_jupyter.store import Store, open_store
from tests.bucket import S3
from tests.ports import free_port

MLOPS = [sys.executable, "-c", "from mlops_jupyter.cli import main; main()"]


class FarRunner(LocalRunner):
    """This machine, as if it were another: its attempts report and deliver, and share no store with us."""

    about: ClassVar[About] = msgspec.structs.replace(LocalRunner.about, here=False)

    def submit(self, orders: Sequence[Order]) -> list[str]:
        """With no store but the one that it is given."""
        return super().submit([msgspec.structs.replace(one, env={"MLOPS_STORE": "", **one.env}) for one in orders])


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch) -> None:
    """The runner `local` is far away."""
    monkeypatch.setattr(plugins, "load", lambda group, name: FarRunner)


@pytest.fixture
def job(tmp_path: Path) -> Path:
    return write_job(tmp_path / "job")


def until(one: Submission, met: Callable[[Submission], bool]) -> Submission:
    end = time.monotonic() + 90
    while not met(now := verbs.submission(one.id)):
        assert time.monotonic() < end, now
        time.sleep(0.1)
    return now


def ended(one: Submission) -> Submission:
    return until(one, lambda now: now.state not in NO_END)


def handed(job: Path, deliver: str = "", **parameters: object) -> Submission:
    return submit(job, "local", parameters, {}, Handing(unverified=True, deliver=deliver))


def runs(one: Submission) -> list[str]:
    store = open_ledger()
    return [run.id for session in store.sessions(submission=one.id) for run in store.runs(session=session.id)]


def run_alone(job: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`mlops run` as on a machine that knows nothing of this one."""
    env = {name: value for name, value in os.environ.items() if name not in {"MLOPS_STORE", "MLOPS_TOKEN"}}
    return subprocess.run([*MLOPS, "run", str(job), *words], env={**env, **environment}, cwd=job.parent, capture_output=True,
                          text=True, check=False, timeout=120)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_this_machine_does_what_every_runner_must(check: Check, tmp_path: Path) -> None:
    check(Kit("local", {}, tmp_path))


def test_a_kernel_that_is_killed_on_this_machine_died_and_a_job_that_takes_too_long_is_timed_out(job: Path) -> None:
    late = submit(job, "local", {"what": "wait"}, {}, Handing(unverified=True, timeout=3))
    done = ended(handed(job, what="die"))
    assert done.outcome is not None
    assert (done.state, "the kernel died" in done.outcome.error) == ("died", True)
    assert ended(late).state == "timed-out"


@pytest.mark.usefixtures("far")
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_machine_that_shares_nothing_does_too(check: Check, tmp_path: Path) -> None:
    check(Kit("local", {}, tmp_path))


def test_an_attempt_leaves_archive_notebook_and_result_and_nothing_else(job: Path, tmp_path: Path) -> None:
    ran = run_alone(job, "-p", "factor=3", "--submission", "s1", "--deliver", "out")
    assert ran.returncode == 0, ran.stderr
    [folder] = (tmp_path / "out" / "s1").iterdir()
    assert sorted(path.name for path in folder.iterdir()) == [NOTEBOOK, RESULT, ARCHIVE]
    told = msgspec.json.decode((folder / RESULT).read_bytes(), type=Delivered)
    assert (told.submission, told.attempt, told.outcome.state) == ("s1", folder.name, "succeeded")
    assert told.memory is not None
    assert told.memory > 30 * 2**20
    assert list(Path(os.environ["MLOPS_STATE"]).rglob("*.jsonl")) == []
    assert not [path for path in Path(os.environ["MLOPS_STATE"]).rglob("*") if path.is_file() and path.suffix == ".db"]


@pytest.mark.parametrize(("what", "code", "state"), [("fail", 1, "failed"), ("die", 1, "died")])
def test_a_failing_attempt_delivers_too(job: Path, tmp_path: Path, what: str, code: int, state: str) -> None:
    ran = run_alone(job, "-p", f"what={what}", "--submission", "s1", "--deliver", "out")
    assert ran.returncode == code, ran.stderr
    [folder] = (tmp_path / "out" / "s1").iterdir()
    told = msgspec.json.decode((folder / RESULT).read_bytes(), type=Delivered)
    assert (told.outcome.state, bool(told.session)) == (state, True)
    assert (folder / NOTEBOOK).exists()


def test_bad_input_delivers_why_it_never_began(job: Path, tmp_path: Path) -> None:
    ran = run_alone(job, "-p", "factor=x", "--submission", "s1", "--deliver", "out")
    assert ran.returncode == 2
    [folder] = (tmp_path / "out" / "s1").iterdir()
    told = msgspec.json.decode((folder / RESULT).read_bytes(), type=Delivered)
    assert (told.outcome.state, told.session) == ("failed", "")
    assert "factor" in told.outcome.error


def test_a_store_that_cannot_be_reached_costs_the_job_nothing(job: Path, tmp_path: Path) -> None:
    ran = run_alone(job, "--submission", "s1", "--deliver", "out", MLOPS_STORE="http://127.0.0.1:9", MLOPS_TOKEN="t")
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr.count("not everything was reported") == 1
    assert len(list((tmp_path / "out" / "s1").glob(f"*/{ARCHIVE}"))) == 1


def test_the_job_sees_neither_store_nor_token(tmp_path: Path) -> None:
    from mlops_jupyter.entities import JobParameter
    from tests.integration.sweep_jobs import write_job as small

    look = "import os\nprint('sees', sorted(name for name in os.environ if name in ('MLOPS_STORE', 'MLOPS_TOKEN')))"
    small(tmp_path / "job", [JobParameter("x", "integer", 1)], look)
    ran = run_alone(tmp_path / "job", "--submission", "s1", "--deliver", "out", MLOPS_STORE="http://127.0.0.1:9",
                    MLOPS_TOKEN="t0ken")
    assert "sees []" in ran.stderr


def test_a_place_that_is_full_or_closed_loses_nothing(job: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file where a folder should be")
    ran = run_alone(job, "--submission", "s1", "--deliver", "out")
    assert ran.returncode == 3, ran.stderr
    kept = Path(ran.stderr.split("what it made is in ")[1].split(" on ")[0])
    assert (kept / ARCHIVE).is_file()
    shutil.rmtree(kept)


def test_the_engine_killed_in_mid_run_is_a_death_and_leaves_no_kernel(job: Path) -> None:
    one = until(handed(job, what="wait"), lambda now: "it waits" in verbs.logs(now.id) if now.state == "running" else False)
    shell = psutil.Process(int((Path(one.place) / PROCESS).read_text().split()[0]))
    engine = shell.children()[0]
    kernels = engine.children(recursive=True)
    engine.kill()
    done = ended(one)
    assert done.state == "died"
    assert [session.state for session in open_ledger().sessions(submission=one.id)] == ["interrupted"]
    psutil.wait_procs(kernels, timeout=30)
    assert not [kernel for kernel in kernels if kernel.is_running() and kernel.status() != psutil.STATUS_ZOMBIE]


def until_answers(address: str) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            requests.get(address, timeout=5)
        except requests.RequestException:
            assert time.monotonic() < end
            time.sleep(0.1)
        else:
            return


class Team:
    """A server, and what it serves."""

    def __init__(self, address: str, store: Store) -> None:
        self.address, self.store = address, store


@pytest.fixture
def team(own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Team]:
    """This process is a user of a team's server, and the runner is another machine."""
    store, port = open_store(str(own_home / "store")), free_port()
    secret = store.create_token("ann", "write").secret
    address = f"http://127.0.0.1:{port}"
    server = subprocess.Popen([*MLOPS, "server", "--port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until_answers(f"{address}/healthz")
        monkeypatch.setenv("MLOPS_TOKEN", secret)
        monkeypatch.setenv("MLOPS_STORE", address)
        yield Team(address, store)
    finally:
        server.terminate()
        server.wait(30)


@pytest.mark.usefixtures("far")
def test_by_http_it_is_there_while_it_runs_and_its_token_ends_with_it(team: Team, job: Path) -> None:
    one = handed(job, what="wait")
    [token] = [token for token in team.store.tokens() if token.scope == "job"]
    assert (token.writer, token.revoked) == (f"{one.id}.", None)
    assert token.expires is not None
    until(one, lambda now: len(open_ledger().sessions(submission=one.id)) == 1)
    [session] = open_ledger().sessions(submission=one.id)
    assert session.state == "running"
    verbs.cancel(one.id)
    assert ended(one).state == "cancelled"
    [token] = [token for token in team.store.tokens() if token.scope == "job"]
    assert token.revoked is not None
    assert [one.state for one in open_ledger().sessions(submission=one.id)] == ["ended"]


@pytest.mark.usefixtures("far")
def test_what_came_by_http_and_in_the_archive_is_there_once(team: Team, job: Path) -> None:
    done = ended(handed(job, factor=2))
    assert done.state == "succeeded", done
    assert runs(done) == [done.run]
    assert len(done.collected) == 1
    assert "MLOPS_TOKEN" not in (Path(done.place) / "log.txt").read_text()


def forged(folder: Path, change: Callable[[dict[str, object]], None], tag: str = "session") -> None:
    """Write the archive again with each of its entities of this kind changed."""
    with zipfile.ZipFile(folder / ARCHIVE) as file:
        members = {name: file.read(name) for name in file.namelist()}
    lines = [json.loads(line) for line in members["events.jsonl"].splitlines()]
    for line in lines:
        if line.get("type") == tag:
            change(line)
    members["events.jsonl"] = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    with zipfile.ZipFile(folder / ARCHIVE, "w") as file:
        for name, data in members.items():
            file.writestr(name, data)


@pytest.fixture
def left(job: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Submission, Path]:
    """A submission that has run, and the folder that its attempt left; nothing is collected yet."""
    monkeypatch.setattr(plugins, "load", lambda group, name: FarRunner)
    one = handed(job, str(tmp_path / "out"))
    end = time.monotonic() + 60
    while not (results := list((tmp_path / "out" / one.id).glob(f"*/{RESULT}"))):
        assert time.monotonic() < end
        time.sleep(0.1)
    return one, results[0].parent


def test_an_archive_that_is_cut_short_is_named_and_the_end_is_told_all_the_same(left: tuple[Submission, Path]) -> None:
    one, folder = left
    data = (folder / ARCHIVE).read_bytes()
    (folder / ARCHIVE).write_bytes(data[: len(data) // 2])
    done = ended(one)
    assert (done.state, done.collected, runs(one)) == ("succeeded", [], [])
    assert done.outcome is not None
    assert ARCHIVE in done.outcome.error


@pytest.mark.parametrize("change", [
    lambda line: line["origin"].update(submission="another"), lambda line: line.update(writer="another.1"),
    lambda line: line.pop("origin"), lambda line: line["origin"].update(job="sha256:other"),
], ids=["another submission", "another writer", "no origin", "another job"])
def test_an_archive_that_is_forged_is_not_taken(left: tuple[Submission, Path],
                                                change: Callable[[dict[str, object]], None]) -> None:
    one, folder = left
    forged(folder, change)
    done = ended(one)
    assert (done.state, done.collected) == ("succeeded", [])
    assert done.outcome is not None
    assert "not of submission" in done.outcome.error
    assert open_ledger().sessions() == []


def test_an_archive_writes_into_no_session_of_another(left: tuple[Submission, Path], tmp_path: Path) -> None:
    one, folder = left
    from tests.unit.store.story import append, session

    store = open_ledger()
    assert isinstance(store, Store)
    append(store, session("victim", "w1"), writer="w1")
    old = msgspec.json.decode((folder / RESULT).read_bytes(), type=Delivered).session
    with zipfile.ZipFile(folder / ARCHIVE) as file:
        text = file.read("events.jsonl").replace(old.encode(), b"victim")
    with zipfile.ZipFile(folder / ARCHIVE, "w") as file:
        file.writestr("events.jsonl", text)
    done = ended(one)
    assert done.outcome is not None
    assert "victim" in done.outcome.error
    assert store.executions("victim") == []
    assert store.session("victim").writer == "w1"


def test_a_result_of_another_submission_or_of_nonsense_is_named(left: tuple[Submission, Path]) -> None:
    one, folder = left
    told = msgspec.json.decode((folder / RESULT).read_bytes(), type=Delivered)
    for name, text in {"a": to_json(msgspec.structs.replace(told, submission="other")), "b": b"{", "c": b"[1]"}.items():
        (folder.parent / name).mkdir()
        (folder.parent / name / RESULT).write_bytes(text)
    done = ended(one)
    assert done.state == "succeeded"
    assert done.outcome is not None
    assert done.outcome.error.count(RESULT) == 3
    assert runs(one) == [done.run]


def test_a_runner_that_cannot_be_asked_leaves_it_as_last_known_and_says_why(left: tuple[Submission, Path],
                                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    class Away(FarRunner):
        def status(self, places: Sequence[str]) -> list[Sight]:
            raise StoreError("the far machine does not answer", "ping it")

    monkeypatch.setattr(plugins, "load", lambda group, name: Away)
    one = verbs.submission(left[0].id)
    assert (one.state, one.told) == (left[0].state, left[0].told)
    sheet = verbs.submission_sheet(one)
    assert any("the far machine does not answer" in cell for row in sheet.blocks[0].rows for cell in row)
    monkeypatch.setattr(plugins, "load", lambda group, name: FarRunner)
    assert ended(one).state == "succeeded"


def test_the_same_archive_twice_is_there_once(left: tuple[Submission, Path]) -> None:
    one, folder = left
    shutil.copytree(folder, folder.parent / "again")
    done = ended(one)
    assert runs(one) == [done.run]


def test_a_clock_that_is_an_hour_behind_changes_no_end(left: tuple[Submission, Path]) -> None:
    one, folder = left
    told = msgspec.json.decode((folder / RESULT).read_bytes(), type=Delivered)
    (folder / RESULT).write_bytes(to_json(msgspec.structs.replace(told, at=told.at - 3600)))
    for file in Path(one.place).iterdir():
        os.utime(file, (file.stat().st_atime - 3600, file.stat().st_mtime - 3600))
    done = ended(one)
    assert done.state == "succeeded"
    assert done.outcome is not None
    assert done.outcome.seconds >= 0


@pytest.mark.usefixtures("far")
def test_a_bucket_serves_as_the_place(job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = S3()
    try:
        for name, value in {**server.environment, "AWS_EC2_METADATA_DISABLED": "true"}.items():
            monkeypatch.setenv(name, value)
        done = ended(handed(job, f"{server.bucket()}/jobs", factor=4))
    finally:
        server.remove()
    assert done.state == "succeeded", done
    assert (len(done.collected), runs(done)) == (1, [done.run])


def test_a_place_of_an_unknown_kind_is_refused_before_anything_starts(job: Path) -> None:
    ran = run_alone(job, "--submission", "s1", "--deliver", "warp://somewhere")
    assert ran.returncode == 2
    assert "warp://" in ran.stderr


@pytest.mark.usefixtures("far")
def test_a_cancel_that_comes_as_sigterm_is_delivered_as_one(job: Path, tmp_path: Path) -> None:
    one = until(handed(job, str(tmp_path / "out"), what="wait"),
                lambda now: "it waits" in verbs.logs(now.id) if now.state == "running" else False)
    shell = psutil.Process(int((Path(one.place) / PROCESS).read_text().split()[0]))
    shell.children()[0].send_signal(signal.SIGTERM)
    done = ended(one)
    assert (done.state, len(done.collected)) == ("cancelled", 1)


@pytest.mark.parametrize(("options", "says"), [({"speed": "9"}, "speed"), ({"at-once": "many"}, "at-once='many'")])
def test_options_that_a_runner_does_not_have_are_named(job: Path, options: dict[str, str], says: str) -> None:
    with pytest.raises(InputError) as caught:
        submit(job, "local", {}, {}, Handing(unverified=True, options=options))
    assert says in caught.value.what
    assert open_ledger().submissions() == []


@pytest.mark.parametrize(("number", "by"), [(signal.SIGTERM, "SIGTERM"), (signal.SIGINT, "the user")])
def test_one_that_is_stopped_while_it_is_still_imported_says_so(job: Path, tmp_path: Path, number: int, by: str) -> None:
    words = [*MLOPS, "run", str(job), "--submission", "s1", "--deliver", str(tmp_path / "out")]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    end = time.monotonic() + 30
    while not catches(process.pid, signal.SIGTERM):
        assert time.monotonic() < end
    os.kill(process.pid, number)
    assert process.wait(60) in {130, 143}
    (file,) = (tmp_path / "out").glob("s1/*/result.json")
    told = json.loads(file.read_bytes())
    assert (told["outcome"]["state"], told["outcome"]["error"]) == ("cancelled", f"stopped by {by}")
    assert told.get("session", "") == ""


def catches(process: int, number: int) -> bool:
    """Whether it has a handler for a signal: proc(5), SigCgt."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    (mask,) = (line.split()[1] for line in lines if line.startswith("SigCgt"))
    return bool(int(mask, 16) >> (number - 1) & 1)
