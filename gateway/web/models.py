"""What is served, as JSON."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from gateway.upstream.model_server import Deadline
from gateway.web.hooks import record
from gateway.web.portal import run, services

blueprint = Blueprint("models", __name__, url_prefix="/api/v1/models")


@blueprint.get("")
def models() -> dict[str, Any]:
    """Every model with its versions, states, labels and cards."""
    deadline = Deadline(services().settings.timeout_s)
    names = services().resolver.model_names()
    default = services().resolver.default_model() if names else None
    return {
        "default": default,
        "models": run(services().catalogue.models(deadline)),
        "request_id": record().request_id,
    }


@blueprint.get("/<name>")
def model(name: str) -> dict[str, Any]:
    """One model with its versions, states, labels and cards."""
    described = run(services().catalogue.model(name, Deadline(services().settings.timeout_s)))
    return described | {"request_id": record().request_id}
