"""The Flask application: pages, and the routes that only describe."""

from __future__ import annotations

from flask import Flask

from gateway.web import docs, error_answers, hooks, models, pages, portal, probes


def create_app(door: portal.Portal) -> Flask:
    """A WSGI application. It runs in threads and asks the parts of the gateway through `door`."""
    app = Flask("gateway.web")
    app.json.sort_keys = False  # type: ignore[attr-defined]
    # Room for the options beside the files, and for a few files too many, which get an answer that counts them.
    app.config["MAX_FORM_PARTS"] = 2 * door.services.settings.max_files + 100
    portal.install(app, door)
    hooks.register(app)
    error_answers.register(app)
    for blueprint in (pages.blueprint, models.blueprint, probes.blueprint, docs.blueprint):
        app.register_blueprint(blueprint)
    return app
