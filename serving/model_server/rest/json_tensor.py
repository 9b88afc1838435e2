"""JSON values as arrays, whole: by C code inside Python and numpy, and strict about shape and type."""

from __future__ import annotations

import base64
import binascii
import itertools
import re
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorflow.core.framework import types_pb2

from serving.model_server import tf
from serving.model_server.errors import InvalidArgument
from serving.model_server.rest.kinds import MOST_DIMENSIONS, has_no_values, integer_range, is_base64

_FLOATS = {types_pb2.DT_FLOAT, types_pb2.DT_DOUBLE, types_pb2.DT_HALF, types_pb2.DT_BFLOAT16}
_BASE64 = re.compile(r"([A-Za-z0-9+/]*)(={0,2})")


def dense(value: Any, dtype: int) -> NDArray[Any] | None:
    """The array of a JSON value, or None if it is ragged or of another type."""
    shape: list[int] = []
    level = [value]
    while level and type(level[0]) is list:
        if set(map(type, level)) != {list}:
            return None
        sizes = set(map(len, level))
        if len(sizes) != 1:
            return None
        shape.append(sizes.pop())
        level = list(itertools.chain.from_iterable(level))
    if len(shape) > MOST_DIMENSIONS:
        return None
    values = _values(level, dtype)
    return None if values is None else values.reshape(shape)


def _values(flat: list[Any], dtype: int) -> NDArray[Any] | None:
    """A flat list as an array, or None if a value is not of the type."""
    types = set(map(type, flat))
    if dtype == types_pb2.DT_STRING:
        return _strings(flat) if types <= {str, dict} else None
    if dtype == types_pb2.DT_BOOL:
        return np.array(flat, bool) if types <= {bool} else None
    if dtype in _FLOATS:
        return _floats(flat, dtype) if types <= {int, float} else None
    if has_no_values(dtype) or not types <= {int}:
        return None
    return _integers(flat, dtype)


def _floats(flat: list[Any], dtype: int) -> NDArray[Any]:
    try:
        wide = np.array(flat, np.float64)
    except OverflowError:
        # An integer beyond a double; infinite, as a decimal number would be.
        wide = np.full(len(flat), np.inf)
    with np.errstate(over="ignore"):
        narrow: NDArray[Any] = wide.astype(_numpy_dtype(dtype))
    return narrow


@cache
def _numpy_dtype(dtype: int) -> Any:
    return tf.as_dtype(dtype).as_numpy_dtype


def _integers(flat: list[Any], dtype: int) -> NDArray[Any] | None:
    low, high = integer_range(dtype)
    try:
        wide = np.array(flat, np.uint64 if dtype == types_pb2.DT_UINT64 else np.int64)
    except OverflowError:
        return None
    if wide.size and (wide.min() < low or wide.max() > high):
        return None
    # TensorFlow Serving reads the small types as int32 and lets them wrap.
    return wide.astype(_numpy_dtype(dtype))


def _strings(flat: list[Any]) -> NDArray[Any] | None:
    array = np.empty(len(flat), object)
    for position, value in enumerate(flat):
        if isinstance(value, str):
            array[position] = raw_bytes(value)
        elif is_base64(value):
            array[position] = decode_base64(value["b64"])
        else:
            return None
    return array


def raw_bytes(text: str) -> bytes:
    """The bytes of a string, as they were sent."""
    return text.encode("utf-8", "surrogateescape")


def decode_base64(text: str) -> bytes:
    """The bytes of a base64 string, in which spaces and a missing padding are allowed.

    Raises:
        InvalidArgument: It is none.
    """
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        pass
    match = _BASE64.fullmatch("".join(text.split()))
    if match is None or len(match[1]) % 4 == 1 or match[2] not in ("", "=" * (-len(match[1]) % 4)):
        raise InvalidArgument("Unable to base64 decode")
    return base64.b64decode(match[1] + "=" * (-len(match[1]) % 4))
