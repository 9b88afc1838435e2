"""numpy <-> TensorProto, held against TensorFlow's own conversion, bytes for bytes and both ways."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from tensorflow.core.framework import tensor_pb2

from contract import wire_pb2 as wire
from contract.tensors import TensorError, from_proto, to_proto

DTYPES = ("uint8", "int8", "int16", "int32", "int64", "float32", "float64", "bool")
SHAPES = arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
NUMBERS = st.sampled_from(DTYPES).flatmap(lambda dtype: arrays.arrays(np.dtype(dtype), SHAPES))
STRINGS = arrays.arrays(object, SHAPES, elements=st.binary(max_size=12))


def official(proto: wire.TensorProto) -> tensor_pb2.TensorProto:
    return tensor_pb2.TensorProto.FromString(proto.SerializeToString())


def ours(proto: tensor_pb2.TensorProto) -> wire.TensorProto:
    return wire.TensorProto.FromString(proto.SerializeToString())


def assert_same(got: NDArray[Any], wanted: NDArray[Any]) -> None:
    """Shape, dtype and every bit, NaNs too."""
    assert (got.shape, got.dtype) == (wanted.shape, wanted.dtype)
    assert got.tolist() == wanted.tolist() if wanted.dtype == object else got.tobytes() == wanted.tobytes()


@given(NUMBERS | STRINGS)
def test_an_array_comes_back_bit_for_bit(array: NDArray[Any]) -> None:
    assert_same(from_proto(to_proto(array)), array)


@given(NUMBERS)
def test_tensorflow_reads_our_numbers(array: NDArray[Any]) -> None:
    assert_same(tf.make_ndarray(official(to_proto(array))), array)


@given(STRINGS)
def test_tensorflow_reads_our_strings(array: NDArray[Any]) -> None:
    assert_same(tf.make_ndarray(official(to_proto(array))), array)


@given(NUMBERS | STRINGS)
def test_we_read_what_tensorflow_writes(array: NDArray[Any]) -> None:
    assert_same(from_proto(ours(tf.make_tensor_proto(array, shape=array.shape))), array)


@pytest.mark.parametrize("dtype", [name for name in DTYPES if name != "bool"])  # TensorFlow writes those one by one
def test_the_bytes_are_those_that_tensorflow_writes(dtype: str) -> None:
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)

    assert to_proto(array).SerializeToString(deterministic=True) == tf.make_tensor_proto(array).SerializeToString(
        deterministic=True
    )


def test_the_bytes_of_strings_are_those_that_tensorflow_writes() -> None:
    array = np.array([[b"a", b""], [b"\x00\xff", "é".encode()]], dtype=object)

    assert to_proto(array).SerializeToString() == tf.make_tensor_proto(array).SerializeToString()


@pytest.mark.parametrize(
    ("dtype", "field", "values"),
    [
        ("float32", "float_val", [1.5, -2.25, float("inf")]),
        ("float64", "double_val", [1.5, -2.25, 1e300]),
        ("int32", "int_val", [1, -2, 2**31 - 1]),
        ("uint8", "int_val", [0, 7, 255]),
        ("int8", "int_val", [-128, 0, 127]),
        ("int16", "int_val", [-(2**15), 0, 2**15 - 1]),
        ("int64", "int64_val", [-(2**63), 0, 2**63 - 1]),
        ("bool", "bool_val", [True, False, True]),
        ("string", "string_val", [b"a", b"", b"\xff"]),
    ],
)
def test_typed_values_are_read_as_tensorflow_reads_them(dtype: str, field: str, values: list[Any]) -> None:
    for count, shape in ((3, [3]), (3, [3, 1]), (3, [5]), (1, [2, 2]), (1, [])):
        proto = tensor_pb2.TensorProto(dtype=tf.as_dtype(dtype).as_datatype_enum)
        proto.tensor_shape.CopyFrom(tf.TensorShape(shape).as_proto())
        getattr(proto, field).extend(values[:count])

        assert_same(from_proto(ours(proto)), tf.make_ndarray(proto))


@pytest.mark.parametrize("count", [1, 31, 32, 5000])
@pytest.mark.parametrize(("dtype", "field"), [("float32", "float_val"), ("float64", "double_val")])
@pytest.mark.parametrize("beside", [{}, {"bool_val": [True]}], ids=["alone", "with a field that should not be"])
def test_lists_of_floats_are_read_bit_for_bit(dtype: str, field: str, count: int, beside: dict[str, Any]) -> None:
    values = np.random.default_rng(count).standard_normal(count).astype(dtype)
    values[0] = np.nan
    enum = wire.DT_FLOAT if dtype == "float32" else wire.DT_DOUBLE

    read = from_proto(_proto((count,), dtype=enum, **{field: values.tolist()}, **beside))

    assert read.dtype == dtype
    assert read.tobytes() == values.tobytes()


@pytest.mark.parametrize("dtype", [name for name in DTYPES if name != "bool"])
def test_no_values_at_all_are_zeros_as_in_the_runtime(dtype: str) -> None:
    proto = tensor_pb2.TensorProto(dtype=tf.as_dtype(dtype).as_datatype_enum)
    proto.tensor_shape.CopyFrom(tf.TensorShape([2, 3]).as_proto())

    assert_same(from_proto(ours(proto)), np.zeros((2, 3), dtype))
    assert_same(from_proto(ours(proto)), tf.io.parse_tensor(proto.SerializeToString(), dtype).numpy())


@pytest.mark.parametrize("array", [np.array(["a", "é"]), np.array([b"a", "é".encode()]), np.array(["a", "é"], object)])
def test_text_travels_as_utf_8(array: NDArray[Any]) -> None:
    assert from_proto(to_proto(array)).tolist() == [b"a", "é".encode()]


def test_strings_that_end_in_zeros_keep_them() -> None:
    array = np.array([b"a\x00\x00", b"\x00"], dtype=object)

    assert from_proto(to_proto(array)).tolist() == [b"a\x00\x00", b"\x00"]


def test_arrays_that_are_turned_cut_or_of_the_other_byte_order_arrive_as_they_look() -> None:
    array = np.arange(12, dtype=np.int32).reshape(3, 4)

    for view in (
        array.T,
        array[::-1, ::2],
        array.astype(">i4"),
        np.broadcast_to(array[0], (2, 4)),
        np.asfortranarray(array),
    ):
        assert from_proto(to_proto(view)).tolist() == view.tolist()


def test_an_image_batch_costs_its_bytes_and_a_few_more() -> None:
    assert len(to_proto(np.zeros((1, 224, 224, 3), np.uint8)).SerializeToString()) < 224 * 224 * 3 + 40


@pytest.mark.parametrize("dtype", ["uint16", "uint32", "uint64", "float16", "complex64", "datetime64[s]"])
def test_a_dtype_that_does_not_travel_is_refused(dtype: str) -> None:
    with pytest.raises(TensorError, match=r"Expected an array of float32.*bytes or str\. Received: dtype"):
        to_proto(np.zeros(2, dtype))


@pytest.mark.parametrize("value", [None, 5, 1.5, [b"a"]])
def test_objects_that_are_no_strings_are_refused(value: object) -> None:
    array = np.empty(1, dtype=object)
    array[0] = value

    with pytest.raises(TensorError, match=r"Expected bytes or str in an object array. Received: "):
        to_proto(array)


def _proto(shape: tuple[int, ...], **values: Any) -> wire.TensorProto:
    dims = [wire.TensorShapeProto.Dim(size=size) for size in shape]
    return wire.TensorProto(tensor_shape=wire.TensorShapeProto(dim=dims), **values)


@pytest.mark.parametrize(
    ("proto", "message"),
    [
        (_proto((2,), dtype="DT_FLOAT", tensor_content=b"1234567"), r"Expected 8 bytes for \(2,\). Received: 7"),
        (_proto((2,), dtype="DT_FLOAT", tensor_content=b"123456789"), "Received: 9"),
        (_proto((0,), dtype="DT_FLOAT", tensor_content=b"1234"), "Expected 0 bytes"),
        (_proto((2,), dtype="DT_FLOAT", float_val=[1, 2, 3]), r"Expected 2 values for the shape \(2,\). Received: 3"),
        (_proto((2,), dtype="DT_STRING"), "Expected 2 values"),
        (_proto((2,), dtype="DT_STRING", string_val=[b""] * 3), "Expected 2 values"),
        (_proto((2,)), "Received: data type 0"),
        (_proto((-1,), dtype="DT_FLOAT"), "Expected a tensor of known shape"),
        (wire.TensorProto(dtype="DT_UINT8", tensor_shape={"unknown_rank": True}), "Expected a tensor of known shape"),
        (_proto((2,), dtype="DT_UINT8", int_val=[256, 1]), "Expected values of uint8 in int_val. Received: .* 256"),
    ],
)
def test_a_proto_that_contradicts_itself_is_refused(proto: wire.TensorProto, message: str) -> None:
    with pytest.raises(TensorError, match=message):
        from_proto(proto)


def test_a_dtype_that_we_do_not_know_is_refused_and_named() -> None:
    half = tf.make_tensor_proto(np.zeros((2,), np.float16))

    with pytest.raises(TensorError, match="Received: data type 19"):
        from_proto(ours(half))
