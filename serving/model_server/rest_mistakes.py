"""What is wrong with a JSON request, in TensorFlow Serving's words. Nothing here is on the path of a good request."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from tensorflow.core.framework import types_pb2

from serving.model_server import tf
from serving.model_server.errors import InvalidArgument
from serving.model_server.predict import dtype_name

_INTEGER_RANGES = {
    types_pb2.DT_INT64: (-(2**63), 2**63 - 1),
    types_pb2.DT_UINT32: (0, 2**32 - 1),
    types_pb2.DT_UINT64: (0, 2**64 - 1),
}
_INT32_RANGE = (-(2**31), 2**31 - 1)

# Python's words for a syntax error, and those of the parser in TensorFlow Serving.
_SYNTAX = {
    "Expecting value": "Invalid value.",
    "Expecting property name enclosed in double quotes": "Missing a name for object member.",
    "Expecting ':' delimiter": "Missing a colon after a name of object member.",
    "Extra data": "The document root must not be followed by other values.",
    "Unterminated string starting at": "Missing a closing quotation mark in string.",
    "Invalid \\escape": "Invalid escape character in string.",
    "Invalid \\uXXXX escape": "Incorrect hex digit after \\u escape in string.",
    "Invalid control character at": "Invalid encoding in string.",
}


def syntax(error: json.JSONDecodeError) -> str:
    """The message for a document that is no JSON; the offset is in bytes."""
    if not error.doc:
        return "JSON Parse error: The document is empty"
    offset = len(error.doc[: error.pos].encode())
    if error.msg == "Expecting ',' delimiter":
        member = "} after an object member" if _inside_object(error.doc[: error.pos]) else "] after an array element"
        what = f"Missing a comma or {member}."
    elif not error.doc.strip():
        what = "The document is empty."
    else:
        what = _SYNTAX.get(error.msg, error.msg)
    return f"JSON Parse error: {what} at offset: {offset}"


def show(value: Any) -> str:
    """A JSON value as text."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def is_base64(value: Any) -> bool:
    """True for ``{"b64": "…"}``."""
    return isinstance(value, dict) and list(value) == ["b64"] and isinstance(value["b64"], str)


def is_named(value: Any) -> bool:
    """True for an object of inputs by name."""
    return isinstance(value, dict) and not is_base64(value)


def largest_float(dtype: int) -> float:
    """The largest finite value of a floating type."""
    return float(tf.as_dtype(dtype).max)


def integer_range(dtype: int) -> tuple[int, int]:
    """The smallest and largest JSON number that is taken for an integer type."""
    return _INTEGER_RANGES.get(dtype, _INT32_RANGE)


def is_lossy(number: float, dtype: int) -> bool:
    """True if a number cannot be a float of the type: an integer with too many digits, or beyond the range."""
    if isinstance(number, int):
        digits = 53 if dtype == types_pb2.DT_DOUBLE else 24
        return abs(number) >= 1 << digits
    return math.isfinite(number) and abs(number) > largest_float(dtype)


def check_instances(document: Mapping[str, Any], input_count: int) -> None:
    """Raises InvalidArgument if ``instances`` is no list, is empty, or is plain where names are needed."""
    instances = document["instances"]
    if not isinstance(instances, list):
        raise InvalidArgument(f"JSON Value: {show(document)} Excepting 'instances' to be an list/array")
    if not instances:
        raise InvalidArgument(f"JSON Value: {show(document)} No values in 'instances' array")
    if not isinstance(instances[0], dict) and input_count > 1:
        raise InvalidArgument(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
            "tensorinfo_map"
        )


def in_instances(instances: Sequence[Any], infos: Mapping[str, Any]) -> InvalidArgument:
    """The first mistake in a list of instances."""
    named = is_named(instances[0])
    seen: dict[str, list[int]] = {}
    for position, element in enumerate(instances):
        if is_named(element) != named:
            what = "object but got list" if named else "value/list but got object"
            return InvalidArgument(f"Expecting {what} at item {position} of input list")
        items = element if named else {next(iter(infos)): element}
        for name, value in items.items():
            mistake = _in_item(value, name, infos, seen)
            if mistake:
                key = f" key: {name}" if named else ""
                return InvalidArgument(
                    f"Failed to process element: {position}{key} of 'instances' list. "
                    f"Error: INVALID_ARGUMENT: {mistake}"
                )
        if items.keys() != infos.keys():
            return InvalidArgument(
                f"Failed to process element: {position} of 'instances' list. JSON object: {show(element)} "
                f"keys must be equal to: {','.join(sorted(infos))}"
            )
    return InvalidArgument("Failed to process 'instances' list")


def in_value(value: Any, dtype: int) -> InvalidArgument:
    """The first mistake in one tensor."""
    return InvalidArgument(_in_tensor(value, _shape(value), dtype, 0) or "Failed to process 'inputs'")


def _in_item(value: Any, name: str, infos: Mapping[str, Any], seen: dict[str, list[int]]) -> str:
    if name not in infos:
        return f"JSON object: does not have named input: {name}"
    shape = _shape(value)
    mistake = _in_tensor(value, shape, infos[name].dtype, 0)
    first = seen.setdefault(name, shape)
    if mistake or first == shape:
        return mistake
    if math.prod(first) != math.prod(shape):
        return f"Expecting tensor size: {math.prod(first)} but got: {math.prod(shape)}"
    return f"Expecting shape {_show_shape(first)} but got: {_show_shape(shape)}"


def _in_tensor(value: Any, shape: list[int], dtype: int, level: int) -> str:
    rank = len(shape)
    if not isinstance(value, list):
        if level != rank:
            return (
                f"JSON Value: {show(value)} found at incorrect level: {level + 1} in the JSON DOM. "
                f"Expected at level: {rank}"
            )
        return _in_scalar(value, dtype)
    if level >= rank:
        return f"Encountered list at unexpected level: {level} expected < {rank}"
    if len(value) != shape[level]:
        return f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: {shape[level]}"
    return next(filter(None, (_in_tensor(one, shape, dtype, level + 1) for one in value)), "")


def _in_scalar(value: Any, dtype: int) -> str:
    if isinstance(value, dict) and dtype == types_pb2.DT_STRING:
        return "" if is_base64(value) else f"JSON Value: {show(value)} not formatted correctly for base64 data"
    if not _is_of_type(value, dtype):
        return f"JSON Value: {show(value)} Type: {_type_name(value)} is not of expected type: {dtype_name(dtype)}"
    if tf.as_dtype(dtype).is_floating and is_lossy(value, dtype):
        return f"Cannot convert JSON value: {show(value)} to {dtype_name(dtype)} without loss of precision."
    return ""


def _is_of_type(value: Any, dtype: int) -> bool:
    if dtype == types_pb2.DT_STRING:
        return isinstance(value, str)
    if dtype == types_pb2.DT_BOOL or isinstance(value, bool):
        return dtype == types_pb2.DT_BOOL and isinstance(value, bool)
    if tf.as_dtype(dtype).is_floating:
        return isinstance(value, (int, float))
    low, high = integer_range(dtype)
    return isinstance(value, int) and low <= value <= high


def _type_name(value: Any) -> str:
    if isinstance(value, bool):
        return str(value)
    names = {str: "String", list: "Array", dict: "Object", type(None): "Null"}
    return names.get(type(value), "Number")


def _shape(value: Any) -> list[int]:
    """The shape that the first elements have; the others are held to it."""
    shape: list[int] = []
    while isinstance(value, list):
        shape.append(len(value))
        if not value:
            break
        value = value[0]
    return shape


def _show_shape(shape: Sequence[int]) -> str:
    return f"[{','.join(map(str, shape))}]"


def _inside_object(text: str) -> bool:
    """True if the innermost bracket that is open at the end of a text is a curly one."""
    opened: list[str] = []
    in_string = escaped = False
    for character in text:
        if in_string:
            in_string = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            in_string = True
        elif character in "{[":
            opened.append(character)
        elif character in "}]" and opened:
            opened.pop()
    return bool(opened) and opened[-1] == "{"
