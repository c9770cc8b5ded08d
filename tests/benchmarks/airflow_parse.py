"""How long Airflow takes to build the DAGs of many jobs, after its own imports.

usage: python tests/benchmarks/airflow_parse.py [JOBS]

The loader's file is imported in Airflow's environment, as its DAG processor does: with no job beside it, and with JOBS (500) of
five parameters each. What is between them is ours; of three times the least, in seconds of CPU. No test asserts a time.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mlops_jupyter.entities import JobParameter, Schedule
from mlops_jupyter.jobs.bundle import load
from mlops_jupyter.jobs.runners import Order
from mlops_jupyter.jobs.runners.airflow import AirflowOptions, AirflowRunner
from tests.engines.ci_tools import airflow
from tests.integration.sweep_jobs import write_job

TIMED = """
import importlib.util, sys, time
import airflow.sdk, airflow.sdk.exceptions
began = time.process_time()
spec = importlib.util.spec_from_file_location("mlops_jobs", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
print(time.process_time() - began, len({id(one) for one in vars(module).values() if type(one).__name__ == "DAG"}))
"""


def seconds(dags: Path) -> tuple[float, int]:
    """Of one import of the loader, and how many DAGs it made."""
    words = [str(airflow() / "python"), "-c", TIMED, str(dags / "mlops_jobs.py")]
    env = {"AIRFLOW_HOME": str(dags), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=env)
    took, made = done.stdout.split()[-2:]
    return float(took), int(made)


def main() -> None:
    """Write the jobs, import, print."""
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    with tempfile.TemporaryDirectory() as name:
        folder, dags = Path(name), Path(name) / "dags"
        dags.mkdir()
        parameters = [JobParameter(f"p{number}", "integer", number, {"type": "integer"}) for number in range(5)]
        job = write_job(folder / "job", parameters, "print(p0)")
        runner, bundle = AirflowRunner(AirflowOptions("http://127.0.0.1", str(dags))), load(job)
        daily = Schedule("0 6 * * *", "Europe/Berlin", "queue")
        order = Order(submission="s", bundle=job, name="job0", deliver="s3://team/jobs", schedule=daily)
        runner._write(bundle, [order])
        text = (dags / "mlops_jobs" / "job0" / "dag.yaml").read_text()
        shutil.rmtree(dags / "mlops_jobs")
        none = min(seconds(dags)[0] for _ in range(3))
        for number in range(jobs):
            place = dags / "mlops_jobs" / f"job{number}" / "dag.yaml"
            place.parent.mkdir(parents=True)
            place.write_text(text.replace("mlops_job0", f"mlops_job{number}"))
        found = [seconds(dags) for _ in range(3)]
    took = min(one[0] for one in found)
    print(f"{found[0][1]} DAGs: {took - none:.2f} s beyond {none:.2f} s without a job")


if __name__ == "__main__":
    main()
