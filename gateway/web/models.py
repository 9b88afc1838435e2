"""The JSON API."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from gateway.classify.pipeline import Answer
from gateway.errors import EveryImageBad
from gateway.upstream.model_server import Deadline
from gateway.web.answers import answer_json
from gateway.web.hooks import record
from gateway.web.services import services
from gateway.web.uploads import Options, read_options, read_uploads

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")


def classify_request() -> tuple[Answer, Options]:
    """Answers the current request's upload, for the page and the API alike. Raises as `Classifier.classify` does."""
    current = record()
    with services().gate.entered():
        options = read_options()
        try:
            current.answer = services().classifier.classify(
                read_uploads(), options.wanted, explain=options.explain, request_id=current.request_id
            )
        except EveryImageBad as error:
            current.answer = error.answer
            raise
        return current.answer, options


@blueprint.post("/classify")
def classify() -> dict[str, Any]:
    """The probabilities of every class for each picture of the request."""
    answer, options = classify_request()
    return answer_json(answer, options.top_k, record().request_id)


@blueprint.get("/models")
def models() -> dict[str, Any]:
    """Every model with its versions, states, labels and cards."""
    deadline = Deadline(services().settings.timeout_s)
    names = services().resolver.model_names()
    default = services().resolver.default_model() if names else None
    return {
        "default": default,
        "models": services().catalogue.models(deadline),
        "request_id": record().request_id,
    }


@blueprint.get("/models/<name>")
def model(name: str) -> dict[str, Any]:
    """One model with its versions, states, labels and cards."""
    described = services().catalogue.model(name, Deadline(services().settings.timeout_s))
    return described | {"request_id": record().request_id}
