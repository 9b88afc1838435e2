"""The gRPC edge: TensorFlow Serving's PredictionService and ModelService over the core."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
from tensorflow_serving.apis import (
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from serving.model_server import config, errors, messages, tensors
from serving.model_server.core import Core
from serving.model_server.errors import InvalidArgument, ServerError
from serving.model_server.predict import SERVING_DEFAULT, Runner, predict
from serving.model_server.servable import Servable

_LOG = logging.getLogger(__name__)

_CODES: dict[type[ServerError], grpc.StatusCode] = {
    errors.InvalidArgument: grpc.StatusCode.INVALID_ARGUMENT,
    errors.NotFound: grpc.StatusCode.NOT_FOUND,
    errors.FailedPrecondition: grpc.StatusCode.FAILED_PRECONDITION,
    errors.DeadlineExceeded: grpc.StatusCode.DEADLINE_EXCEEDED,
    errors.ResourceExhausted: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.Unavailable: grpc.StatusCode.UNAVAILABLE,
    errors.Unimplemented: grpc.StatusCode.UNIMPLEMENTED,
    errors.Cancelled: grpc.StatusCode.CANCELLED,
    errors.DataLoss: grpc.StatusCode.DATA_LOSS,
    errors.Internal: grpc.StatusCode.INTERNAL,
    errors.Unknown: grpc.StatusCode.UNKNOWN,
}


def add_services(server: grpc.Server, core: Core[Servable], run: Runner) -> None:
    """Puts both services on a server."""
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(PredictionService(core, run), server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(ModelService(core), server)


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):  # type: ignore[misc]  # untyped base
    """Predict and GetModelMetadata; the other calls answer UNIMPLEMENTED."""

    def __init__(self, core: Core[Servable], run: Runner) -> None:
        self._core = core
        self._run = run

    def Predict(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Runs a signature; the response names the version that ran."""
        signature = request.model_spec.signature_name or SERVING_DEFAULT
        with _answering(context), self._core.lease(messages.model_spec(request.model_spec)) as lease:
            inputs = {alias: tensors.to_array(alias, proto) for alias, proto in request.inputs.items()}
            outputs = predict(lease.servable, signature, inputs, output_filter=request.output_filter, run=self._run)
            response = predict_pb2.PredictResponse()
            response.model_spec.name = request.model_spec.name
            response.model_spec.version.value = lease.version
            response.model_spec.signature_name = signature
            for alias, array in outputs.items():
                response.outputs[alias].CopyFrom(tensors.to_proto(array))
            return response

    def GetModelMetadata(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Gives the signatures of a version."""
        with _answering(context):
            _check_metadata_request(request)
            with self._core.lease(messages.model_spec(request.model_spec)) as lease:
                return messages.model_metadata(request.model_spec.name, lease.version, lease.servable.signatures)


class ModelService(model_service_pb2_grpc.ModelServiceServicer):  # type: ignore[misc]  # untyped base
    """GetModelStatus and HandleReloadConfigRequest."""

    def __init__(self, core: Core[Servable]) -> None:
        self._core = core

    def GetModelStatus(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Gives the state of every version of a model, or of one."""
        with _answering(context):
            if not request.HasField("model_spec"):
                raise InvalidArgument("Missing ModelSpec")
            return messages.model_status(self._core.statuses(messages.model_spec(request.model_spec)))

    def HandleReloadConfigRequest(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Replaces the model list; returns once models with new names serve."""
        with _answering(context):
            if request.config.WhichOneof("config") != "model_config_list":
                raise InvalidArgument(
                    "ServerModelConfig type not supported by HandleReloadConfigRequest. "
                    "Only ModelConfigList is currently supported"
                )
            models = config.model_list(request.config)
            _LOG.info("reload by gRPC: %s", ", ".join(model.name for model in models) or "no models")
            timeout_s = context.time_remaining()
            self._core.reload(models, timeout_s=timeout_s, abandoned=lambda: not context.is_active())
            response = model_management_pb2.ReloadConfigResponse()
            response.status.SetInParent()
            return response


def _check_metadata_request(request: Any) -> None:
    if not request.HasField("model_spec"):
        raise InvalidArgument("Missing ModelSpec")
    if not request.metadata_field:
        raise InvalidArgument("GetModelMetadataRequest must specify at least one metadata_field")
    for name in request.metadata_field:
        if name != messages.SIGNATURE_DEF:
            raise InvalidArgument(f"Metadata field {name} is not supported")


@contextmanager
def _answering(context: grpc.ServicerContext) -> Iterator[None]:
    """Turns the core's errors into gRPC's; anything else is a fault, logged here and INTERNAL there."""
    try:
        yield
    except ServerError as error:
        context.abort(_CODES[type(error)], str(error))
    except Exception as fault:
        _LOG.exception("a gRPC call broke")
        context.abort(grpc.StatusCode.INTERNAL, f"{type(fault).__name__}: {fault}")
