"""What the Slurm runner writes and reads, without a Slurm: scripts, words, exit codes, what a place left."""

from __future__ import annotations

import json
import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from mlops_jupyter.api.conformance import write_job
from mlops_jupyter.config import Settings
from mlops_jupyter.entities import ConflictError, InputError, NotFoundError, Schedule, StoreError
from mlops_jupyter.jobs.generated import write_generated
from mlops_jupyter.jobs.outcome import judge_place
from mlops_jupyter.jobs.runners import Order, read_options, slurm_task
from mlops_jupyter.jobs.runners.slurm import SlurmOptions, SlurmRunner
from mlops_jupyter.jobs.runners.slurm_words import STATES, accounts, exit_code, queue, spoken
from mlops_jupyter.plugins import RUNNER, load

# job_states and their flags, of Slurm 22.05 to 25.05
BASE = ["PENDING", "RUNNING", "SUSPENDED", "COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "NODE_FAIL", "PREEMPTED", "BOOT_FAIL",
        "DEADLINE", "OUT_OF_MEMORY"]
FLAGS = ["LAUNCH_FAILED", "UPDATE_DB", "REQUEUED", "REQUEUE_HOLD", "SPECIAL_EXIT", "RESIZING", "CONFIGURING", "COMPLETING",
         "STOPPED", "RECONFIG_FAIL", "POWER_UP_NODE", "REVOKED", "REQUEUE_FED", "RESV_DEL_HOLD", "SIGNALING", "STAGE_OUT",
         "EXPEDITING"]


@pytest.fixture
def order(tmp_path: Path) -> Order:
    return Order(submission="sub1", bundle=write_job(tmp_path / "job"), name="late", parameters={"text": "a b; rm -rf $HOME"},
                 env={"PLAIN": "1"}, secrets={"MLOPS_TOKEN": "hush"}, deliver="s3://bucket/out")


def client(folder: Path, monkeypatch: pytest.MonkeyPatch, **programs: str) -> None:
    """A machine whose only programs are these, each a script of shell."""
    folder.mkdir(exist_ok=True)
    for name, text in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/bin:/usr/bin" if programs else str(folder))


def test_every_word_of_slurm_is_in_the_table() -> None:
    assert set(BASE + FLAGS) == set(STATES) - {"FORGOTTEN", "KILLED"}
    assert load(RUNNER, "slurm") is SlurmRunner


def test_the_script_is_readable_the_same_twice_and_an_edit_is_noticed(order: Order, tmp_path: Path) -> None:
    options = SlurmOptions(partition="gpu", account="a team", time="1:00:00", memory="4G", cpus="2", gpus="1", at_once=2,
                           requeue=False, workdir=str(tmp_path / "sha red"), setup="module load python", sbatch="--exclusive")
    orders = [order, msgspec.structs.replace(order, submission="sub2", parameters={"text": "other"})]
    text = SlurmRunner(options).preview(orders)
    assert text == SlurmRunner(options).preview(orders)
    assert "hush" not in text
    script = text[text.index("#!"):text.index("# order 0")]
    lines = script.splitlines()
    assert lines[2] == (f"# Made again by: mlops submit {order.bundle} --to slurm --set 'account=a team' --set at-once=2 --set "
                        f"cpus=2 --set gpus=1 --set memory=4G --set partition=gpu --set requeue=false --set sbatch=--exclusive "
                        f"--set 'setup=module load python' --set time=1:00:00 --set 'workdir={tmp_path}/sha red'")
    assert lines[4:-5] == [
        "#SBATCH --job-name=late", "#SBATCH --array=0-1%2", "#SBATCH --partition=gpu", '#SBATCH --account="a team"',
        "#SBATCH --time=1:00:00", "#SBATCH --mem=4G", "#SBATCH --cpus-per-task=2", "#SBATCH --gpus=1", "#SBATCH --no-requeue",
        "#SBATCH --open-mode=append", f'#SBATCH --output="{tmp_path}/sha red/sub1/log-%a.txt"', "#SBATCH --exclusive"]
    assert lines[-5] == ""
    task = f"{tmp_path}/sha red/sub1/task.py"
    assert lines[-4:-1] == ["set -e", "module load python", f"exec {sys.executable} '{task}' \"$SLURM_ARRAY_TASK_ID\""]
    assert "-p 'text=a b; rm -rf $HOME'" in text
    assert "secrets-0.json: MLOPS_TOKEN=…" in text
    assert not (tmp_path / "sha red").exists()
    script = script.rstrip("\n") + "\n"
    assert write_generated(tmp_path / "job.sh", script)
    (tmp_path / "job.sh").write_text(script.replace("gpu", "cpu"))
    with pytest.raises(ConflictError, match="edited"):
        write_generated(tmp_path / "job.sh", script + "\n")


@pytest.mark.parametrize(("given", "says"), [
    ({"partition": "a\nrm -rf ~"}, "partition="), ({"time": "1\x1b[0m"}, "time="), ({"workdir": "/shared/50%"}, "%"),
    ({"workdir": "/a\\b"}, "%"), ({"sbatch": "--output=x"}, "--output"), ({"sbatch": "rm"}, "rm"), ({"sbatch": "'"}, "be read"),
    ({"requeue": "perhaps"}, "perhaps"), ({"nodes": "3"}, "nodes"), ({"at-once": "two"}, "two"), ({"stage": "all"}, "all"),
])
def test_what_cannot_be_in_a_script_is_refused(order: Order, given: dict[str, str], says: str) -> None:
    with pytest.raises(InputError, match=says):
        SlurmRunner(read_options("slurm", SlurmOptions, given)).preview([order])  # type: ignore[arg-type]


def test_a_machine_without_a_client_says_so(order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client(tmp_path / "bin", monkeypatch)
    runner = SlurmRunner(SlurmOptions(workdir=str(tmp_path / "shared")))
    place = f"1:{tmp_path}"
    for ask in (lambda: runner.submit([order]), lambda: runner.status([place]), lambda: runner.cancel([place])):
        with pytest.raises(InputError, match="no client of Slurm"):
            ask()
    assert not list((tmp_path / "shared").iterdir())


@pytest.mark.parametrize(("said", "kind"), [
    ("sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)", StoreError),
    ("sbatch: error: Munge encode failed: Failed to access \"/nope\"\nsbatch: error: Protocol authentication error", StoreError),
    ("sbatch: fatal: Unable to process configuration file", StoreError),
    ("sbatch: error: Batch job submission failed: Requested node configuration is not available", InputError),
    ("sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified", InputError),
    ("", InputError),
])
def test_out_of_reach_and_refused_are_told_apart(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, kind: type[Exception]) -> None:
    client(tmp_path / "bin", monkeypatch, sbatch=f"cat >&2 <<'E'\n{said}\nE\nexit 1")
    with pytest.raises(kind, match="sbatch: "):
        spoken(["sbatch"])


def test_the_job_gets_this_environment_but_not_that_of_a_job_we_stand_in(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client(tmp_path / "bin", monkeypatch, sbatch="env")
    for name in ("SLURM_ARRAY_TASK_ID", "SLURM_CONF", "SLURM_MEM_PER_NODE", "MLOPS_TOKEN", "SBATCH_PARTITION", "SBATCH_TIMELIMIT",
                 "SBATCH_RESERVATION", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, "seen")
    names = {line.partition("=")[0] for line in spoken(["sbatch"], ["--partition=x", "--time=1"]).splitlines() if "=seen" in line}
    assert names == {"SLURM_CONF", "SBATCH_RESERVATION", "OMP_NUM_THREADS"}


ROWS = """18|2|PENDING|0|1795870960|N/A|N/A|0|n/a|JobArrayTaskLimit|
18|1|RUNNING|0|1795870960|1795870961|1795874561|1|left|None|
19|N/A|FAILED|256|1795870960|1795870961|1795870970|0|left|NonZeroExitCode|
20|N/A|FAILED|4021|1795870960|1795870961|1795870961|0|left|JobLaunchFailure|
21|N/A|FAILED|9|1795870960|1795870961|1795870961|0|left|JobLaunchFailure|
22|N/A|NODE_FAIL|0|1795870960|1795870961|1795870990|0|left|NodeDown|
23|N/A|PENDING|0|1795870960|N/A|N/A|2|n/a|launch_failed_requeued_held|
24|N/A|OUT_OF_MEMORY|0:125|1795870960|1795870961|1795870990|0|left|OutOfMemory|
25|N/A|BRAND_NEW|0|1795870960|1795870961|1795870990|0|left|None|
26|N/A|CANCELLED|0|1795870960|1795870990|1795870990|0|n/a|Dependency|
a line that is none
"""


def test_lines_of_squeue_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client(tmp_path / "bin", monkeypatch, squeue=f"cat <<'E'\n{ROWS}E")
    seen = queue(["18"])
    told = {key: judge_place(sight, STATES) for key, sight in seen.items()}
    assert [(key, one.state) for key, one in told.items()] == [
        (("18", "2"), "queued"), (("18", "1"), "running"), (("19", "0"), "failed"), (("20", "0"), "failed"),
        (("21", "0"), "died"), (("22", "0"), "died"), (("23", "0"), "queued"), (("24", "0"), "died"), (("25", "0"), "running"),
        (("26", "0"), "cancelled")]
    assert seen["26", "0"].started is None  # it never began
    assert (seen["18", "1"].attempt, seen["18", "1"].started, seen["18", "1"].ended) == (2, 1795870961.0, None)
    assert (seen["19", "0"].code, seen["19", "0"].ended, seen["18", "2"].detail) == (1, 1795870970.0, "")
    assert "could not start it" in told["20", "0"].error
    assert (told["21", "0"].error, told["23", "0"].error) == ("killed by signal 9", "launch_failed_requeued_held")


def test_lines_of_sacct_are_read_and_its_absence_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = ["18_0|CANCELLED by 1000|0:15|1|2|3", "18_[2-3]|PENDING|0:0|1|Unknown|Unknown", "19|RUNNING|0:0|1|2|Unknown",
            "20|TIMEOUT|0:0|1|2|3", "21|FAILED|0:9|1|2|3"]
    client(tmp_path / "bin", monkeypatch, sacct="\n".join(f"echo '{row}'" for row in rows))
    seen = accounts(["18", "19", "20"])
    assert {key: (sight.word, sight.ended) for key, sight in seen.items()} == {
        ("18", "0"): ("CANCELLED", 3.0), ("20", "0"): ("TIMEOUT", 3.0), ("21", "0"): ("KILLED", 3.0)}
    client(tmp_path / "bin", monkeypatch, sacct="echo Slurm accounting storage is disabled >&2; exit 1")
    assert accounts(["18"]) == {}


@pytest.mark.parametrize(("text", "code"), [
    ("0", 0), ("256", 1), ("15", -15), ("9", -9), ("36608", 143), ("1:0", 1), ("0:9", -9), ("0:0", 0), ("", None), ("N/A", None)])
def test_exit_codes(text: str, code: int | None) -> None:
    assert exit_code(text) == code


def _left(tmp_path: Path, **files: str) -> Path:
    folder = tmp_path / "sub1"
    folder.mkdir(exist_ok=True)
    for name, text in {"orders.json": "[]", **files}.items():
        (folder / name.replace("__", "-").replace("_", ".")).write_text(text)
    return folder


@pytest.mark.parametrize(("exit_file", "log", "state"), [
    ('{"code": 0, "attempt": 1, "began": 1, "ended": 3}', "", "succeeded"),
    ('{"code": 1, "attempt": 2, "began": 1, "ended": 3}', "cell 3 failed", "failed"),
    ('{"code": 143, "attempt": 1, "began": 1, "ended": 3}', "CANCELLED AT 13:00:00 ***", "cancelled"),
    ('{"code": 143, "attempt": 1, "began": 1, "ended": 3}', "CANCELLED AT 13:00:00 DUE TO TIME LIMIT ***", "timed-out"),
    ('{"code": 137, "attempt": 1, "began": 1, "ended": 3}', "", "died"),
    ('{"code": 0, "att', "", "died"), ("[]", "", "died"), ('{"code": "x", "attempt": 1, "began": 1, "ended": 3}', "", "died"),
])
def test_a_forgotten_job_is_judged_by_its_exit_code(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exit_file: str, log: str, state: str) -> None:
    client(tmp_path / "bin", monkeypatch, squeue="echo slurm_load_jobs error: Invalid job id specified >&2; exit 1")
    folder = _left(tmp_path, exit__0_json=exit_file, log__0_txt=log)
    runner = SlurmRunner(SlurmOptions(workdir=str(tmp_path)))
    assert judge_place(runner.status([f"7:{folder}"])[0], STATES).state == state
    for place in (f"7:{tmp_path}/other", "7", "7:relative", "", "x:/y", "no-such-place"):
        with pytest.raises(NotFoundError):
            runner.status([place])


def test_inputs_of_another_file_system_are_copied_and_those_beside_are_read_where_they_are(
        order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlops_jupyter.jobs.runners.slurm._device", lambda path: 2 if "usb" in str(path) else 1)
    client(tmp_path / "bin", monkeypatch, sbatch="echo 5")
    for name in ("usb.csv", "here.csv"):
        (tmp_path / name).write_text(name)
    inputs = {"a": str(tmp_path / "usb.csv"), "b": str(tmp_path / "here.csv"), "c": "s3://bucket/c.csv"}
    orders = [msgspec.structs.replace(order, inputs=inputs, submission=f"sub{number}") for number in (1, 2)]
    runner = SlurmRunner(SlurmOptions(workdir=str(tmp_path / "shared")))
    assert runner.submit(orders) == [f"5_{number}:{tmp_path}/shared/sub1" for number in (0, 1)]
    folder = tmp_path / "shared" / "sub1"
    assert (folder / "inputs" / "0-usb.csv").read_text() == "usb.csv"
    told = json.loads((folder / "orders.json").read_text())
    assert {f"a={folder}/inputs/0-usb.csv", f"b={tmp_path}/here.csv", "c=s3://bucket/c.csv"} < set(told[1]["command"])
    assert stat.S_IMODE((folder / "orders.json").stat().st_mode) == 0o600
    assert (tmp_path / "shared" / "sub2" / "job").read_text() == "5_1"
    assert "0-usb" not in SlurmRunner(SlurmOptions(workdir=str(tmp_path / "else"), stage="never")).preview(orders)


def test_what_slurm_cannot_do_is_refused(order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client(tmp_path / "bin", monkeypatch, sbatch="echo hello")
    runner = SlurmRunner(SlurmOptions(workdir=str(tmp_path / "shared")))
    with pytest.raises(InputError, match="again and again"):
        runner.submit([msgspec.structs.replace(order, schedule=Schedule("0 3 * * *"))])
    with pytest.raises(InputError, match="no job number"):
        runner.submit([order])
    usual = str(Settings.current().submissions_folder() / "delivered")
    monkeypatch.setattr("mlops_jupyter.jobs.runners.slurm._device", lambda path: 1 if "shared" in str(path) else 2)
    with pytest.raises(InputError, match="not where workdir is"):
        runner.submit([msgspec.structs.replace(order, deliver=usual)])
    full = SlurmRunner(SlurmOptions(workdir="/dev/null/shared"))
    with pytest.raises(InputError, match="cannot be written"):
        full.submit([order])
    assert not list((tmp_path / "shared").iterdir())


def task(folder: Path, command: list[str], most: int = -1, **env: str) -> subprocess.CompletedProcess[str]:
    """`most`: bytes that a file can have."""
    (folder / "orders.json").write_text(json.dumps([{"command": command, "env": env}]))
    (folder / "secrets-0.json").write_text('{"HUSH": "x"}')
    (folder / "exit-0.json").write_text("of an attempt before")
    (folder / "task.py").write_text(Path(slurm_task.__file__).read_text())
    return subprocess.run([sys.executable, "-I", str(folder / "task.py"), "0"], capture_output=True, text=True, check=False,
                          env={"PATH": os.environ["PATH"], "SLURM_RESTART_COUNT": "2"},
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)))


@pytest.mark.parametrize(("code", "exits"), [("0", 0), ("3", 3), ("os.kill(os.getpid(), 9)", 137)])
def test_a_task_passes_the_exit_code_on_and_leaves_it(tmp_path: Path, code: str, exits: int) -> None:
    script = ("import os, sys; print(os.environ['HUSH'], os.environ['PLAIN'], os.path.isdir(os.environ['MLOPS_STATE'])); "
              f"sys.exit({code})")
    done = task(tmp_path, [sys.executable, "-c", script], PLAIN="y")
    assert (done.returncode, done.stdout) == (exits, "x y True\n" if exits != 137 else done.stdout)
    told = json.loads((tmp_path / "exit-0.json").read_text())
    assert (told["code"], told["attempt"], told["began"] <= told["ended"]) == (exits, 3, True)
    assert not (tmp_path / "secrets-0.json").exists()


def test_a_command_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = task(tmp_path, ["/no/such/mlops", "run"])
    assert done.returncode == 127
    assert done.stderr.startswith("/no/such/mlops cannot be started on ")


def test_a_full_disk_changes_no_exit_code(tmp_path: Path) -> None:
    done = task(tmp_path, ["true"], most=40)
    assert done.returncode == 0
    assert "could not be written" in done.stderr
    assert not (tmp_path / "exit-0.json").exists()
