"""The JSON of a Classify or Regress request, as tf.Examples."""

from __future__ import annotations

import sys
from typing import Any

from tensorflow_serving.apis import input_pb2

from serving.model_server.errors import InvalidArgument
from serving.model_server.rest import show
from serving.model_server.rest.json_request import Document
from serving.model_server.rest.json_tensor import decode_base64, raw_bytes
from serving.model_server.rest.kinds import is_base64
from serving.model_server.rest.mistakes import type_name
from serving.model_server.rest.syntax import Repeating

_LARGEST_DOUBLE = sys.float_info.max


def read(document: Document) -> Any:
    """The examples of a document, with its context if it has one.

    Args:
        document: What `json_request.parse` gave.

    Returns:
        A ``tensorflow.serving.Input``.

    Raises:
        InvalidArgument: No list of examples, or one with a value that no feature can have.
    """
    members = document.members
    found = input_pb2.Input()
    examples = found.example_list
    if "context" in members:
        _fill(found.example_list_with_context.context, members["context"], document)
        examples = found.example_list_with_context
    with document.exact():
        for one in _listed(members):
            _fill(examples.examples.add(), one, document)
    return found


def _listed(members: Any) -> list[Any]:
    if "examples" not in members:
        raise _misformatted(members, "When method is classify, key 'examples' is expected and was not found")
    examples = members["examples"]
    if not isinstance(examples, list):
        raise _misformatted(members, "Expecting 'examples' value to be an list/array")
    if not examples:
        raise _misformatted(members, "'examples' value is an empty array")
    return examples


def _misformatted(members: Any, what: str) -> InvalidArgument:
    return InvalidArgument(f"JSON Value: {show.value(members)} {what}")


def _fill(example: Any, features: Any, document: Document) -> None:
    if not isinstance(features, dict):
        raise InvalidArgument(f"Example must be JSON object but got JSON {type_name(features)}")
    for name, content in (features.last if isinstance(features, Repeating) else features).items():
        feature = example.features.feature[raw_bytes(name).decode(errors="replace")]
        for value in content if isinstance(content, list) else [content]:
            _add(feature, name, value, document)


def _add(feature: Any, name: str, value: Any, document: Document) -> None:
    """Adds a value to a feature, whose first value decides of which kind all must be."""
    if value is None or isinstance(value, list) or (isinstance(value, dict) and not is_base64(value)):
        raise InvalidArgument(f"Feature: {name} has element with unexpected JSON type: {type_name(value)}")
    kind = _kind(value)
    if feature.WhichOneof("kind") not in (None, kind):
        expected = feature.WhichOneof("kind").removesuffix("_list")
        raise InvalidArgument(f"Unexpected element type in feature: {name} expecting type: {expected}")
    if kind == "bytes_list":
        feature.bytes_list.value.append(raw_bytes(value) if isinstance(value, str) else decode_base64(value["b64"]))
    elif kind == "float_list":
        if abs(value) > _LARGEST_DOUBLE:
            document.check_numbers()
        feature.float_list.value.append(value)
    elif value >= 2**63:
        raise InvalidArgument(f"Feature: {name} has uint64_t element. Only int64_t is supported.")
    else:
        feature.int64_list.value.append(int(value))


def _kind(value: Any) -> str:
    if isinstance(value, (str, dict)):
        return "bytes_list"
    return "float_list" if show.is_double(value) else "int64_list"
