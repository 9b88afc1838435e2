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


def show_shape(array: NDArray[Any]) -> str:
    """A shape as TensorFlow writes it in messages: ``[2,3]``."""
    return f"[{','.join(map(str, array.shape))}]"
