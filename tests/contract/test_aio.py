"""The event loop's client against a real gRPC server: the same requests, answers and errors as the other client's."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import numpy as np
import pytest
from tensorflow_serving.apis import get_model_status_pb2, predict_pb2

from contract.aio import AsyncServingClient
from contract.client import ModelSpec, ServingClient, VersionStatus
from contract.errors import (
    DeadlineExceeded,
    InvalidRequest,
    ModelServerFault,
    ModelServerUnavailable,
    Overloaded,
    ServingError,
)
from tests.contract.model_server import ModelServer, running
from tests.loops import run

DIGITS = ModelSpec("digits")
IMAGES = np.arange(2 * 8 * 8, dtype=np.uint8).reshape(2, 8, 8, 1)


def echo(request: predict_pb2.PredictRequest, context: grpc.ServicerContext) -> predict_pb2.PredictResponse:
    """Answers version 7 with the inputs as outputs."""
    response = predict_pb2.PredictResponse(model_spec=request.model_spec, outputs=request.inputs)
    response.model_spec.version.value = 7
    return response


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with running(ModelServer({"Predict": echo})) as model_server:
        yield model_server


@asynccontextmanager
async def connected(server: ModelServer, **options: Any) -> AsyncIterator[AsyncServingClient]:
    async with AsyncServingClient(server.address, **options) as client:
        yield client


async def predict(server: ModelServer, **options: Any) -> np.ndarray[Any, Any]:
    async with connected(server) as client:
        return (await client.predict(DIGITS, {"images": IMAGES}, **options)).outputs["images"]


def test_both_clients_send_the_same_request(server: ModelServer) -> None:
    spec = ModelSpec("digits", label="stable")
    inputs = {"images": IMAGES[:, ::2], "query": np.array([b"\xff"], dtype=object)}
    options: dict[str, Any] = {"signature": "explain", "outputs": ["heatmaps"], "metadata": [("x-request-id", "abc")]}

    async def ask() -> Any:
        async with connected(server) as client:
            return await client.predict(spec, inputs, **options)

    answer = run(ask())
    with ServingClient(server.address) as client:
        reference = client.predict(spec, inputs, **options)

    assert server.requests[0] == server.requests[1]
    assert [metadata["x-request-id"] for metadata in server.metadata] == ["abc", "abc"]
    assert answer.version == reference.version == 7
    for name, array in inputs.items():
        assert np.array_equal(answer.outputs[name], array)


def test_status_lists_every_version_newest_first(server: ModelServer) -> None:
    response = get_model_status_pb2.GetModelStatusResponse()
    response.model_version_status.add(version=1, state=30)
    response.model_version_status.add(version=2, state=50).status.error_message = "no such op"
    server.behaviours["GetModelStatus"] = lambda *_: response

    async def ask() -> list[VersionStatus]:
        async with connected(server) as client:
            return await client.status(DIGITS)

    assert run(ask()) == [VersionStatus(2, "END", "no such op"), VersionStatus(1, "AVAILABLE")]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.UNAVAILABLE, ModelServerUnavailable),
        (grpc.StatusCode.CANCELLED, ModelServerUnavailable),
        (grpc.StatusCode.DEADLINE_EXCEEDED, DeadlineExceeded),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, Overloaded),
        (grpc.StatusCode.NOT_FOUND, ModelServerFault),
        (grpc.StatusCode.INVALID_ARGUMENT, InvalidRequest),
        (grpc.StatusCode.INTERNAL, ModelServerFault),
    ],
)
def test_every_status_becomes_one_error_of_ours_with_the_servers_words(
    server: ModelServer, code: grpc.StatusCode, kind: type[ServingError]
) -> None:
    server.failures = [(code, "the server's words")] * 9

    with pytest.raises(ServingError) as caught:
        run(predict(server))

    assert type(caught.value) is kind
    assert str(caught.value) == "the server's words"


@pytest.mark.parametrize(
    "code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.RESOURCE_EXHAUSTED]
)
def test_a_prediction_is_tried_again_until_it_succeeds(server: ModelServer, code: grpc.StatusCode) -> None:
    server.failures = [(code, "busy")] * 2

    assert np.array_equal(run(predict(server)), IMAGES)
    assert len(server.requests) == 3


def test_a_deadline_ends_a_call_that_hangs(server: ModelServer) -> None:
    release = threading.Event()
    server.behaviours["Predict"] = lambda request, context: (release.wait(30), echo(request, context))[1]

    with pytest.raises(DeadlineExceeded):
        run(predict(server, timeout_s=0.2))
    release.set()


@pytest.mark.parametrize("by", ["its task's cancellation", "the client's end"])
def test_a_call_that_we_end_ourselves_is_not_tried_again(server: ModelServer, by: str) -> None:
    arrived, ended = threading.Event(), threading.Event()

    def hang(request: predict_pb2.PredictRequest, context: grpc.ServicerContext) -> predict_pb2.PredictResponse:
        context.add_callback(ended.set)
        arrived.set()
        ended.wait(30)
        return echo(request, context)

    server.behaviours["Predict"] = hang

    async def give_up() -> BaseException:
        async with connected(server) as client:
            call = asyncio.create_task(client.predict(DIGITS, {"images": IMAGES}))
            await asyncio.to_thread(arrived.wait, 30)
            if by == "the client's end":
                await client.close()
            else:
                call.cancel()
            (error,) = await asyncio.gather(call, return_exceptions=True)
            assert isinstance(error, BaseException)
            if by == "the client's end":
                with pytest.raises(ModelServerUnavailable, match="is closed"):
                    await client.predict(DIGITS, {})
            assert await asyncio.to_thread(ended.wait, 30)
            return error

    error = run(give_up())

    assert isinstance(error, ModelServerUnavailable if by == "the client's end" else asyncio.CancelledError)
    assert len(server.requests) == 1


def test_reachable_says_whether_any_address_takes_connections(
    server: ModelServer, free_port: Callable[[], int]
) -> None:
    nobody = f"127.0.0.1:{free_port()}"

    async def ask(target: str) -> bool:
        async with AsyncServingClient(f"ipv4:{target}") as client:
            await asyncio.gather(client.predict(DIGITS, {}), return_exceptions=True)
            return client.reachable()

    assert not run(ask(nobody))
    assert run(ask(server.address))
    assert run(ask(f"{nobody},{server.address}"))
