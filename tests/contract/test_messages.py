"""Requests as bytes on the wire, read by TensorFlow Serving's own messages."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tensorflow import make_ndarray
from tensorflow_serving.apis import predict_pb2

from contract import messages, tensors
from contract.messages import ModelSpec

SPEC = ModelSpec("digits", version=2**40)
ARRAYS = st.one_of(
    hnp.arrays(
        st.sampled_from(["u1", "i1", "<i2", "<i4", "<i8", "<f4", ">f4", "<f8", "?"]),
        hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=20),
    ),
    st.lists(st.binary(max_size=300), max_size=3).map(lambda values: np.array(values, dtype=object)),
)


@given(st.dictionaries(st.text(max_size=200), ARRAYS, max_size=3))
def test_a_request_reads_as_if_its_messages_had_made_it(inputs: dict[str, np.ndarray]) -> None:
    request = predict_pb2.PredictRequest.FromString(messages.predict_request(SPEC, inputs, "explain", ["a", "b"]))

    assert (request.model_spec.name, request.model_spec.version.value) == ("digits", 2**40)
    assert (request.model_spec.signature_name, list(request.output_filter)) == ("explain", ["a", "b"])
    assert set(request.inputs) == set(inputs)
    for name, array in inputs.items():
        assert request.inputs[name].SerializeToString(deterministic=True) == tensors.to_proto(array).SerializeToString()


@pytest.mark.parametrize("shape", [(), (0, 3), (2**14, 2), (4, 9, 8, 3)])
def test_arrays_of_any_size_and_layout_arrive(shape: tuple[int, ...]) -> None:
    whole = np.arange(2 * np.prod(shape, dtype=int)).reshape((*shape, 2)).astype(np.float32)
    strided = whole[..., 0]

    request = predict_pb2.PredictRequest.FromString(messages.predict_request(SPEC, {"images": strided}, "", []))

    assert np.array_equal(make_ndarray(request.inputs["images"]), strided)
