"""The client against a real gRPC server: requests, answers, deadlines, retries, balance, recovery, errors."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    predict_pb2,
)

from contract import wire_pb2 as wire
from contract.card import CardError, ImageSpec, ModelCard
from contract.client import ModelSpec, ServingClient, VersionStatus
from contract.errors import (
    DeadlineExceeded,
    InvalidRequest,
    ModelServerFault,
    ModelServerUnavailable,
    Overloaded,
    PreconditionFailed,
    ServableNotFound,
    ServingError,
)
from tests.contract.model_server import ModelServer, running

DIGITS = ModelSpec("digits")
IMAGES = np.arange(2 * 8 * 8, dtype=np.uint8).reshape(2, 8, 8, 1)
RECOVERY_S = 1.0
# A loaded test machine schedules late: what counts is seconds, not gRPC's usual minutes.
SLACK_S = 4.0


def echo(request: predict_pb2.PredictRequest, context: grpc.ServicerContext) -> predict_pb2.PredictResponse:
    """Answers version 7 with the inputs as outputs, in typed values as TensorFlow Serving does."""
    response = predict_pb2.PredictResponse(model_spec=request.model_spec)
    response.model_spec.version.value = 7
    for name, proto in request.inputs.items():
        array = tf.make_ndarray(proto)
        response.outputs[name].CopyFrom(tf.make_tensor_proto(array.tolist(), proto.dtype, array.shape))
    return response


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with running(ModelServer({"Predict": echo})) as model_server:
        yield model_server


@pytest.fixture
def client(server: ModelServer) -> Iterator[ServingClient]:
    with ServingClient(server.address) as serving_client:
        yield serving_client


def predict(client: ServingClient, **options: Any) -> np.ndarray[Any, Any]:
    return client.predict(DIGITS, {"images": IMAGES}, **options).outputs["images"]


def test_predict_sends_arrays_and_gives_arrays_and_the_version(client: ServingClient, server: ModelServer) -> None:
    inputs = {"images": IMAGES, "query": np.array([b"\xff"], dtype=object)}
    prediction = client.predict(DIGITS, inputs, signature="explain", outputs=["heatmaps"])

    assert prediction.version == 7
    assert prediction.outputs["images"].dtype == np.uint8
    assert np.array_equal(prediction.outputs["images"], IMAGES)
    assert prediction.outputs["query"].tolist() == [b"\xff"]
    (request,) = server.requests
    assert (request.model_spec.name, request.model_spec.signature_name) == ("digits", "explain")
    assert not request.model_spec.WhichOneof("version_choice")
    assert list(request.output_filter) == ["heatmaps"]
    assert request.inputs["images"].tensor_content == IMAGES.tobytes()


def test_a_version_or_a_label_may_be_named(client: ServingClient, server: ModelServer) -> None:
    for spec in (
        ModelSpec("digits", version=2**40),
        ModelSpec("digits", version=0),
        ModelSpec("digits", label="stable"),
    ):
        client.predict(spec, {})

    by_version, by_zero, by_label = (request.model_spec for request in server.requests)
    assert by_version.version.value == 2**40
    assert (by_zero.WhichOneof("version_choice"), by_zero.version.value) == ("version", 0)
    assert by_label.version_label == "stable"
    with pytest.raises(ValueError, match=r"Expected a version or a label. Received: version 1 and label 'stable'"):
        ModelSpec("digits", version=1, label="stable")


def test_metadata_travels_along(client: ServingClient, server: ModelServer) -> None:
    predict(client, metadata=[("x-request-id", "abc")])

    assert server.metadata[0]["x-request-id"] == "abc"


def test_describe_gives_the_card_under_the_number_that_the_server_gives_it(
    client: ServingClient, server: ModelServer
) -> None:
    card = ModelCard("digits", ("0", "1"), ImageSpec(8, 8, 1), version=1)

    def describe(request: predict_pb2.PredictRequest, _: grpc.ServicerContext) -> predict_pb2.PredictResponse:
        response = predict_pb2.PredictResponse()
        response.model_spec.version.value = 9
        assert request.model_spec.signature_name == "describe"
        response.outputs["card"].CopyFrom(tf.make_tensor_proto([card.to_json()]))
        return response

    server.behaviours["Predict"] = describe
    assert client.describe(DIGITS) == card.with_version(9)

    server.behaviours["Predict"] = lambda *_: predict_pb2.PredictResponse(
        outputs={"card": tf.make_tensor_proto([b"no card"])}
    )
    with pytest.raises(CardError, match="A model card must be JSON"):
        client.describe(DIGITS)


@pytest.mark.parametrize("outputs", [{}, {"other": [b"{}"]}, {"card": [1.5]}, {"card": np.empty(0, object)}])
def test_what_describes_itself_without_a_card_is_told(
    client: ServingClient, server: ModelServer, outputs: Mapping[str, Any]
) -> None:
    protos = {name: tf.make_tensor_proto(value) for name, value in outputs.items()}
    server.behaviours["Predict"] = lambda *_: predict_pb2.PredictResponse(outputs=protos)
    with pytest.raises(CardError, match="Expected a card"):
        client.describe(DIGITS)


def test_signatures_are_read_from_the_official_metadata(client: ServingClient, server: ModelServer) -> None:
    signatures = get_model_metadata_pb2.SignatureDefMap()
    signatures.signature_def["serving_default"].inputs["images"].CopyFrom(
        meta_graph_pb2.TensorInfo(name="images:0", dtype=tf.uint8.as_datatype_enum)
    )
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    response.metadata["signature_def"].Pack(signatures)
    server.behaviours["GetModelMetadata"] = lambda *_: response

    read = client.signatures(DIGITS)

    assert read["serving_default"].inputs["images"].dtype == wire.DT_UINT8
    assert list(server.requests[0].metadata_field) == ["signature_def"]


def test_status_lists_every_version_newest_first(client: ServingClient, server: ModelServer) -> None:
    response = get_model_status_pb2.GetModelStatusResponse()
    for version, state, error in ((1, 30, ""), (3, 50, "no such op"), (2, 20, "")):
        one = response.model_version_status.add(version=version, state=state)
        one.status.error_message = error
    server.behaviours["GetModelStatus"] = lambda *_: response

    statuses = client.status(DIGITS)

    assert statuses == [
        VersionStatus(3, "END", "no such op"),
        VersionStatus(2, "LOADING"),
        VersionStatus(1, "AVAILABLE"),
    ]
    assert [status.available for status in statuses] == [False, False, True]


def test_reload_sends_the_config(client: ServingClient, server: ModelServer) -> None:
    server.behaviours["HandleReloadConfigRequest"] = lambda *_: model_management_pb2.ReloadConfigResponse()
    config = wire.ModelServerConfig(model_config_list={"config": [wire.ModelConfig(name="digits", base_path="/m")]})

    client.reload(config)

    assert server.requests[0].config.model_config_list.config[0].base_path == "/m"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.UNAVAILABLE, ModelServerUnavailable),
        (grpc.StatusCode.DEADLINE_EXCEEDED, DeadlineExceeded),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, Overloaded),
        (grpc.StatusCode.NOT_FOUND, ModelServerFault),
        (grpc.StatusCode.INVALID_ARGUMENT, InvalidRequest),
        (grpc.StatusCode.FAILED_PRECONDITION, PreconditionFailed),
        (grpc.StatusCode.INTERNAL, ModelServerFault),
        (grpc.StatusCode.UNKNOWN, ModelServerFault),
        (grpc.StatusCode.ABORTED, ModelServerFault),
        (grpc.StatusCode.CANCELLED, ModelServerUnavailable),
        (grpc.StatusCode.UNIMPLEMENTED, ModelServerFault),
        (grpc.StatusCode.PERMISSION_DENIED, ModelServerFault),
        (grpc.StatusCode.UNAUTHENTICATED, ModelServerFault),
        (grpc.StatusCode.DATA_LOSS, ModelServerFault),
        (grpc.StatusCode.OUT_OF_RANGE, ModelServerFault),
        (grpc.StatusCode.ALREADY_EXISTS, ModelServerFault),
    ],
)
def test_every_status_becomes_one_error_of_ours_with_the_servers_words(
    client: ServingClient, server: ModelServer, code: grpc.StatusCode, kind: type[ServingError]
) -> None:
    server.failures = [(code, "the server's words")] * 9

    with pytest.raises(ServingError) as caught:
        predict(client)

    assert type(caught.value) is kind
    assert str(caught.value) == "the server's words"


def test_an_error_without_words_says_its_code(client: ServingClient, server: ModelServer) -> None:
    server.failures = [(grpc.StatusCode.INTERNAL, "")]

    with pytest.raises(ModelServerFault, match="INTERNAL"):
        predict(client)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (grpc.StatusCode.NOT_FOUND, "Servable not found for request: Specific(digits, 9)"),
        (grpc.StatusCode.NOT_FOUND, "Could not find any versions of model digits"),
        (grpc.StatusCode.NOT_FOUND, "Could not find version 9 of model digits"),
        (grpc.StatusCode.INVALID_ARGUMENT, "Unrecognized servable version label: canary"),
    ],
)
def test_what_is_not_served_is_told_from_what_a_model_does_not_find(
    client: ServingClient, server: ModelServer, code: grpc.StatusCode, words: str
) -> None:
    server.failures = [(code, words), (grpc.StatusCode.NOT_FOUND, "Could not find variable kernel")]

    with pytest.raises(ServableNotFound, match=re.escape(words)):
        predict(client)
    with pytest.raises(ModelServerFault, match="variable kernel"):
        predict(client)


@pytest.mark.parametrize(
    "code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.RESOURCE_EXHAUSTED]
)
def test_a_prediction_is_tried_again_until_it_succeeds(
    client: ServingClient, server: ModelServer, code: grpc.StatusCode
) -> None:
    server.failures = [(code, "busy")] * 3

    assert np.array_equal(predict(client), IMAGES)
    assert len(server.requests) == 4


@pytest.mark.parametrize("code", [grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.INTERNAL])
def test_what_would_fail_again_is_not_tried_again(
    client: ServingClient, server: ModelServer, code: grpc.StatusCode
) -> None:
    server.failures = [(code, "no")]

    with pytest.raises(ServingError):
        predict(client)
    assert len(server.requests) == 1


def test_no_more_than_five_tries_are_made(client: ServingClient, server: ModelServer) -> None:
    server.failures = [(grpc.StatusCode.UNAVAILABLE, "down")] * 9

    with pytest.raises(ModelServerUnavailable, match="down"):
        predict(client)
    assert len(server.requests) == 5


@pytest.mark.parametrize("by_call", [True, False], ids=["the call's", "the client's own"])
def test_a_deadline_ends_a_call_that_hangs(server: ModelServer, by_call: bool) -> None:
    release = threading.Event()
    server.behaviours["Predict"] = lambda request, context: (release.wait(30), echo(request, context))[1]
    with ServingClient(server.address, timeout_s=30 if by_call else 0.2) as client:
        with pytest.raises(DeadlineExceeded):
            predict(client, timeout_s=0.2 if by_call else None)
        release.set()


def test_the_deadline_holds_over_all_tries(client: ServingClient, server: ModelServer) -> None:
    server.failures = [(grpc.StatusCode.UNAVAILABLE, "down")] * 9

    with pytest.raises(ServingError):
        predict(client, timeout_s=0.1)
    assert len(server.requests) < 5


def test_nobody_at_the_address_is_said(free_port: Callable[[], int]) -> None:
    with ServingClient(f"127.0.0.1:{free_port()}") as client:
        with pytest.raises(ModelServerUnavailable, match=r"[Cc]onnect"):
            predict(client)
        with pytest.raises(ModelServerUnavailable, match=r"No model server answered at .* within 0\.1 s"):
            client.wait_ready(0.1)


def test_wait_ready_returns_when_the_server_comes(free_port: Callable[[], int]) -> None:
    port = free_port()
    with ServingClient(f"127.0.0.1:{port}") as client, pytest.raises(ModelServerUnavailable):
        client.wait_ready(0.1)
    with ServingClient(f"127.0.0.1:{port}") as client, running(ModelServer({"Predict": echo}), port):
        client.wait_ready(SLACK_S)
        assert np.array_equal(predict(client), IMAGES)


def test_calls_go_round_robin_over_all_addresses() -> None:
    one, two = ModelServer({"Predict": echo}), ModelServer({"Predict": echo})
    with running(one), running(two), ServingClient(f"ipv4:{one.address},{two.address}") as client:
        _until(lambda: predict(client) is not None and bool(one.requests and two.requests))
        one.requests.clear()
        two.requests.clear()
        for _ in range(20):
            predict(client)

    assert [len(one.requests), len(two.requests)] == [10, 10]


def test_a_try_that_one_server_fails_is_made_again_at_another() -> None:
    broken, sound = ModelServer({"Predict": echo}), ModelServer({"Predict": echo})
    with running(broken), running(sound), ServingClient(f"ipv4:{broken.address},{sound.address}") as client:
        client.wait_ready(SLACK_S)
        _until(lambda: predict(client) is not None and bool(broken.requests and sound.requests))
        broken.failures = [(grpc.StatusCode.UNAVAILABLE, "down")] * 100
        for _ in range(10):
            assert np.array_equal(predict(client), IMAGES)


def test_a_server_that_goes_and_returns_on_its_port_is_found_again() -> None:
    first = ModelServer({"Predict": echo})
    with running(first):
        client = ServingClient(first.address)
        predict(client)
    with client:
        with pytest.raises(ModelServerUnavailable):
            predict(client)
        with running(ModelServer({"Predict": echo}), first.port):
            _until(lambda: _answers(client))


def test_two_clients_in_one_process_do_not_share_a_connection(server: ModelServer) -> None:
    first, second = ServingClient(server.address), ServingClient(server.address)
    with second:
        predict(first)
        predict(second)
        first.close()
        assert np.array_equal(predict(second), IMAGES)


def test_a_batch_above_grpcs_usual_limit_of_4_mb_goes_both_ways(client: ServingClient, server: ModelServer) -> None:
    server.behaviours["Predict"] = lambda request, _: predict_pb2.PredictResponse(outputs=request.inputs)
    images = np.zeros((40, 224, 224, 3), np.uint8)

    assert client.predict(DIGITS, {"images": images}).outputs["images"].nbytes == images.nbytes > 4 * 2**20


def test_one_client_serves_many_threads(client: ServingClient) -> None:
    answers: list[bool] = []
    threads = [
        threading.Thread(target=lambda: answers.extend(np.array_equal(predict(client), IMAGES) for _ in range(10)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [True] * 40


def _answers(client: ServingClient) -> bool:
    try:
        predict(client, timeout_s=1)
    except ServingError:
        return False
    return True


def _until(condition: Callable[[], bool], timeout_s: float = SLACK_S) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "not in time"
