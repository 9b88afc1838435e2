"""A Predict request checked against its signature and run, with TensorFlow Serving's texts for every mistake."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from tensorflow.core.framework import types_pb2

from serving.model_server.errors import FailedPrecondition, Internal, InvalidArgument
from serving.model_server.inference import tensors
from serving.model_server.inference.servable import Servable, Tensors

SERVING_DEFAULT = "serving_default"
_METHODS = tuple(f"tensorflow/serving/{method}" for method in ("predict", "classify", "regress"))


class Runner(Protocol):
    """Runs a checked request: `Servable.run` itself, or a batcher in front of it."""

    def __call__(
        self, servable: Servable, signature: str, inputs: Tensors, outputs: Sequence[str], *, timeout_ms: int
    ) -> Tensors:
        """As `Servable.run`."""


def run_directly(
    servable: Servable, signature: str, inputs: Tensors, outputs: Sequence[str], *, timeout_ms: int
) -> Tensors:
    """Each request is a run of its own."""
    return servable.run(signature, inputs, outputs, timeout_ms=timeout_ms)


def predict(
    servable: Servable,
    signature: str,
    inputs: Mapping[str, Any],
    *,
    output_filter: Collection[str] = (),
    run: Runner = run_directly,
    timeout_ms: int = 0,
) -> Tensors:
    """Checks a request and runs it.

    Args:
        servable: The loaded version.
        signature: The signature's name.
        inputs: Arrays by input name, where object arrays hold bytes; or TensorProtos.
        output_filter: Only these outputs; empty means all.
        run: What runs it.
        timeout_ms: Milliseconds until it is given up; 0: never.

    Returns:
        The arrays by output name.

    Raises:
        ServerError: As TensorFlow Serving answers the same request.
    """
    definition = servable.signatures.get(signature)
    if definition is None:
        raise FailedPrecondition(f'Serving signature key "{signature}" not found.')
    if servable.check_method_names and definition.method_name not in _METHODS:
        raise Internal(
            f"Expected prediction signature method_name to be one of {{{', '.join(_METHODS)}}}. "
            f"Was: {definition.method_name}"
        )
    _check_input_count(definition, inputs)
    feeds = _feeds(definition, inputs)
    outputs = _outputs(definition, output_filter)
    check_dtypes(definition, feeds)
    return run(servable, signature, feeds, outputs, timeout_ms=timeout_ms)


def dtype_name(enum: int) -> str:
    """A DataType as TensorFlow writes it in messages: ``float``, ``uint8``, ``string``."""
    return str(types_pb2.DataType.Name(enum)).removeprefix("DT_").lower()


def show_shape(shape: Iterable[int]) -> str:
    """A shape as TensorFlow writes it in messages: ``[2,3]``."""
    return f"[{','.join(map(str, shape))}]"


def check_dtypes(definition: Any, feeds: Tensors) -> None:
    """Refuses arrays of another dtype than the signature's.

    Checked here and not by the session, so that a wrong request does not spoil the batch it would be joined to.

    Args:
        definition: The SignatureDef.
        feeds: An array for each of its inputs.

    Raises:
        InvalidArgument: With the input's position among the feeds, which the session sorts by tensor name.
    """
    if any(definition.inputs[alias].dtype != tensors.dtype_enum(array) for alias, array in feeds.items()):
        raise _wrong_dtype(definition, feeds)


def _wrong_dtype(definition: Any, feeds: Tensors) -> InvalidArgument:
    by_tensor = sorted(feeds, key=lambda alias: str(definition.inputs[alias].name))
    pairs = [(definition.inputs[alias].dtype, tensors.dtype_enum(feeds[alias])) for alias in by_tensor]
    position = next(at for at, (wanted, sent) in enumerate(pairs) if wanted != sent)
    wanted, sent = map(dtype_name, pairs[position])
    return InvalidArgument(f"Expects arg[{position}] to be {wanted} but {sent} is provided")


def _check_input_count(definition: Any, inputs: Mapping[str, Any]) -> None:
    wanted, sent = set(definition.inputs), set(inputs)
    if len(sent) > len(wanted) or (len(sent) < len(wanted) and not definition.defaults):
        raise InvalidArgument(
            f"input size does not match signature: {len(sent)}!={len(wanted)} "
            f"len({{{_join(sent)}}}) != len({{{_join(wanted)}}}). "
            f"Sent extra: {{{_join(sent - wanted)}}}. Missing but required: {{{_join(wanted - sent)}}}."
        )


def _feeds(definition: Any, inputs: Mapping[str, Any]) -> Tensors:
    feeds: Tensors = {}
    for alias in sorted(definition.inputs):
        if alias in inputs:
            value = inputs[alias]
            feeds[alias] = value if isinstance(value, np.ndarray) else tensors.to_array(alias, value)
        elif alias in definition.defaults:
            feeds[alias] = tensors.to_array(alias, definition.defaults[alias])
        else:
            raise InvalidArgument(
                f"Signature input alias: {alias}(feed name: {definition.inputs[alias].name}) not found in request and "
                f"no default value provided. Inputs expected to be in the request {{{_join(inputs)}}}, "
                f"or default input alias set: {_join(definition.defaults)}"
            )
    used = [alias for alias in inputs if alias in definition.inputs]
    if len(used) != len(inputs):
        raise InvalidArgument(
            f"Inputs contains invalid name. Used request inputs: {_join(used)}, request input: {_join(inputs)}"
        )
    return feeds


def _outputs(definition: Any, output_filter: Collection[str]) -> Sequence[str]:
    if not output_filter:
        return sorted(definition.outputs)
    seen: set[str] = set()
    for alias in output_filter:
        if alias not in definition.outputs:
            raise InvalidArgument(
                f"output tensor alias not found in signature: {alias} "
                f"Outputs expected to be in the set {{{_join(definition.outputs)}}}."
            )
        if alias in seen:
            raise InvalidArgument(f"duplicate output tensor alias: {alias}")
        seen.add(alias)
    return list(output_filter)


def _join(names: Iterable[str]) -> str:
    return ",".join(sorted(names))
