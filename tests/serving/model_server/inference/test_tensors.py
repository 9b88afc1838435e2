"""TensorProto <-> numpy, held to TensorFlow's own C++ for whatever a client may send."""

from __future__ import annotations

import math
import resource
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tensorflow.core.framework import tensor_pb2

from serving.model_server.errors import InvalidArgument
from serving.model_server.inference import tensors
from tests.serving.model_server.models_tf1 import ECHOED

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "float_val": st.floats(width=32, allow_nan=False),
    "double_val": st.floats(allow_nan=False),
    "int_val": st.integers(-(2**31), 2**31 - 1),
    "int64_val": st.integers(-(2**63), 2**63 - 1),
    "uint32_val": st.integers(0, 2**32 - 1),
    "uint64_val": st.integers(0, 2**64 - 1),
    "bool_val": st.booleans(),
    "string_val": st.binary(max_size=200),
    "scomplex_val": st.floats(width=32, allow_nan=False),
    "dcomplex_val": st.floats(allow_nan=False),
    "half_val": st.integers(0, 0x7BFF),
}
FIELDS = {
    **dict.fromkeys(("int8", "int16", "int32", "uint8", "uint16"), "int_val"),
    **{name: f"{name}_val" for name in ("int64", "uint32", "uint64", "bool", "string")},
    "float16": "half_val",
    "bfloat16": "half_val",
    "float32": "float_val",
    "float64": "double_val",
    "complex64": "scomplex_val",
    "complex128": "dcomplex_val",
}


@st.composite
def protos(draw: st.DrawFn) -> Any:
    """Tensors with too few values, too many, content of the wrong size, negative dimensions."""
    name = draw(st.sampled_from(ECHOED))
    proto = tensor_pb2.TensorProto(dtype=tf.as_dtype(name).as_datatype_enum)
    shape = draw(st.lists(st.integers(0, 3) | st.just(-1), max_size=3))
    for size in shape:
        proto.tensor_shape.dim.add(size=size)
    count = max(math.prod(shape), 0)
    if draw(st.booleans()):
        getattr(proto, FIELDS[name]).extend(draw(st.lists(VALUES[FIELDS[name]], max_size=count + 2)))
    else:
        size = count * (tf.as_dtype(name).size or 2) + draw(st.integers(-1, 1)) * draw(st.booleans())
        # Small bytes are valid booleans, lengths of strings and no NaN.
        proto.tensor_content = draw(st.binary(min_size=max(size, 0), max_size=max(size, 0)).map(_small))
    return proto


def _small(content: bytes) -> bytes:
    return bytes(byte % 3 for byte in content)


def in_cpp(proto: Any) -> NDArray[Any] | None:
    """What ``Tensor::FromProto`` makes of it; None: nothing."""
    try:
        value = tf.io.parse_tensor(proto.SerializeToString(), tf.as_dtype(proto.dtype)).numpy()
    except tf.errors.InvalidArgumentError:
        return None
    return np.array(value, np.object_) if isinstance(value, bytes) else np.asarray(value)


@given(protos())
def test_any_tensor_is_read_as_tensorflow_reads_it(proto: Any) -> None:
    expected = in_cpp(proto)
    if expected is None:
        with pytest.raises(InvalidArgument, match=r"^tensor parsing error: x$"):
            tensors.to_array("x", proto)
        return
    array = tensors.to_array("x", proto)
    assert (tensors.dtype_enum(array), array.shape) == (proto.dtype, expected.shape)
    assert array.tolist() == expected.tolist()
    for as_content in (True, False):
        again = in_cpp(tensors.to_proto(array, as_content=as_content))
        assert again is not None
        assert again.tolist() == expected.tolist()


@pytest.mark.parametrize("dtype", [0, 20, 21, 999])
def test_bad_dtype_is_refused(dtype: int) -> None:
    with pytest.raises(InvalidArgument, match=r"^tensor parsing error: x$"):
        tensors.to_array("x", tensor_pb2.TensorProto(dtype=dtype))


def test_bad_shape_without_a_rank_is_refused() -> None:
    proto = tensor_pb2.TensorProto(dtype=1)
    proto.tensor_shape.unknown_rank = True
    with pytest.raises(InvalidArgument, match=r"^tensor parsing error: x$"):
        tensors.to_array("x", proto)


def test_bad_shape_too_large_for_any_memory_is_refused() -> None:
    proto = tensor_pb2.TensorProto(dtype=1, float_val=[1.0])
    for _ in range(3):
        proto.tensor_shape.dim.add(size=1 << 40)
    with pytest.raises(InvalidArgument, match=r"^tensor parsing error: x$"):
        tensors.to_array("x", proto)


@pytest.mark.parametrize("name", ["float32", "string", "uint8"])
@pytest.mark.parametrize("sent", [0, 1])
def test_bad_shape_that_claims_memory_for_values_that_were_not_sent_is_refused(name: str, sent: int) -> None:
    proto = tensor_pb2.TensorProto(dtype=tf.as_dtype(name).as_datatype_enum)
    proto.tensor_shape.dim.add(size=10**9)
    getattr(proto, FIELDS[name]).extend([b"x" if name == "string" else 1] * sent)
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InvalidArgument, match=r"^tensor parsing error: x$"):
        tensors.to_array("x", proto)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 100_000


@pytest.mark.parametrize("name", ["float32", "float64", "complex64", "complex128", "bool", "int32", "float16"])
def test_good_many_values_are_the_same_typed_values_as_few(name: str) -> None:
    """Long arrays are copied into the message as bytes."""
    array = (np.arange(300).reshape(3, 100) % 7 - 3).astype(name)
    proto = tensors.to_proto(array)
    expected = tensor_pb2.TensorProto(dtype=tf.as_dtype(name).as_datatype_enum)
    for size in array.shape:
        expected.tensor_shape.dim.add(size=size)
    for row in array.reshape(-1, 10):
        getattr(expected, FIELDS[name]).extend(getattr(tensors.to_proto(row), FIELDS[name]))
    assert proto == expected
    np.testing.assert_array_equal(tf.make_ndarray(proto), array)
