"""A network's answers to many pictures, batch by batch: the pictures may be more than the memory holds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.networks import KerasModel

_BATCH = 256


def predict(model: KerasModel, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The output float32 [N, K] for pictures uint8 [N, H, W, C]."""
    parts = [
        model.predict_on_batch(np.asarray(images[start : start + _BATCH])) for start in range(0, len(images), _BATCH)
    ]
    return np.concatenate(parts).astype(np.float32, copy=False)
