"""What a server says of itself to Prometheus: counters in a registry of its own, so that Jupyter's are not mixed in."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from mlops_jupyter.server.jobcounts import JobCounts


class Counts:
    """Since the start of the process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.records = Counter("mlops_records_ingested", "Records taken from outboxes", registry=self._registry)
        self.batches = Counter("mlops_batches", "Batches by what became of them", ["outcome"], registry=self._registry)
        self.blob_bytes = Counter("mlops_blob_bytes_received", "Bytes of blobs taken", registry=self._registry)
        self.answers = Counter("mlops_answers", "Answers by status code", ["status"], registry=self._registry)
        self.listeners = Gauge("mlops_listeners", "Open event streams", registry=self._registry)
        self.store_bytes = Gauge("mlops_store_bytes", "Bytes of database and blobs", registry=self._registry)
        self.jobs = JobCounts()
        self._registry.register(self.jobs)
        self.sessions = Gauge("mlops_sessions_running", "Sessions whose writer has not ended", registry=self._registry)

    def text(self) -> bytes:
        """In Prometheus' text format."""
        return generate_latest(self._registry)
