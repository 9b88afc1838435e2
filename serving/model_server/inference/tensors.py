"""TensorProto <-> numpy, for every dtype that TensorFlow has, as its own ``Tensor::FromProto`` and ``AsProtoField``."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorflow.core.framework import tensor_pb2, types_pb2

from serving.model_server import tf
from serving.model_server.errors import InvalidArgument

_INT32_VALUES = ("int32", "uint8", "int16", "int8", "uint16", "qint8", "quint8", "qint16", "quint16", "qint32")
_FIELDS: dict[int, str] = {
    types_pb2.DT_FLOAT: "float_val",
    types_pb2.DT_DOUBLE: "double_val",
    types_pb2.DT_INT64: "int64_val",
    types_pb2.DT_UINT32: "uint32_val",
    types_pb2.DT_UINT64: "uint64_val",
    types_pb2.DT_BOOL: "bool_val",
    types_pb2.DT_STRING: "string_val",
    types_pb2.DT_COMPLEX64: "scomplex_val",
    types_pb2.DT_COMPLEX128: "dcomplex_val",
    types_pb2.DT_HALF: "half_val",
    types_pb2.DT_BFLOAT16: "half_val",
} | {tf.as_dtype(name).as_datatype_enum: "int_val" for name in _INT32_VALUES}
"""The field of typed values for a dtype."""

_DTYPES: dict[int, np.dtype[Any]] = {enum: np.dtype(tf.as_dtype(enum).as_numpy_dtype) for enum in _FIELDS}
_ENUMS: dict[np.dtype[Any], int] = {dtype: enum for enum, dtype in _DTYPES.items()}
# What the values of a field are, where that is not the dtype itself: 16-bit floats travel as their bits, complex
# numbers as pairs, quantized ones as plain integers.
_FIELD_DTYPES: dict[int, np.dtype[Any]] = {
    types_pb2.DT_HALF: np.dtype(np.uint16),
    types_pb2.DT_BFLOAT16: np.dtype(np.uint16),
    types_pb2.DT_COMPLEX64: np.dtype(np.float32),
    types_pb2.DT_COMPLEX128: np.dtype(np.float64),
} | {enum: dtype[0] for enum, dtype in _DTYPES.items() if dtype.names}
# What protobuf holds in a field.
_WIRE_DTYPES: dict[str, type] = {
    "float_val": np.float32,
    "double_val": np.float64,
    "int_val": np.int32,
    "int64_val": np.int64,
    "uint32_val": np.uint32,
    "uint64_val": np.uint64,
    "bool_val": np.bool_,
    "scomplex_val": np.float32,
    "dcomplex_val": np.float64,
    "half_val": np.int32,
}
# Fields that are on the wire just what numpy has in memory, with the key that stands before them: length-delimited.
_WIRE_KEYS: dict[str, bytes] = {
    name: bytes([tensor_pb2.TensorProto.DESCRIPTOR.fields_by_name[name].number << 3 | 2])
    for name in ("float_val", "double_val", "scomplex_val", "dcomplex_val", "bool_val")
}
_FEW = 32
_MOST_DIMENSIONS = 254
# A shape of a few bytes may claim any number of values: more than this is not made of fewer values than were sent.
_MOST_FILLED_BYTES = 2**28


def dtype_enum(array: NDArray[Any]) -> int:
    """The DataType of an array; strings are object arrays of bytes."""
    enum = _ENUMS.get(array.dtype)
    return int(tf.as_dtype(array.dtype).as_datatype_enum) if enum is None else enum


def to_array(alias: str, proto: Any) -> NDArray[Any]:
    """The array of a request's TensorProto; a read-only view of its bytes where it came as ``tensor_content``.

    Too few typed values are completed with the last one, or with zeros if there is none; superfluous ones are dropped.
    Where that would fill more than 256 MiB it is refused, as TensorFlow refuses what it finds no memory for.

    Args:
        alias: The input's name, for the message.
        proto: A ``tensorflow.TensorProto``.

    Raises:
        InvalidArgument: Content that does not fit the shape, no valid shape, or a dtype that no array has.
    """
    try:
        shape = tuple(dim.size for dim in proto.tensor_shape.dim)
        count = math.prod(shape)
        if proto.tensor_shape.unknown_rank or len(shape) > _MOST_DIMENSIONS or min(shape, default=0) < 0:
            raise ValueError(shape)
        dtype = _DTYPES[proto.dtype]
        if proto.tensor_content and count:
            return _content(proto, dtype, count).reshape(shape)
        return _typed(proto, dtype, count).reshape(shape)
    except (ValueError, TypeError, KeyError, MemoryError, OverflowError):
        raise InvalidArgument(f"tensor parsing error: {alias}") from None


def to_proto(array: NDArray[Any], *, as_content: bool = False) -> Any:
    """The array as a ``tensorflow.TensorProto``.

    Args:
        array: Any array of a dtype of TensorFlow's.
        as_content: In ``tensor_content`` and not, as TensorFlow Serving answers by default, in typed values.
    """
    enum = dtype_enum(array)
    proto = tensor_pb2.TensorProto(dtype=enum)
    # A scalar has an empty shape, not none.
    proto.tensor_shape.SetInParent()
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    if not math.prod(array.shape):
        return proto
    if as_content or enum not in _FIELDS:
        proto.tensor_content = _encoded(array.ravel().tolist()) if enum == types_pb2.DT_STRING else array.tobytes()
        return proto
    field, values = _FIELDS[enum], array.ravel()
    if values.size > _FEW and field in _WIRE_KEYS:
        # To parse them costs a thirtieth of making a Python number of each.
        data = values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
        proto.MergeFromString(b"".join((_WIRE_KEYS[field], _varint(len(data)), data)))
        return proto
    if enum in _FIELD_DTYPES:
        values = values.view(_FIELD_DTYPES[enum])
    getattr(proto, field).extend(values.tolist())
    return proto


def _varint(number: int) -> bytes:
    """Protobuf's encoding of a length."""
    encoded = bytearray()
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _content(proto: Any, dtype: np.dtype[Any], count: int) -> NDArray[Any]:
    content = proto.tensor_content
    if proto.dtype == types_pb2.DT_STRING:
        return _object_array(_decoded(content, count))
    if len(content) != count * dtype.itemsize:
        raise ValueError(len(content))
    if proto.dtype == types_pb2.DT_BOOL and np.frombuffer(content, np.uint8).max() > 1:
        raise ValueError("no booleans")
    return np.frombuffer(content, dtype)


def _typed(proto: Any, dtype: np.dtype[Any], count: int) -> NDArray[Any]:
    field = _FIELDS[proto.dtype]
    values = getattr(proto, field)
    if len(values) < count and count * dtype.itemsize > _MOST_FILLED_BYTES:
        raise ValueError(count)
    if proto.dtype == types_pb2.DT_STRING:
        strings = values[:count] or [b""]
        return _object_array(strings + strings[-1:] * (count - len(strings)))[:count]
    stored = _FIELD_DTYPES.get(proto.dtype, dtype)
    each = dtype.itemsize // stored.itemsize
    if len(values) > count * each:
        values = values[: count * each]
    # A number out of range is cut to its low bits, as C++ does.
    found = np.array(values[: len(values) // each * each], _WIRE_DTYPES[field]).astype(stored, copy=False).view(dtype)
    if len(found) == count:
        return found
    filled = np.zeros(count, dtype)
    filled[: len(found)] = found
    if len(found):
        filled[len(found) :] = found[-1]
    return filled


def _object_array(values: list[bytes]) -> NDArray[Any]:
    array = np.empty(len(values), np.object_)
    array[:] = values
    return array


def _decoded(content: bytes, count: int) -> list[bytes]:
    """Strings from TensorFlow's packing: `count` lengths as varints, then all bytes."""
    lengths, at = [], 0
    for _ in range(count):
        length = shift = 0
        while True:
            if at >= len(content) or shift > 28:
                raise ValueError("no strings")
            byte, at = content[at], at + 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        lengths.append(length)
    if at + sum(lengths) != len(content):
        raise ValueError("no strings")
    strings = []
    for length in lengths:
        strings.append(content[at : at + length])
        at += length
    return strings


def _encoded(strings: list[bytes]) -> bytes:
    return b"".join([*map(_varint, map(len, strings)), *strings])
