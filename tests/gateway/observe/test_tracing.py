"""Traces: sent to a real OTLP receiver when an endpoint is set, and not even imported when none is."""

from __future__ import annotations

import gzip
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from gateway.classify.answer import Stage
from gateway.observe import tracing
from gateway.observe.metrics import Metrics
from gateway.observe.record import RequestRecord
from gateway.observe.recorder import Recorder
from gateway.observe.tracing import Tracing
from gateway.settings.row import SettingsError
from gateway.settings.settings import Settings
from tests.conftest import ROOT
from tests.gateway.observe.samples import answer

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
RECORD = RequestRecord(
    "id-1",
    "POST",
    "/api/v1/classify",
    client="203.0.113.7",
    key_name="alice",
    started=100.0,
    started_ns=1_700_000_000_000_000_000,
    route="/api/v1/classify",
    received_bytes=3000,
)


class Receiver(ThreadingHTTPServer):
    """An OpenTelemetry collector that keeps what came."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[ExportTraceServiceRequest] = []

    @property
    def spans(self) -> list[Any]:
        """All spans that came."""
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Content-Encoding"] == "gzip":
            body = gzip.decompress(body)
        assert self.path == "/v1/traces"
        self.server.requests.append(ExportTraceServiceRequest.FromString(body))
        said = ExportTraceServiceResponse().SerializeToString()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with Receiver() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,)).start()
        monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{server.server_port}")
        yield server
        server.shutdown()


def attributes(span: Any) -> dict[str, Any]:
    """By name."""
    return {
        one.key: one.value.int_value if one.value.HasField("int_value") else one.value.string_value
        for one in span.attributes
    }


def test_a_request_is_a_span_under_its_callers_with_a_child_for_each_stage(receiver: Receiver) -> None:
    traces = Tracing()
    record = replace(RECORD, answer=answer(0.9, 0.8), rendered=Stage("render", 100.006, 100.007, 2))
    traces.begin(record, {"traceparent": f"00-{TRACE}-{CALLER}-01"})
    Recorder(Metrics(), traces).finish(record, 200)
    traces.close()
    spans = {span.name: span for span in receiver.spans}
    assert set(spans) == {"POST /api/v1/classify", "decode", "predict", "render"}
    assert {span.trace_id.hex() for span in spans.values()} == {TRACE}
    whole = spans.pop("POST /api/v1/classify")
    assert whole.parent_span_id.hex() == CALLER
    assert whole.start_time_unix_nano == RECORD.started_ns
    assert attributes(whole) == {
        "http.request.method": "POST",
        "http.route": "/api/v1/classify",
        "http.response.status_code": 200,
        "http.request.body.size": 3000,
        "url.path": "/api/v1/classify",
        "client.address": "203.0.113.7",
        "vitrine.request_id": "id-1",
        "vitrine.key_name": "alice",
        "vitrine.model": "digits",
        "vitrine.version": 2,
        "vitrine.pictures": 2,
    }
    assert {span.parent_span_id for span in spans.values()} == {whole.span_id}
    times = {name: (span.start_time_unix_nano, span.end_time_unix_nano) for name, span in spans.items()}
    assert times["predict"][0] == pytest.approx(RECORD.started_ns + 2_000_000, abs=1000)
    assert times["predict"][1] == pytest.approx(RECORD.started_ns + 6_000_000, abs=1000)
    assert times["decode"][1] == times["predict"][0]
    assert attributes(spans["decode"]) == {"vitrine.model": "digits", "vitrine.version": 2, "vitrine.pictures": 2}
    resource = receiver.requests[0].resource_spans[0].resource
    assert attributes(resource)["service.name"] == "vitrine-gateway"


def test_the_trace_goes_on_to_the_model_server(receiver: Receiver) -> None:
    traces = Tracing()
    record = replace(RECORD)
    traces.begin(record, {"traceparent": f"00-{TRACE}-{CALLER}-01", "tracestate": "vendor=1"})
    metadata = dict(record.trace)
    traces.finish(record, 200, RECORD.started_ns + 1)
    traces.close()
    (span,) = receiver.spans
    assert metadata == {"traceparent": f"00-{TRACE}-{span.span_id.hex()}-01", "tracestate": "vendor=1"}


def test_a_request_without_a_trace_begins_one_and_nonsense_is_none(receiver: Receiver) -> None:
    traces = Tracing()
    for headers in ({}, {"traceparent": "nonsense"}, {"traceparent": f"00-{'0' * 32}-{CALLER}-01"}):
        record = replace(RECORD)
        traces.begin(record, headers)
        traces.finish(record, 200, RECORD.started_ns + 1)
    traces.close()
    assert len({span.trace_id for span in receiver.spans}) == 3
    assert {span.parent_span_id for span in receiver.spans} == {b""}


def test_a_caller_that_does_not_sample_is_not_sampled(receiver: Receiver) -> None:
    traces = Tracing()
    record = replace(RECORD, answer=answer(0.9))
    traces.begin(record, {"traceparent": f"00-{TRACE}-{CALLER}-00"})
    assert dict(record.trace)["traceparent"].endswith("-00")
    traces.finish(record, 200, RECORD.started_ns + 1)
    traces.close()
    assert receiver.spans == []


def test_an_error_of_ours_marks_the_span_and_one_of_the_clients_does_not(receiver: Receiver) -> None:
    traces = Tracing()
    for code, status in (("deadline_exceeded", 504), ("no_image", 400)):
        record = replace(RECORD, code=code)
        traces.begin(record, {})
        traces.finish(record, status, RECORD.started_ns + 1)
    traces.close()
    told = {attributes(span)["error.type"]: span.status.code for span in receiver.spans}
    assert told == {"deadline_exceeded": 2, "no_image": 0}


def test_the_services_name_is_the_operators_choice(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop-window")
    traces = Tracing()
    record = replace(RECORD)
    traces.begin(record, {})
    traces.finish(record, 200, RECORD.started_ns + 1)
    traces.close()
    assert attributes(receiver.requests[0].resource_spans[0].resource)["service.name"] == "shop-window"


def test_a_collector_that_is_away_fails_nothing(monkeypatch: pytest.MonkeyPatch, free_port: Callable[[], int]) -> None:
    monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{free_port()}")
    traces = Tracing()
    record = replace(RECORD)
    traces.begin(record, {})
    traces.finish(record, 200, RECORD.started_ns + 1)
    traces.close()


def test_without_an_endpoint_nothing_of_it_is_imported() -> None:
    program = (
        "import sys, os\n"
        "from gateway.observe import recorder, tracing\n"
        "from gateway.settings.settings import Settings\n"
        "tracing.check(Settings.from_env({}), {})\n"
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False, timeout=60).returncode == 0


def test_an_endpoint_without_the_packages_is_an_error_that_names_both(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings.from_env({ENDPOINT: "http://localhost:4318"})
    tracing.check(settings, {})
    monkeypatch.setattr(tracing, "_PACKAGES", ("opentelemetry.no_such_part",))
    with pytest.raises(SettingsError, match=rf"^{ENDPOINT}: expected the packages opentelemetry-sdk and"):
        tracing.check(settings, {})
    monkeypatch.setattr(tracing, "_PACKAGES", ("no_such_package.at_all",))
    with pytest.raises(SettingsError, match=ENDPOINT):
        tracing.check(settings, {})


def test_a_protocol_that_is_not_spoken_is_an_error_that_names_it() -> None:
    settings = Settings.from_env({ENDPOINT: "http://localhost:4317"})
    with pytest.raises(SettingsError, match=r"^OTEL_EXPORTER_OTLP_PROTOCOL: expected http/protobuf. Received: 'grpc'"):
        tracing.check(settings, {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})
