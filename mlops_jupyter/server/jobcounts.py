"""What a server says of jobs to Prometheus: how many, how long they took and waited, what they held, by job and runner.

The numbers follow from the submissions that the store holds, so that they are the same after a restart, and the same on each of
several servers of one store.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from mlops_jupyter.entities import Submission
from mlops_jupyter.entities.submissions import NO_END

Key = tuple[str, str]
"""Job and runner."""


class JobCounts(Collector):
    """Told of all submissions before each scrape."""

    def __init__(self) -> None:
        self.found: Sequence[Submission] = ()

    def collect(self) -> Iterator[Metric]:
        """One family for each kind of number."""
        labels = ["job", "runner"]
        states: dict[tuple[str, str, str], int] = defaultdict(int)
        took: dict[Key, list[float]] = defaultdict(list)
        waited: dict[Key, list[float]] = defaultdict(list)
        held: dict[Key, int] = {}
        for one in self.found:
            key = (one.name, one.runner)
            states[*key, one.state] += 1
            if one.state not in NO_END and one.outcome is not None and one.outcome.seconds:
                took[key].append(one.outcome.seconds)
            if one.started is not None and one.queued is not None:
                waited[key].append(max(0.0, one.started - one.queued))
            if one.memory is not None:
                held[key] = max(held.get(key, 0), one.memory)
        ended = CounterMetricFamily("mlops_job_ends", "Submissions that have ended, by how", labels=[*labels, "state"])
        now = GaugeMetricFamily("mlops_job_submissions", "Submissions that have not ended", labels=[*labels, "state"])
        for (job, runner, state), count in sorted(states.items()):
            (now if state in NO_END else ended).add_metric([job, runner, state], count)
        yield ended
        yield now
        yield _summary("mlops_job_seconds", "Seconds that submissions ran", took)
        yield _summary("mlops_job_queue_seconds", "Seconds between hand-over and start", waited)
        memory = GaugeMetricFamily("mlops_job_memory_bytes", "The most that a process of the job held", labels=labels)
        for key, most in sorted(held.items()):
            memory.add_metric(list(key), most)
        yield memory


def _summary(name: str, words: str, found: dict[Key, list[float]]) -> Metric:
    family = SummaryMetricFamily(name, words, labels=["job", "runner"])
    for key, values in sorted(found.items()):
        family.add_metric(list(key), count_value=len(values), sum_value=sum(values))
    return family
