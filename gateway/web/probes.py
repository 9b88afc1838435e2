"""What an orchestrator asks: does the process live, may it have traffic, how does it fare."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response
from prometheus_client import CONTENT_TYPE_LATEST

from gateway.errors import NotReady
from gateway.upstream.model_server import Deadline
from gateway.web.hooks import record
from gateway.web.portal import run, services

blueprint = Blueprint("probes", __name__)
_READY_TIMEOUT_S = 2.0


@blueprint.get("/healthz")
def healthz() -> dict[str, Any]:
    """The process lives. It asks nobody else, so that a model server's end does not restart gateways."""
    return {"status": "ok", "request_id": record().request_id}


@blueprint.get("/readyz")
def readyz() -> dict[str, Any]:
    """A version of the default model is AVAILABLE."""
    name, versions = run(services().catalogue.available(Deadline(_READY_TIMEOUT_S)))
    if not versions:
        raise NotReady(f"The model server has not loaded {name} yet")
    return {"status": "ready", "model": name, "versions": versions, "request_id": record().request_id}


@blueprint.get("/metrics")
def metrics() -> Response:
    """Prometheus's text format, of all worker processes together."""
    return Response(services().metrics.exposition(), content_type=CONTENT_TYPE_LATEST)
