"""Spans of jobs for OpenTelemetry: a submission from its hand-over to its end, the sessions of its attempts, their cells.

They are sent where `$OTEL_EXPORTER_OTLP_ENDPOINT` says, by whoever writes down the end of a submission, so once; nothing is sent
where the variable is not set. Moments are those of the records: a span lies where the cell ran, whenever it is sent.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from mlops_jupyter.entities import AnyStore, Session, Submission
from mlops_jupyter.version import __version__

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

log = logging.getLogger(__name__)
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
_SECONDS = 5  # for which a collector may be silent


def trace(store: AnyStore, one: Submission) -> None:
    """Send the spans of a submission that has ended. What goes wrong is logged: it is nothing of the job's."""
    if not (os.environ.get(ENDPOINT) or os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")):
        return
    try:
        _send(store, one)
    except ImportError as error:
        log.warning("%s is set, but %s is not installed: pip install 'mlops_jupyter[otel]'", ENDPOINT, error.name)
    except Exception:
        log.exception("the spans of submission %s could not be sent", one.id)


def _send(store: AnyStore, one: Submission) -> None:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    provider = TracerProvider(shutdown_on_exit=False, resource=Resource.create({
        "service.name": os.environ.get("OTEL_SERVICE_NAME") or "mlops_jupyter"}))
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(timeout=_SECONDS)))
    try:
        _spans(provider.get_tracer("mlops_jupyter", __version__), store, one)
    finally:
        provider.shutdown()


def _spans(tracer: Tracer, store: AnyStore, one: Submission) -> None:
    from opentelemetry.trace import set_span_in_context

    begin = one.queued or one.at
    end = max(begin, one.ended or begin)
    facts: dict[str, str | int | float] = {
        "mlops.submission": one.id, "mlops.job": one.job, "mlops.runner": one.runner, "mlops.state": one.state,
        "mlops.attempts": one.attempts, "mlops.run": one.run, "mlops.owner": one.owner}
    if one.started is not None:
        facts["mlops.queue_seconds"] = max(0.0, one.started - begin)
    if one.memory is not None:
        facts["mlops.memory_bytes"] = one.memory
    whole = tracer.start_span(f"job {one.name}", start_time=_nanoseconds(begin), attributes=facts)
    for session in reversed(store.sessions(submission=one.id)):
        _session(tracer, set_span_in_context(whole), store, session)
    _end(whole, end, "" if one.state == "succeeded" else (one.outcome.error if one.outcome else one.state) or one.state)


def _session(tracer: Tracer, within: object, store: AnyStore, session: Session) -> None:
    """One attempt that recorded, and its cells."""
    from opentelemetry.context import Context
    from opentelemetry.trace import set_span_in_context

    assert isinstance(within, Context)
    facts: Mapping[str, str] = {"mlops.session": session.id, "host.name": session.host, "mlops.state": session.state}
    whole = tracer.start_span("attempt", within, start_time=_nanoseconds(session.started), attributes=facts)
    last = session.started
    for cell in store.executions(session.id):
        if cell.started is None:
            continue
        span = tracer.start_span(f"cell {cell.n}", set_span_in_context(whole), start_time=_nanoseconds(cell.started),
                                 attributes={"mlops.cell": cell.cell, "mlops.state": cell.state})
        last = max(last, cell.started + (cell.seconds or 0.0))
        _end(span, cell.started + (cell.seconds or 0.0), "" if cell.error is None else f"{cell.error.name}: {cell.error.message}")
    _end(whole, max(last, session.ended or last), "" if session.state == "ended" else session.state)


def _end(span: Span, at: float, error: str) -> None:
    from opentelemetry.trace import Status, StatusCode

    if error:
        span.set_status(Status(StatusCode.ERROR, error))
    span.end(_nanoseconds(at))


def _nanoseconds(moment: float) -> int:
    return int(moment * 1e9)
