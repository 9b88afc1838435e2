"""A training's whole state in one file, so that it goes on after a kill as if nothing had happened."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.errors import CheckpointError

_STATE = "state"
_BEST = "best"


def save(path: Path, variables: Sequence[Any], best: Sequence[NDArray[Any]], state: dict[str, Any]) -> None:
    """Writes it, whole or not at all.

    Args:
        path: The file; replaced.
        variables: Keras variables of the model and the optimizer, in an order that is the same next time.
        best: Arrays to keep besides.
        state: Anything that JSON takes.
    """
    arrays: dict[str, Any] = {str(index): to_numpy(variable) for index, variable in enumerate(variables)}
    arrays |= {f"{_BEST}{index}": value for index, value in enumerate(best)}
    arrays[_STATE] = np.frombuffer(json.dumps(state).encode(), np.uint8)
    temporary = path.with_name(f"{path.name}.part")
    with temporary.open("wb") as file:
        np.savez(file, **arrays)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def to_numpy(variable: Any) -> NDArray[Any]:
    """A copy of a Keras variable's value."""
    # Not np.array: TensorFlow's variables know nothing of numpy 2's way to ask for a copy.
    return np.asarray(variable).copy()


def read_state(path: Path) -> dict[str, Any]:
    """The state alone. Raises CheckpointError if the file is damaged."""
    with _opened(path) as arrays:
        state: dict[str, Any] = json.loads(arrays[_STATE].tobytes())
    return state


def restore(path: Path, variables: Sequence[Any]) -> list[NDArray[Any]]:
    """Sets the variables, which must be those that were saved, and gives the best arrays.

    Raises:
        CheckpointError: The file is damaged, or of another network.
    """
    with _opened(path) as arrays:
        best = [arrays[f"{_BEST}{index}"] for index in range(sum(name.startswith(_BEST) for name in arrays.files))]
        shapes = [arrays[str(index)].shape for index in range(len(arrays.files) - len(best) - 1)]
        if shapes != [tuple(variable.shape) for variable in variables]:
            raise CheckpointError(f"{path} is of another network. Expected {len(variables)} arrays of its shapes")
        for index, variable in enumerate(variables):
            variable.assign(arrays[str(index)])
    return best


def _opened(path: Path) -> Any:
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise CheckpointError(f"{path} is damaged: {error}. Remove it and train anew") from error
