"""What a picture of each class counts in the loss, so that rare classes are not drowned by common ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Below this ratio of the largest to the smallest class, weights would change nothing that can be measured.
_BALANCED = 1.5


def class_weights(classes: NDArray[np.int64], count: int) -> NDArray[np.float32]:
    """A weight for each class, 1 on the average of the pictures; all 1 if no class is much rarer than another.

    The weights go with the square root of the rarity (Mahajan et al., 2018): with the full rarity, few pictures of a
    rare class would decide the steps in which they come.

    Args:
        classes: int64 [N], of the training pictures.
        count: K, the number of classes.

    Returns:
        float32 [K].
    """
    pictures = np.bincount(classes, minlength=count)
    if pictures.max() <= _BALANCED * pictures[pictures > 0].min():
        return np.ones(count, np.float32)
    weights = 1 / np.sqrt(np.maximum(pictures, 1))
    scaled: NDArray[np.float32] = (weights * len(classes) / (weights * pictures).sum()).astype(np.float32)
    return scaled
