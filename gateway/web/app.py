"""The Flask application: pages, and the routes that only describe."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask

from gateway.web import docs, error_answers, hooks, models, pages, portal, probes
from gateway.web.operations import view as operations

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def create_app(door: portal.Portal) -> Flask:
    """A WSGI application. It runs in threads and asks the parts of the gateway through `door`."""
    app = Flask("gateway.web")
    app.json.sort_keys = False  # type: ignore[attr-defined]
    # Room for the options beside the files, and for a few files too many, which get an answer that counts them.
    app.config["MAX_FORM_PARTS"] = 2 * door.services.settings.max_files + 100
    app.wsgi_app = _EndingInput(app.wsgi_app)  # type: ignore[method-assign]
    portal.install(app, door)
    hooks.register(app)
    error_answers.register(app)
    for part in (pages, models, operations, probes, docs):
        app.register_blueprint(part.blueprint)
    return app


class _EndingInput:
    """Says that a request's body is all there, also where the client did not say how long it is."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["wsgi.input_terminated"] = True
        return self._application(environ, start_response)
