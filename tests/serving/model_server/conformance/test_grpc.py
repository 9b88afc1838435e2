"""The gRPC table, row by row."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.protobuf import text_format
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from tests.serving.model_server.conformance.conftest import Server
from tests.serving.model_server.conformance.grpc_table import ROWS, Row

# Method: its service's stub, its request and its response.
METHODS: dict[str, tuple[Any, Any, Any]] = {
    "Predict": (
        prediction_service_pb2_grpc.PredictionServiceStub,
        predict_pb2.PredictRequest,
        predict_pb2.PredictResponse,
    ),
    "Classify": (
        prediction_service_pb2_grpc.PredictionServiceStub,
        classification_pb2.ClassificationRequest,
        classification_pb2.ClassificationResponse,
    ),
    "Regress": (
        prediction_service_pb2_grpc.PredictionServiceStub,
        regression_pb2.RegressionRequest,
        regression_pb2.RegressionResponse,
    ),
    "MultiInference": (
        prediction_service_pb2_grpc.PredictionServiceStub,
        inference_pb2.MultiInferenceRequest,
        inference_pb2.MultiInferenceResponse,
    ),
    "GetModelMetadata": (
        prediction_service_pb2_grpc.PredictionServiceStub,
        get_model_metadata_pb2.GetModelMetadataRequest,
        get_model_metadata_pb2.GetModelMetadataResponse,
    ),
    "GetModelStatus": (
        model_service_pb2_grpc.ModelServiceStub,
        get_model_status_pb2.GetModelStatusRequest,
        get_model_status_pb2.GetModelStatusResponse,
    ),
    "HandleReloadConfigRequest": (
        model_service_pb2_grpc.ModelServiceStub,
        model_management_pb2.ReloadConfigRequest,
        model_management_pb2.ReloadConfigResponse,
    ),
}


def call(served: Server, method: str, request: str) -> tuple[str, Any]:
    """Sends a request written as text-proto. Gives OK and the response, or the code's name and the text."""
    stub, kind, _ = METHODS[method]
    try:
        return "OK", getattr(stub(served.channel), method)(text_format.Parse(request, kind()), timeout=60)
    except grpc.RpcError as error:
        return error.code().name, error.details() or ""


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.method}: {row.about}")
def test_answer_is_tensorflow_servings(served: Server, row: Row) -> None:
    code, answer = call(served, row.method, row.request)
    if row.code != "OK":
        assert (code, answer) == (row.code, row.answer)
        return
    assert code == "OK", answer
    expected = text_format.Parse(row.answer, METHODS[row.method][2]())
    assert text_format.MessageToString(answer) == text_format.MessageToString(expected)
