"""The gRPC answers of TensorFlow Serving, code and text, from the real process."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn, cast

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    predict_pb2,
    regression_pb2,
)

from contract.client import ModelSpec
from serving.model_server.grpc_api.service import PredictionService
from serving.model_server.inference.servable import Servable
from serving.model_server.metrics import Metrics
from serving.model_server.versions.core import Core
from serving.model_server.versions.lifecycle import Lease
from tests.serving.model_server.conftest import ModelServer, start_server
from tests.serving.model_server.inference.test_classify import examples
from tests.serving.model_server.inference.test_multi_inference import request as multi_inference_request
from tests.serving.model_server.models_tf1 import CLASSIFY, REGRESS


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


def test_good_predict_answers_a_scalar_with_an_empty_shape(server: ModelServer) -> None:
    message = request({"given": np.float16(1.5)}, name="oddities", signature="echo_float16")
    answer = server.predictions.Predict(message, timeout=60).outputs["given"]
    assert (answer.dtype, list(answer.half_val)) == (tf.float16.as_datatype_enum, [0x3E00])
    assert answer.HasField("tensor_shape")
    assert not answer.tensor_shape.dim


def test_good_predict_of_an_empty_batch(server: ModelServer) -> None:
    answer = server.predictions.Predict(request({"x": np.zeros(0, np.float32)}), timeout=60).outputs["y"]
    assert [dim.size for dim in answer.tensor_shape.dim] == [0]
    assert not answer.float_val


def on_examples(message: Any, signature: str, *xs: float) -> Any:
    """A ClassificationRequest or RegressionRequest for the model ``tf1``."""
    message.model_spec.name, message.model_spec.signature_name = "tf1", signature
    message.input.CopyFrom(examples(*xs))
    return message


def spec_of(response: Any) -> tuple[str, int, str]:
    spec = response.model_spec
    return spec.name, spec.version.value, spec.signature_name


def test_good_classify_names_the_model_the_version_and_the_signature(server: ModelServer) -> None:
    message = on_examples(classification_pb2.ClassificationRequest(), "classify_x_to_y", 2, 20)
    response = server.predictions.Classify(message, timeout=60)
    assert [row.classes[0].score for row in response.result.classifications] == [3, 12]
    assert spec_of(response) == ("tf1", 123, "classify_x_to_y")


def test_good_regress_names_the_model_the_version_and_the_signature(server: ModelServer) -> None:
    message = on_examples(regression_pb2.RegressionRequest(), "regress_x_to_y", 2, 20)
    response = server.predictions.Regress(message, timeout=60)
    assert [one.value for one in response.result.regressions] == [3, 12]
    assert spec_of(response) == ("tf1", 123, "regress_x_to_y")


def test_good_multi_inference_names_what_ran_in_every_result(server: ModelServer) -> None:
    message = multi_inference_request(("regress_x_to_y", REGRESS), ("classify_x_to_y", CLASSIFY))
    regression, classification = server.predictions.MultiInference(message, timeout=60).results
    assert [one.value for one in regression.regression_result.regressions] == [3, 12]
    assert [row.classes[0].score for row in classification.classification_result.classifications] == [3, 12]
    assert spec_of(regression) == ("tf1", 123, "regress_x_to_y")
    assert spec_of(classification) == ("tf1", 123, "classify_x_to_y")


BAD_INFERENCES = {
    "predict without a model": ("Predict", predict_pb2.PredictRequest(), "Missing ModelSpec"),
    "classify without a model": ("Classify", classification_pb2.ClassificationRequest(), "Missing ModelSpec"),
    "regress without a model": ("Regress", regression_pb2.RegressionRequest(), "Missing ModelSpec"),
    "multi-inference without a task": (
        "MultiInference",
        inference_pb2.MultiInferenceRequest(),
        "ModelSpec has no name specified.",
    ),
    "classify without examples": (
        "Classify",
        on_examples(classification_pb2.ClassificationRequest(), "classify_x_to_y"),
        "Input is empty.",
    ),
    "regress by default": (
        "Regress",
        on_examples(regression_pb2.RegressionRequest(), "", 1),
        'No regression inputs found in SignatureDef: inputs {\n  key: "x"\n',
    ),
    "multi-inference of an input that takes no examples": (
        "MultiInference",
        multi_inference_request(("regress_x_to_y", REGRESS), ("regress_x2_to_y3", REGRESS)),
        "Expects arg[1] to be float but string is provided",
    ),
}


@pytest.mark.parametrize("case", BAD_INFERENCES)
def test_bad_inference_is_refused(server: ModelServer, case: str) -> None:
    method, message, text = BAD_INFERENCES[case]
    code, details = refusal(getattr(server.predictions, method), message)
    assert code == "INVALID_ARGUMENT"
    assert details.startswith(text)


def test_a_long_text_is_cut(server: ModelServer) -> None:
    code, details = refusal(server.predictions.Predict, request(X, signature="nosig" * 1000))
    whole = f'Serving signature key "{"nosig" * 1000}" not found.'
    assert (code, details) == ("FAILED_PRECONDITION", whole[:1024] + "...TRUNCATED")


def test_the_session_service_is_not_offered(server: ModelServer) -> None:
    method: Any = server.channel.unary_unary("/tensorflow.serving.SessionService/SessionRun")
    with pytest.raises(grpc.RpcError) as failure:
        method(b"", timeout=60)
    assert failure.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_flags_choose_the_serialization_and_the_check_of_method_names(saved_models: Path, tmp_path: Path) -> None:
    shutil.copytree(saved_models / "oddities", tmp_path / "oddities" / "1")
    with start_server(
        tmp_path,
        "--model_name=oddities",
        f"--model_base_path={tmp_path / 'oddities'}",
        "--enable_serialization_as_tensor_content",
        "--enable_signature_method_name_check",
    ) as running:
        message = request({"given": np.array([1, 2], np.float32)}, name="oddities", signature="echo_float32")
        answer = running.predictions.Predict(message, timeout=60).outputs["given"]
        assert answer.tensor_content == np.array([1, 2], np.float32).tobytes()
        assert not answer.float_val
        native = on_examples(classification_pb2.ClassificationRequest(), "native", 1)
        native.model_spec.name = "oddities"
        _, details = refusal(running.predictions.Classify, native)
        assert details.startswith("Expected classification signature method_name to be tensorflow/serving/classify.")


class ExpiredCall:
    """The context of a call whose deadline passed while it waited for a thread."""

    def time_remaining(self) -> float:
        return 0.0

    def is_active(self) -> bool:
        return False

    def abort(self, code: grpc.StatusCode, details: str) -> NoReturn:
        raise AssertionError(code.name, details)


def test_a_call_whose_deadline_has_passed_is_not_run(half_plus_two: Servable) -> None:
    class OneModel:
        def lease(self, _: object) -> Lease[Servable]:
            return Lease(half_plus_two, 123, lambda: None)

    def run(*_: object, **__: object) -> NoReturn:
        raise AssertionError("it was run")

    service = PredictionService(cast("Core[Servable]", OneModel()), run, Metrics())
    for method, message in (
        (service.Predict, request({"x": np.ones((1, 1), np.float32)}, name="tf1")),
        (service.Classify, on_examples(classification_pb2.ClassificationRequest(), "classify_x_to_y", 2)),
        (service.MultiInference, multi_inference_request(("regress_x_to_y", REGRESS))),
    ):
        with pytest.raises(AssertionError) as ended:
            method(message, cast("grpc.ServicerContext", ExpiredCall()))
        assert ended.value.args == ("DEADLINE_EXCEEDED", "Deadline Exceeded")
