"""The REST table, row by row."""

from __future__ import annotations

import http.client
import json
import math
from typing import Any

import pytest

from tests.serving.model_server.conformance.conftest import Server
from tests.serving.model_server.conformance.rest_table import ROWS, Row


def send(served: Server, method: str, path: str, body: bytes | None) -> tuple[int, str, bytes]:
    """Sends a request with the path just as it is. Gives the status, the content type and the body."""
    connection = http.client.HTTPConnection(served.rest, timeout=60)
    try:
        connection.request(method, path if path.startswith("/") else f"/v1/models/{path}", body)
        response = connection.getresponse()
        return response.status, response.headers["Content-Type"], response.read()
    finally:
        connection.close()


def same(one: Any, other: Any) -> bool:
    """Equality, types included, for which a NaN is a NaN."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    return type(one) is type(other) and bool(one == other)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.about)
def test_answer_is_tensorflow_servings(served: Server, row: Row) -> None:
    body = row.body if isinstance(row.body, str) or row.body is None else json.dumps(row.body)
    status, kind, answer = send(served, row.method, row.path, None if body is None else body.encode())
    found = json.loads(answer)
    expected = {"error": row.answer} if isinstance(row.answer, str) else row.answer
    assert (status, kind) == (row.status, "application/json"), found
    assert same(found, expected), f"{found}\n  is not\n{expected}"


@pytest.mark.parametrize(
    ("path", "body", "text"),
    [
        ("half_plus_three:predict", '{"instances":[1,2,5]}', '{\n    "predictions": [3.5, 4.0, 5.5\n    ]\n}'),
        ("half_plus_three:predict", '{"inputs":[1,2]}', '{\n    "outputs": [\n        3.5,\n        4.0\n    ]\n}'),
        (
            "half_plus_two:regress",
            '{"signature_name":"regress_x_to_y","examples":[{"x":1.0},{"x":2.0}]}',
            '{\n    "results": [2.5, 3.0]\n}',
        ),
        (
            "half_plus_two:classify",
            '{"signature_name":"classify_x_to_y","examples":[{"x":2.0}]}',
            '{\n    "results": [[["", 3.0]]\n    ]\n}',
        ),
        (
            "oddities:predict",
            '{"signature_name":"echo_float32","inputs":[16777215,1e7,1e-5,0.1,1e30,-0.0]}',
            '{\n    "outputs": [\n        16777215.0,\n        1e+07,\n        1e-05,\n        0.1,\n        1e+30,\n'
            "        -0.0\n    ]\n}",
        ),
        ("nope:predict", '{"instances":[1]}', '{\n    "error": "Servable not found for request: Latest(nope)"\n}'),
    ],
)
def test_text_of_an_answer_is_tensorflow_servings_to_the_byte(served: Server, path: str, body: str, text: str) -> None:
    assert send(served, "POST", path, body.encode())[2].decode() == text


@pytest.mark.parametrize("path", ["/", "/favicon.ico", "/v2/models/toolbox"])
def test_another_path_is_not_found(served: Server, path: str) -> None:
    assert send(served, "GET", path, None)[0] == 404


def test_a_version_beyond_64_bits_is_refused(served: Server) -> None:
    # TensorFlow Serving leaves the body empty here.
    assert send(served, "POST", f"toolbox/versions/{2**64}:predict", b"{}")[0] == 400


def test_metrics_are_served_for_prometheus(served: Server) -> None:
    status, kind, page = send(served, "GET", "/monitoring/prometheus/metrics", None)
    assert status == 200
    assert kind.startswith("text/plain")
    assert b"# TYPE :tensorflow:serving:request_count counter" in page
