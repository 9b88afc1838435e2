"""The application: `create_app` wires settings, the client, blueprints and hooks together."""

from __future__ import annotations

from flask import Flask

from contract.client import ServingClient
from gateway import api, docs, error_answers, hooks, pages, probes
from gateway.services import EXTENSION, build
from gateway.settings import Settings
from gateway.upstream import ModelServer


def create_app(settings: Settings, client: ModelServer | None = None) -> Flask:
    """A WSGI application. Call it in the process that serves it: gRPC does not survive a fork.

    Args:
        settings: What the operator chose.
        client: The model server; a `ServingClient` of `settings.serving` if None.
    """
    app = Flask("gateway")
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    # Room for the options beside the files, and for a few files too many, which get an answer that counts them.
    app.config["MAX_FORM_PARTS"] = 2 * settings.max_files + 100
    app.extensions[EXTENSION] = build(settings, client or ServingClient(settings.serving, timeout_s=settings.timeout_s))
    hooks.register(app)
    error_answers.register(app)
    for blueprint in (pages.blueprint, api.blueprint, probes.blueprint, docs.blueprint):
        app.register_blueprint(blueprint)
    return app
