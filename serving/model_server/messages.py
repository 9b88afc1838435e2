"""The core's values as TensorFlow Serving's messages; both edges answer with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tensorflow.core.protobuf import error_codes_pb2
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2

from serving.model_server.inference.predict import SERVING_DEFAULT
from serving.model_server.versions.core import ModelSpec
from serving.model_server.versions.lifecycle import VersionStatus

SIGNATURE_DEF = "signature_def"


def model_spec(message: Any) -> ModelSpec:
    """A ``tensorflow.serving.ModelSpec`` without its signature name."""
    choice = message.WhichOneof("version_choice")
    return ModelSpec(
        name=message.name,
        version=message.version.value if choice == "version" else None,
        label=message.version_label if choice == "version_label" else None,
    )


def fill_spec(answered: Any, requested: Any, version: int) -> None:
    """Says in a response's ModelSpec what ran: a request may have left out the version and the signature."""
    answered.name = requested.name
    answered.version.value = version
    answered.signature_name = requested.signature_name or SERVING_DEFAULT


def model_status(statuses: Iterable[VersionStatus]) -> Any:
    """A ``GetModelStatusResponse``."""
    response = get_model_status_pb2.GetModelStatusResponse()
    for status in statuses:
        one = response.model_version_status.add(version=status.version, state=status.state.value)
        # Set even without an error: readers print its error_code, OK.
        one.status.SetInParent()
        if status.error is not None:
            one.status.error_code = error_codes_pb2.Code.Value(status.error.status)
            one.status.error_message = str(status.error)
    return response


def model_metadata(name: str, version: int, signatures: Mapping[str, Any]) -> Any:
    """A ``GetModelMetadataResponse`` with every signature of a version."""
    definitions = get_model_metadata_pb2.SignatureDefMap()
    for signature, definition in signatures.items():
        definitions.signature_def[signature].CopyFrom(definition)
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    response.model_spec.name = name
    response.model_spec.version.value = version
    response.metadata[SIGNATURE_DEF].Pack(definitions)
    return response
