"""Every error as an answer of one shape: JSON for programs, the page with a notice for people."""

from __future__ import annotations

from http import HTTPStatus

from flask import Flask, Response, make_response, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from gateway.api.error_reply import tell
from gateway.api.errors_json import error_json
from gateway.errors import EveryImageBad, Outcome, headers_of
from gateway.web.hooks import record
from gateway.web.pages import render_error
from gateway.web.portal import services

_FOR_PROGRAMS = ("/api/", "/healthz", "/readyz", "/metrics", "/openapi.json")
_PLAIN = {404: "Nothing is at this address.", 405: "This address does not take this method."}


def register(app: Flask) -> None:
    """Hangs the handlers on the application."""
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _told)


def _told(error: Exception) -> Response:
    return _answer(tell(error, record()), error)


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    code = error.name.lower().replace(" ", "_")
    message = _PLAIN.get(status, error.description or error.name)
    if isinstance(error, RequestEntityTooLarge):
        code = "too_large"
        message = f"Expected at most {services().settings.max_body_bytes:,} bytes in a request, and not too many parts"
    record().code = code
    response = _answer(Outcome(status, code, message), error)
    for name, value in error.get_headers(request.environ):
        if name.lower() not in {"content-type", "content-length"}:
            response.headers[name] = value
    return response


def _answer(outcome: Outcome, error: Exception) -> Response:
    current = record()
    # A page has links; where even the header Host makes no sense, Flask knows of none.
    lost = getattr(request.routing_exception, "code", None) == HTTPStatus.BAD_REQUEST
    if lost or request.path.startswith(_FOR_PROGRAMS) or request.accept_mimetypes.best == "application/json":
        refused = error.answer if isinstance(error, EveryImageBad) else None
        body = error_json(outcome, current.request_id, refused)
        response = Response(body, content_type="application/json")
    else:
        response = make_response(render_error(outcome, error))
    response.status_code = outcome.status
    response.headers.extend(headers_of(error, outcome))
    return response
