"""Jobs on a real Slurm: every promise of runners, and what only a cluster does: arrays, requeues, lost nodes, forgotten jobs."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from mlops_jupyter.api import submissions as verbs
from mlops_jupyter.api.conformance import CHECKS, Check, Kit, write_job
from mlops_jupyter.api.handing import Handing, runner_of, submit, submit_all
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.config import Settings
from mlops_jupyter.entities import InputError, NotFoundError, Sight, StoreError, Submission
from mlops_jupyter.entities.submissions import NO_END
from mlops_jupyter.jobs.outcome import judge_place
from mlops_jupyter.jobs.runners import Order
from mlops_jupyter.jobs.runners.slurm import SlurmOptions, SlurmRunner
from tests.engines.slurm import Slurm
from tests.engines.slurm_jobs import WAITS, gated_job, kernels, results
from tests.integration.test_attempts import Team, team  # noqa: F401 (a fixture)

DONE, FAILS = {"program": "true"}, {"program": "false"}  # a command that ends at once, where how a job computes does not matter


@pytest.fixture(scope="module")
def cluster() -> Iterator[Slurm]:
    made = Slurm()
    yield made
    made.remove()


@pytest.fixture
def slurm(cluster: Slurm, monkeypatch: pytest.MonkeyPatch) -> Slurm:
    monkeypatch.setenv("SLURM_CONF", str(cluster.conf))
    return cluster


def hand_over(job: Path, parameters: Sequence[Mapping[str, object]],
              options: Mapping[str, str] | None = None) -> list[Submission]:
    return submit_all(job, "slurm", parameters, None, Handing(options=options or {}, unverified=True))


def quick(folder: Path, options: Mapping[str, str]) -> Submission:
    """A job that computes nothing."""
    job = folder / "job" if (folder / "job").exists() else write_job(folder / "job")
    return submit(job, "slurm", how=Handing(options=options, unverified=True))


def until(met: Callable[[], bool], what: str, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < end, what
        time.sleep(0.1)


def ended(one: Submission) -> Submission:
    until(lambda: verbs.submission(one.id).state not in NO_END, f"{one.id} ends")
    return verbs.submission(one.id)


def sight(one: Submission) -> Sight:
    return runner_of("slurm", {}).status([one.place])[0]


def begun(gate: Path, count: int = 1) -> bool:
    return len(kernels(gate)) == count


@pytest.mark.slow
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_it_keeps_every_promise_of_runners(slurm: Slurm, tmp_path: Path, check: Check) -> None:
    check(Kit("slurm", {}, tmp_path))


@pytest.mark.slow
def test_a_sweep_is_one_array_two_at_a_time_and_a_requeued_task_is_two_attempts_and_one_success(
        slurm: Slurm, tmp_path: Path) -> None:
    gates = [tmp_path / f"gate{number}" for number in range(3)]
    job = gated_job(tmp_path / "job")
    made = hand_over(job, [{"gate": str(gate), "number": number} for number, gate in enumerate(gates)], {"at-once": "2"})
    numbers = [one.place.partition(":")[0] for one in made]
    array = numbers[0].partition("_")[0]
    assert numbers == [f"{array}_{number}" for number in range(3)]
    until(lambda: all(begun(gate) for gate in gates[:2]), "two tasks run")
    assert [verbs.submission(one.id).state for one in made] == ["running", "running", "queued"]
    assert not slurm.told("scontrol", "requeue", numbers[0])
    until(lambda: len(results(made[0])) == 1, "the first attempt has delivered")
    for gate in gates:
        gate.touch()
    done = [ended(one) for one in made]
    assert [one.state for one in done] == ["succeeded"] * 3
    times = sorted([(one.started, 1) for one in done if one.started] + [(one.ended, -1) for one in done if one.ended])
    assert len(times) == 6
    assert max(sum(step for _, step in times[:place]) for place in range(1, 7)) <= 2
    assert [told.outcome.state for told in results(done[0])] == ["cancelled", "succeeded"]
    sessions = open_ledger().sessions(submission=done[0].id)
    assert (done[0].attempts, len(sessions), len({each.writer for each in sessions})) == (2, 2, 2)
    runs = [run for each in sessions for run in open_ledger().runs(session=each.id)]
    assert [metric.value for run in runs for metric in run.metrics if metric.name == "score"] == [0.0]
    assert done[0].run in {run.id for run in runs}


@pytest.mark.slow
def test_a_cancelled_job_delivers_that_and_leaves_no_kernel(slurm: Slurm, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    one = hand_over(gated_job(tmp_path / "job"), [{"gate": str(gate)}])[0]
    until(lambda: WAITS in verbs.logs(one.id) and begun(gate), "the kernel runs")
    verbs.cancel(one.id)
    done = ended(one)
    assert (done.state, [told.outcome.state for told in results(done)]) == ("cancelled", ["cancelled"])
    assert not kernels(gate)
    assert [each.state for each in open_ledger().sessions(submission=one.id)] != ["running"]


@pytest.mark.slow
def test_it_reports_to_a_server_while_it_runs_with_a_token_that_no_command_shows(
        slurm: Slurm, team: Team, tmp_path: Path) -> None:  # noqa: F811 (the fixture)
    gate = tmp_path / "gate"
    one = hand_over(gated_job(tmp_path / "job"), [{"gate": str(gate), "number": 3}])[0]
    until(lambda: [each.state for each in open_ledger().sessions(submission=one.id)] == ["running"], "it reports")
    job, _, folder = one.place.partition(":")
    secret = json.loads((Path(folder) / "secrets-0.json").read_text())["MLOPS_TOKEN"]
    until(lambda: begun(gate), "the kernel runs")
    commands = [word for each in kernels(gate)[0].parents() for word in each.cmdline()]
    shown = slurm.told("scontrol", "show", "job", "-dd", job) + verbs.logs(one.id) + " ".join(commands)
    assert secret not in shown + "".join((Path(folder) / name).read_text() for name in ("job.sh", "orders.json"))
    gate.touch()
    done = ended(one)
    runs = [run for each in open_ledger().sessions(submission=one.id) for run in open_ledger().runs(session=each.id)]
    assert (done.state, [run.id for run in runs]) == ("succeeded", [done.run])
    assert not (Path(folder) / "secrets-0.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["command", "task"])
def test_whatever_is_killed_of_a_job_it_ends_and_leaves_no_kernel(slurm: Slurm, tmp_path: Path, victim: str) -> None:
    gate = tmp_path / "gate"
    one = hand_over(gated_job(tmp_path / "job"), [{"gate": str(gate)}])[0]
    until(lambda: begun(gate), "the kernel runs")
    command = kernels(gate)[0].parent()
    assert command is not None
    task = command.parent()
    assert task is not None
    (command if victim == "command" else task).send_signal(signal.SIGKILL)
    done = ended(one)
    assert done.state == "died", (done.outcome, runner_of("slurm", {}).status([one.place]), results(one), verbs.logs(one.id))
    until(lambda: not kernels(gate), "the kernel is gone", 10)


@pytest.mark.slow
def test_a_lost_node_is_a_job_that_died_within_two_looks_and_leaves_no_kernel(slurm: Slurm, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    one = hand_over(gated_job(tmp_path / "job"), [{"gate": str(gate)}], {"requeue": "false", "sbatch": "--nodelist=left"})[0]
    until(lambda: begun(gate), "the kernel runs")
    slurm.lose_node("left")
    try:
        until(lambda: not kernels(gate), "the kernel is gone", 20)
        until(lambda: "NODE_FAIL" in slurm.told("squeue", "-h", "-t", "all", "-o", "%T", "-j", one.place.partition(":")[0]),
              "the controller says so")
        looks = [verbs.submission(one.id).state for _ in range(2)]
        assert looks[-1] == "died"
        outcome = verbs.submission(one.id).outcome
        assert outcome is not None
        assert "NodeDown" in outcome.error
    finally:
        slurm.begin_node("left")
        slurm.until(lambda: "down" not in slurm.told("sinfo", "-h", "-n", "left", "-o", "%T"), "the node is back")


def test_after_waits_for_another_and_is_not_begun_if_that_fails(slurm: Slurm, tmp_path: Path) -> None:
    first = quick(tmp_path, {**DONE, "sbatch": "--hold"})
    second = quick(tmp_path, {**DONE, "after": first.id[:14]})
    third = quick(tmp_path, {**DONE, "after": second.place.partition(":")[0]})
    assert [verbs.submission(one.id).state for one in (first, second, third)] == ["queued"] * 3
    held = verbs.submission(first.id).outcome
    assert held is not None
    assert "JobHeld" in held.error
    slurm.told("scontrol", "release", first.place.partition(":")[0])
    assert [ended(one).state for one in (first, second, third)] == ["succeeded"] * 3
    failing = quick(tmp_path, {**FAILS, "sbatch": "--hold"})
    never = quick(tmp_path, {**DONE, "after": failing.id})
    slurm.told("scontrol", "release", failing.place.partition(":")[0])
    assert ended(failing).state == "failed"
    until(lambda: sight(never).word == "CANCELLED", "the dependency cannot be met")
    assert sight(never).detail == "DependencyNeverSatisfied"
    with pytest.raises(InputError, match="does not know job 987654"):
        quick(tmp_path, {"after": "987654"})


def test_what_cannot_be_started_on_its_node_has_failed(slurm: Slurm, tmp_path: Path) -> None:
    one = quick(tmp_path, {**DONE, "sbatch": "--hold", "workdir": str(tmp_path / "shared")})
    (tmp_path / "shared").rename(tmp_path / "gone")
    slurm.told("scontrol", "release", one.place.partition(":")[0])
    done = ended(one)
    assert done.state == "failed"
    assert done.outcome is not None
    assert "JobLaunchFailure" in done.outcome.error
    missing = ended(quick(tmp_path, {"program": "/no/such/mlops"}))
    assert missing.state == "failed"
    assert missing.outcome is not None
    assert "/no/such/mlops cannot be started" in missing.outcome.error


def test_what_waits_is_cancelled_without_having_begun(slurm: Slurm, tmp_path: Path) -> None:
    one = quick(tmp_path, {**DONE, "sbatch": "--begin=now+1hour"})
    assert verbs.submission(one.id).state == "queued"
    verbs.cancel(one.id)
    until(lambda: sight(one).word == "CANCELLED", "it is cancelled")
    assert verbs.logs(one.id) == ""


def test_secrets_are_in_no_script_no_command_and_nothing_that_slurm_shows(slurm: Slurm, tmp_path: Path) -> None:
    seen = tmp_path / "seen.py"
    seen.write_text("import os, sys\nopen(sys.argv[0] + '.txt', 'w').write(os.environ['MLOPS_TOKEN'] + os.environ['PLAIN'])\n")
    order = Order(submission="one", bundle=write_job(tmp_path / "job"), env={"PLAIN": "plain"}, secrets={"MLOPS_TOKEN": "hush"})
    runner = SlurmRunner(SlurmOptions(workdir=str(tmp_path / "shared dir 'é'"), program=f"{sys.executable} {seen}",
                                      sbatch="--hold", account="x y"))
    assert "hush" not in runner.preview([order])
    place = runner.submit([order])[0]
    job, _, folder = place.partition(":")
    holds = [file.name for file in Path(folder).iterdir() if b"hush" in file.read_bytes()]
    assert holds == ["secrets-0.json"]
    assert {name: (Path(folder) / name).stat().st_mode & 0o777 for name in ("secrets-0.json", "orders.json", ".")} == {
        "secrets-0.json": 0o600, "orders.json": 0o600, ".": 0o700}
    shown = slurm.told("scontrol", "show", "job", "-dd", job)
    assert "Account=x y" in shown
    assert "hush" not in shown + slurm.told("scontrol", "write", "batch_script", job, "-")
    slurm.told("scontrol", "release", job)
    until(lambda: runner.status([place])[0].word == "COMPLETED", "it ends")
    assert Path(f"{seen}.txt").read_text() == "hushplain"
    assert not (Path(folder) / "secrets-0.json").exists()


def test_a_job_that_slurm_has_forgotten_is_judged_by_what_its_attempt_left(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forgetful = Slurm(job_age=2)
    try:
        monkeypatch.setenv("SLURM_CONF", str(forgetful.conf))
        made = hand_over(write_job(tmp_path / "job"), [{"factor": 1}, {"factor": 2}], DONE)
        failing = quick(tmp_path, FAILS)
        waiting = quick(tmp_path, {**DONE, "sbatch": "--begin=now+1hour"})
        runner = runner_of("slurm", {})
        runner.cancel([waiting.place])
        until(lambda: not forgetful.told("squeue", "-h", "-t", "all").strip(), "all are forgotten")
        places = [one.place for one in [*made, failing, waiting]]
        assert [sight.word for sight in runner.status(places)] == ["COMPLETED", "COMPLETED", "FAILED", "CANCELLED"]
        follows = quick(tmp_path, {**DONE, "after": made[1].id})
        with pytest.raises(InputError, match="nothing says that it succeeded"):
            quick(tmp_path, {**DONE, "after": failing.id})
        assert [ended(one).state for one in [*made, failing, follows]] == ["succeeded", "succeeded", "failed", "succeeded"]
        folder = Path(places[0].partition(":")[2])
        (folder / "exit-0.json").write_text('{"code": 0, "att')
        outcome = judge_place(runner.status(places[:1])[0], SlurmRunner.states)
        assert (outcome.state, "left an exit code" in outcome.error) == ("died", True)
        (folder / "orders.json").unlink()
        for ask in (lambda: runner.status(places[:1]), lambda: runner.logs(places[0])):
            with pytest.raises(NotFoundError):
                ask()
    finally:
        forgetful.remove()


def test_a_controller_that_is_down_is_a_store_out_of_reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fallen = Slurm()
    try:
        monkeypatch.setenv("SLURM_CONF", str(fallen.conf))
        one = quick(tmp_path, {**DONE, "sbatch": "--hold"})
        fallen.until((fallen.folder / "state" / "job_state").exists, "the controller has saved its jobs")
        fallen.end_controller()
        words = [str(Path(sys.executable).parent / "mlops"), "submit", str(tmp_path / "job"), "--to", "slurm", "--unverified"]
        done = subprocess.run(words, env=os.environ, capture_output=True, text=True, check=False)
        assert done.returncode == 3
        assert re.search(r"Slurm cannot be reached: .*\n  → scontrol ping", done.stderr)
        refused = open_ledger().submissions()[0]
        assert (refused.state, refused.place) == ("failed", "")
        assert not (Settings.current().submissions_folder() / refused.id).exists()
        with pytest.raises(StoreError, match="cannot be reached"):
            runner_of("slurm", {}).status([one.place])
        fallen.begin_controller()
        fallen.told("scontrol", "release", one.place.partition(":")[0])
        assert ended(one).state == "succeeded"
    finally:
        fallen.remove()


def test_what_slurm_refuses_is_bad_input_and_leaves_nothing(slurm: Slurm, tmp_path: Path) -> None:
    for options, says in [({"partition": "nope"}, "partition specified: nope"), ({"memory": "9T"}, "Memory"),
                          ({"time": "soon"}, "--time"), ({"cpus": "0"}, "cpus"), ({"sbatch": "--colour=red"}, "colour"),
                          ({"gpus": "1"}, "gres")]:
        with pytest.raises(InputError, match=says):
            quick(tmp_path, {**DONE, **options, "workdir": str(tmp_path / "shared")})
    assert not list((tmp_path / "shared").iterdir())


def test_a_name_that_slurm_cannot_hold_is_replaced_and_told(
        slurm: Slurm, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    order = Order(submission="one", bundle=write_job(tmp_path / "job"), name="late\n#SBATCH --hold\x1b[31m" + "é\"'%j" * 300)
    runner = SlurmRunner(SlurmOptions(workdir=str(tmp_path / "shared"), program="true"))
    place = runner.submit([order])[0]
    assert "cannot hold its name" in runner.preview([order])
    assert "Slurm cannot hold the name" in caplog.text
    shown = slurm.told("scontrol", "show", "job", place.partition(":")[0])
    assert "JobName=late_#SBATCH --hold_[31mé\"'%j" in shown
    until(lambda: runner.status([place])[0].word == "COMPLETED", "it is not held")
