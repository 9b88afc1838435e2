"""What happens around every request: an id, a log line, metrics, security headers, a body read to its end."""

from __future__ import annotations

import logging
import re
import time
import uuid
from dataclasses import dataclass, field
from typing import cast

from flask import Flask, Response, g, request

from gateway import memory
from gateway.classify.decoding import Refusal
from gateway.classify.pipeline import Answer
from gateway.observe.logs import FIELDS
from gateway.web.services import services

_log = logging.getLogger("gateway.request")

REQUEST_ID_HEADER = "X-Request-Id"
VERSION_HEADER = "X-Vitrine-Version"
_SANE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
_LARGE_BYTES = 1 << 20
# No inline script or style anywhere; data: is for thumbnails, blob: for previews of files not uploaded yet.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass
class RequestRecord:
    """What is known of the request being answered; its log line in the end."""

    request_id: str
    started: float = field(default_factory=time.perf_counter)
    answer: Answer | None = None
    code: str | None = None


def record() -> RequestRecord:
    """The current request's record."""
    if "record" not in g:
        given = request.headers.get(REQUEST_ID_HEADER, "")
        g.record = RequestRecord(given if _SANE_ID.fullmatch(given) else uuid.uuid4().hex)
    return cast("RequestRecord", g.record)


def register(app: Flask) -> None:
    """Hangs the hooks on the application."""
    app.before_request(_begin)
    app.after_request(_finish)
    app.teardown_request(_tidy)


def _begin() -> None:
    record()


def _finish(response: Response) -> Response:
    current = record()
    response.headers[REQUEST_ID_HEADER] = current.request_id
    if current.answer is not None:
        response.headers[VERSION_HEADER] = str(current.answer.resolved.version)
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    seconds = time.perf_counter() - current.started
    _count(current, response, seconds)
    _write_log(current, response, seconds)
    return response


def _tidy(_error: BaseException | None) -> None:
    if (request.content_length or 0) > _LARGE_BYTES:
        g.pop("record", None)
        memory.give_back()


def _count(current: RequestRecord, response: Response, seconds: float) -> None:
    metrics = services().metrics
    # The rule, not the path: a path of a client's choosing would make a new time series each.
    route = request.url_rule.rule if request.url_rule else "none"
    metrics.requests.labels(route, request.method, response.status_code).inc()
    metrics.request_seconds.labels(route).observe(seconds)
    if current.code is not None:
        metrics.errors.labels(current.code).inc()
    if current.answer is not None:
        _count_answer(current.answer)


def _count_answer(answer: Answer) -> None:
    metrics = services().metrics
    for result in answer.results:
        code = result.code if isinstance(result, Refusal) else "ok"
        metrics.images.labels(answer.resolved.model, answer.resolved.version, code).inc()
    metrics.stage_seconds.labels("decode").observe(answer.decode_ms / 1000)
    metrics.stage_seconds.labels("predict").observe(answer.predict_ms / 1000)
    metrics.swaps.inc(answer.retries)


def _write_log(current: RequestRecord, response: Response, seconds: float) -> None:
    fields: dict[str, object] = {
        "request_id": current.request_id,
        "method": request.method,
        "path": request.path,
        "status": response.status_code,
        "ms": round(seconds * 1000, 1),
    }
    if current.answer is not None:
        refused = sum(isinstance(result, Refusal) for result in current.answer.results)
        fields |= {"model": current.answer.resolved.model, "version": current.answer.resolved.version}
        fields |= {"images": len(current.answer.results), "refused": refused, "retries": current.answer.retries}
    if current.code is not None:
        fields["code"] = current.code
    # Probes come every few seconds; they are news only when they fail.
    quiet = request.endpoint in {"probes.healthz", "probes.readyz", "probes.metrics", "static"}
    _log.log(logging.DEBUG if quiet and response.status_code < 400 else logging.INFO, "request", extra={FIELDS: fields})
