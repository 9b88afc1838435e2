"""MultiInference: several classification and regression signatures over the same tf.Examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import inference_pb2

from serving.model_server.errors import InvalidArgument, Unimplemented
from serving.model_server.inference import classify, regress
from serving.model_server.inference.examples import INPUTS, run_examples, serialized
from serving.model_server.inference.predict import SERVING_DEFAULT, Runner, check_dtypes, run_directly
from serving.model_server.inference.servable import Servable


def multi_inference(servable: Servable, request: Any, *, run: Runner = run_directly, timeout_ms: int = 0) -> Any:
    """Runs every task of a request.

    Args:
        servable: The loaded version.
        request: A ``MultiInferenceRequest``; its tasks are for the same model.
        run: What runs it.
        timeout_ms: Milliseconds until it is given up; 0: never.

    Returns:
        A ``MultiInferenceResponse`` with a result for each task; the versions are left to the caller to fill in.

    Raises:
        ServerError: As TensorFlow Serving answers the same request.
    """
    tasks = _checked_tasks(servable, request.tasks)
    batch = serialized(request.input)
    _check_inputs([servable.signatures[signature] for signature in tasks], batch)
    response = inference_pb2.MultiInferenceResponse()
    for task, (signature, outputs) in zip(request.tasks, tasks.items(), strict=True):
        arrays = run_examples(servable, signature, batch, outputs, run=run, timeout_ms=timeout_ms)
        result = response.results.add()
        result.model_spec.name = task.model_spec.name
        result.model_spec.signature_name = signature
        if task.method_name == classify.METHOD:
            result.classification_result.CopyFrom(classify.class_result(arrays, len(batch)))
        else:
            result.regression_result.CopyFrom(regress.value_result(arrays[regress.OUTPUTS], len(batch)))
    return response


def _checked_tasks(servable: Servable, tasks: Any) -> dict[str, list[str]]:
    """The outputs to fetch by signature, in the order of the tasks."""
    model = ""
    outputs: dict[str, list[str]] = {}
    for task in tasks:
        if not task.model_spec.name:
            raise InvalidArgument("Found ModelSpec with an empty model name.")
        model = model or task.model_spec.name
        if task.model_spec.name != model:
            raise InvalidArgument("All ModelSpecs in a MultiInferenceRequest must access the same model name.")
        signature = task.model_spec.signature_name or SERVING_DEFAULT
        if signature in outputs:
            raise InvalidArgument(f"Duplicate evaluation of signature: {signature}")
        definition = servable.signatures.get(signature)
        if definition is None:
            raise InvalidArgument(f"Requested signature not found in model graph: {signature}")
        outputs[signature] = _outputs(definition, task.method_name, check_method=servable.check_method_names)
    return outputs


def _check_inputs(definitions: Sequence[Any], batch: NDArray[np.object_]) -> None:
    """All input tensors at once, as in the one run that TensorFlow Serving makes of all tasks."""
    together = meta_graph_pb2.SignatureDef()
    for definition in definitions:
        info = definition.inputs[INPUTS]
        together.inputs[info.name].CopyFrom(info)
    check_dtypes(together, dict.fromkeys(together.inputs, batch))


def _outputs(definition: Any, method: str, *, check_method: bool) -> list[str]:
    if method == classify.METHOD:
        return classify.class_outputs(definition, check_method=check_method)
    if method == regress.METHOD:
        return regress.value_outputs(definition, check_method=check_method)
    raise Unimplemented(f"Unsupported signature method_name: {method}")
