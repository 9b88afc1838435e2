"""OpenTelemetry traces, for those who want them: on if an OTLP endpoint is set, and else not even imported.

A request is one span, with a child for each stage of its classification. They are written at the request's end from the
times that were taken anyway, so that the way to the answer is the same with traces and without.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING

from gateway.observe.record import RequestRecord
from gateway.settings.row import SettingsError
from gateway.settings.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.trace import Span

SERVICE = "vitrine-gateway"
_GOODBYE_S = 2.0
_PROTOCOL = "http/protobuf"
_PACKAGES = ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http")
_VARIABLES = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


def wanted(settings: Settings) -> bool:
    """True if the operator asked for traces."""
    return bool(settings.otlp_endpoint or settings.otlp_traces_endpoint)


def check(settings: Settings, environ: Mapping[str, str]) -> None:
    """Raises SettingsError if traces are wanted that cannot be sent. Call it at start; it imports none of it."""
    if not wanted(settings):
        return
    for variable in _VARIABLES:
        if environ.get(variable, _PROTOCOL) not in {_PROTOCOL, ""}:
            raise SettingsError(f"{variable}: expected {_PROTOCOL}. Received: {environ[variable]!r}")
    if not all(_is_there(name) for name in _PACKAGES):
        variable = "OTEL_EXPORTER_OTLP_ENDPOINT" if settings.otlp_endpoint else "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
        raise SettingsError(
            f"{variable}: expected the packages opentelemetry-sdk and opentelemetry-exporter-otlp-proto-http to be "
            f"installed with it. Received: {(settings.otlp_endpoint or settings.otlp_traces_endpoint)!r}"
        )


class Tracing:
    """The traces of one process. Make it after the fork: the thread that sends them does not survive one."""

    def __init__(self) -> None:
        """Reads the standard's OTEL_ variables itself: sampler, resource attributes, headers, limits."""
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace import SpanKind, set_span_in_context
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        named = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": SERVICE}
        self._provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("gateway")
        self._kind = SpanKind.SERVER
        self._in_context = set_span_in_context
        self._propagator = TraceContextTextMapPropagator()

    def begin(self, record: RequestRecord, headers: Mapping[str, str]) -> None:
        """Begins a request's span, under the one of its `traceparent` header if it has one."""
        context = self._propagator.extract(headers)
        record.span = self._tracer.start_span(
            record.method or "request", context, kind=self._kind, start_time=record.started_ns
        )
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier, self._in_context(record.span))
        record.trace = tuple(carrier.items())

    def finish(self, record: RequestRecord, status: int, ended_ns: int) -> None:
        """Ends a request's span, its stages within."""
        span: Span = record.span
        if span.is_recording():
            span.update_name(f"{record.method} {record.route}")
            span.set_attributes(_attributes(record, status))
            if status >= 500 or status == 0:
                self._mark_failed(span, record)
            self._write_stages(span, record)
        span.end(ended_ns)

    def close(self) -> None:
        """Sends what is left; blocks for two seconds at most, for a collector that is away must not hold up a stop."""
        sending = threading.Thread(target=self._provider.shutdown, daemon=True)
        sending.start()
        sending.join(_GOODBYE_S)

    def _mark_failed(self, span: Span, record: RequestRecord) -> None:
        from opentelemetry.trace import Status, StatusCode

        span.set_status(Status(StatusCode.ERROR, record.code))

    def _write_stages(self, span: Span, record: RequestRecord) -> None:
        if record.answer is None:
            return
        parent = self._in_context(span)
        resolved, rendered = record.answer.resolved, record.rendered
        for stage in (*record.answer.stages, *((rendered,) if rendered else ())):
            child = self._tracer.start_span(stage.name, parent, start_time=_ns(record, stage.began))
            child.set_attribute("vitrine.model", resolved.model)
            child.set_attribute("vitrine.version", resolved.version)
            child.set_attribute("vitrine.pictures", stage.pictures)
            child.end(_ns(record, stage.ended))


def _attributes(record: RequestRecord, status: int) -> dict[str, str | int]:
    """By OpenTelemetry's conventions for HTTP servers, and our own."""
    found: dict[str, str | int] = {
        "http.request.method": record.method,
        "http.route": record.route,
        "http.response.status_code": status,
        "http.request.body.size": record.received_bytes,
        "url.path": record.path,
        "client.address": record.client,
        "vitrine.request_id": record.request_id,
    }
    if record.code is not None:
        found["error.type"] = record.code
    if record.key_name is not None:
        found["vitrine.key_name"] = record.key_name
    if record.answer is not None:
        found["vitrine.model"] = record.answer.resolved.model
        found["vitrine.version"] = record.answer.resolved.version
        found["vitrine.pictures"] = len(record.answer.results)
    return found


def _ns(record: RequestRecord, moment_s: float) -> int:
    """A moment of `time.perf_counter` in nanoseconds since 1970."""
    return record.started_ns + int((moment_s - record.started) * 1e9)


def _is_there(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:
        return False
