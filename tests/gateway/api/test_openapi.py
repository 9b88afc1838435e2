"""openapi.json says what is: its routes, options and codes are those of the code, its shapes those of real answers."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace
from typing import Any, cast, get_args

import jsonschema
import pytest

from contract import images
from gateway.api import endpoint, json_body
from gateway.api.negotiate import MEDIA_TYPES
from gateway.api.options import IMAGES, OPTION_NAMES, Format
from gateway.classify.decoding import TOO_LARGE
from gateway.errors import BUG, OUTCOMES
from gateway.settings.settings import Settings
from gateway.web.app import create_app
from gateway.web.portal import Portal
from tests.conftest import ROOT
from tests.gateway.client import Client
from tests.gateway.conftest import MakeClient, png
from tests.gateway.fake_serving import FakeServing
from tests.gateway.posting import post

DESCRIPTION: dict[str, Any] = json.loads((ROOT / "gateway" / "web" / "openapi.json").read_text(encoding="utf-8"))
COMPONENTS: dict[str, Any] = DESCRIPTION["components"]
SHAPES: dict[str, Any] = COMPONENTS["schemas"]
CLASSIFY: dict[str, Any] = DESCRIPTION["paths"][endpoint.PATH]["post"]


def check(value: object, shape: str) -> None:
    """Fails unless the value has the described shape."""
    schema = {"$ref": f"#/components/schemas/{shape}", "components": COMPONENTS}
    jsonschema.Draft202012Validator(schema).validate(value)


def follow(node: dict[str, Any]) -> dict[str, Any]:
    """What a reference leads to; any other node as it is."""
    found: Any = DESCRIPTION
    for part in node["$ref"].removeprefix("#/").split("/") if "$ref" in node else ():
        found = found[part]
    return node if found is DESCRIPTION else found


def described_codes() -> dict[str, set[str]]:
    """The error codes of ``classify`` by status."""
    codes = {}
    for status, reference in CLASSIFY["responses"].items():
        if status != "200":
            schema = follow(reference)["content"]["application/json"]["schema"]
            codes[status] = set(schema["allOf"][1]["properties"]["error"]["properties"]["code"]["enum"])
    return codes


def test_routes_and_methods_are_those_of_the_application(settings: Settings) -> None:
    flask = create_app(cast("Portal", SimpleNamespace(services=SimpleNamespace(settings=settings))))
    served = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in flask.url_map.iter_rules()
        if rule.endpoint != "static"
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    described = {(path, method) for path, methods in DESCRIPTION["paths"].items() for method in methods}
    assert served | {(endpoint.PATH, "post")} == described


def test_every_reference_leads_somewhere_and_every_shape_is_a_valid_schema() -> None:
    for reference in re.findall(r'"(#/[^"]+)"', json.dumps(DESCRIPTION)):
        assert follow({"$ref": reference})
    for schema in SHAPES.values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_every_part_is_used() -> None:
    text = json.dumps(DESCRIPTION)
    # These two are of methods and lines, which OpenAPI cannot tie to an operation.
    loose = {"MethodNotAllowed", "LinesStart", "LinesPrediction", "LinesEnd"}
    for kind in ("headers", "parameters", "responses", "schemas"):
        for name in COMPONENTS[kind]:
            assert name in loose or f'"#/components/{kind}/{name}"' in text, name


def test_options_are_those_that_are_read_in_the_query_the_form_and_json() -> None:
    query = {follow(one)["name"] for one in CLASSIFY["parameters"] if follow(one)["in"] == "query"}
    assert query == set(OPTION_NAMES)
    for shape in ("Upload", "JsonUpload"):
        assert set(SHAPES[shape]["properties"]) == {*OPTION_NAMES, IMAGES}
    assert SHAPES["Format"]["enum"] == list(get_args(Format))
    kinds = set(MEDIA_TYPES.values()) - {"text/html"}
    assert set(CLASSIFY["responses"]["200"]["content"]) == kinds


def test_errors_are_those_of_the_table_by_status_and_code() -> None:
    # What only a log sees, what other addresses answer, and what the layer below says of broken requests.
    elsewhere = {"client_gone", "method_not_allowed", "unknown_sample", "not_found", "bad_request"}
    told: dict[str, set[str]] = {}
    for outcome in (*OUTCOMES.values(), BUG):
        if outcome.code not in elsewhere:
            told.setdefault(str(outcome.status), set()).add(outcome.code)
    assert {status: codes - elsewhere for status, codes in described_codes().items()} == told


def test_only_errors_that_pass_are_described_with_a_time_to_retry_after() -> None:
    for status, reference in CLASSIFY["responses"].items():
        assert ("Retry-After" in follow(reference)["headers"]) == (status in {"429", "503"})


def test_every_answer_that_may_come_from_a_version_is_described_with_headers_that_name_it() -> None:
    # What is decided before any version is asked.
    earlier = {"401", "404", "406", "415"}
    for status, reference in CLASSIFY["responses"].items():
        named = {"X-Vitrine-Model", "X-Vitrine-Version"} & follow(reference)["headers"].keys()
        assert len(named) == (0 if status in earlier else 2)


def test_reasons_of_refused_files_are_those_that_decoding_gives() -> None:
    kinds = [kind for kind in vars(images).values() if isinstance(kind, type) and issubclass(kind, images.ImageError)]
    codes = {kind.code for kind in kinds} | {TOO_LARGE, json_body.BAD_BASE64, json_body.BAD_ENTRY}
    assert set(SHAPES["RefusalReason"]["properties"]["code"]["enum"]) == codes


def test_every_example_has_the_described_shape() -> None:
    answers = CLASSIFY["responses"]["200"]["content"]
    check(answers["application/json"]["example"], "Classification")
    check_lines(answers["application/x-ndjson"]["example"])
    for example in CLASSIFY["requestBody"]["content"]["application/json"]["examples"].values():
        check(example["value"], "JsonUpload")


def check_lines(text: str) -> None:
    """Fails unless ndjson has the described lines."""
    first, *pictures, last = map(json.loads, text.splitlines())
    check(first, "LinesStart")
    for picture in pictures:
        check(picture, "LinesPrediction")
    check(last, "LinesEnd")
    assert last["predictions"] == len(pictures)


@pytest.mark.parametrize("options", [{}, {"top_k": "2"}, {"explain": "true"}, {"min_probability": "0.5"}])
def test_a_classification_has_the_described_shape(client: Client, options: dict[str, str]) -> None:
    check(post(client, png(0), ("a.txt", b"text"), **options).json(), "Classification")


def test_lines_have_the_described_shape(client: Client) -> None:
    answer = post(client, png(0), ("a.txt", b"text"), format="ndjson")
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    check_lines(answer.text)


def test_the_examples_of_requests_in_json_are_answered(client: Client) -> None:
    for example in CLASSIFY["requestBody"]["content"]["application/json"]["examples"].values():
        answer = client.post(endpoint.PATH, json=example["value"])
        assert answer.status_code == 200, answer.text
        check(answer.json(), "Classification")


def test_models_have_the_described_shape(client: Client, serving: FakeServing) -> None:
    serving.models["digits"].states[3] = "LOADING"
    listed = client.get("/api/v1/models").json()
    check(listed, "Models")
    assert listed["default"] == "digits"
    one = client.get("/api/v1/models/digits").json()
    check(one, "Model")
    assert [(version["version"], version["state"]) for version in one["versions"]] == [
        (3, "LOADING"), (2, "AVAILABLE"), (1, "AVAILABLE"),
    ]  # fmt: skip
    assert one["versions"][0]["card"] is None
    assert one["versions"][1]["card"]["labels"] == list("0123456789")


def test_a_known_model_that_is_not_loaded_is_listed_without_versions(make_client: MakeClient) -> None:
    listed = make_client(VITRINE_MODELS="digits,photos").get("/api/v1/models").json()
    assert listed["models"][1] == {"name": "photos", "labels": {}, "versions": []}


def test_probes_have_the_described_shape(client: Client) -> None:
    check(client.get("/healthz").json(), "Health")
    check(client.get("/readyz").json(), "Readiness")


def test_errors_have_the_described_shape_and_code(client: Client) -> None:
    json_text = {"Content-Type": "application/json"}
    answers = [
        post(client, b"text"),
        client.post(endpoint.PATH, files={"top_k": (None, "1")}),
        post(client, png(0), top_k="x"),
        post(client, png(0), model="nope"),
        post(client, png(0), format="html"),
        client.post(endpoint.PATH, data=b"{", headers=json_text),
        client.post(endpoint.PATH, data=b"x", headers={"Content-Type": "text/plain"}),
    ]
    assert [answer.status_code for answer in answers] == [422, 400, 400, 404, 406, 400, 415]
    for answer in answers:
        check(answer.json(), "Error")
        assert answer.json()["error"]["code"] in described_codes()[str(answer.status_code)]
    check(client.get("/api/v1/nope").json(), "Error")


def test_readiness_needs_an_available_version_and_health_does_not(client: Client, serving: FakeServing) -> None:
    serving.models["digits"].cards.clear()
    serving.models["digits"].states = {1: "LOADING"}
    assert (client.get("/readyz").status_code, client.get("/healthz").status_code) == (503, 200)
    serving.stop()
    assert (client.get("/readyz").status_code, client.get("/healthz").status_code) == (503, 200)
