"""The REST API without a socket: what reaches it, CORS, metrics, packed bodies, and the status of every error."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from serving.model_server import errors
from serving.model_server.inference.predict import run_directly
from serving.model_server.metrics import Metrics
from serving.model_server.rest.api import RestApi
from serving.model_server.rest.messages import Request, Response
from serving.model_server.versions.core import ModelSpec


class NoModels:
    """A core that refuses every request with the error it is given."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def lease(self, _: ModelSpec) -> Any:
        raise self.error

    def statuses(self, _: ModelSpec) -> list[Any]:
        return []


def api(error: Exception | None = None, *, timeout_ms: int = 0, **options: Any) -> RestApi:
    core: Any = NoModels(error or errors.NotFound("gone"))
    return RestApi(core, run_directly, Metrics(), timeout_ms=timeout_ms, **options)


def get(path: str, method: str = "GET", **headers: str) -> Request:
    return Request(method, path, headers)


def post(body: bytes, **headers: str) -> Request:
    return Request(
        "POST", "/v1/models/m:predict", {name.replace("_", "-"): text for name, text in headers.items()}, body
    )


def text(response: Response) -> str:
    return str(json.loads(response.body)["error"])


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.InvalidArgument, 400),
        (errors.FailedPrecondition, 400),
        (errors.OutOfRange, 400),
        (errors.PermissionDenied, 403),
        (errors.NotFound, 404),
        (errors.Aborted, 409),
        (errors.AlreadyExists, 409),
        (errors.ResourceExhausted, 429),
        (errors.Cancelled, 499),
        (errors.Internal, 500),
        (errors.Unknown, 500),
        (errors.DataLoss, 500),
        (errors.Unimplemented, 501),
        (errors.Unavailable, 503),
        (errors.DeadlineExceeded, 504),
    ],
)
def test_every_error_has_its_status(error: type[errors.ServerError], status: int) -> None:
    response = api(error("why")).answer(post(b"{}"))
    assert (response.status, text(response), response.headers) == (
        status,
        "why",
        (("Content-Type", "application/json"),),
    )


def test_a_fault_is_an_internal_error(caplog: pytest.LogCaptureFixture) -> None:
    response = api(ZeroDivisionError("oh")).answer(post(b"{}"))
    assert (response.status, text(response)) == (500, "ZeroDivisionError: oh")
    assert "a REST call broke" in caplog.text


def test_pages_of_other_origins_may_read_if_they_are_let() -> None:
    cors = {"Access-Control-Allow-Origin", "Access-Control-Allow-Methods", "Access-Control-Allow-Headers"}
    assert not cors & dict(api().answer(get("/v1/models/m")).headers).keys()
    allowing = api(cors=True)
    assert cors <= dict(allowing.answer(get("/v1/models/m")).headers).keys()
    assert cors <= dict(allowing.answer(get("/v1/models/")).headers).keys()
    preflight = allowing.answer(get("/v1/models/m:predict", "OPTIONS", origin="https://example.org"))
    assert (preflight.status, preflight.body) == (200, b"")
    assert dict(preflight.headers)["Access-Control-Allow-Methods"] == "POST, GET"
    assert allowing.answer(get("/v1/models/m:predict", "OPTIONS")).status == 400


def test_metrics_are_shown_at_their_path_alone() -> None:
    showing = api(prometheus_path="/metrics")
    showing.answer(get("/v1/models/m"))
    showing.answer(post(b"{}"))
    page = showing.answer(get("/metrics"))
    assert (page.status, page.headers) == (200, (("Content-Type", "text/plain"),))
    assert b':tensorflow:serving:request_count{model_name="m",status="NOT_FOUND"} 1\n' in page.body
    assert b':request_latency_count{model_name="m",API="",entrypoint="REST"} 1\n' in page.body
    refused = showing.answer(get("/metrics?x"))
    assert (refused.status, refused.body) == (400, b"Unexpected path: /metrics?x. Should be /metrics")
    assert api().answer(get("/metrics")).status == 404


def test_packed_bodies_are_unpacked_and_damaged_ones_are_empty() -> None:
    packed = gzip.compress(b"[1]")
    empty = "JSON Parse error: The document is empty"
    assert text(api().answer(post(packed, content_encoding="gzip"))).endswith("Is not object")
    for damaged in (packed[:-5], b"x" + packed, packed + b"x", b"[1]"):
        assert text(api().answer(post(damaged, content_encoding="gzip"))) == empty
    bomb = gzip.compress(b" " * (100 * 2**20 + 1), compresslevel=1)
    assert text(api().answer(post(bomb, content_encoding="gzip"))) == empty


def test_large_bodies_are_read_one_at_a_time_and_wait_no_longer_than_the_timeout() -> None:
    waiting = api(timeout_ms=50)
    large = b'{"inputs": 1}' + b" " * 2**20
    assert waiting.answer(post(large)).status == 404
    # Reading the outer one takes until the inner one is answered.
    with waiting._room(post(large)):
        assert text(waiting.answer(post(large))) == "Timed out waiting for notification"
        assert waiting.answer(post(gzip.compress(large), content_encoding="gzip")).status == 504
        assert waiting.answer(post(b'{"inputs": 1}')).status == 404
    assert waiting.answer(post(large)).status == 404


@pytest.mark.parametrize("target", ["/v1/models/m%zz", "/v1/models/a b", '/v1/"', "/v1/é", "/v1/models/m?{"])
def test_what_is_no_uri_gets_a_page(target: str) -> None:
    response = api().answer(get(target))
    assert (response.status, response.close) == (400, True)
    assert b"<H1>Bad Request</H1>" in response.body


def test_a_target_with_scheme_and_host_is_read_like_its_path() -> None:
    assert api().answer(get("http://host:1/v1/models/m")).status == 200
