"""A PredictionService that answers for the versions on disk: their cards, their signatures, probabilities all alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from google.protobuf.any_pb2 import Any as Packed

from contract import tensors
from contract import wire_pb2 as wire
from contract.channel import PREDICTION_SERVICE
from serving.repository import ModelRepository

# The repository that a server reads now, None if it reads none.
Disk = Callable[[], Path | None]


def handler(disk: Disk, broken: set[tuple[str, int]]) -> grpc.GenericRpcHandler:
    """Answers Predict and GetModelMetadata; a version among the `broken` gives no numbers."""

    def predict(request: bytes, context: grpc.ServicerContext) -> bytes:
        spec = wire.PredictRequest.FromString(request).model_spec
        card = _version(disk, spec, context).card(spec.name, spec.version.value)
        if card is None:
            context.abort(
                grpc.StatusCode.FAILED_PRECONDITION, f'Serving signature key "{spec.signature_name}" not found.'
            )
            raise AssertionError
        response = wire.PredictResponse(model_spec=spec)
        if spec.signature_name == "describe":
            response.outputs["card"].CopyFrom(tensors.to_proto(np.array([card.to_json().encode()], dtype=object)))
            return response.SerializeToString()
        images = tensors.from_proto(wire.PredictRequest.FromString(request).inputs["images"])
        value = np.nan if (spec.name, spec.version.value) in broken else 1 / len(card.labels)
        probabilities = np.full((len(images), len(card.labels)), value, np.float32)
        response.outputs["probabilities"].CopyFrom(tensors.to_proto(probabilities))
        return response.SerializeToString()

    def metadata(request: bytes, context: grpc.ServicerContext) -> bytes:
        spec = wire.GetModelMetadataRequest.FromString(request).model_spec
        graph = _version(disk, spec, context).read(spec.name, spec.version.value, "saved_model.pb")
        signatures = wire.SavedModel.FromString(graph).meta_graphs[0].signature_def
        packed = Packed(value=wire.SignatureDefMap(signature_def=signatures).SerializeToString())
        return wire.GetModelMetadataResponse(model_spec=spec, metadata={"signature_def": packed}).SerializeToString()

    methods: dict[str, Any] = {
        "Predict": grpc.unary_unary_rpc_method_handler(predict),
        "GetModelMetadata": grpc.unary_unary_rpc_method_handler(metadata),
    }
    return grpc.method_handlers_generic_handler(PREDICTION_SERVICE, methods)


def _version(disk: Disk, spec: wire.ModelSpec, context: grpc.ServicerContext) -> ModelRepository:
    root = disk()
    if root is None or not (root / spec.name / str(spec.version.value)).is_dir():
        context.abort(
            grpc.StatusCode.NOT_FOUND, f"Servable not found for request: Specific({spec.name}, {spec.version.value})"
        )
        raise AssertionError
    return ModelRepository(root)
