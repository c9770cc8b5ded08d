"""Jobs on a real Dask cluster of two worker processes: what every runner promises, and what happens when a worker is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

pytest.importorskip("distributed", reason="distributed (the extra dask) is not installed")

import fsspec
from distributed import Client

from mlops_jupyter.api import submissions as verbs
from mlops_jupyter.api import tokens
from mlops_jupyter.api.conformance import CHECKS, Check, Kit
from mlops_jupyter.api.handing import Handing, submit, submit_all
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.entities import StoreError, Submission
from mlops_jupyter.entities.submissions import NO_END
from mlops_jupyter.jobs.runners import Order, dask
from mlops_jupyter.jobs.runners.dask_worker import PLACE, TASKS
from tests.bucket import S3
from tests.engines.dask_cluster import cluster, gated_job
from tests.ports import free_port
from tests.team import serving

PATIENCE = 300.0


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The scheduler's."""
    with cluster() as scheduler:
        yield scheduler


@pytest.fixture
def admin(address: str) -> Iterator[Client]:
    """Another client than ours."""
    with Client(address, set_as_default=False) as client:
        yield client


@pytest.fixture
def gated(tmp_path: Path) -> Path:
    return gated_job(tmp_path / "job")


def export(environment: dict[str, str]) -> None:
    os.environ.update(environment)


def how(address: str, **options: str) -> Handing:
    return Handing(options={"address": address, **options}, unverified=True)


def until(met: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not met():
        assert time.monotonic() < end, what
        time.sleep(0.1)


def ended(made: list[Submission]) -> list[Submission]:
    now = made

    def met() -> bool:
        nonlocal now
        now = verbs.look(open_ledger(), now)
        return all(one.state not in NO_END for one in now)

    until(met, "not all of them ended")
    return now


def running(made: list[Submission], count: int) -> None:
    until(lambda: [one.state for one in verbs.look(open_ledger(), made)].count("running") == count, f"{count} did not begin")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_it_keeps_what_every_runner_promises(address: str, tmp_path: Path, check: Check) -> None:
    check(Kit("dask", {"address": address}, tmp_path, PATIENCE))


def test_jobs_of_a_worker_that_is_killed_run_elsewhere_each_comes_back_once_and_no_kernel_stays(
    address: str, admin: Client, gated: Path, tmp_path: Path,
) -> None:
    gate = tmp_path / "gate"
    made = submit_all(gated, "dask", [{"gate": str(gate), "number": number} for number in range(8)], {}, how(address))
    running(made, 2)
    victim = psutil.Process(next(iter(admin.run(os.getpid).values())))
    until(lambda: len(victim.children(recursive=True)) >= 3, "keeper, command and kernel")
    orphans = victim.children(recursive=True)
    victim.send_signal(signal.SIGKILL)
    _, alive = psutil.wait_procs(orphans, timeout=PATIENCE)
    assert not alive
    gate.touch()
    done = ended(made)
    assert [one.state for one in done] == ["succeeded"] * 8
    runs = [[run for session in open_ledger().sessions(submission=one.id) for run in open_ledger().runs(session=session.id)]
            for one in done]
    assert [[metric.value for run in each for metric in run.metrics] for each in runs] == [[float(n)] for n in range(8)]
    assert [len(one.collected) for one in done] == [1] * 8
    assert not [key for key in admin.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.tasks)) if key[0] == TASKS]


def test_a_job_whose_keeper_is_killed_died_and_leaves_no_kernel(address: str, gated: Path, tmp_path: Path) -> None:
    one = submit(gated, "dask", {"gate": str(tmp_path / "never")}, {}, how(address))
    until(lambda: "it waits" in verbs.logs(one.id), "the kernel runs")
    [command] = [each for each in psutil.process_iter(["cmdline"]) if {"run", one.id} <= set(words := each.info["cmdline"] or [])
                 and "-c" not in words]
    keeper, family = command.parent(), [command, *command.children(recursive=True)]
    assert keeper is not None
    keeper.kill()
    assert ended([one])[0].state == "died"
    assert not psutil.wait_procs(family, timeout=30)[1]


def test_a_job_that_takes_its_workers_with_it_died(address: str, admin: Client, gated: Path, tmp_path: Path) -> None:
    admin.run_on_scheduler(lambda dask_scheduler: setattr(dask_scheduler, "allowed_failures", 0))
    try:
        one = submit(gated, "dask", {"gate": str(tmp_path / "never")}, {}, how(address))
        running([one], 1)
        worker = next(worker for worker, keys in admin.processing().items() if (TASKS, one.id) in keys)
        os.kill(admin.run(os.getpid, workers=[worker])[worker], signal.SIGKILL)
        done = ended([one])[0]
    finally:
        admin.run_on_scheduler(lambda dask_scheduler: setattr(dask_scheduler, "allowed_failures", 3))
    assert done.state == "died"
    assert done.outcome is not None
    assert "KilledWorker" in done.outcome.error


def test_what_waits_is_taken_back_and_what_is_cancelled_by_dask_itself_leaves_no_kernel(
    address: str, admin: Client, gated: Path, tmp_path: Path,
) -> None:
    given = [{"gate": str(tmp_path / "never"), "number": number} for number in range(5)]
    made = submit_all(gated, "dask", given, {}, how(address))
    running(made, 2)
    waiting = next(one for one in verbs.look(open_ledger(), made) if one.state == "queued")
    verbs.cancel(waiting.id)
    assert ended([waiting])[0].state == "cancelled"
    assert verbs.logs(waiting.id) == ""
    first = next(one for one in verbs.look(open_ledger(), made) if one.state == "running")
    until(lambda: "it waits" in verbs.logs(first.id), "the log of a job that runs")
    kernels = [child for pid in admin.run(os.getpid).values() for child in psutil.Process(pid).children(recursive=True)]
    admin.cancel([admin.get_dataset(f"{TASKS}-{one.id}") for one in made if one.id != waiting.id], force=True)
    admin.unpublish_dataset([f"{TASKS}-{one.id}" for one in made])
    _, alive = psutil.wait_procs(kernels, timeout=PATIENCE)
    assert not alive
    assert verbs.submission(first.id).state in NO_END  # it may just not know it yet


def test_inputs_and_deliveries_in_a_bucket(address: str, admin: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = S3()
    try:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        admin.wait_for_workers(2)
        admin.run(export, server.environment)
        fsspec.filesystem("s3", skip_instance_cache=True).mkdir("team")
        with fsspec.open("s3://team/rows.csv", "w", skip_instance_cache=True) as file:
            file.write("number\n4\n5\n")
        kit = Kit("dask", {"address": address}, tmp_path, PATIENCE, deliver="s3://team/out")
        done = kit.ended(kit.submit({"rows": "s3://team/rows.csv"}))
        assert done.state == "succeeded", done.outcome
        assert [metric.value for metric in kit.run(done).metrics] == [9.0]
        assert "it has read 2 rows" in verbs.logs(done.id)
    finally:
        server.remove()


def test_to_a_server_it_reports_while_it_runs_and_outlives_who_submitted_it(address: str, gated: Path, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with serving() as url:
        token = tokens.create("dask", "admin").secret
        command = [str(Path(sys.executable).parent / "mlops"), "submit", str(gated), "--to", "dask", "-p", f"gate={gate}"]
        command += ["-p", "number=7", "--set", f"address={address}", "--unverified", "--json"]
        environment = {**os.environ, "MLOPS_STORE": url, "MLOPS_TOKEN": token}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        submission = json.loads(done.stdout)["id"]
        until(lambda: [session.state for session in open_ledger().sessions(submission=submission)] == ["running"], "no report")
        gate.touch()
        assert ended([verbs.submission(submission)])[0].state == "succeeded"
    runs = [run for session in open_ledger().sessions(submission=submission) for run in open_ledger().runs(session=session.id)]
    assert [[metric.value for metric in run.metrics] for run in runs] == [[7.0]]


def test_a_worker_that_cannot_start_it_is_an_error_that_shows_no_secret(address: str, admin: Client, gated: Path,
                                                                         tmp_path: Path) -> None:
    def block(dask_worker: object) -> None:
        folder = Path(dask_worker.local_directory) / PLACE
        if folder.exists():
            folder.rename(folder.with_name("aside"))
        folder.write_text("in the way")

    def unblock(dask_worker: object) -> None:
        (Path(dask_worker.local_directory) / PLACE).unlink()

    runner = dask.DaskRunner(dask.DaskOptions(address=address))
    order = Order(submission="one", bundle=gated, parameters={"gate": "x"}, secrets={"MLOPS_TOKEN": "hush-hush"},
                  deliver=str(tmp_path / "out"))
    admin.run(block)
    try:
        place = runner.submit([order])[0]
        until(lambda: runner.status([place])[0].word == "erred", "no end")
    finally:
        admin.run(unblock)
    sight = runner.status([place])[0]
    assert "Error" in sight.detail
    assert runner.logs(place) == ""
    told = f"{admin.get_worker_logs()}{admin.get_scheduler_logs()}{sight}{runner.preview([order])}"
    assert "Compute Failed" in told
    assert "hush" not in told


def test_a_program_that_no_worker_has_says_so(address: str, gated: Path) -> None:
    done = ended([submit(gated, "dask", {"gate": "x"}, {}, how(address, program="/opt/none/mlops"))])[0]
    assert done.state == "failed"
    assert done.outcome is not None
    assert "/opt/none/mlops is not there" in done.outcome.error


def test_what_cannot_be_written_here_waits_on_its_worker(address: str, gated: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "full"
    blocked.write_text("no folder")
    handing = Handing(options={"address": address}, unverified=True, deliver=str(blocked))
    one = submit(gated, "dask", {"gate": str(tmp_path)}, {}, handing)
    until(lambda: "could not be written" in str(verbs.submission(one.id).outcome), "no word of it")
    assert verbs.submission(one.id).state == "running"
    blocked.unlink()
    assert ended([one])[0].state == "succeeded"


def test_a_scheduler_that_does_not_answer_is_said_and_nothing_is_lost(gated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask, "ANSWER", 0.5)
    with pytest.raises(StoreError, match="does not answer"):
        submit(gated, "dask", {}, {}, how(f"tcp://127.0.0.1:{free_port()}"))
    assert [one.state for one in verbs.submissions()] == ["failed"]
    with cluster(workers=0) as address:
        one = submit(gated, "dask", {}, {}, how(address))
        now = verbs.submission(one.id)
        assert (now.state, now.outcome and now.outcome.error) == ("queued", "the cluster has no worker for it")
    assert verbs.submission(one.id).state == "queued"
