"""The gRPC edge: TensorFlow Serving's PredictionService and ModelService over the core."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
from tensorflow_serving.apis import (
    classification_pb2,
    model_management_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from serving.model_server import messages
from serving.model_server.errors import DeadlineExceeded, InvalidArgument, ServerError
from serving.model_server.grpc_api.direct import DirectServer
from serving.model_server.inference import tensors
from serving.model_server.inference.classify import classify
from serving.model_server.inference.multi_inference import multi_inference
from serving.model_server.inference.predict import SERVING_DEFAULT, Runner, predict
from serving.model_server.inference.regress import regress
from serving.model_server.inference.servable import Servable
from serving.model_server.metrics import Metrics
from serving.model_server.versions import config
from serving.model_server.versions.core import Core
from serving.model_server.versions.lifecycle import Lease

_LOG = logging.getLogger(__name__)
PREDICT = "/tensorflow.serving.PredictionService/Predict"
_LONGEST_TEXT = 1024
# Without a deadline gRPC tells one in the year 292277026596.
_NO_DEADLINE_S = 1e9


def add_services(
    server: grpc.Server | DirectServer,
    core: Core[Servable],
    run: Runner,
    metrics: Metrics,
    *,
    as_content: bool = False,
) -> None:
    """Puts both services on a server. `as_content`: Predict answers in ``tensor_content``, not in typed values."""
    predictions = PredictionService(core, run, metrics, as_content=as_content)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(predictions, server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(ModelService(core), server)


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):  # type: ignore[misc]  # untyped base
    """Predict, Classify, Regress, MultiInference and GetModelMetadata."""

    def __init__(self, core: Core[Servable], run: Runner, metrics: Metrics, *, as_content: bool = False) -> None:
        self._core = core
        self._run = run
        self._metrics = metrics
        self._as_content = as_content

    def Predict(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Runs a signature; the response names the version that ran."""
        signature = request.model_spec.signature_name or SERVING_DEFAULT
        with _answering(context), self._recorded(request, "Predict") as run, self._lease(request) as lease:
            outputs = predict(
                lease.servable,
                signature,
                request.inputs,
                output_filter=request.output_filter,
                run=run,
                timeout_ms=_timeout_ms(context),
            )
            response = predict_pb2.PredictResponse()
            messages.fill_spec(response.model_spec, request.model_spec, lease.version)
            for alias, array in outputs.items():
                response.outputs[alias].CopyFrom(tensors.to_proto(array, as_content=self._as_content))
            return response

    def Classify(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Gives the classes of examples."""
        return self._infer("Classify", classify, classification_pb2.ClassificationResponse(), request, context)

    def Regress(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Gives a number for each example."""
        return self._infer("Regress", regress, regression_pb2.RegressionResponse(), request, context)

    def MultiInference(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Runs several signatures on the same examples, all of the version that the first task names."""
        with _answering(context):
            spec = request.tasks[0].model_spec if request.tasks else model_pb2.ModelSpec()
            with self._core.lease(messages.model_spec(spec)) as lease:
                response = multi_inference(lease.servable, request, run=self._run, timeout_ms=_timeout_ms(context))
                for result in response.results:
                    result.model_spec.version.value = lease.version
                return response

    def GetModelMetadata(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Gives the signatures of a version."""
        with _answering(context):
            _check_metadata_request(request)
            with self._lease(request) as lease:
                return messages.model_metadata(request.model_spec.name, lease.version, lease.servable.signatures)

    def _infer(
        self, api: str, method: Callable[..., Any], response: Any, request: Any, context: grpc.ServicerContext
    ) -> Any:
        signature = request.model_spec.signature_name or SERVING_DEFAULT
        with _answering(context), self._recorded(request, api) as run, self._lease(request) as lease:
            timeout_ms = _timeout_ms(context)
            result = method(lease.servable, signature, request.input, run=run, timeout_ms=timeout_ms)
            response.result.CopyFrom(result)
            self._metrics.record_examples(request.model_spec.name, request.input)
            messages.fill_spec(response.model_spec, request.model_spec, lease.version)
            return response

    @contextmanager
    def _recorded(self, request: Any, api: str) -> Iterator[Runner]:
        """Counts a call and times it; what is to run it is timed as well."""
        model, started_s, status = request.model_spec.name, time.perf_counter(), "OK"
        try:
            yield self._metrics.timed(self._run, model, api)
        except Exception as error:
            status = getattr(error, "status", "INTERNAL")
            raise
        finally:
            self._metrics.record_request(model, status, api=api, entrypoint="GRPC", started_s=started_s)

    def _lease(self, request: Any) -> Lease[Servable]:
        if not request.HasField("model_spec"):
            raise InvalidArgument("Missing ModelSpec")
        return self._core.lease(messages.model_spec(request.model_spec))


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


def _timeout_ms(context: grpc.ServicerContext) -> int:
    """Milliseconds until the caller gives up; 0: never.

    Raises:
        DeadlineExceeded: It has: a call that waited too long for its thread is not run for nobody.
    """
    remaining_s = context.time_remaining()
    if remaining_s <= 0 or not context.is_active():
        raise DeadlineExceeded("Deadline Exceeded")
    return max(int(remaining_s * 1e3), 1) if remaining_s < _NO_DEADLINE_S else 0


@contextmanager
def _answering(context: grpc.ServicerContext) -> Iterator[None]:
    """Turns the core's errors into gRPC's; anything else is a fault, logged here and INTERNAL there."""
    try:
        yield
    except ServerError as error:
        context.abort(grpc.StatusCode[error.status], _shortened(str(error)))
    except Exception as fault:
        _LOG.exception("a gRPC call broke")
        context.abort(grpc.StatusCode.INTERNAL, _shortened(f"{type(fault).__name__}: {fault}"))


def _shortened(text: str) -> str:
    """As TensorFlow Serving: a long text does not fit into HTTP/2's headers."""
    encoded = text.encode()
    if len(encoded) <= _LONGEST_TEXT:
        return text
    return encoded[:_LONGEST_TEXT].decode(errors="ignore") + "...TRUNCATED"
