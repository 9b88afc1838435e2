"""The gRPC answers of TensorFlow Serving, code and text, from the real process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    predict_pb2,
)

from contract.client import ModelSpec
from tests.serving.model_server.conftest import ModelServer


def request(
    inputs: Mapping[str, Any], *, name: str = "m", version: int | None = 1, label: str = "", signature: str = ""
) -> Any:
    message = predict_pb2.PredictRequest()
    message.model_spec.name = name
    message.model_spec.signature_name = signature
    if version is not None:
        message.model_spec.version.value = version
    if label:
        message.model_spec.version_label = label
    for alias, value in inputs.items():
        message.inputs[alias].CopyFrom(tf.make_tensor_proto(value))
    return message


X = {"x": np.array([1.0, 2.0, 5.0], np.float32)}


def refusal(call: Any, message: Any) -> tuple[str, str]:
    with pytest.raises(grpc.RpcError) as failure:
        call(message, timeout=60)
    return failure.value.code().name, failure.value.details() or ""


def test_good_predict_names_the_model_the_version_and_the_signature(server: ModelServer) -> None:
    response = server.predictions.Predict(request(X), timeout=60)
    assert list(response.outputs["y"].float_val) == [2.5, 3.0, 4.5]
    assert response.outputs["y"].tensor_content == b""
    assert [dim.size for dim in response.outputs["y"].tensor_shape.dim] == [3]
    spec = response.model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == ("m", 1, "serving_default")


def test_good_predict_without_a_version_takes_the_highest(server: ModelServer) -> None:
    response = server.predictions.Predict(request(X, version=None), timeout=60)
    assert response.model_spec.version.value == 3
    assert list(response.outputs["y"].float_val) == [3.5, 4.0, 5.5]


def test_good_predict_by_label_tells_the_version(server: ModelServer) -> None:
    response = server.predictions.Predict(request(X, version=None, label="stable"), timeout=60)
    assert response.model_spec.version.value == 1


def test_good_predict_through_our_own_client(server: ModelServer) -> None:
    images = np.full((2, 3, 4, 1), 100, np.uint8)
    prediction = server.client.predict(ModelSpec("m", version=1), {"images": images}, signature="brightness")
    assert prediction.version == 1
    np.testing.assert_array_equal(prediction.outputs["mean"], np.array([100.0, 100.0], np.float32))


@pytest.mark.parametrize("typed", [True, False])
def test_good_inputs_come_as_content_or_as_typed_values(server: ModelServer, typed: bool) -> None:
    message = request({})
    proto = message.inputs["x"]
    proto.CopyFrom(tf.make_tensor_proto([4.0, 4.0], shape=[2], dtype=tf.float32))
    if typed:
        # One value stands for all of them.
        proto.ClearField("tensor_content")
        proto.float_val.append(4.0)
    assert list(server.predictions.Predict(message, timeout=60).outputs["y"].float_val) == [4.0, 4.0]


def test_good_strings_come_as_string_val(server: ModelServer) -> None:
    response = server.predictions.Predict(request({"text": [b"a", b"\xff"]}, signature="echo"), timeout=60)
    assert list(response.outputs["text"].string_val) == [b"a", b"\xff"]


def test_good_output_filter_gives_just_those_outputs(server: ModelServer) -> None:
    message = request({"a": np.array([2], np.float32), "b": np.array([3], np.int32)}, signature="two")
    message.output_filter.append("product")
    outputs = server.predictions.Predict(message, timeout=60).outputs
    assert {name: list(proto.float_val) for name, proto in outputs.items()} == {"product": [6.0]}


def _filtered(*names: str) -> Any:
    message = request(X)
    message.output_filter.extend(names)
    return message


def _broken() -> Any:
    message = request({"x": np.zeros(4, np.float32)})
    message.inputs["x"].tensor_content = b"123"
    return message


SIZES = "input size does not match signature: "
BAD_PREDICTS = {
    "unknown model": (
        request(X, name="nope", version=None),
        "NOT_FOUND",
        "Servable not found for request: Latest(nope)",
    ),
    "unknown version": (request(X, version=999), "NOT_FOUND", "Servable not found for request: Specific(m, 999)"),
    "no name": (request(X, name=""), "INVALID_ARGUMENT", "ModelSpec has no name specified."),
    "unknown label": (
        request(X, version=None, label="canary"),
        "INVALID_ARGUMENT",
        "Unrecognized servable version label: canary",
    ),
    "unknown signature": (
        request(X, signature="nosig"),
        "FAILED_PRECONDITION",
        'Serving signature key "nosig" not found.',
    ),
    "wrong input name": (
        request({"z": X["x"]}, version=3),
        "INVALID_ARGUMENT",
        "Signature input alias: x(feed name: serving_default_x:0) not found in request and no default value provided. "
        "Inputs expected to be in the request {z}, or default input alias set: ",
    ),
    "missing input": (
        request({}),
        "INVALID_ARGUMENT",
        SIZES + "0!=1 len({}) != len({x}). Sent extra: {}. Missing but required: {x}.",
    ),
    "extra input": (
        request({**X, "z": X["x"]}),
        "INVALID_ARGUMENT",
        SIZES + "2!=1 len({x,z}) != len({x}). Sent extra: {z}. Missing but required: {}.",
    ),
    "wrong dtype": (
        request({"x": np.array([1], np.int32)}, version=3),
        "INVALID_ARGUMENT",
        "Expects arg[0] to be float but int32 is provided",
    ),
    "bad output filter": (
        _filtered("q"),
        "INVALID_ARGUMENT",
        "output tensor alias not found in signature: q Outputs expected to be in the set {y}.",
    ),
    "output filter twice": (_filtered("y", "y"), "INVALID_ARGUMENT", "duplicate output tensor alias: y"),
    "content of another size": (_broken(), "INVALID_ARGUMENT", "tensor parsing error: x"),
}


@pytest.mark.parametrize("case", BAD_PREDICTS)
def test_bad_predict_is_refused_in_tensorflow_servings_words(server: ModelServer, case: str) -> None:
    message, code, text = BAD_PREDICTS[case]
    assert refusal(server.predictions.Predict, message) == (code, text)


def test_bad_picture_is_refused_with_the_name_of_the_node(server: ModelServer) -> None:
    code, text = refusal(server.predictions.Predict, request({"image_bytes": [b"junk"]}, signature="decode"))
    assert code == "INVALID_ARGUMENT"
    assert text.startswith("Unknown image file format. One of JPEG, PNG, GIF, BMP, WebP required.\n\t [[{{")


def _metadata(*fields: str, name: str = "m") -> Any:
    message = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=fields)
    message.model_spec.name = name
    return message


def test_good_metadata_has_every_signature_of_the_version(server: ModelServer) -> None:
    response = server.predictions.GetModelMetadata(_metadata("signature_def"), timeout=60)
    assert response.model_spec.version.value == 3
    definitions = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(definitions)
    assert definitions.signature_def["serving_default"].inputs["x"].dtype == tf.float32.as_datatype_enum
    assert set(server.client.signatures(ModelSpec("m", version=1))) >= {"serving_default", "two", "echo"}


@pytest.mark.parametrize(
    ("message", "code", "text"),
    [
        (_metadata(), "INVALID_ARGUMENT", "GetModelMetadataRequest must specify at least one metadata_field"),
        (_metadata("foo"), "INVALID_ARGUMENT", "Metadata field foo is not supported"),
        (_metadata("signature_def", name="nope"), "NOT_FOUND", "Servable not found for request: Latest(nope)"),
        (get_model_metadata_pb2.GetModelMetadataRequest(), "INVALID_ARGUMENT", "Missing ModelSpec"),
    ],
)
def test_bad_metadata_request_is_refused(server: ModelServer, message: Any, code: str, text: str) -> None:
    assert refusal(server.predictions.GetModelMetadata, message) == (code, text)


def _status(name: str, version: int | None = None) -> Any:
    message = get_model_status_pb2.GetModelStatusRequest()
    message.model_spec.name = name
    if version is not None:
        message.model_spec.version.value = version
    return message


def test_good_status_lists_the_newest_version_first(server: ModelServer) -> None:
    response = server.models.GetModelStatus(_status("m"), timeout=60)
    assert [(one.version, one.state, one.status.error_code) for one in response.model_version_status] == [
        (3, get_model_status_pb2.ModelVersionStatus.AVAILABLE, 0),
        (1, get_model_status_pb2.ModelVersionStatus.AVAILABLE, 0),
    ]
    one = server.models.GetModelStatus(_status("m", 1), timeout=60)
    assert [status.version for status in one.model_version_status] == [1]


@pytest.mark.parametrize(
    ("message", "code", "text"),
    [
        (_status("nope"), "NOT_FOUND", "Could not find any versions of model nope"),
        (_status("m", 999), "NOT_FOUND", "Could not find version 999 of model m"),
        (get_model_status_pb2.GetModelStatusRequest(), "INVALID_ARGUMENT", "Missing ModelSpec"),
    ],
)
def test_bad_status_request_is_refused(server: ModelServer, message: Any, code: str, text: str) -> None:
    assert refusal(server.models.GetModelStatus, message) == (code, text)


def test_bad_reload_without_a_model_list_is_refused(server: ModelServer) -> None:
    code, text = refusal(server.models.HandleReloadConfigRequest, model_management_pb2.ReloadConfigRequest())
    assert code == "INVALID_ARGUMENT"
    assert text.endswith("Only ModelConfigList is currently supported")
