"""numpy <-> TensorProto, without TensorFlow.

Arrays travel as ``tensor_content`` (their bytes, little-endian, one copy); strings as ``string_val``. What comes
back may be either: TensorFlow Serving answers with typed values such as ``float_val`` unless told otherwise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract import wire_pb2 as wire
from contract.encoding import field_head


class TensorError(ValueError):
    """An array or a TensorProto that cannot be converted; the message names what came and what was wanted."""


@dataclass(frozen=True)
class _Kind:
    dtype: np.dtype[Any]
    field: str


_KINDS: dict[int, _Kind] = {
    wire.DT_FLOAT: _Kind(np.dtype("<f4"), "float_val"),
    wire.DT_DOUBLE: _Kind(np.dtype("<f8"), "double_val"),
    wire.DT_INT32: _Kind(np.dtype("<i4"), "int_val"),
    wire.DT_UINT8: _Kind(np.dtype("u1"), "int_val"),
    wire.DT_INT16: _Kind(np.dtype("<i2"), "int_val"),
    wire.DT_INT8: _Kind(np.dtype("i1"), "int_val"),
    wire.DT_INT64: _Kind(np.dtype("<i8"), "int64_val"),
    wire.DT_BOOL: _Kind(np.dtype("?"), "bool_val"),
}
_NOTHING = np.empty(0, np.uint8)
_ENUMS = {kind.dtype.newbyteorder("="): enum for enum, kind in _KINDS.items()}


def to_proto(array: NDArray[Any]) -> wire.TensorProto:
    """The array as a TensorProto.

    Args:
        array: Any shape; uint8, int8, int16, int32, int64, float32, float64, bool, or bytes/str (dtype S, U or object).

    Raises:
        TensorError: A dtype that is none of these, or an object array of anything but bytes and str.
    """
    proto, content = without_content(array)
    proto.tensor_content = content.tobytes()
    return proto


def without_content(array: NDArray[Any]) -> tuple[wire.TensorProto, NDArray[Any]]:
    """The TensorProto that `to_proto` gives, but for its `tensor_content`, and the array whose bytes those are.

    For large arrays, which are copied often enough on their way. Strings have no such bytes: their array is empty.
    """
    shape = wire.TensorShapeProto(dim=[wire.TensorShapeProto.Dim(size=size) for size in array.shape])
    if array.dtype.kind in "SUO":
        values = [_to_bytes(value) for value in array.ravel().tolist()]
        return wire.TensorProto(dtype=wire.DT_STRING, tensor_shape=shape, string_val=values), _NOTHING
    enum = _ENUMS.get(array.dtype.newbyteorder("="))
    if enum is None:
        wanted = ", ".join(str(dtype) for dtype in _ENUMS)
        raise TensorError(f"Expected an array of {wanted}, bytes or str. Received: dtype {array.dtype}")
    proto = wire.TensorProto(dtype=wire.DataType.Name(enum), tensor_shape=shape)
    return proto, np.ascontiguousarray(array, dtype=_KINDS[enum].dtype)


def from_proto(proto: wire.TensorProto) -> NDArray[Any]:
    """The TensorProto as an array; strings become an object array of bytes.

    A list of typed values shorter than the shape stands for its last value repeated, as in TensorFlow.

    Raises:
        TensorError: An unknown dtype or rank, or a number of values that does not match the shape.
    """
    if proto.tensor_shape.unknown_rank or any(dim.size < 0 for dim in proto.tensor_shape.dim):
        raise TensorError("Expected a tensor of known shape. Received: an unknown rank or dimension")
    shape = tuple(dim.size for dim in proto.tensor_shape.dim)
    if proto.dtype == wire.DT_STRING:
        strings = np.empty(len(proto.string_val), dtype=object)
        strings[:] = list(proto.string_val)
        return _filled(strings, shape)
    kind = _KINDS.get(proto.dtype)
    if kind is None:
        raise TensorError(f"Expected one of {sorted(map(str, _ENUMS))} or string. Received: data type {proto.dtype}")
    if not proto.tensor_content:
        return _filled(_values(proto, kind), shape)
    content = np.frombuffer(proto.tensor_content, dtype=np.uint8)
    if content.size != math.prod(shape) * kind.dtype.itemsize:
        raise TensorError(
            f"Expected {math.prod(shape) * kind.dtype.itemsize} bytes for {shape}. Received: {content.size}"
        )
    return content.view(kind.dtype).reshape(shape)


def _values(proto: wire.TensorProto, kind: _Kind) -> NDArray[Any]:
    """The typed values.

    Floats stand in the message's bytes as they do in an array. A number of Python for each, as protobuf gives them,
    would take milliseconds for the answer to a batch.
    """
    values = getattr(proto, kind.field)
    if kind.dtype.kind == "f" and values:
        encoded, size = proto.SerializeToString(), len(values) * kind.dtype.itemsize
        head = field_head(wire.TensorProto.DESCRIPTOR.fields_by_name[kind.field].number, size)
        # Nothing comes after them, unless a field is set that should not be.
        if encoded.endswith(head, 0, len(encoded) - size):
            return np.frombuffer(encoded, kind.dtype, len(values), len(encoded) - size)
    try:
        return np.array(values, dtype=kind.dtype)
    except OverflowError as error:
        raise TensorError(f"Expected values of {kind.dtype} in {kind.field}. Received: {error}") from None


def _to_bytes(value: object) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes):
        return value
    raise TensorError(f"Expected bytes or str in an object array. Received: {type(value).__name__}")


def _filled(values: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    size = math.prod(shape)
    if values.size == size:
        return values.reshape(shape)
    if values.size == 0 and values.dtype != object:
        return np.zeros(shape, values.dtype)
    if not 0 < values.size < size:
        raise TensorError(f"Expected {size} values for the shape {shape}. Received: {values.size}")
    return np.concatenate([values, np.repeat(values[-1:], size - values.size)]).reshape(shape)
