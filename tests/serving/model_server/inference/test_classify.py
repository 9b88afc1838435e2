"""Classify without a server: labels, scores or both, and the text of every mistake."""

from __future__ import annotations

from typing import Any

import pytest
from tensorflow_serving.apis import input_pb2

from serving.model_server.errors import InvalidArgument
from serving.model_server.inference.classify import classify
from serving.model_server.inference.servable import Servable
from tests.serving.model_server.models_tf1 import example


def examples(*xs: float) -> Any:
    """An ``Input`` of examples with a feature x."""
    message = input_pb2.Input()
    message.example_list.examples.extend(example(x=x) for x in xs)
    return message


def pairs(result: Any) -> list[list[tuple[str, float]]]:
    return [[(one.label, one.score) for one in row.classes] for row in result.classifications]


def test_good_scores_alone_come_without_labels(half_plus_two: Servable) -> None:
    assert pairs(classify(half_plus_two, "classify_x_to_y", examples(2, 20))) == [[("", 3)], [("", 12)]]


@pytest.mark.parametrize(
    ("signature", "expected"),
    [
        ("labels", [("no", 0), ("yes", 0)]),
        ("both", [("no", 0.25), ("yes", 0.75)]),
        ("binary", [("\ufffd", 0.25)]),
    ],
)
def test_good_labels_come_with_their_scores(
    oddities: Servable, signature: str, expected: list[tuple[str, float]]
) -> None:
    assert pairs(classify(oddities, f"classify_{signature}", examples(1, 2))) == [expected, expected]


def test_good_context_completes_every_example(half_plus_two: Servable) -> None:
    message = input_pb2.Input()
    message.example_list_with_context.context.CopyFrom(example(x=6, x2=1))
    message.example_list_with_context.examples.extend([example(), example(x=8)])
    assert pairs(classify(half_plus_two, "classify_x_to_y", message)) == [[("", 5)], [("", 6)]]


def test_good_signature_of_another_method_serves_unless_method_names_are_checked(
    oddities: Servable, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pairs(classify(oddities, "native", examples(1))) == [[("", 0.25), ("", 0.75)]]
    monkeypatch.setattr(oddities, "check_method_names", True)
    assert classify(oddities, "classify_both", examples(1))
    with pytest.raises(InvalidArgument) as refusal:
        classify(oddities, "native", examples(1))
    assert str(refusal.value) == (
        "Expected classification signature method_name to be tensorflow/serving/classify. "
        "Was: tensorflow/serving/predict"
    )


SHAPE = "Expected Tensor shape: [batch_size num_classes] but got "
BAD_SIGNATURES = {
    "nosig": "No signature was found with the name: nosig",
    "classify_two_inputs": "Expected one input Tensor.",
    "classify_three": "Expected one or two output Tensors, found 3",
    "classify_no_inputs": 'No classification inputs found in SignatureDef: inputs {\n  key: "examples"\n',
    "classify_neither": (
        'Expected classification signature outputs to contain at least one of "classes" or "scores". '
        'Signature was: inputs {\n  key: "inputs"\n'
    ),
    "classify_flat": SHAPE + "[2]",
    "classify_doubles": "Expected scores Tensor of DT_FLOAT. Got: DT_DOUBLE",
    "classify_numbers": "Expected classes Tensor of DT_STRING. Got: DT_FLOAT",
    "classify_one_row": "Expected scores output batch size of 2. Got: 1",
    "classify_one_row_of_labels": "Expected classes output batch size of 2. Got: 1",
    "classify_unequal": "Tensors class and score should match in dim_size(1). Got 2 vs. 1",
}


@pytest.mark.parametrize("signature", BAD_SIGNATURES)
def test_bad_signature_is_refused(oddities: Servable, signature: str) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        classify(oddities, signature, examples(1, 2))
    text = str(refusal.value)
    # A SignatureDef is told whole; its beginning will do.
    assert (
        text.startswith(BAD_SIGNATURES[signature])
        if "SignatureDef" in text or "Signature was" in text
        else (text == BAD_SIGNATURES[signature])
    )


def _nothing_but_context() -> Any:
    message = input_pb2.Input()
    message.example_list_with_context.context.CopyFrom(example(x=6))
    return message


@pytest.mark.parametrize("message", [input_pb2.Input(), examples(), _nothing_but_context()])
def test_bad_input_without_examples_is_refused(half_plus_two: Servable, message: Any) -> None:
    with pytest.raises(InvalidArgument, match=r"^Input is empty\.$"):
        classify(half_plus_two, "classify_x_to_y", message)


def test_bad_example_is_refused_in_the_words_of_the_parser(half_plus_two: Servable) -> None:
    message = input_pb2.Input()
    message.example_list.examples.add()
    with pytest.raises(InvalidArgument, match="Feature: x \\(data type: float\\) is required but could not be found"):
        classify(half_plus_two, "classify_x_to_y", message)
