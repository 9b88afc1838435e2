"""What is asked of TensorFlow Serving and what it answers: values of Python on one side, bytes on the wire's.

Both clients, `contract.client` and `contract.aio`, speak through these functions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract import tensors
from contract import wire_pb2 as wire
from contract.card import CardError, ModelCard
from contract.channel import MODEL_SERVICE, PREDICTION_SERVICE
from contract.encoding import field_head

PREDICT = f"/{PREDICTION_SERVICE}/Predict"
GET_MODEL_METADATA = f"/{PREDICTION_SERVICE}/GetModelMetadata"
GET_MODEL_STATUS = f"/{MODEL_SERVICE}/GetModelStatus"
RELOAD_CONFIG = f"/{MODEL_SERVICE}/HandleReloadConfigRequest"

DEFAULT_TIMEOUT_S = 10.0
SERVING_DEFAULT = "serving_default"
DESCRIBE = "describe"
# What the signature `describe` is asked: one row, whose words do not matter.
DESCRIBE_INPUTS: Mapping[str, NDArray[Any]] = {"query": np.array([b""], dtype=object)}
_SIGNATURE_DEF = "signature_def"

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


def predict_request(
    spec: ModelSpec, inputs: Mapping[str, NDArray[Any]], signature: str, outputs: Sequence[str]
) -> bytes:
    """A PredictRequest. Raises TensorError for an array that cannot travel."""
    request = wire.PredictRequest(model_spec=spec.to_proto(signature), output_filter=outputs)
    pieces: list[bytes | memoryview] = [request.SerializeToString()]
    for name, array in inputs.items():
        pieces += _input(name, array)
    return b"".join(pieces)


def _input(name: str, array: NDArray[Any]) -> list[bytes | memoryview]:
    """One entry of a PredictRequest's `inputs`, in the wire's encoding.

    Pictures are copied once, from the array into the request; as messages they would be so four times, which costs
    more than all the rest.
    """
    proto, content = tensors.without_content(array)
    tensor = proto.SerializeToString()
    if content.nbytes:
        tensor += field_head(wire.TensorProto.TENSOR_CONTENT_FIELD_NUMBER, content.nbytes)
    key = name.encode()
    key = field_head(1, len(key)) + key
    value = field_head(2, len(tensor) + content.nbytes) + tensor
    entry = field_head(wire.PredictRequest.INPUTS_FIELD_NUMBER, len(key) + len(value) + content.nbytes)
    return [entry, key, value, content.data]


def prediction(response: bytes) -> Prediction:
    """What a PredictResponse says. Raises TensorError for an output that is no array."""
    message = wire.PredictResponse.FromString(response)
    arrays = {name: tensors.from_proto(proto) for name, proto in message.outputs.items()}
    return Prediction(message.model_spec.version.value, arrays)


def card_of(prediction: Prediction) -> ModelCard:
    """The card in the answer of `describe`, under the number that the server gives it. Raises CardError."""
    try:
        text = prediction.outputs["card"].item(0)
    except (KeyError, IndexError):
        raise CardError(f"Expected a card. Received: outputs {sorted(prediction.outputs)} without one") from None
    if not isinstance(text, bytes):
        raise CardError(f"Expected a card as text. Received: {type(text).__name__}")
    return ModelCard.from_json(text).with_version(prediction.version)


def metadata_request(spec: ModelSpec) -> bytes:
    """A GetModelMetadataRequest that asks for the signatures."""
    request = wire.GetModelMetadataRequest(model_spec=spec.to_proto(), metadata_field=[_SIGNATURE_DEF])
    return request.SerializeToString()


def signatures(response: bytes) -> Mapping[str, wire.SignatureDef]:
    """The signatures in a GetModelMetadataResponse, by name."""
    message = wire.GetModelMetadataResponse.FromString(response)
    return wire.SignatureDefMap.FromString(message.metadata[_SIGNATURE_DEF].value).signature_def


def status_request(spec: ModelSpec) -> bytes:
    """A GetModelStatusRequest."""
    return wire.GetModelStatusRequest(model_spec=spec.to_proto()).SerializeToString()


def statuses(response: bytes) -> list[VersionStatus]:
    """The versions in a GetModelStatusResponse, newest first."""
    message = wire.GetModelStatusResponse.FromString(response)
    versions = [
        VersionStatus(one.version, wire.ModelVersionStatus.State.Name(one.state), one.status.error_message)
        for one in message.model_version_status
    ]
    return sorted(versions, key=lambda status: -status.version)
