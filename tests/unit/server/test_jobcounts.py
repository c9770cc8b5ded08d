"""What Prometheus hears of jobs follows from the submissions in the store."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from mlops_jupyter.entities import Outcome, Submission
from mlops_jupyter.server.counts import Counts


def one(state: str, seconds: float = 0.0, **facts: object) -> Submission:
    given: dict[str, object] = {"name": "late", "queued": 10.0, **facts}
    return Submission("s", "sha256:j", "slurm", 10.0, state, outcome=Outcome(state, seconds=seconds), **given)


def test_ends_seconds_waits_and_memory_by_job_and_runner() -> None:
    counts = Counts()
    counts.jobs.found = [
        one("succeeded", 20.0, started=12.0, memory=100), one("succeeded", 30.0, started=16.0, memory=300),
        one("died", 5.0, started=10.0), one("queued"), one("running", started=11.0), one("succeeded", 1.0, name='a "b"\n'),
    ]
    found = {(sample.name, *sample.labels.values()): sample.value
             for family in text_string_to_metric_families(counts.text().decode()) for sample in family.samples}
    assert found["mlops_job_ends_total", "late", "slurm", "succeeded"] == 2
    assert found["mlops_job_ends_total", "late", "slurm", "died"] == 1
    assert found["mlops_job_submissions", "late", "slurm", "queued"] == 1
    assert (found["mlops_job_seconds_count", "late", "slurm"], found["mlops_job_seconds_sum", "late", "slurm"]) == (3, 55.0)
    waits = found["mlops_job_queue_seconds_count", "late", "slurm"], found["mlops_job_queue_seconds_sum", "late", "slurm"]
    assert waits == (4, 9.0)
    assert found["mlops_job_memory_bytes", "late", "slurm"] == 300
    assert found["mlops_job_ends_total", 'a "b"\n', "slurm", "succeeded"] == 1
