"""The application: `create_app` wires settings, the client, blueprints and hooks together."""

from __future__ import annotations

from flask import Flask

from contract.client import ServingClient
from gateway.settings.table import Settings
from gateway.upstream.model_server import ModelServer
from gateway.web import docs, error_answers, hooks, models, pages, probes
from gateway.web.services import EXTENSION, build


def create_app(settings: Settings, client: ModelServer | None = None) -> Flask:
    """A WSGI application. Call it in the process that serves it: gRPC does not survive a fork.

    Args:
        settings: What the operator chose.
        client: The model server; a `ServingClient` of `settings.serving` if None.
    """
    app = Flask("gateway.web")
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    # Room for the options beside the files, and for a few files too many, which get an answer that counts them.
    app.config["MAX_FORM_PARTS"] = 2 * settings.max_files + 100
    app.extensions[EXTENSION] = build(settings, client or ServingClient(settings.serving, timeout_s=settings.timeout_s))
    hooks.register(app)
    error_answers.register(app)
    for blueprint in (pages.blueprint, models.blueprint, probes.blueprint, docs.blueprint):
        app.register_blueprint(blueprint)
    return app
