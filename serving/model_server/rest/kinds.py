"""What a JSON value may be for: an input by name, bytes, a tensor of some dtype."""

from __future__ import annotations

from functools import cache
from typing import Any

from tensorflow.core.framework import types_pb2

from serving.model_server import tf

MOST_DIMENSIONS = 64
_INTEGER_RANGES = {
    types_pb2.DT_INT64: (-(2**63), 2**63 - 1),
    types_pb2.DT_UINT32: (0, 2**32 - 1),
    types_pb2.DT_UINT64: (0, 2**64 - 1),
}
_INT32_RANGE = (-(2**31), 2**31 - 1)


def is_base64(value: Any) -> bool:
    """True for ``{"b64": "…"}``."""
    return isinstance(value, dict) and list(value) == ["b64"] and isinstance(value["b64"], str)


def is_named(value: Any) -> bool:
    """True for an object of inputs by name."""
    return isinstance(value, dict) and not is_base64(value)


def integer_range(dtype: int) -> tuple[int, int]:
    """The smallest and largest JSON number that is taken for an integer type."""
    return _INTEGER_RANGES.get(dtype, _INT32_RANGE)


@cache
def has_no_values(dtype: int) -> bool:
    """True for a type that no JSON value is of: complex and quantized numbers, resources, variants."""
    kind = tf.as_dtype(dtype)
    known = dtype in (types_pb2.DT_STRING, types_pb2.DT_BOOL) or kind.is_floating or kind.is_integer
    return not known or kind.is_quantized
