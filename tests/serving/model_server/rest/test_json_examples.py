"""The JSON of Classify and Regress: features of every kind, contexts, and what is refused; and the answers."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from google.protobuf import text_format
from tensorflow_serving.apis import classification_pb2, input_pb2, regression_pb2

from serving.model_server.errors import InvalidArgument
from serving.model_server.rest import render
from serving.model_server.rest.json_examples import read
from serving.model_server.rest.json_request import parse


def examples(text: str) -> Any:
    return read(parse(text.encode()))


def test_good_examples_of_every_kind_of_feature() -> None:
    found = examples(
        """{"examples": [
            {"names": ["foo", {"b64": "aGVsbG8="}], "ratings": [8.0, NaN, -Infinity], "age": 20},
            {"mixed": [1, true, false], "none": []}
        ]}"""
    )
    expected = """example_list {
        examples { features {
            feature { key: "names" value { bytes_list { value: "foo" value: "hello" } } }
            feature { key: "ratings" value { float_list { value: 8 value: nan value: -inf } } }
            feature { key: "age" value { int64_list { value: 20 } } }
        } }
        examples { features {
            feature { key: "mixed" value { int64_list { value: 1 value: 1 value: 0 } } }
            feature { key: "none" value { } }
        } }
    }"""
    # As text, for no number equals NaN.
    assert str(found) == str(text_format.Parse(expected, input_pb2.Input()))


def test_of_features_with_the_same_name_the_last_counts_and_of_lists_of_examples_the_first() -> None:
    found = examples('{"examples": [{"x": 1, "y": 2, "x": 3}], "examples": []}')
    features = found.example_list.examples[0].features.feature
    assert {name: list(one.int64_list.value) for name, one in features.items()} == {"x": [3], "y": [2]}


def test_good_context_stands_before_the_examples() -> None:
    found = examples('{"context": {"query": "pizza"}, "examples": [{"x": 1}]}')
    both = found.example_list_with_context
    assert both.context.features.feature["query"].bytes_list.value == [b"pizza"]
    assert both.examples[0].features.feature["x"].int64_list.value == [1]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({}, "JSON Value: {} When method is classify, key 'examples' is expected and was not found"),
        ({"examples": {}}, "JSON Value: {\n    \"examples\": {}\n} Expecting 'examples' value to be an list/array"),
        ({"examples": []}, "JSON Value: {\n    \"examples\": []\n} 'examples' value is an empty array"),
        ({"examples": [[]]}, "Example must be JSON object but got JSON Array"),
        ({"examples": [1]}, "Example must be JSON object but got JSON Number"),
        ({"context": [1], "examples": [{}]}, "Example must be JSON object but got JSON Array"),
        ({"examples": [{"n": [10, None]}]}, "Feature: n has element with unexpected JSON type: Null"),
        ({"examples": [{"n": [[10], 20]}]}, "Feature: n has element with unexpected JSON type: Array"),
        ({"examples": [{"n": [10, {"a": 1}]}]}, "Feature: n has element with unexpected JSON type: Object"),
        ({"examples": [{"n": [10, 10.0]}]}, "Unexpected element type in feature: n expecting type: int64"),
        ({"examples": [{"n": ["a", 1]}]}, "Unexpected element type in feature: n expecting type: bytes"),
        ({"examples": [{"n": [1.5, True]}]}, "Unexpected element type in feature: n expecting type: float"),
        ({"examples": [{"n": 2**64 - 13}]}, "Feature: n has uint64_t element. Only int64_t is supported."),
        ({"examples": [{"n": 10**400}]}, "JSON Parse error: Number too big to be stored in double. at offset: 20"),
        ({"examples": [{"n": {"b64": "?"}}]}, "Unable to base64 decode"),
    ],
)
def test_bad_examples_are_named(members: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        examples(json.dumps(members))
    assert str(refusal.value) == message


def test_classifications_are_pairs_of_label_and_score() -> None:
    result = text_format.Parse(
        """classifications { classes { label: "car" score: 0.2 } classes { label: "\\"bike\\"" score: 0.7 } }
        classifications { classes { score: nan } } classifications { }""",
        classification_pb2.ClassificationResult(),
    )
    answer = render.classifications(result)
    assert answer == '{\n    "results": [[["car", 0.2], ["\\"bike\\"", 0.7]], [["", NaN]], []\n    ]\n}'


def test_regressions_are_numbers() -> None:
    result = regression_pb2.RegressionResult()
    for value in (0.2, math.inf, 1.0):
        result.regressions.add(value=value)
    assert render.regressions(result) == '{\n    "results": [0.2, Infinity, 1.0]\n}'


def test_empty_results_are_errors() -> None:
    with pytest.raises(InvalidArgument, match=r"^Cannot convert empty ClassificationResults to JSON$"):
        render.classifications(classification_pb2.ClassificationResult())
    with pytest.raises(InvalidArgument, match=r"^Cannot convert empty RegressionResults to JSON$"):
        render.regressions(regression_pb2.RegressionResult())
