"""The tf.Examples of a Classify, Regress or MultiInference request, and the run of a signature that parses them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serving.model_server.errors import InvalidArgument
from serving.model_server.inference.predict import Runner, check_dtypes
from serving.model_server.inference.servable import Servable, Tensors

INPUTS = "inputs"
"""The one input of a classification or regression signature."""


def signature_of(servable: Servable, name: str) -> Any:
    """The SignatureDef of that name. Raises InvalidArgument if there is none."""
    definition = servable.signatures.get(name)
    if definition is None:
        raise InvalidArgument(f"No signature was found with the name: {name}")
    return definition


def check_signature(definition: Any, kind: str, method: str, *, check_method: bool) -> None:
    """Refuses what takes no examples.

    Args:
        definition: A SignatureDef.
        kind: What it should be for: ``classification`` or ``regression``.
        method: The method name of such signatures.
        check_method: Insist on it.

    Raises:
        InvalidArgument: Another method, or not one input.
    """
    if check_method and definition.method_name != method:
        raise InvalidArgument(f"Expected {kind} signature method_name to be {method}. Was: {definition.method_name}")
    if len(definition.inputs) != 1:
        raise InvalidArgument("Expected one input Tensor.")


def serialized(examples: Any) -> NDArray[np.object_]:
    """The examples as a model's parser takes them.

    Args:
        examples: A ``tensorflow.serving.Input``; the context of an ExampleListWithContext goes before each example.

    Returns:
        Serialized ``tf.Example`` messages, bytes [N].

    Raises:
        InvalidArgument: There is none.
    """
    kind = examples.WhichOneof("kind")
    found = [one.SerializeToString() for one in getattr(examples, kind).examples] if kind else []
    if not found:
        raise InvalidArgument("Input is empty.")
    if kind == "example_list_with_context":
        # Two serialized messages in a row are one message that has the fields of both.
        context = examples.example_list_with_context.context.SerializeToString()
        found = [context + one for one in found]
    return np.array(found, np.object_)


def run_examples(
    servable: Servable,
    signature: str,
    batch: NDArray[np.object_],
    outputs: Sequence[str],
    *,
    run: Runner,
    timeout_ms: int,
) -> Tensors:
    """Runs a signature whose one input is ``inputs``.

    Raises:
        ServerError: The input takes no strings, or the model failed.
    """
    feeds = {INPUTS: batch}
    check_dtypes(servable.signatures[signature], feeds)
    return run(servable, signature, feeds, outputs, timeout_ms=timeout_ms)
