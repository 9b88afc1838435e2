"""What is wrong with a JSON request, in TensorFlow Serving's words. A good one only passes `check_instances`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tensorflow.core.framework import types_pb2

from serving.model_server import tf
from serving.model_server.errors import InvalidArgument, ServerError, Unimplemented
from serving.model_server.inference.predict import dtype_name, show_shape
from serving.model_server.rest import show
from serving.model_server.rest.kinds import MOST_DIMENSIONS, has_no_values, integer_range, is_base64, is_named


def no_tensors(members: Mapping[str, Any], *, both: bool) -> InvalidArgument:
    """Neither ``instances`` nor ``inputs``, or both."""
    if not both:
        return InvalidArgument("Missing 'inputs' or 'instances' key")
    return InvalidArgument(
        f"JSON Value: {show.value(members)} Not formatted correctly expecting only one of 'inputs' or "
        "'instances' keys to exist "
    )


def check_instances(members: Mapping[str, Any], input_count: int) -> None:
    """Raises InvalidArgument if ``instances`` is no list, is empty, or is plain where names are needed."""
    instances = members["instances"]
    if not isinstance(instances, list):
        raise InvalidArgument(f"JSON Value: {show.value(members)} Expecting 'instances' to be an list/array")
    if not instances:
        raise InvalidArgument(f"JSON Value: {show.value(members)} No values in 'instances' array")
    if not isinstance(instances[0], dict) and input_count > 1:
        raise InvalidArgument(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
            "tensorinfo_map"
        )


def in_instances(instances: Sequence[Any], infos: Mapping[str, Any], *, skipped: int = 0) -> InvalidArgument:
    """The first mistake in a list of instances, of which so many are left out behind the first."""
    named = is_named(instances[0])
    seen: dict[str, list[int]] = {}
    for index, element in enumerate(instances):
        position = index + skipped if index else 0
        if is_named(element) != named:
            what = "object but got list" if named else "value/list but got object"
            return InvalidArgument(f"Expecting {what} at item {position} of input list")
        items = element if named else {next(iter(infos)): element}
        for name, value in items.items():
            mistake = _in_item(value, name, infos, seen)
            if mistake:
                key = f" key: {name}" if named else ""
                return InvalidArgument(
                    f"Failed to process element: {position}{key} of 'instances' list. Error: {mistake.described}"
                )
        if items.keys() != infos.keys():
            return InvalidArgument(
                f"Failed to process element: {position} of 'instances' list. JSON object: {show.value(element)} "
                f"keys must be equal to: {','.join(sorted(infos))}"
            )
    return InvalidArgument(f"tensor parsing error: {next(iter(infos))}")


def in_value(value: Any, name: str, dtype: int) -> ServerError:
    """The first mistake in one tensor, the value of an input."""
    return _in_tensor(value, _shape(value), dtype, 0) or InvalidArgument(f"tensor parsing error: {name}")


def type_name(value: Any) -> str:
    """The kind of a JSON value."""
    if isinstance(value, bool):
        return str(value)
    names = {str: "String", list: "Array", dict: "Object", type(None): "Null"}
    return names.get(type(value), "Number")


def _in_item(value: Any, name: str, infos: Mapping[str, Any], seen: dict[str, list[int]]) -> ServerError | None:
    if name not in infos:
        return InvalidArgument(f"JSON object: does not have named input: {name}")
    shape = _shape(value)
    mistake = _in_tensor(value, shape, infos[name].dtype, 0)
    first = seen.setdefault(name, shape)
    if mistake or first == shape:
        return mistake
    if math.prod(first) != math.prod(shape):
        return InvalidArgument(f"Expecting tensor size: {math.prod(first)} but got: {math.prod(shape)}")
    return InvalidArgument(f"Expecting shape {show_shape(first)} but got: {show_shape(shape)}")


def _in_tensor(value: Any, shape: list[int], dtype: int, level: int) -> ServerError | None:
    rank = len(shape)
    if rank > MOST_DIMENSIONS:
        return None
    if not isinstance(value, list):
        if level != rank:
            return InvalidArgument(
                f"JSON Value: {show.value(value)} found at incorrect level: {level + 1} in the JSON DOM. "
                f"Expected at level: {rank}"
            )
        return _in_scalar(value, dtype)
    if level >= rank:
        return InvalidArgument(f"Encountered list at unexpected level: {level} expected < {rank}")
    if len(value) != shape[level]:
        return InvalidArgument(
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: {shape[level]}"
        )
    plain = level == rank - 1 and _plainly_fits(value, dtype)
    return None if plain else next(filter(None, (_in_tensor(one, shape, dtype, level + 1) for one in value)), None)


def _plainly_fits(values: list[Any], dtype: int) -> bool:
    """True for numbers that surely have no mistake, for which one look is enough."""
    types = set(map(type, values))
    return bool(values) and tf.as_dtype(dtype).is_floating and types <= {int, float}


def _in_scalar(value: Any, dtype: int) -> ServerError | None:
    if isinstance(value, dict) and dtype == types_pb2.DT_STRING:
        if is_base64(value):
            return None
        return InvalidArgument(f"JSON Value: {show.value(value)} not formatted correctly for base64 data")
    fits = _is_of_type(value, dtype)
    if fits is None:
        return Unimplemented(f"Conversion of JSON Value: {show.value(value)} to type: {dtype_name(dtype)}")
    if not fits:
        return InvalidArgument(
            f"JSON Value: {show.value(value)} Type: {type_name(value)} is not of expected type: {dtype_name(dtype)}"
        )
    return None


def _is_of_type(value: Any, dtype: int) -> bool | None:
    """Whether a value is of a type; None if no JSON value is."""
    kind = tf.as_dtype(dtype)
    if dtype == types_pb2.DT_STRING:
        return isinstance(value, str)
    if dtype == types_pb2.DT_BOOL:
        return isinstance(value, bool)
    if kind.is_floating:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if has_no_values(dtype):
        return False if isinstance(value, dict) else None
    low, high = integer_range(dtype)
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _shape(value: Any) -> list[int]:
    """The shape that the first elements have; the others are held to it."""
    shape: list[int] = []
    while isinstance(value, list):
        shape.append(len(value))
        if not value:
            break
        value = value[0]
    return shape
