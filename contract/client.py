"""A typed client of TensorFlow Serving's gRPC API: Predict, GetModelMetadata, GetModelStatus, ReloadConfig.

Every call has a deadline and raises nothing but `contract.errors.ServingError` and its kinds. Thread-safe.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeAlias

import grpc
from numpy.typing import NDArray

from contract import messages
from contract import wire_pb2 as wire
from contract.card import ModelCard
from contract.channel import open_channel
from contract.errors import ModelServerUnavailable, from_grpc
from contract.messages import (
    DEFAULT_TIMEOUT_S,
    DESCRIBE,
    SERVING_DEFAULT,
    Metadata,
    ModelSpec,
    Prediction,
    VersionStatus,
)

__all__ = [
    "DEFAULT_TIMEOUT_S",
    "DESCRIBE",
    "SERVING_DEFAULT",
    "Metadata",
    "ModelSpec",
    "Prediction",
    "ServingClient",
    "VersionStatus",
]


_Method: TypeAlias = "grpc.UnaryUnaryMultiCallable[bytes, bytes]"


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
        self._predict: _Method = call(messages.PREDICT)
        self._metadata: _Method = call(messages.GET_MODEL_METADATA)
        self._status: _Method = call(messages.GET_MODEL_STATUS)
        self._reload: _Method = call(messages.RELOAD_CONFIG)

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
        request = messages.predict_request(spec, inputs, signature, outputs)
        return messages.prediction(self._call(self._predict, request, timeout_s, metadata))

    def describe(self, spec: ModelSpec, *, timeout_s: float | None = None) -> ModelCard:
        """The card of the version that answers, under the number that the server gives it.

        Raises:
            CardError: The model answers with something that is no card.
        """
        inputs = messages.DESCRIBE_INPUTS
        return messages.card_of(self.predict(spec, inputs, signature=DESCRIBE, timeout_s=timeout_s))

    def signatures(self, spec: ModelSpec, *, timeout_s: float | None = None) -> Mapping[str, wire.SignatureDef]:
        """The signatures of the servable, by name."""
        return messages.signatures(self._call(self._metadata, messages.metadata_request(spec), timeout_s))

    def status(self, spec: ModelSpec, *, timeout_s: float | None = None) -> list[VersionStatus]:
        """Every version of the model that the server knows, newest first; versions that are gone stay as END."""
        return messages.statuses(self._call(self._status, messages.status_request(spec), timeout_s))

    def reload(self, config: wire.ModelServerConfig, *, timeout_s: float | None = None) -> None:
        """Replaces the server's whole model list. Do not use it on a server that polls a config file."""
        request = wire.ReloadConfigRequest(config=config).SerializeToString()
        self._call(self._reload, request, timeout_s)

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

    def _call(self, method: _Method, request: bytes, timeout_s: float | None, metadata: Metadata = ()) -> bytes:
        deadline_s = self._timeout_s if timeout_s is None else timeout_s
        try:
            return method(request, timeout=deadline_s, metadata=tuple(metadata))
        except grpc.RpcError as error:
            raise from_grpc(error) from error
