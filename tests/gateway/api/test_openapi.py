"""openapi.json says what is: its routes are the application's, its shapes those of real answers."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
import pytest
from flask.testing import FlaskClient

from gateway.errors import OUTCOMES
from tests.conftest import ROOT
from tests.gateway.conftest import MakeClient, png
from tests.gateway.fake_serving import FakeServing
from tests.gateway.posting import post

DESCRIPTION: dict[str, Any] = json.loads((ROOT / "gateway" / "web" / "openapi.json").read_text())


def check(value: object, shape: str) -> None:
    """Fails unless the value has the described shape."""
    schema = {"$ref": f"#/components/schemas/{shape}", "components": DESCRIPTION["components"]}
    jsonschema.Draft202012Validator(schema).validate(value)


def test_routes_and_methods_are_those_of_the_application(client: FlaskClient) -> None:
    served = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in client.application.url_map.iter_rules()
        if rule.endpoint != "static"
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    described = {(path, method) for path, methods in DESCRIPTION["paths"].items() for method in methods}
    assert served == described


def test_every_reference_leads_somewhere_and_every_shape_is_a_valid_schema() -> None:
    for reference in re.findall(r'"#/([^"]+)"', json.dumps(DESCRIPTION)):
        found: Any = DESCRIPTION
        for part in reference.split("/"):
            found = found[part]
    for schema in DESCRIPTION["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_every_status_of_the_error_table_is_described() -> None:
    described = set(DESCRIPTION["paths"]["/api/v1/classify"]["post"]["responses"])
    assert {str(outcome.status) for outcome in OUTCOMES.values()} <= described


@pytest.mark.parametrize("options", [{}, {"top_k": "2"}, {"explain": "true"}])
def test_a_classification_has_the_described_shape(client: FlaskClient, options: dict[str, str]) -> None:
    check(post(client, png(0), ("a.txt", b"text"), **options).get_json(), "Classification")


def test_models_have_the_described_shape(client: FlaskClient, serving: FakeServing) -> None:
    serving.models["digits"].states[3] = "LOADING"
    listed = client.get("/api/v1/models").get_json()
    check(listed, "Models")
    assert listed["default"] == "digits"
    one = client.get("/api/v1/models/digits").get_json()
    check(one, "Model")
    assert [(version["version"], version["state"]) for version in one["versions"]] == [
        (3, "LOADING"), (2, "AVAILABLE"), (1, "AVAILABLE"),
    ]  # fmt: skip
    assert one["versions"][0]["card"] is None
    assert one["versions"][1]["card"]["labels"] == list("0123456789")


def test_a_known_model_that_is_not_loaded_is_listed_without_versions(make_client: MakeClient) -> None:
    listed = make_client(VITRINE_MODELS="digits,photos").get("/api/v1/models").get_json()
    assert listed["models"][1] == {"name": "photos", "labels": {}, "versions": []}


def test_probes_have_the_described_shape(client: FlaskClient) -> None:
    check(client.get("/healthz").get_json(), "Health")
    check(client.get("/readyz").get_json(), "Readiness")


def test_errors_have_the_described_shape(client: FlaskClient) -> None:
    for answer in (client.get("/api/v1/nope"), post(client, b"text"), post(client), post(client, png(0), top_k="x")):
        check(answer.get_json(), "Error")


def test_the_description_is_served_and_its_page_names_every_route_and_shape(client: FlaskClient) -> None:
    assert client.get("/openapi.json").get_json() == DESCRIPTION
    page = client.get("/docs").get_data(as_text=True)
    for name in (*DESCRIPTION["paths"], *DESCRIPTION["components"]["schemas"]):
        assert name in page


def test_readiness_needs_an_available_version_and_health_does_not(client: FlaskClient, serving: FakeServing) -> None:
    serving.models["digits"].cards.clear()
    serving.models["digits"].states = {1: "LOADING"}
    assert (client.get("/readyz").status_code, client.get("/healthz").status_code) == (503, 200)
    serving.stop()
    assert (client.get("/readyz").status_code, client.get("/healthz").status_code) == (503, 200)
