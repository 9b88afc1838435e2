"""The record of the request being answered, which the application around Flask began."""

from __future__ import annotations

from typing import cast

from flask import Flask, Response, request

from gateway.observe.record import RequestRecord

RECORD = "vitrine.record"
ERROR = "vitrine.error"
_QUIET = {"probes.healthz", "probes.readyz", "probes.metrics", "static"}


def record() -> RequestRecord:
    """The current request's record."""
    return cast("RequestRecord", request.environ["asgi.scope"][RECORD])


def register(app: Flask) -> None:
    """Hangs the hooks on the application."""
    app.before_request(_raise_error)
    app.after_request(_name_route)


def _raise_error() -> None:
    """What went wrong before Flask was asked is Flask's to tell."""
    error = request.environ["asgi.scope"].get(ERROR)
    if error is not None:
        raise error


def _name_route(response: Response) -> Response:
    current = record()
    current.route = request.url_rule.rule if request.url_rule else "none"
    current.quiet |= request.endpoint in _QUIET
    return response
