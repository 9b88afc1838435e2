"""JSON to tensors and back: types, ranges, shapes and the digits of numbers."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from tensorflow.core.protobuf import meta_graph_pb2

from serving.model_server.errors import InvalidArgument, Unimplemented
from serving.model_server.rest import render
from serving.model_server.rest.json_request import Document, parse, predict_body


def inputs(**dtypes: str) -> dict[str, Any]:
    return {name: meta_graph_pb2.TensorInfo(dtype=f"DT_{dtype.upper()}") for name, dtype in dtypes.items()}


def document(**members: Any) -> Document:
    return parse(json.dumps(members).encode())


def read(value: Any, dtype: str) -> np.ndarray:
    return predict_body(document(inputs=value), inputs(x=dtype)).inputs["x"]


@pytest.mark.parametrize(
    ("dtype", "value", "numpy_dtype"),
    [
        ("float", [1, 2.5], np.float32),
        ("double", [[0.1]], np.float64),
        ("half", [0.5], np.float16),
        ("uint8", [0, 255], np.uint8),
        ("int32", [-(2**31), 2**31 - 1], np.int32),
        ("int64", [-(2**63), 2**63 - 1], np.int64),
        ("uint32", [2**32 - 1], np.uint32),
        ("uint64", [2**64 - 1], np.uint64),
        ("bool", [True, False], np.bool_),
    ],
)
def test_good_values_of_each_type(dtype: str, value: Any, numpy_dtype: type) -> None:
    array = read(value, dtype)
    assert array.dtype == numpy_dtype
    np.testing.assert_array_equal(array, np.array(value, numpy_dtype))


def test_good_shapes_from_scalar_to_empty() -> None:
    assert read(1.0, "float").shape == ()
    assert read([], "float").shape == (0,)
    assert read([[], []], "float").shape == (2, 0)
    assert read([[[1], [2]]], "float").shape == (1, 2, 1)


def test_good_not_a_number_and_infinity_are_read() -> None:
    values = predict_body(parse(b'{"inputs": [NaN, Infinity, -Infinity]}'), inputs(x="float")).inputs["x"]
    np.testing.assert_array_equal(values, np.array([np.nan, np.inf, -np.inf], np.float32))


NOT = "is not of expected type"
BAD = [
    ("float", [1.0, None], f"JSON Value: null Type: Null {NOT}: float"),
    ("float", [1.0, [2.0]], "Encountered list at unexpected level: 1 expected < 1"),
    ("float", [[1.0], 2.0], "JSON Value: 2.0 found at incorrect level: 2 in the JSON DOM. Expected at level: 2"),
    ("float", [[1.0], [2.0, 3.0]], "Encountered list at unexpected size: 2 at level: 1 expected size: 1"),
    ("float", [10**400], "JSON Parse error: Number too big to be stored in double. at offset: 18"),
    ("float", [3.14159265358979, "a"], 'JSON Value: "a" Type: String'),
    ("int32", [3.14159265358979], "JSON Value: 3.14159274 Type: Number"),
    (
        "int32",
        [[{"a": [1.5, 1e30, True]}]],
        'JSON Value: {\n    "a": [\n        1.5,\n        1e30,\n        true\n    ]\n}',
    ),
    ("int32", [1.5], f"JSON Value: 1.5 Type: Number {NOT}: int32"),
    ("int32", [2**31], f"JSON Value: 2147483648 Type: Number {NOT}: int32"),
    ("int64", [2**63], f"Type: Number {NOT}: int64"),
    ("uint64", [-1], f"JSON Value: -1 Type: Number {NOT}: uint64"),
    ("bool", [1], f"JSON Value: 1 Type: Number {NOT}: bool"),
    ("int32", [False], f"JSON Value: false Type: False {NOT}: int32"),
    ("string", [1], f"JSON Value: 1 Type: Number {NOT}: string"),
    ("string", [{"b64": 1}], 'JSON Value: {\n    "b64": 1\n} not formatted correctly for base64 data'),
    ("float", [{"b64": "AA=="}], f'JSON Value: {{\n    "b64": "AA=="\n}} Type: Object {NOT}: float'),
]


@pytest.mark.parametrize(("dtype", "value", "message"), BAD)
def test_bad_value_is_named(dtype: str, value: Any, message: str) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        predict_body(document(inputs={"x": value}), inputs(x=dtype))
    assert message in str(refusal.value)


@pytest.mark.parametrize(
    ("instances", "message"),
    [
        ([{"x": 1}, 2], "Expecting object but got list at item 1 of input list"),
        ([1, {"x": 2}], "Expecting value/list but got object at item 1 of input list"),
        ([[[1, 2]], [[1], [2]]], "Expecting shape [1,2] but got: [2,1]"),
        ("text", "Expecting 'instances' to be an list/array"),
    ],
)
def test_bad_instances_are_named(instances: Any, message: str) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        predict_body(document(instances=instances), inputs(x="float"))
    assert message in str(refusal.value)


def test_good_numbers_have_the_digits_that_tensorflow_serving_writes() -> None:
    values = np.array([0.1, 1 / 3, 2, 9e6, 3e-5, np.nan, np.inf, -np.inf], np.float32)
    text = render.columns({"y": values})
    numbers = ["0.1", "0.333333343", "2.0", "9e+06", "3e-05", "NaN", "Infinity", "-Infinity"]
    separator = ",\n        "
    assert text == f'{{\n    "outputs": [\n        {separator.join(numbers)}\n    ]\n}}'
    assert json.loads(render.columns({"y": np.array([1 / 3])}))["outputs"] == [1 / 3]


def test_good_rows_of_several_outputs_and_ranks() -> None:
    outputs = {"a": np.array([[1, 2], [3, 4]]), "b_bytes": np.array([b"x", b"y"], object), "c": np.array([True, False])}
    assert json.loads(render.predictions(outputs)) == {
        "predictions": [
            {"a": [1, 2], "b_bytes": {"b64": "eA=="}, "c": True},
            {"a": [3, 4], "b_bytes": {"b64": "eQ=="}, "c": False},
        ]
    }
    assert render.predictions({"y": np.zeros((2, 0))}) == '{\n    "predictions": [[], []\n    ]\n}'
    assert render.predictions({"y": np.zeros((0, 2))}) == '{\n    "predictions": []\n}'
    assert render.columns({"y": np.array(1, np.float32)}) == '{\n    "outputs": 1.0\n}'


def test_good_rows_and_columns_are_indented_as_by_the_official_server() -> None:
    outputs = {"a": np.array([[1, 2]]), "b_bytes": np.array([b"x"], object)}
    encoded = '{\n                "b64": "eA=="\n            }'
    row = f'{{\n            "a": [1, 2],\n            "b_bytes": {encoded}\n        }}'
    assert render.predictions(outputs) == f'{{\n    "predictions": [\n        {row}\n    ]\n}}'
    column = "[\n            [\n                1,\n                2\n            ]\n        ]"
    bytes_column = f"[\n            {encoded}\n        ]"
    assert (
        render.columns(outputs)
        == f'{{\n    "outputs": {{\n        "a": {column},\n        "b_bytes": {bytes_column}\n    }}\n}}'
    )


def test_bytes_that_are_no_text_reach_the_model_and_strings_are_escaped_on_the_way_back() -> None:
    body = b'{"inputs": ["\xff", "\\ud83d\\ude00", "\\udc00"]}'
    array = predict_body(parse(body), inputs(x="string")).inputs["x"]
    assert array.tolist() == [b"\xff", "\U0001f600".encode(), b"\xed\xb0\x80"]
    text = render.columns({"y": np.array(b'a"\\\n\x1f\x7f/\xc3\xa9', object)})
    assert text == '{\n    "outputs": "a\\"\\\\\\n\\u001F\x7f/\u00e9"\n}'


@pytest.mark.parametrize("text", ["aGVsbG8=", "aGVsbG8", "aGVs bG8=", "aGVs\nbG8"])
def test_good_base64_with_and_without_padding_and_spaces(text: str) -> None:
    assert read({"b64": text}, "string").tolist() == b"hello"


@pytest.mark.parametrize("text", ["?", "a", "aGVsbG8==", "aGVsb-8=", "=", "aGVs=bG8"])
def test_bad_base64_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match=r"^Unable to base64 decode$"):
        read([{"b64": text}], "string")


def test_a_dtype_without_json_values_is_refused_both_ways() -> None:
    with pytest.raises(Unimplemented, match=r"^Conversion of JSON Value: 1 to type: complex64$"):
        read([1], "complex64")
    with pytest.raises(InvalidArgument, match=r"^Failed to write JSON value for tensor type: complex64$"):
        render.columns({"y": np.zeros(1, np.complex64)})
    with pytest.raises(InvalidArgument, match=r"^Cannot convert empty tensor map to JSON$"):
        render.columns({})


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({"y": np.array(1.0)}, "Tensor name: y has no shape information "),
        (
            {"a": np.zeros(2), "b": np.zeros(3)},
            "Tensor name: b has inconsistent batch size: 3 expecting: 2",
        ),
    ],
)
def test_bad_outputs_without_a_batch_dimension_are_refused(outputs: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        render.predictions(outputs)
    assert str(refusal.value) == message


@pytest.mark.parametrize(
    ("last", "message"),
    [
        ('"a"', 'JSON Value: "a" Type: String is not of expected type: float'),
        ("[1]", "Expecting shape [] but got: [1]"),
        ("[1, 2]", "Expecting tensor size: 1 but got: 2"),
    ],
)
def test_bad_value_behind_thousands_of_good_ones_is_named_with_its_place(last: str, message: str) -> None:
    body = f'{{"instances": [{"1.5," * 5_000} {last}, null]}}'
    with pytest.raises(InvalidArgument) as refusal:
        predict_body(parse(body.encode()), inputs(x="float"))
    place = "Failed to process element: 5000 of 'instances' list. Error: INVALID_ARGUMENT: "
    assert str(refusal.value) == place + message


def test_of_columns_with_the_same_name_the_first_counts() -> None:
    found = predict_body(parse(b'{"inputs": {"x": [1], "x": [2]}, "inputs": [3]}'), inputs(x="float"))
    assert found.inputs["x"].tolist() == [1.0]


def test_bad_value_is_quoted_up_to_a_length() -> None:
    with pytest.raises(InvalidArgument) as refusal:
        predict_body(document(instances={"a": [1] * 100_000}), inputs(x="float"))
    assert str(refusal.value).startswith('JSON Value: {\n    "instances": {\n        "a": [\n            1,\n')
    assert str(refusal.value).endswith("...TRUNCATED Expecting 'instances' to be an list/array")
    assert len(str(refusal.value)) < 2**17
