"""One file for Airflow's DAG folder: a DAG for each job that lies beside it in `mlops_jobs/`. It needs Airflow and nothing else.

A job's task runs `mlops run` in the job's own environment, as a process of its own: Airflow's packages and the job's never meet.
Parameters reach that process as an argument list, from a run's `conf`, which Airflow has checked against the job's schema.
Where Airflow's own processes are killed, the job is too (on Linux): it would go on unseen, beside whatever Airflow starts next.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, BaseOperator, CronTriggerTimetable, Param
from airflow.sdk.exceptions import AirflowException, AirflowFailException

JOBS = Path(__file__).resolve().parent / "mlops_jobs"
PREFIX = "mlops__"
BAD_INPUT = 2
GRACE = 60  # seconds that a job has, once it is asked to stop, to leave what it made
_PR_SET_PDEATHSIG = 1
_BOUND = f"""
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl({_PR_SET_PDEATHSIG}, signal.SIGKILL)
if os.getppid() == int(sys.argv[1]):
    os.execvp(sys.argv[2], sys.argv[2:])
"""
"""Becomes the command that it is given, and goes with the process that has started it."""


class MlopsJob(BaseOperator):
    """`mlops run` of one job."""

    def __init__(self, *, job: dict[str, Any], folder: str, **more: Any) -> None:
        super().__init__(**more)
        self.job, self.folder = job, folder
        self._process: subprocess.Popen[str] | None = None

    def execute(self, context: Any) -> None:
        """Run it, its output into the task's log. Bad input is not tried again."""
        run = context["dag_run"]
        of_ours = run.run_id.startswith(PREFIX)  # else it is of a schedule, or somebody began it in Airflow
        submission = run.run_id.removeprefix(PREFIX) if of_ours else self.job["submission"]
        words, secrets = self._command(dict(context["params"]), run.conf or {}, submission)
        self.log.info("%s", " ".join(words))
        process = subprocess.Popen(
            _bound(words), env={**os.environ, **self.job["env"], **secrets}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True, cwd=self.folder)
        self._process = process
        for line in process.stdout or ():
            self.log.info("%s", line.rstrip())
        code = process.wait()
        if code == BAD_INPUT:
            raise AirflowFailException("the job was given something bad: see the log above")
        if code:
            raise AirflowException(f"the job ended with exit code {code}: see the log above")

    def on_kill(self) -> None:
        """Somebody cancelled it: the job stops, and leaves what it made."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)

    def _command(self, params: dict[str, Any], conf: dict[str, Any], submission: str) -> tuple[list[str], dict[str, str]]:
        words = [*self.job["program"], "run", str(Path(self.folder) / "bundle")]
        for name in self.job["parameters"]:
            value = params[name]
            words += ["-p", f"{name}={value if isinstance(value, str) else json.dumps(value)}"]
        for name, place in conf.get("mlops_inputs", self.job["inputs"]).items():
            words += ["-i", f"{name}={place}"]
        words += ["--deliver", conf.get("mlops_deliver", self.job["deliver"]), *self.job["options"]]
        if not submission:
            return words, {}
        file = Path(self.folder) / "secrets" / submission
        return [*words, "--submission", submission], json.loads(file.read_text()) if file.is_file() else {}


def _bound(words: list[str]) -> list[str]:
    """The command of a job that goes with this process; which goes with its own supervisor, that Airflow may lose."""
    if sys.platform != "linux":
        return words
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    return [sys.executable, "-c", _BOUND, str(os.getpid()), *words]


def build(file: Path) -> DAG:
    """The DAG of one job, from its `dag.yaml`: JSON under some lines of comment."""
    job = json.loads("\n".join(line for line in file.read_text(encoding="utf-8").splitlines() if not line.startswith("#")))
    schedule = job["schedule"]
    timetable = None
    if schedule:
        timetable = CronTriggerTimetable(schedule["cron"], timezone=schedule["zone"], run_immediately=schedule["missed"] == "run")
    params = {name: Param(one["default"], **one["schema"]) for name, one in job["parameters"].items()}
    with DAG(job["dag_id"], description=job["description"], schedule=timetable, params=params, catchup=False,
             start_date=datetime(2024, 1, 1, tzinfo=UTC), tags=["mlops_jupyter", job["digest"]],
             max_active_runs=1 if schedule else 256, max_active_tasks=256,
             default_args={"owner": job["owner"] or "mlops_jupyter"}) as dag:
        MlopsJob(task_id="run", job=job, folder=str(file.parent), retries=job["retries"],
                 retry_delay=timedelta(seconds=job["retry_seconds"]),
                 execution_timeout=timedelta(seconds=job["timeout"]) if job["timeout"] else None)
    return dag


for found in sorted(JOBS.glob("*/dag.yaml")):
    made = build(found)
    globals()[made.dag_id] = made
