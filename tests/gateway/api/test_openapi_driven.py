"""The running gateway, driven by its own description: what it allows and what it forbids gets a described answer."""

from __future__ import annotations

import base64
from copy import deepcopy
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from tests.gateway.api.test_openapi import DESCRIPTION, check_lines
from tests.gateway.conftest import Live, png

ALWAYS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
# A copy, for schemathesis resolves and mends in place what it is given.
SCHEMA = schemathesis.openapi.from_dict(deepcopy(DESCRIPTION))
OPERATIONS = {
    f"{method.upper()} {path}": SCHEMA[path][method.upper()]
    for path, methods in DESCRIPTION["paths"].items()
    for method in methods
}
UPLOADS = ["POST /api/v1/classify", "POST /"]
PICTURES = [png(0), png(255, 20), png(9)[:45], b"text"]
BOUNDED = settings(
    deadline=None,
    database=None,
    derandomize=True,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)


def steered(case: schemathesis.Case[Any], data: st.DataObject) -> schemathesis.Case[Any]:
    """The case, most often with pictures that are some and names that lead somewhere, so that much is answered."""
    if "name" in (case.path_parameters or {}) and data.draw(st.booleans()):
        case.path_parameters["name"] = "digits"
    if isinstance(case.body, dict) and isinstance(case.body.get("images"), list) and data.draw(st.integers(0, 3)):
        pictures: list[Any] = data.draw(st.lists(st.sampled_from(PICTURES), min_size=1, max_size=4))
        if case.media_type == "application/json":
            pictures = [base64.b64encode(picture).decode() for picture in pictures]
        case.body["images"] = pictures
        if data.draw(st.booleans()):
            case.body = {"images": pictures, "model": "digits"}
    if isinstance(case.query, dict) and data.draw(st.booleans()):
        for name in ("model", "label", "version"):
            case.query.pop(name, None)
    return case


def drive(live: Live, label: str, mode: GenerationMode, examples: int) -> set[int]:
    """The statuses of an operation for what its description allows or forbids. Fails at an undescribed answer."""
    statuses: set[int] = set()
    forbidden = mode is GenerationMode.NEGATIVE
    named = [*ALWAYS, checks.negative_data_rejection] if forbidden else ALWAYS
    with requests.Session() as session:

        @settings(BOUNDED, max_examples=examples)
        @given(case=OPERATIONS[label].as_strategy(generation_mode=mode), data=st.data())
        def ask(case: schemathesis.Case[Any], data: st.DataObject) -> None:
            chosen = case if forbidden else steered(case, data)
            answer = chosen.call(base_url=live.gateway.url, session=session, timeout=10)
            chosen.validate_response(answer, checks=named)
            if answer.headers.get("content-type") == ["application/x-ndjson"]:
                check_lines(answer.text or "")
            statuses.add(answer.status_code)

        ask()
    return statuses


@pytest.mark.parametrize("label", OPERATIONS)
def test_whatever_the_description_allows_gets_an_answer_that_it_describes(live: Live, label: str) -> None:
    statuses = drive(live, label, GenerationMode.POSITIVE, 40 if label in UPLOADS else 16)
    # The model of the tests has no samples.
    assert 200 in statuses or "/samples/" in label


@pytest.mark.parametrize("label", UPLOADS)
def test_whatever_the_description_forbids_is_refused_as_it_describes(live: Live, label: str) -> None:
    workers = live.gateway.worker_pids()
    drive(live, label, GenerationMode.NEGATIVE, 25)
    assert live.gateway.worker_pids() == workers
