"""The REST answers of TensorFlow Serving, status and text, from the real process."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest
import requests

from tests.serving.model_server.conftest import ModelServer

V1 = "m/versions/1"


def post(server: ModelServer, path: str, body: Any, **headers: str) -> tuple[int, Any]:
    data = body if isinstance(body, (str, bytes)) else json.dumps(body)
    response = requests.post(f"{server.url}/{path}", data=data, headers=headers, timeout=60)
    assert response.headers["Content-Type"] == "application/json"
    return response.status_code, response.json()


def get(server: ModelServer, path: str) -> tuple[int, Any]:
    response = requests.get(f"{server.url}/{path}", timeout=60)
    assert response.headers["Content-Type"] == "application/json"
    return response.status_code, response.json()


def test_good_rows_give_predictions(server: ModelServer) -> None:
    assert post(server, f"{V1}:predict", {"instances": [1.0, 2.0, 5.0]}) == (200, {"predictions": [2.5, 3.0, 4.5]})


def test_good_columns_give_outputs(server: ModelServer) -> None:
    assert post(server, f"{V1}:predict", {"inputs": [1.0, 2.0, 5.0]}) == (200, {"outputs": [2.5, 3.0, 4.5]})
    assert post(server, f"{V1}:predict", {"inputs": {"x": [1]}}) == (200, {"outputs": [2.5]})


def test_good_predict_without_a_version_takes_the_highest_and_by_label_the_labelled(server: ModelServer) -> None:
    assert post(server, "m:predict", {"instances": [1.0]}) == (200, {"predictions": [3.5]})
    assert post(server, "m/labels/stable:predict", {"instances": [1.0]}) == (200, {"predictions": [2.5]})


def test_good_named_inputs_in_rows_and_in_columns(server: ModelServer) -> None:
    rows = {"signature_name": "two", "instances": [{"a": 1.0, "b": 2}, {"a": 3.5, "b": 4}]}
    expected = [{"product": 2.0, "sum": 3.0}, {"product": 14.0, "sum": 7.5}]
    assert post(server, f"{V1}:predict", rows) == (200, {"predictions": expected})
    columns = {"signature_name": "two", "inputs": {"a": [1.0, 3.5], "b": [2, 4]}}
    outputs = {"product": [2.0, 14.0], "sum": [3.0, 7.5]}
    assert post(server, f"{V1}:predict", columns) == (200, {"outputs": outputs})


def test_good_strings_go_in_as_text_or_base64_and_out_as_base64_only_for_bytes(server: ModelServer) -> None:
    encoded = base64.b64encode(b"zwei").decode()
    body = {"signature_name": "echo", "instances": ["één", {"b64": encoded}]}
    status, answer = post(server, f"{V1}:predict", body)
    assert status == 200
    assert [row["text"] for row in answer["predictions"]] == ["één", "zwei"]
    assert answer["predictions"][1]["text_bytes"] == {"b64": encoded}


def test_good_images_of_uint8_as_nested_lists(server: ModelServer) -> None:
    image = [[[10], [20]], [[30], [40]]]
    body = {"signature_name": "brightness", "instances": [image, image]}
    assert post(server, f"{V1}:predict", body) == (200, {"predictions": [25.0, 25.0]})


def test_good_gzip_bodies_are_unpacked(server: ModelServer) -> None:
    body = gzip.compress(json.dumps({"instances": [1.0]}).encode())
    answer = post(server, f"{V1}:predict", body, **{"Content-Encoding": "gzip"})
    assert answer == (200, {"predictions": [2.5]})


def test_good_status_in_the_shape_of_tensorflow_serving(server: ModelServer) -> None:
    status = {"error_code": "OK", "error_message": ""}
    versions = [{"version": str(number), "state": "AVAILABLE", "status": status} for number in (3, 1)]
    assert get(server, "m") == (200, {"model_version_status": versions})
    assert get(server, "m/versions/1") == (200, {"model_version_status": versions[1:]})
    # A label is not looked at here.
    assert get(server, "m/labels/stable") == (200, {"model_version_status": versions})


def test_good_metadata_in_the_shape_of_tensorflow_serving(server: ModelServer) -> None:
    status, answer = get(server, "m/metadata")
    assert status == 200
    assert answer["model_spec"] == {"name": "m", "signature_name": "", "version": "3"}
    definition = answer["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert definition["inputs"]["x"]["dtype"] == "DT_FLOAT"
    assert definition["inputs"]["x"]["tensor_shape"]["dim"] == [{"size": "-1", "name": ""}]


ELEMENT = "Failed to process element: "
ERROR = " of 'instances' list. Error: INVALID_ARGUMENT: "
BAD: dict[str, tuple[str, Any, int, str | None]] = {
    "unknown model": ("nope:predict", {"instances": [1]}, 404, "Servable not found for request: Latest(nope)"),
    "unknown version": (
        "m/versions/999:predict",
        {"instances": [1]},
        404,
        "Servable not found for request: Specific(m, 999)",
    ),
    "unknown label": (
        "m/labels/canary:predict",
        {"instances": [1]},
        400,
        "Unrecognized servable version label: canary",
    ),
    "cut off": (
        "m:predict",
        '{"instances":[1.0',
        400,
        "JSON Parse error: Missing a comma or ] after an array element. at offset: 17",
    ),
    "no JSON": ("m:predict", "{nonsense}", 400, "JSON Parse error: Missing a name for object member. at offset: 1"),
    "empty": ("m:predict", "", 400, "JSON Parse error: The document is empty"),
    "no object": ("m:predict", "[1]", 400, "JSON Value: [\n    1\n] Is not object"),
    "ragged": (
        "m:predict",
        {"instances": [[1.0], [1.0, 2.0]]},
        400,
        f"{ELEMENT}1{ERROR}Expecting tensor size: 1 but got: 2",
    ),
    "wrong type": (
        "m:predict",
        {"instances": ["a"]},
        400,
        f'{ELEMENT}0{ERROR}JSON Value: "a" Type: String is not of expected type: float',
    ),
    "wrong name": (
        "m:predict",
        {"instances": [{"z": 1.0}]},
        400,
        f"{ELEMENT}0 key: z{ERROR}JSON object: does not have named input: z",
    ),
    "wrong type in columns": (
        "m:predict",
        {"inputs": {"x": [True]}},
        400,
        "JSON Value: true Type: True is not of expected type: float",
    ),
    "missing column": (
        f"{V1}:predict",
        {"signature_name": "two", "inputs": {"a": [1.0]}},
        400,
        "Missing named input: b in 'inputs' object.",
    ),
    "plain rows for two inputs": (
        f"{V1}:predict",
        {"signature_name": "two", "instances": [1.0]},
        400,
        "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
        "tensorinfo_map",
    ),
    "incomplete row": (
        f"{V1}:predict",
        {"signature_name": "two", "instances": [{"a": 1.0}]},
        400,
        f"{ELEMENT}0 of 'instances' list. JSON object: {{\n    \"a\": 1.0\n}} keys must be equal to: a,b",
    ),
    "no rows": (
        "m:predict",
        {"instances": []},
        400,
        "JSON Value: {\n    \"instances\": []\n} No values in 'instances' array",
    ),
    "neither": ("m:predict", {}, 400, "Missing 'inputs' or 'instances' key"),
    "bad base64": (
        f"{V1}:predict",
        {"signature_name": "echo", "instances": [{"b64": "?"}]},
        400,
        "Unable to base64 decode",
    ),
    "unknown signature": (
        "m:predict",
        {"signature_name": "nosig", "instances": [1]},
        400,
        'Serving signature name: "nosig" not found in signature def',
    ),
    "signature of another type": (
        "m:predict",
        {"signature_name": 1},
        400,
        'JSON Value: {\n    "signature_name": 1\n} not formatted correctly. '
        "'signature_name' key must be a string value.",
    ),
    "no method": ("m", {"instances": [1]}, 400, "Malformed request: POST /v1/models/m"),
    "a method in capitals": ("m:PREDICT", {}, 400, "Malformed request: POST /v1/models/m:PREDICT"),
    "a query": ("m:predict?x=1", {}, 400, "Malformed request: POST /v1/models/m:predict?x=1"),
    "a version beyond 64 bits": (
        f"m/versions/{2**64}:predict",
        {},
        400,
        f"Failed to convert version: {2**64} to numeric.",
    ),
    "no examples": (
        "tf1:classify",
        {"examples": []},
        400,
        "JSON Value: {\n    \"examples\": []\n} 'examples' value is an empty array",
    ),
    "classify by a signature for regression": (
        "tf1:classify",
        {"signature_name": "regress_x_to_y", "examples": [{"x": 1.0}]},
        400,
        None,
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_predict_is_refused_in_tensorflow_servings_words(server: ModelServer, case: str) -> None:
    path, body, status, text = BAD[case]
    received, answer = post(server, path, body)
    assert (received, list(answer)) == (status, ["error"])
    assert text in (None, answer["error"])


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("nope", 404, "Could not find any versions of model nope"),
        ("m/versions/999", 404, "Could not find version 999 of model m"),
        ("", 400, "Malformed request: GET /v1/models/"),
        ("m/", 400, "Malformed request: GET /v1/models/m/"),
        ("m/versions/x", 400, "Malformed request: GET /v1/models/m/versions/x"),
        ("m?x=1", 404, "Could not find any versions of model m?x=1"),
        ("a%20b%2Fc", 404, "Could not find any versions of model a b/c"),
        ("nope/metadata", 404, "Servable not found for request: Latest(nope)"),
        ("m:predict", 400, "Malformed request: GET /v1/models/m:predict"),
    ],
)
def test_bad_get_is_refused_in_tensorflow_servings_words(
    server: ModelServer, path: str, status: int, text: str
) -> None:
    assert get(server, path) == (status, {"error": text})


@pytest.mark.parametrize("path", ["/", "/favicon.ico", "/v2/models/m", "/monitoring/prometheus/metrics"])
def test_a_path_of_another_api_is_not_found(server: ModelServer, path: str) -> None:
    response = requests.get(f"http://127.0.0.1:{server.rest_port}{path}", timeout=60)
    assert (response.status_code, response.headers["Content-Type"]) == (404, "text/html")
    assert "<H1>Not Found</H1>" in response.text


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_malformed_requests(server: ModelServer, method: str) -> None:
    response = requests.request(method, f"{server.url}/m", timeout=60)
    assert response.status_code == 400
    assert response.json() == {"error": f"Malformed request: {method} /v1/models/m"}


def test_head_has_the_status_alone(server: ModelServer) -> None:
    response = requests.head(f"{server.url}/m", timeout=60)
    assert (response.status_code, response.content) == (400, b"")


def test_answers_are_laid_out_as_by_the_official_server(server: ModelServer) -> None:
    def text(path: str, body: dict[str, Any]) -> str:
        return requests.post(f"{server.url}/{path}", data=json.dumps(body), timeout=60).text

    assert text("m:predict", {"instances": [1.0, 2.0]}) == '{\n    "predictions": [3.5, 4.0\n    ]\n}'
    assert text("m:predict", {"inputs": [1.0]}) == '{\n    "outputs": [\n        3.5\n    ]\n}'
    assert text("m:predict", {}) == "{\n    \"error\": \"Missing 'inputs' or 'instances' key\"\n}"
    examples = {"signature_name": "classify_x_to_y", "examples": [{"x": 20.0}]}
    assert text("tf1:classify", examples) == '{\n    "results": [[["", 12.0]]\n    ]\n}'
    examples["signature_name"] = "regress_x_to_y"
    assert text("tf1:regress", examples) == '{\n    "results": [12.0]\n}'
    status = requests.get(f"{server.url}/m/versions/1", timeout=60).text
    assert status.startswith('{\n "model_version_status": [\n  {\n   "version": "1",\n   "state": "AVAILABLE",\n')


def test_the_headers_are_those_of_the_official_server(server: ModelServer) -> None:
    response = requests.get(f"{server.url}/m", timeout=60)
    assert list(response.headers) == ["Content-Type", "Date", "Content-Length"]


def test_good_examples_with_a_context_are_regressed(server: ModelServer) -> None:
    body = {"signature_name": "regress_x_to_y", "context": {"x": 80.0}, "examples": [{}, {"x": 2.0}]}
    assert post(server, "tf1:regress", body) == (200, {"results": [42.0, 3.0]})


def test_a_large_picture_goes_in_whole_and_in_chunks(server: ModelServer) -> None:
    picture = [[[(row * column) % 256] for column in range(224)] for row in range(224)]
    body = json.dumps({"signature_name": "brightness", "instances": [picture] * 3}).encode()
    mean = sum(pixel[0] for row in picture for pixel in row) / 224**2
    pieces = (body[at : at + 50_000] for at in range(0, len(body), 50_000))
    for data in (body, pieces):
        response = requests.post(f"{server.url}/{V1}:predict", data=data, timeout=60)
        assert response.json()["predictions"] == pytest.approx([mean] * 3)
