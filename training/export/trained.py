"""The trained model of a run, and the test pictures that its exports are checked on."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray

from training.errors import RunError
from training.networks import KerasModel
from training.runs import Run


def load_trained(run: Run) -> tuple[KerasModel, NDArray[np.uint8]]:
    """The Keras model and test pictures uint8 [N, H, W, C] to check it on. Raises RunError if one cannot be read."""
    try:
        model = keras.models.load_model(run.model, compile=False)
        images: NDArray[np.uint8] = np.load(run.test_images)
    # Keras raises what the zip, the JSON or the layers of a damaged file make it stumble over.
    except Exception as error:
        raise RunError(f"{run.folder} is damaged: {error}") from error
    return model, images
