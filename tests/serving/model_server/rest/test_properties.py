"""For any JSON: tensors or a refusal in TensorFlow Serving's manner, never a fault; and arrays there and back."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from tensorflow.core.protobuf import meta_graph_pb2

from serving.model_server.errors import InvalidArgument, Unimplemented
from serving.model_server.rest import json_examples, json_request, render

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.sampled_from([10**400, 2**63, 2**64, -(2**63) - 1])
    | st.floats()
    | st.text(max_size=3)
    | st.builds(lambda text: {"b64": text}, st.text("aA=? ", max_size=5))
)
VALUES: Any = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["x", "y", "b64"]), inner, max_size=2),
    max_leaves=8,
)
DTYPES = [
    "float",
    "double",
    "half",
    "bfloat16",
    "int8",
    "uint8",
    "int32",
    "int64",
    "uint32",
    "uint64",
    "bool",
    "string",
]
MEMBERS = st.sampled_from(["instances", "inputs", "signature_name", "examples", "context"])


def infos(*dtypes: str) -> dict[str, Any]:
    return {
        name: meta_graph_pb2.TensorInfo(dtype=f"DT_{dtype.upper()}") for name, dtype in zip("xy", dtypes, strict=False)
    }


@settings(max_examples=150, deadline=None)
@given(
    members=st.dictionaries(MEMBERS, VALUES, max_size=3),
    dtypes=st.lists(st.sampled_from([*DTYPES, "complex64", "resource"]), min_size=1, max_size=2),
)
def test_any_predict_gives_tensors_or_a_refusal(members: dict[str, Any], dtypes: list[str]) -> None:
    try:
        document = json_request.parse(json.dumps(members).encode("utf-8", "replace"))
        json_request.signature_name(document)
        body = json_request.predict_body(document, infos(*dtypes))
    except (InvalidArgument, Unimplemented) as refusal:
        render.error(str(refusal)).encode(errors="replace")
    else:
        assert list(body.inputs) == list(infos(*dtypes))
        assert all(isinstance(array, np.ndarray) for array in body.inputs.values())


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(MEMBERS, VALUES | st.lists(st.dictionaries(st.text(max_size=2), VALUES), max_size=3)))
def test_any_classify_gives_examples_or_a_refusal(members: dict[str, Any]) -> None:
    try:
        found = json_examples.read(json_request.parse(json.dumps(members).encode("utf-8", "replace")))
    except InvalidArgument as refusal:
        render.error(str(refusal)).encode(errors="replace")
    else:
        assert found.WhichOneof("kind")
        found.SerializeToString()


@pytest.mark.parametrize("dtype", ["float", "double", "int32", "int64", "uint8", "uint64", "bool"])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_an_array_comes_back_as_it_was(dtype: str, data: st.DataObject) -> None:
    numpy_dtype = np.dtype({"float": "float32", "double": "float64"}.get(dtype, dtype))
    array = data.draw(arrays.arrays(numpy_dtype, arrays.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4)))
    for rendered, key in ((render.predictions, "predictions"), (render.columns, "outputs")):
        answer = json.loads(rendered({"y": array}))[key]
        body = json.dumps({"instances" if key == "predictions" else "inputs": answer}).encode()
        again = json_request.predict_body(json_request.parse(body), infos(dtype)).inputs["x"]
        assert (again.dtype, again.shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(again, array)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_many_numbers_are_written_as_each_alone(dtype: Any) -> None:
    source = np.random.default_rng(0)
    any_bits = np.frombuffer(source.bytes(4000 * np.dtype(dtype).itemsize), dtype)
    decimals = np.round(source.uniform(-1000, 1000, 1000), 3).astype(dtype)
    powers = (10.0 ** np.arange(-37, 38)).astype(dtype)
    values = np.concatenate([any_bits, decimals, np.arange(-100, 100, dtype=dtype), powers]).astype(dtype)
    together = json.dumps(json.loads(render.predictions({"y": values}), parse_float=str, parse_constant=str))
    alone = [json.loads(render.columns({"y": one}), parse_float=str, parse_constant=str) for one in values[:, None]]
    assert json.loads(together)["predictions"] == [one["outputs"][0] for one in alone]


@settings(max_examples=100, deadline=None)
@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_number_has_six_digits_if_they_suffice_and_else_nine(value: float) -> None:
    text = render.columns({"y": np.array(value, np.float32)}).split(": ")[1].rstrip("\n}")
    assert np.float32(text) == np.float32(value)
    short = f"{value:.6g}"
    assert text.removesuffix(".0") == (short if np.float32(short) == np.float32(value) else f"{value:.9g}")
