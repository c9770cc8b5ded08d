"""A submission's spans: sent once when it has ended, where the environment says; nothing of the job depends on it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from mlops_jupyter.api import tracing
from mlops_jupyter.entities import CellError, Origin, Outcome, Submission
from mlops_jupyter.store import Store, open_store
from tests.ports import free_port
from tests.unit.store.story import append, cell, session

ENDED = Submission("sub1", "sha256:j", "slurm", 90.0, "failed", name="late", queued=90.0, started=95.0, ended=130.0, attempts=1,
                   outcome=Outcome("failed", "ValueError: x"), memory=2**20)


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Span]]:
    """What a collector on loopback gets."""
    found: list[Span] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"])))
            found.extend(span for one in body.resource_spans for scope in one.scope_spans for span in scope.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv(tracing.ENDPOINT, f"http://127.0.0.1:{server.server_port}")
    yield found
    server.shutdown()
    server.server_close()
    thread.join(10)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = open_store(str(tmp_path / "store"))
    failed = cell(2, "error", started=112.0, ended=115.0, error=CellError("ValueError", "x"))
    append(made, session("s1", "sub1.a", origin=Origin(submission="sub1"), state="ended", ended=120.0),
           cell(1, started=110.0, ended=111.5), failed, writer="sub1.a")
    return made


def test_a_submission_its_attempt_and_its_cells_are_one_trace(store: Store, spans: list[Span]) -> None:
    tracing.trace(store, ENDED)
    by_name = {span.name: span for span in spans}
    assert sorted(by_name) == ["attempt", "cell 1", "cell 2", "job late"]
    assert len({span.trace_id for span in spans}) == 1
    job, attempt, failed = by_name["job late"], by_name["attempt"], by_name["cell 2"]
    assert (job.parent_span_id, attempt.parent_span_id, failed.parent_span_id) == (b"", job.span_id, attempt.span_id)
    assert (job.start_time_unix_nano, job.end_time_unix_nano) == (90 * 10**9, 130 * 10**9)
    assert (failed.start_time_unix_nano, failed.end_time_unix_nano) == (112 * 10**9, 115 * 10**9)
    assert (failed.status.code, failed.status.message) == (2, "ValueError: x")
    assert by_name["cell 1"].status.code == 0
    facts = {one.key: one.value for one in job.attributes}
    assert facts["mlops.queue_seconds"].double_value == 5.0
    assert facts["mlops.memory_bytes"].int_value == 2**20
    assert facts["mlops.state"].string_value == "failed"


def test_without_the_variable_nothing_is_sent(store: Store, spans: list[Span], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(tracing.ENDPOINT)
    tracing.trace(store, ENDED)
    assert spans == []


def test_a_collector_that_is_not_there_hurts_nobody(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(tracing.ENDPOINT, f"http://127.0.0.1:{free_port()}")
    monkeypatch.setattr(tracing, "_SECONDS", 0.5)
    tracing.trace(store, ENDED)
