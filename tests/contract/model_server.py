"""A real gRPC server whose answers a test writes, under TensorFlow Serving's method paths and official messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

Behaviour = Callable[[Any, grpc.ServicerContext], Any]


@dataclass
class ModelServer:
    """What it answers, by method name, and what it was asked.

    Attributes:
        behaviours: An answer for each method: a function of the request and the context.
        failures: Status codes to answer first, one a call, before the behaviours have their turn.
        requests: Every request that came, oldest first, failed ones too.
        metadata: The metadata of each.
    """

    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    failures: list[tuple[grpc.StatusCode, str]] = field(default_factory=list)
    requests: list[Any] = field(default_factory=list)
    metadata: list[dict[str, str | bytes]] = field(default_factory=list)
    port: int = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def answer(self, method: str, request: Any, context: grpc.ServicerContext) -> Any:
        self.requests.append(request)
        self.metadata.append(dict(context.invocation_metadata()))
        if self.failures:
            context.abort(*self.failures.pop(0))
        return self.behaviours[method](request, context)


class _Prediction(prediction_service_pb2_grpc.PredictionServiceServicer):  # type: ignore[misc]  # generated, untyped
    def __init__(self, server: ModelServer) -> None:
        self._server = server

    def Predict(  # noqa: N802  # the name in the proto
        self, request: predict_pb2.PredictRequest, context: grpc.ServicerContext
    ) -> predict_pb2.PredictResponse:
        return self._server.answer("Predict", request, context)

    def GetModelMetadata(  # noqa: N802
        self, request: get_model_metadata_pb2.GetModelMetadataRequest, context: grpc.ServicerContext
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        return self._server.answer("GetModelMetadata", request, context)


class _Model(model_service_pb2_grpc.ModelServiceServicer):  # type: ignore[misc]  # generated, without types
    def __init__(self, server: ModelServer) -> None:
        self._server = server

    def GetModelStatus(  # noqa: N802
        self, request: get_model_status_pb2.GetModelStatusRequest, context: grpc.ServicerContext
    ) -> get_model_status_pb2.GetModelStatusResponse:
        return self._server.answer("GetModelStatus", request, context)

    def HandleReloadConfigRequest(  # noqa: N802
        self, request: model_management_pb2.ReloadConfigRequest, context: grpc.ServicerContext
    ) -> model_management_pb2.ReloadConfigResponse:
        return self._server.answer("HandleReloadConfigRequest", request, context)


@contextmanager
def running(model_server: ModelServer, port: int = 0) -> Iterator[ModelServer]:
    """Runs it on the port, a free one by default, until the end of the block."""
    # As on TensorFlow Serving, where the size of a message is unlimited.
    options = [("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", -1)]
    server = grpc.server(ThreadPoolExecutor(max_workers=4), options=options)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(_Prediction(model_server), server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(_Model(model_server), server)
    model_server.port = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        yield model_server
    finally:
        server.stop(grace=None).wait()
