"""What Slurm says, read: the states of its jobs, the lines of `squeue` and `sacct`, the errors of its commands.

Slurm is spoken to by its own commands, as whoever calls them: addresses and credentials are those of its `slurm.conf`.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence

from mlops_jupyter.entities import InputError, Sight, StoreError
from mlops_jupyter.entities.submissions import NO_END
from mlops_jupyter.jobs.runners import States

FORGOTTEN, KILLED = "FORGOTTEN", "KILLED"
"""Our own words: Slurm does not know the job any more, and no attempt of it left an exit code. FAILED, because of a signal."""

STATES: States = {
    "PENDING": "queued", "CONFIGURING": "queued", "REQUEUED": "queued", "REQUEUE_FED": "queued", "REQUEUE_HOLD": "queued",
    "RESV_DEL_HOLD": "queued", "SPECIAL_EXIT": "queued", "POWER_UP_NODE": "queued", "EXPEDITING": "queued",
    "RUNNING": "running", "COMPLETING": "running", "SUSPENDED": "running", "STOPPED": "running", "SIGNALING": "running",
    "STAGE_OUT": "running", "RESIZING": "running", "UPDATE_DB": "running", "REVOKED": "running",  # another cluster has it
    "COMPLETED": "succeeded", "FAILED": "failed", "LAUNCH_FAILED": "failed", "RECONFIG_FAIL": "failed",
    "CANCELLED": "cancelled", "TIMEOUT": "timed-out", "DEADLINE": "timed-out",
    "NODE_FAIL": "died", "BOOT_FAIL": "died", "OUT_OF_MEMORY": "died", "PREEMPTED": "died", FORGOTTEN: "died", KILLED: "died",
}

_FIELDS = ("ArrayJobID", "ArrayTaskID", "State", "exit_code", "SubmitTime", "StartTime", "EndTime", "RestartCnt",
           "BatchHost", "Reason")
_USUAL = {"None", "NonZeroExitCode", "JobLaunchFailure"}
_SIGNALS = -31  # below it: no signal, but what slurmstepd writes where it could not begin
_STUCK = re.compile(r"JobHeld|launch_failed|DependencyNeverSatisfied|BadConstraints|^Partition|ReqNodeNotAvail|^Invalid")
_UNREACHED = re.compile(r"contact slurm controller|authentication|munge|zero bytes|configuration (file|source)|temporarily|socket"
                        r"|connect|not responding", re.IGNORECASE)
_OURS = {"job-name": "JOB_NAME", "array": "ARRAY_INX", "time": "TIMELIMIT", "mem": "MEM_PER_NODE", "kill-on-invalid-dep":
         "KILL_INVALID_DEPEND", "no-requeue": "NO_REQUEUE"}
_KEPT = {"SLURM_CONF", "SLURM_CLUSTERS", "SLURM_JWT"}
_PATIENCE = 90.0  # seconds; a command that misses its slurm.conf tries for 60


def spoken(words: Sequence[str], directives: Sequence[str] = ()) -> str:
    """What a command of Slurm prints. StoreError where nothing answers or lets us in, InputError where it refuses.

    Variables of a Slurm job that we stand in ourselves say nothing of the one to come, and are not handed on; nor are those
    that would change what the directives of a script say.
    """
    changed = {name.removeprefix("--").partition("=")[0] for name in directives}
    hidden = {f"SBATCH_{_OURS.get(name, name.upper().replace('-', '_'))}" for name in changed}
    env = {name: value for name, value in os.environ.items()
           if name not in hidden and not name.startswith(("MLOPS_", "SQUEUE_", "SACCT_", "SCANCEL_"))
           and (name in _KEPT or not name.startswith("SLURM_"))}
    if words[0] != "sbatch":
        env["SLURM_TIME_FORMAT"] = "%s"
    try:
        done = subprocess.run(words, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                              check=False, timeout=_PATIENCE)
    except FileNotFoundError:
        raise InputError(f"there is no {words[0]} on this machine: it has no client of Slurm",
                         "submit from a login node of the cluster, or: apt-get install slurm-client") from None
    except subprocess.TimeoutExpired:
        raise StoreError(f"{words[0]} did not answer within {_PATIENCE:g} s", "scontrol ping") from None
    if done.returncode:
        raise _error(words[0], done.stderr or done.stdout)
    return done.stdout


def _error(program: str, text: str) -> InputError | StoreError:
    lines = [re.sub(r"^\w+: ((error|fatal): )?", "", line).strip() for line in text.splitlines() if line.strip()]
    said = "; ".join([line for line in lines if not line.startswith("Try ")][-2:]) or "it said nothing"
    if _UNREACHED.search(said):
        return StoreError(f"Slurm cannot be reached: {program}: {said}", "scontrol ping; look at $SLURM_CONF, and at munge")
    return InputError(f"Slurm refuses: {program}: {said}", "sinfo lists partitions, limits and states of nodes")


def queue(jobs: Sequence[str]) -> dict[tuple[str, str], Sight]:
    """(job, task) → how it stands, for those that the controller knows; the task of a job without an array is "0"."""
    names = ",".join(f"{name}:|" for name in _FIELDS)
    try:
        text = spoken(["squeue", "--noheader", "--all", "--array", "--states=all", f"--jobs={','.join(jobs)}",
                       f"--Format={names}"])
    except InputError as error:
        if "Invalid job id" not in error.what:
            raise
        return {}
    rows = [line.strip().split("|") for line in text.splitlines() if line.count("|") >= len(_FIELDS)]
    return {(row[0], row[1] if row[1].isdigit() else "0"): _sight(dict(zip(_FIELDS, row, strict=False))) for row in rows}


def _sight(row: Mapping[str, str]) -> Sight:
    word, reason, code = row["State"], row["Reason"], exit_code(row["exit_code"])
    state = STATES.get(word, "running")
    over, begun = state not in NO_END, state != "queued" and row["BatchHost"] not in {"", "n/a", "(null)"}
    launch = over and reason == "JobLaunchFailure" and (code or 0) < _SIGNALS
    word = _word(word, code) if not launch else word
    detail = "" if state == "succeeded" or reason in _USUAL else reason
    if launch:
        detail = f"Slurm could not start it on the node ({reason}): can the folder of the job be written there?"
    elif word == KILLED:
        detail = f"killed by signal {-(code or 0)}"
    elif not over and not _STUCK.search(reason):
        detail = ""
    return Sight(word, code if over and not launch else None, detail, int(row["RestartCnt"] or 0) + 1,
                 _moment(row["SubmitTime"]), _moment(row["StartTime"]) if begun else None,
                 _moment(row["EndTime"]) if over else None)


def accounts(jobs: Sequence[str]) -> dict[tuple[str, str], Sight]:
    """(job, task) → how it ended, from the accounting database; nothing where there is none."""
    fields = "JobID,State,ExitCode,Submit,Start,End"
    try:
        text = spoken(["sacct", "--allocations", "--noheader", "--parsable2", f"--jobs={','.join(jobs)}", f"--format={fields}"])
    except (InputError, StoreError):  # it is not there, or not to be asked: then the files of the job say what is known
        return {}
    found = {}
    for job, state, code, *times in (line.split("|") for line in text.splitlines() if line.count("|") == fields.count(",")):
        word = state.partition(" ")[0]  # `CANCELLED by 1000`
        number, _, task = job.partition("_")
        if STATES.get(word, "running") not in NO_END:
            found[number, task or "0"] = Sight(_word(word, exit_code(code)), exit_code(code), "", 0, *map(_moment, times))
    return found


def _word(word: str, code: int | None) -> str:
    return KILLED if word == "FAILED" and (code or 0) < 0 else word


def exit_code(text: str) -> int | None:
    """Of `1:0` (code, signal), or of the status that `wait` gives. A signal is negative."""
    code, colon, number = text.partition(":")
    if not code.isdigit():
        return None
    if colon:
        return -int(number) if number.isdigit() and int(number) else int(code)
    status = int(code)
    return -(status & 0x7F) or status >> 8


def _moment(text: str) -> float | None:
    return float(text) if text.isdigit() and text != "0" else None
