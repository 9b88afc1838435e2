"""The end of a request: one line in the log, its share of the metrics, its trace."""

from __future__ import annotations

import logging
import os
import time
from typing import Any

from gateway.classify.answer import Refusal
from gateway.observe import logs
from gateway.observe.metrics import Metrics
from gateway.observe.record import RequestRecord
from gateway.observe.tracing import Tracing
from gateway.observe.trails import TrailMetrics

_LONGEST_PATH = 200


class Recorder:
    """Tells operators of every request. For one event loop."""

    def __init__(self, metrics: Metrics, tracing: Tracing | None = None) -> None:
        self._metrics = metrics
        self._trails = TrailMetrics(metrics)
        self._tracing = tracing
        self._log = logging.getLogger("gateway.request")
        self._pid = os.getpid()

    def finish(self, record: RequestRecord, status: int) -> None:
        """Counts a request that was answered with a status, 0 if nobody was there to be answered."""
        seconds = time.perf_counter() - record.started
        self._count(record, status, seconds)
        level = logging.DEBUG if record.quiet and 0 < status < 400 else logging.INFO
        if self._log.isEnabledFor(level):
            # Past the standard library, whose record, caller and formatter cost several times what is written here.
            name = "info" if level == logging.INFO else "debug"
            line = logs.head(name, record.started_ns / 1e9 + seconds, self._pid)
            logs.STDERR.put(logs.to_line(line | _fields(record, status, seconds)))
        if self._tracing is not None and record.span is not None:
            self._tracing.finish(record, status, record.started_ns + int(seconds * 1e9))

    def _count(self, record: RequestRecord, status: int, seconds: float) -> None:
        metrics = self._metrics
        metrics.http(record.route, record.method, status, seconds)
        if record.received_bytes:
            metrics.upload(record.route, record.received_bytes)
        if record.code is not None:
            metrics.error(record.code)
        if record.trail is not None:
            self._trails.count(record.trail)
        if record.answer is not None:
            metrics.classified(record.answer, record.rendered)


def _fields(record: RequestRecord, status: int, seconds: float) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "logger": "gateway.request",
        "message": "request",
        "request_id": record.request_id,
        "client": record.client,
        "method": record.method,
        "path": record.path[:_LONGEST_PATH],
        "status": status,
        "ms": round(seconds * 1000, 1),
        "bytes": record.received_bytes,
    }
    if record.key_name is not None:
        fields["key"] = record.key_name
    trail, answer = record.trail, record.answer
    if trail is not None and trail.resolved is not None:
        fields["model"], fields["version"] = trail.resolved.model, trail.resolved.version
    if trail is not None and trail.fell_back_from is not None:
        fields["fell_back_from"] = trail.fell_back_from.version
    if answer is not None:
        fields["images"] = len(answer.results)
        fields["refused"] = sum(isinstance(result, Refusal) for result in answer.results)
        fields["retries"] = answer.retries
        fields["decode_ms"], fields["predict_ms"] = round(answer.decode_ms, 1), round(answer.predict_ms, 1)
        fields["queue_ms"] = round(answer.queue_ms, 1)
    if record.code is not None:
        fields["code"] = record.code
    return fields
