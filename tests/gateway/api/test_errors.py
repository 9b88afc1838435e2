"""One error shape everywhere: JSON for programs, the page for people."""

# ruff: noqa: ARG002 - a stand-in takes the arguments of what it stands for

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import grpc
import numpy as np
import pytest
import requests
from numpy.typing import NDArray

from contract import errors as contract_errors
from contract.card import CardError, ModelCard
from contract.client import Metadata, ModelSpec, Prediction, VersionStatus
from contract.errors import ModelServerFault, PreconditionFailed, ServingError
from gateway import errors as gateway_errors
from gateway.asgi import Application
from gateway.errors import OUTCOMES, EveryImageBad, GatewayError, outcome_of
from gateway.settings.settings import Settings
from tests.gateway.client import Client
from tests.gateway.conftest import MakeClient, png
from tests.gateway.fake_serving import FakeServing, card
from tests.gateway.posting import post


class FaultyServer:
    """A model server at the seam that answers as the test wishes."""

    def __init__(self, fault: Exception | None = None, outputs: Mapping[str, NDArray[Any]] | None = None) -> None:
        self.fault = fault
        self.outputs = outputs or {}

    async def predict(
        self,
        spec: ModelSpec,
        inputs: Mapping[str, NDArray[Any]],
        *,
        signature: str = "",
        outputs: Sequence[str] = (),
        timeout_s: float | None = None,
        metadata: Metadata = (),
    ) -> Prediction:
        if self.fault:
            raise self.fault
        return Prediction(1, self.outputs)

    async def describe(self, spec: ModelSpec, *, timeout_s: float | None = None) -> ModelCard:
        if isinstance(self.fault, CardError):
            raise self.fault
        return card().with_version(1)

    def reachable(self) -> bool:
        return True

    async def close(self) -> None:
        pass

    async def status(self, spec: ModelSpec, *, timeout_s: float | None = None) -> list[VersionStatus]:
        return [VersionStatus(1, "AVAILABLE")]


def asked_of(server: FaultyServer, settings: Settings, **options: str) -> requests.Response:
    """What an application in front of that server answers about one picture."""
    with Client(Application(settings, lambda _: server)) as client:
        return post(client, png(0), **options)


@pytest.mark.parametrize("module", [gateway_errors, contract_errors])
def test_every_error_class_has_an_outcome(module: Any) -> None:
    kinds = [kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    for kind in kinds:
        assert kind in OUTCOMES or kind is GatewayError, kind


def test_errors_that_pass_carry_a_time_to_retry_after() -> None:
    for outcome in OUTCOMES.values():
        assert (outcome.retry_after_s is not None) == (outcome.status in {429, 503}), outcome


def test_a_bug_has_no_outcome() -> None:
    assert outcome_of(ZeroDivisionError()) is None


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (ModelServerFault("node /srv/models/digits/1 broke"), 502, "model_server_fault"),
        (PreconditionFailed('Serving signature key "describe" not found.'), 502, "model_unusable"),
        (CardError("labels must be a list"), 502, "bad_model_card"),
        (ServingError("?"), 502, "model_server_fault"),
        (ZeroDivisionError("a bug"), 500, "internal_error"),
    ],
)
def test_a_fault_is_told_in_the_one_shape_without_the_servers_own_words(
    settings: Settings, fault: Exception, status: int, code: str
) -> None:
    answer = asked_of(FaultyServer(fault), settings)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert str(fault) not in answer.text
    assert answer.json()["request_id"] == answer.headers["X-Request-Id"]


@pytest.mark.parametrize(
    "outputs",
    [
        {},
        {"probabilities": np.full((1, 9), 0.1, np.float32)},
        {"probabilities": np.full((2, 10), 0.1, np.float32)},
        {"probabilities": np.full((1, 10), np.nan, np.float32)},
    ],
)
def test_probabilities_that_contradict_the_card_are_not_passed_on(
    settings: Settings, outputs: Mapping[str, NDArray[Any]]
) -> None:
    answer = asked_of(FaultyServer(outputs=outputs), settings)
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "bad_model_answer")


def test_heatmaps_that_are_missing_are_told(settings: Settings) -> None:
    outputs = {"probabilities": np.full((1, 10), 0.1, np.float32)}
    answer = asked_of(FaultyServer(outputs=outputs), settings, explain="1")
    assert "Expected heatmaps" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/nothing", 404, "not_found"),
        ("GET", "/api/v1/classify", 405, "method_not_allowed"),
        ("POST", "/healthz", 405, "method_not_allowed"),
        ("GET", "/api/v1/models/nope", 404, "unknown_model"),
    ],
)
def test_programs_get_json_errors(client: Client, method: str, path: str, status: int, code: str) -> None:
    answer = client.ask(method, path)
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == code
    assert set(answer.json()) == {"error", "request_id"}
    if status == 405:
        assert answer.headers["Allow"]


def test_people_get_a_page_and_programs_that_ask_for_json_get_it_there_too(client: Client) -> None:
    page = client.get("/nothing", headers={"Accept": "text/html"})
    assert (page.status_code, page.headers["Content-Type"].partition(";")[0]) == (404, "text/html")
    assert "Nothing is at this address." in page.text
    assert client.get("/nothing", headers={"Accept": "application/json"}).json()["error"]["code"] == "not_found"


def test_a_server_that_is_away_gives_503_soon_and_without_its_address(client: Client, serving: FakeServing) -> None:
    serving.stop()
    answer = post(client, png(0))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert answer.json()["error"]["code"] == "model_server_unavailable"
    assert str(serving.port) not in answer.text


def test_a_server_that_is_slow_gives_504(make_client: MakeClient, serving: FakeServing) -> None:
    serving.models["digits"].latency_s = 1.0
    answer = post(make_client(VITRINE_TIMEOUT_S="0.3"), png(0))
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "deadline_exceeded")


def test_a_server_that_is_overloaded_gives_429(make_client: MakeClient, serving: FakeServing) -> None:
    serving.models["digits"].fault = grpc.StatusCode.RESOURCE_EXHAUSTED
    answer = post(make_client(), png(0))
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "overloaded")


def test_every_image_bad_keeps_the_answer_for_the_page(client: Client) -> None:
    page = post(client, ("notes.txt", b"text"), path="/").text
    assert issubclass(gateway_errors.EveryImageTooLarge, EveryImageBad)
    assert "notes.txt" in page
    assert "Received: text" in page
