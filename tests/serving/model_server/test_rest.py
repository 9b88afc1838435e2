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
    assert get(server, "m/labels/stable") == (200, {"model_version_status": versions[1:]})


def test_good_metadata_in_the_shape_of_tensorflow_serving(server: ModelServer) -> None:
    status, answer = get(server, "m/metadata")
    assert status == 200
    assert answer["model_spec"] == {"name": "m", "signature_name": "", "version": "3"}
    definition = answer["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert definition["inputs"]["x"]["dtype"] == "DT_FLOAT"
    assert definition["inputs"]["x"]["tensor_shape"]["dim"] == [{"size": "-1", "name": ""}]


ELEMENT = "Failed to process element: "
ERROR = " of 'instances' list. Error: INVALID_ARGUMENT: "
BAD: dict[str, tuple[str, Any, int, str]] = {
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
    "no object": ("m:predict", "[1]", 400, "JSON Value: [1] Is not object"),
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
        f"{ELEMENT}0 of 'instances' list. JSON object: {{\"a\":1.0}} keys must be equal to: a,b",
    ),
    "no rows": ("m:predict", {"instances": []}, 400, "JSON Value: {\"instances\":[]} No values in 'instances' array"),
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
        "JSON Value: {\"signature_name\":1} not formatted correctly. 'signature_name' key must be a string value.",
    ),
    "no method": ("m", {"instances": [1]}, 400, "Malformed request: POST /v1/models/m"),
    "another method": ("m:classify", {"examples": []}, 501, "This server answers :predict. Received: :classify"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_predict_is_refused_in_tensorflow_servings_words(server: ModelServer, case: str) -> None:
    path, body, status, text = BAD[case]
    assert post(server, path, body) == (status, {"error": text})


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("nope", 404, "Could not find any versions of model nope"),
        ("m/versions/999", 404, "Could not find version 999 of model m"),
        ("m/labels/canary", 400, "Unrecognized servable version label: canary"),
        ("nope/metadata", 404, "Servable not found for request: Latest(nope)"),
        ("m:predict", 400, "Malformed request: GET /v1/models/m:predict"),
    ],
)
def test_bad_get_is_refused_in_tensorflow_servings_words(
    server: ModelServer, path: str, status: int, text: str
) -> None:
    assert get(server, path) == (status, {"error": text})


def test_a_path_of_another_api_is_not_found(server: ModelServer) -> None:
    response = requests.get(f"http://127.0.0.1:{server.rest_port}/favicon.ico", timeout=60)
    assert response.status_code == 404
    assert "/v1/models/NAME" in response.json()["error"]
