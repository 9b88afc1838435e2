"""MultiInference without a server: several signatures on the same examples."""

from __future__ import annotations

from typing import Any

import pytest
from tensorflow_serving.apis import inference_pb2

from serving.model_server.errors import InvalidArgument, ServerError, Unimplemented
from serving.model_server.inference.multi_inference import multi_inference
from serving.model_server.inference.servable import Servable
from tests.serving.model_server.inference.test_classify import examples
from tests.serving.model_server.models_tf1 import CLASSIFY, REGRESS


def request(*tasks: tuple[str, str], name: str = "tf1") -> Any:
    """A request for signatures, each with the method to run it by."""
    message = inference_pb2.MultiInferenceRequest(input=examples(2, 20))
    for signature, method in tasks:
        task = message.tasks.add(method_name=method)
        task.model_spec.name, task.model_spec.signature_name = name, signature
    return message


def test_good_tasks_are_answered_in_their_order(half_plus_two: Servable) -> None:
    tasks = (("regress_x_to_y2", REGRESS), ("classify_x_to_y", CLASSIFY), ("regress_x_to_y", REGRESS))
    second, scores, first = multi_inference(half_plus_two, request(*tasks)).results
    assert [one.value for one in second.regression_result.regressions] == [4, 13]
    assert [one.classes[0].score for one in scores.classification_result.classifications] == [3, 12]
    assert [one.value for one in first.regression_result.regressions] == [3, 12]
    assert [one.model_spec.signature_name for one in (second, scores, first)] == [name for name, _ in tasks]


def test_good_no_task_is_no_result(half_plus_two: Servable) -> None:
    assert not multi_inference(half_plus_two, request()).results


def _other_model() -> Any:
    message = request(("regress_x_to_y", REGRESS), ("classify_x_to_y", CLASSIFY))
    message.tasks[1].model_spec.name = "m"
    return message


def _no_input() -> Any:
    message = request(("regress_x_to_y", REGRESS))
    message.ClearField("input")
    return message


BAD_REQUESTS: dict[str, tuple[Any, type[ServerError], str]] = {
    "no name": (
        request(("regress_x_to_y", REGRESS), name=""),
        InvalidArgument,
        "Found ModelSpec with an empty model name.",
    ),
    "two models": (
        _other_model(),
        InvalidArgument,
        "All ModelSpecs in a MultiInferenceRequest must access the same model name.",
    ),
    "a signature twice": (
        request(("regress_x_to_y", REGRESS), ("regress_x_to_y", REGRESS)),
        InvalidArgument,
        "Duplicate evaluation of signature: regress_x_to_y",
    ),
    "unknown signature": (
        request(("nosig", REGRESS)),
        InvalidArgument,
        "Requested signature not found in model graph: nosig",
    ),
    "another method": (
        request(("serving_default", "tensorflow/serving/predict")),
        Unimplemented,
        "Unsupported signature method_name: tensorflow/serving/predict",
    ),
    "an input that takes no examples": (
        request(("regress_x_to_y", REGRESS), ("regress_x2_to_y3", REGRESS)),
        InvalidArgument,
        "Expects arg[1] to be float but string is provided",
    ),
    "no input": (_no_input(), InvalidArgument, "Input is empty."),
}


@pytest.mark.parametrize("case", BAD_REQUESTS)
def test_bad_request_is_refused(half_plus_two: Servable, case: str) -> None:
    message, error, text = BAD_REQUESTS[case]
    with pytest.raises(error) as refusal:
        multi_inference(half_plus_two, message)
    assert str(refusal.value) == text
