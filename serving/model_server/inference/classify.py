"""Classify: the classes and scores of tf.Examples, with TensorFlow Serving's texts for every mistake."""

from __future__ import annotations

from typing import Any

from google.protobuf import text_format
from numpy.typing import NDArray
from tensorflow.core.framework import types_pb2
from tensorflow_serving.apis import classification_pb2

from serving.model_server.errors import InvalidArgument
from serving.model_server.inference import tensors
from serving.model_server.inference.examples import INPUTS, check_signature, run_examples, serialized, signature_of
from serving.model_server.inference.predict import Runner, run_directly, show_shape
from serving.model_server.inference.servable import Servable, Tensors

METHOD = "tensorflow/serving/classify"
CLASSES, SCORES = "classes", "scores"


def classify(
    servable: Servable, signature: str, examples: Any, *, run: Runner = run_directly, timeout_ms: int = 0
) -> Any:
    """Classifies examples.

    Args:
        servable: The loaded version.
        signature: The name of a signature with the input ``inputs`` and the outputs ``classes``, ``scores`` or both.
        examples: A ``tensorflow.serving.Input``.
        run: What runs it.
        timeout_ms: Milliseconds until it is given up; 0: never.

    Returns:
        A ``tensorflow.serving.ClassificationResult``: for each example its classes, with label, score or both.

    Raises:
        ServerError: As TensorFlow Serving answers the same request.
    """
    definition = signature_of(servable, signature)
    outputs = class_outputs(definition, check_method=servable.check_method_names)
    batch = serialized(examples)
    arrays = run_examples(servable, signature, batch, outputs, run=run, timeout_ms=timeout_ms)
    return class_result(arrays, len(batch))


def class_outputs(definition: Any, *, check_method: bool) -> list[str]:
    """The outputs to fetch of a classification signature.

    Args:
        definition: A SignatureDef.
        check_method: Insist on its method name.

    Raises:
        InvalidArgument: It is none.
    """
    check_signature(definition, "classification", METHOD, check_method=check_method)
    if len(definition.outputs) not in (1, 2):
        raise InvalidArgument(f"Expected one or two output Tensors, found {len(definition.outputs)}")
    if INPUTS not in definition.inputs:
        raise InvalidArgument(
            f"No classification inputs found in SignatureDef: {text_format.MessageToString(definition)}"
        )
    outputs = [alias for alias in (CLASSES, SCORES) if alias in definition.outputs]
    if not outputs:
        raise InvalidArgument(
            f'Expected classification signature outputs to contain at least one of "{CLASSES}" or "{SCORES}". '
            f"Signature was: {text_format.MessageToString(definition)}"
        )
    return outputs


def class_result(arrays: Tensors, count: int) -> Any:
    """A ``ClassificationResult`` from the outputs ``classes`` and ``scores`` of `count` examples.

    Raises:
        InvalidArgument: Outputs of another shape or dtype than string and float [count, classes].
    """
    classes, scores = arrays.get(CLASSES), arrays.get(SCORES)
    if classes is not None:
        _check(CLASSES, classes, types_pb2.DT_STRING, count)
    if scores is not None:
        _check(SCORES, scores, types_pb2.DT_FLOAT, count)
    if classes is not None and scores is not None and classes.shape[1] != scores.shape[1]:
        raise InvalidArgument(
            f"Tensors class and score should match in dim_size(1). Got {classes.shape[1]} vs. {scores.shape[1]}"
        )
    result = classification_pb2.ClassificationResult()
    for row in range(count):
        found = result.classifications.add().classes
        labels = None if classes is None else classes[row].tolist()
        values = None if scores is None else scores[row].tolist()
        for column in range(len(labels or values or ())):
            one = found.add()
            if labels is not None:
                # A proto string is UTF-8, whatever the model put out.
                one.label = labels[column].decode(errors="replace")
            if values is not None:
                one.score = values[column]
    return result


def _check(name: str, array: NDArray[Any], dtype: int, count: int) -> None:
    if array.ndim != 2:
        raise InvalidArgument(f"Expected Tensor shape: [batch_size num_classes] but got {show_shape(array.shape)}")
    sent = tensors.dtype_enum(array)
    if sent != dtype:
        wanted, got = types_pb2.DataType.Name(dtype), types_pb2.DataType.Name(sent)
        raise InvalidArgument(f"Expected {name} Tensor of {wanted}. Got: {got}")
    if array.shape[0] != count:
        raise InvalidArgument(f"Expected {name} output batch size of {count}. Got: {array.shape[0]}")
