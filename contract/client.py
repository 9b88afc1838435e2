"""A typed client of TensorFlow Serving's gRPC API: Predict, GetModelMetadata, GetModelStatus, ReloadConfig.

Every call has a deadline and raises nothing but `contract.errors.ServingError` and its kinds. Thread-safe.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc
import numpy as np
from google.protobuf.message import Message
from numpy.typing import NDArray

from contract import tensors
from contract import wire_pb2 as wire
from contract.card import ModelCard
from contract.channel import MODEL_SERVICE, PREDICTION_SERVICE, open_channel
from contract.errors import ModelServerUnavailable, from_grpc

DEFAULT_TIMEOUT_S = 10.0
SERVING_DEFAULT = "serving_default"
DESCRIBE = "describe"
_SIGNATURE_DEF = "signature_def"

_Response = TypeVar("_Response", bound=Message)
Metadata = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class ModelSpec:
    """Which servable is meant: the latest version of a model, one version of it, or the one under a label."""

    name: str
    version: int | None = None
    label: str | None = None

    def __post_init__(self) -> None:
        if self.version is not None and self.label is not None:
            raise ValueError(
                f"Expected a version or a label. Received: version {self.version} and label {self.label!r}"
            )

    def to_proto(self, signature: str = "") -> wire.ModelSpec:
        """The message, with the signature's name where one is meant."""
        spec = wire.ModelSpec(name=self.name, signature_name=signature)
        if self.version is not None:
            spec.version.value = self.version
        if self.label is not None:
            spec.version_label = self.label
        return spec


@dataclass(frozen=True)
class Prediction:
    """What a servable answered, and which version of it that was."""

    version: int
    outputs: Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class VersionStatus:
    """One version as a server sees it: START, LOADING, AVAILABLE, UNLOADING or END, and the error that ended it."""

    version: int
    state: str
    error: str = ""

    @property
    def available(self) -> bool:
        """True if requests for this version are answered."""
        return self.state == "AVAILABLE"


class ServingClient:
    """A client of one TensorFlow Serving address, which may stand for many replicas.

    Make it after a fork: gRPC's threads do not survive one.
    """

    def __init__(self, target: str, *, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        """Opens nothing yet. `target` as in `contract.channel.open_channel`; `timeout_s` is each call's deadline."""
        self.target = target
        self._timeout_s = timeout_s
        self._channel = open_channel(target)
        call = self._channel.unary_unary
        predict = f"/{PREDICTION_SERVICE}/Predict"
        metadata = f"/{PREDICTION_SERVICE}/GetModelMetadata"
        status = f"/{MODEL_SERVICE}/GetModelStatus"
        reload_config = f"/{MODEL_SERVICE}/HandleReloadConfigRequest"
        self._predict = call(predict, _to_bytes, wire.PredictResponse.FromString)
        self._metadata = call(metadata, _to_bytes, wire.GetModelMetadataResponse.FromString)
        self._status = call(status, _to_bytes, wire.GetModelStatusResponse.FromString)
        self._reload = call(reload_config, _to_bytes, wire.ReloadConfigResponse.FromString)

    def predict(
        self,
        spec: ModelSpec,
        inputs: Mapping[str, NDArray[Any]],
        *,
        signature: str = SERVING_DEFAULT,
        outputs: Sequence[str] = (),
        timeout_s: float | None = None,
        metadata: Metadata = (),
    ) -> Prediction:
        """Runs a signature.

        Args:
            spec: The servable.
            inputs: Arrays by the signature's input names.
            signature: Its name.
            outputs: Only these outputs; empty means all.
            timeout_s: This call's deadline, retries included; the client's own if None.
            metadata: gRPC metadata, for instance a request id.
        """
        request = wire.PredictRequest(
            model_spec=spec.to_proto(signature),
            inputs={name: tensors.to_proto(array) for name, array in inputs.items()},
            output_filter=outputs,
        )
        response = self._call(self._predict, request, timeout_s, metadata)
        arrays = {name: tensors.from_proto(proto) for name, proto in response.outputs.items()}
        return Prediction(response.model_spec.version.value, arrays)

    def describe(self, spec: ModelSpec, *, timeout_s: float | None = None) -> ModelCard:
        """The card of the version that answers, under the number that the server gives it.

        Raises:
            CardError: The model answers with something that is no card.
        """
        query = {"query": np.array([b""], dtype=object)}
        prediction = self.predict(spec, query, signature=DESCRIBE, timeout_s=timeout_s)
        return ModelCard.from_json(prediction.outputs["card"].item(0)).with_version(prediction.version)

    def signatures(self, spec: ModelSpec, *, timeout_s: float | None = None) -> Mapping[str, wire.SignatureDef]:
        """The signatures of the servable, by name."""
        request = wire.GetModelMetadataRequest(model_spec=spec.to_proto(), metadata_field=[_SIGNATURE_DEF])
        response = self._call(self._metadata, request, timeout_s)
        return wire.SignatureDefMap.FromString(response.metadata[_SIGNATURE_DEF].value).signature_def

    def status(self, spec: ModelSpec, *, timeout_s: float | None = None) -> list[VersionStatus]:
        """Every version of the model that the server knows, newest first; versions that are gone stay as END."""
        request = wire.GetModelStatusRequest(model_spec=spec.to_proto())
        response = self._call(self._status, request, timeout_s)
        versions = [
            VersionStatus(one.version, wire.ModelVersionStatus.State.Name(one.state), one.status.error_message)
            for one in response.model_version_status
        ]
        return sorted(versions, key=lambda status: -status.version)

    def reload(self, config: wire.ModelServerConfig, *, timeout_s: float | None = None) -> None:
        """Replaces the server's whole model list. Do not use it on a server that polls a config file."""
        self._call(self._reload, wire.ReloadConfigRequest(config=config), timeout_s)

    def wait_ready(self, timeout_s: float) -> None:
        """Returns as soon as a connection stands.

        Raises:
            ModelServerUnavailable: None stood in time.
        """
        try:
            grpc.channel_ready_future(self._channel).result(timeout=timeout_s)
        except grpc.FutureTimeoutError:
            raise ModelServerUnavailable(f"No model server answered at {self.target} within {timeout_s:g} s") from None

    def close(self) -> None:
        """Ends the connections; calls in flight are cancelled."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(
        self,
        method: Callable[..., _Response],
        request: Message,
        timeout_s: float | None,
        metadata: Metadata = (),
    ) -> _Response:
        deadline_s = self._timeout_s if timeout_s is None else timeout_s
        try:
            return method(request, timeout=deadline_s, metadata=metadata)
        except grpc.RpcError as error:
            raise from_grpc(error) from error


def _to_bytes(message: Message) -> bytes:
    return message.SerializeToString()
