"""Regress: one number for each tf.Example, with TensorFlow Serving's texts for every mistake."""

from __future__ import annotations

from typing import Any

from google.protobuf import text_format
from numpy.typing import NDArray
from tensorflow.core.framework import types_pb2
from tensorflow_serving.apis import regression_pb2

from serving.model_server.errors import InvalidArgument
from serving.model_server.inference import tensors
from serving.model_server.inference.examples import INPUTS, check_signature, run_examples, serialized, signature_of
from serving.model_server.inference.predict import Runner, run_directly, show_shape
from serving.model_server.inference.servable import Servable

METHOD = "tensorflow/serving/regress"
OUTPUTS = "outputs"


def regress(
    servable: Servable, signature: str, examples: Any, *, run: Runner = run_directly, timeout_ms: int = 0
) -> Any:
    """Runs a regression over examples.

    Args:
        servable: The loaded version.
        signature: The name of a signature with the input ``inputs`` and the output ``outputs``.
        examples: A ``tensorflow.serving.Input``.
        run: What runs it.
        timeout_ms: Milliseconds until it is given up; 0: never.

    Returns:
        A ``tensorflow.serving.RegressionResult``: a value for each example.

    Raises:
        ServerError: As TensorFlow Serving answers the same request.
    """
    definition = signature_of(servable, signature)
    outputs = value_outputs(definition, check_method=servable.check_method_names)
    batch = serialized(examples)
    arrays = run_examples(servable, signature, batch, outputs, run=run, timeout_ms=timeout_ms)
    return value_result(arrays[OUTPUTS], len(batch))


def value_outputs(definition: Any, *, check_method: bool) -> list[str]:
    """The outputs to fetch of a regression signature.

    Args:
        definition: A SignatureDef.
        check_method: Insist on its method name.

    Raises:
        InvalidArgument: It is none.
    """
    check_signature(definition, "regression", METHOD, check_method=check_method)
    if len(definition.outputs) != 1:
        raise InvalidArgument("Expected one output Tensor.")
    if INPUTS not in definition.inputs:
        raise InvalidArgument(f"No regression inputs found in SignatureDef: {text_format.MessageToString(definition)}")
    if OUTPUTS not in definition.outputs:
        raise InvalidArgument(f"No regression outputs found in SignatureDef: {text_format.MessageToString(definition)}")
    return [OUTPUTS]


def value_result(values: NDArray[Any], count: int) -> Any:
    """A ``RegressionResult`` from the values of `count` examples.

    Raises:
        InvalidArgument: They are not float [count] or [count, 1].
    """
    if values.ndim != 1 and not (values.ndim == 2 and values.shape[1] == 1):
        raise InvalidArgument(
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got "
            f"{show_shape(values.shape)}"
        )
    if values.shape[0] != count:
        raise InvalidArgument(f"Input batch size did not match output batch size: {count} vs. {values.shape[0]}")
    dtype = tensors.dtype_enum(values)
    if dtype != types_pb2.DT_FLOAT:
        raise InvalidArgument(f"Expected output Tensor of DT_FLOAT.  Got: {types_pb2.DataType.Name(dtype)}")
    result = regression_pb2.RegressionResult()
    for value in values.ravel().tolist():
        result.regressions.add().value = value
    return result
