"""Joining the inputs of several requests along the 0th dimension, and splitting the outputs again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serving.model_server.errors import FailedPrecondition, InvalidArgument
from serving.model_server.inference.servable import Tensors

_MAX_PADDED_RANK = 6


def rows_of(inputs: Tensors) -> int:
    """The size of the 0th dimension, which all inputs share.

    Raises:
        InvalidArgument: They do not, or there is none.
    """
    rows = -1
    for array in inputs.values():
        if not array.ndim:
            raise InvalidArgument("Batching Run() input tensors must have at least one dimension")
        if rows not in (-1, array.shape[0]):
            raise InvalidArgument("Batching Run() input tensors must have equal 0th-dimension size")
        rows = array.shape[0]
    if rows < 0:
        raise InvalidArgument("Batching Run() must have at least one input tensor")
    return rows


def padded_size(rows: int, allowed: tuple[int, ...]) -> int:
    """The first allowed size that is large enough; `rows` itself where none is."""
    return next((size for size in allowed if size >= rows), rows)


def joined(parts: Sequence[Tensors], filling: int, *, pad: bool) -> Tensors:
    """The inputs of one run.

    Args:
        parts: The inputs of each task, none without rows; equal shapes but for the 0th dimension, or if they are to
            be padded equal ranks.
        filling: How often the last task's first row, which is known to be good input, is to follow.
        pad: Whether all rows are to grow to the longest.

    Returns:
        The arrays one after the other.

    Raises:
        InvalidArgument: What cannot be padded.
    """
    if len(parts) == 1 and not filling and not pad:
        return parts[0]
    inputs: Tensors = {}
    for name in parts[0]:
        arrays = [part[name] for part in parts]
        if pad:
            arrays = _grown_to_the_longest(arrays)
        if filling:
            arrays.append(np.repeat(arrays[-1][:1], filling, axis=0))
        inputs[name] = np.concatenate(arrays) if len(arrays) > 1 else arrays[0]
    return inputs


def check_outputs(outputs: Tensors, rows: int) -> None:
    """Raises FailedPrecondition unless every output has `rows` rows, padding included."""
    for array in outputs.values():
        if not array.ndim:
            raise FailedPrecondition("Batched output tensor has 0 dimensions")
        if array.shape[0] != rows:
            raise FailedPrecondition(
                "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the input "
                "tensors"
            )


def share(tensors: Tensors, start: int, rows: int) -> Tensors:
    """Some rows of all tensors, as views."""
    return {name: array[start : start + rows] for name, array in tensors.items()}


def concatenated(shares: Sequence[Tensors]) -> Tensors:
    """The outputs of a request whose rows were in several runs."""
    if len(shares) == 1:
        return shares[0]
    return {name: np.concatenate([one[name] for one in shares]) for name in shares[0]}


def _grown_to_the_longest(arrays: list[NDArray[Any]]) -> list[NDArray[Any]]:
    if arrays[0].ndim > _MAX_PADDED_RANK:
        raise InvalidArgument("Only tensors with rank from 1 to 6 can be padded.")
    longest = tuple(max(sizes) for sizes in zip(*(array.shape[1:] for array in arrays), strict=True))
    return [array if array.shape[1:] == longest else _grown(array, longest) for array in arrays]


def _grown(array: NDArray[Any], longest: tuple[int, ...]) -> NDArray[Any]:
    """The array with larger rows, filled up with its first value as TensorFlow Serving does."""
    shape = (array.shape[0], *longest)
    if not np.prod(longest):
        return array.reshape(shape)
    if not array.size:
        raise InvalidArgument("Got empty tensor in batch of non-empty tensors.")
    grown = np.empty(shape, dtype=array.dtype)
    # As an array: numpy takes the zero bytes off the end of a lone bytes object.
    grown[...] = array.reshape(-1)[:1]
    grown[tuple(slice(size) for size in array.shape)] = array
    return grown
