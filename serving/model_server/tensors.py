"""TensorProto <-> numpy, for every dtype that TensorFlow has."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.core.framework import tensor_pb2, types_pb2

from serving.model_server.errors import InvalidArgument

# The field of typed values that TensorFlow fills for a dtype; all others travel as tensor_content.
_FIELDS: dict[int, str] = {
    types_pb2.DT_FLOAT: "float_val",
    types_pb2.DT_DOUBLE: "double_val",
    types_pb2.DT_INT32: "int_val",
    types_pb2.DT_UINT8: "int_val",
    types_pb2.DT_INT16: "int_val",
    types_pb2.DT_INT8: "int_val",
    types_pb2.DT_UINT16: "int_val",
    types_pb2.DT_INT64: "int64_val",
    types_pb2.DT_UINT32: "uint32_val",
    types_pb2.DT_UINT64: "uint64_val",
    types_pb2.DT_BOOL: "bool_val",
    types_pb2.DT_STRING: "string_val",
}


def to_array(alias: str, proto: Any) -> NDArray[Any]:
    """The array of a request's TensorProto; a view of its bytes where it came as ``tensor_content``.

    Args:
        alias: The input's name, for the message.
        proto: A ``tensorflow.TensorProto``.

    Raises:
        InvalidArgument: Values that do not fit the shape, or a dtype that no array has.
    """
    try:
        content = proto.tensor_content
        if content and proto.dtype in _FIELDS and proto.dtype != types_pb2.DT_STRING:
            shape = tuple(dim.size for dim in proto.tensor_shape.dim)
            return np.frombuffer(content, tf.as_dtype(proto.dtype).as_numpy_dtype).reshape(shape)
        array: NDArray[Any] = tf.make_ndarray(proto)
    except (ValueError, TypeError, KeyError, IndexError):
        raise InvalidArgument(f"tensor parsing error: {alias}") from None
    return array


def to_proto(array: NDArray[Any]) -> Any:
    """The array as a ``tensorflow.TensorProto`` with typed values, as TensorFlow Serving answers."""
    dtype = tf.as_dtype(array.dtype).as_datatype_enum
    if dtype not in _FIELDS:
        return tf.make_tensor_proto(array)
    proto = tensor_pb2.TensorProto(dtype=dtype)
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    if math.prod(array.shape):
        getattr(proto, _FIELDS[dtype]).extend(array.ravel().tolist())
    return proto
