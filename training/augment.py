"""Changes to training pictures that leave their class as it is: small shifts, and mirroring where that is allowed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def augment(images: NDArray[np.uint8], rng: np.random.Generator, *, shift: float, mirror: bool) -> NDArray[np.uint8]:
    """Each picture moved a little by itself, its border repeated, and every second one mirrored.

    Args:
        images: uint8 [N, H, W, C].
        rng: Where chance comes from.
        shift: The furthest that a picture moves, as a share of its size.
        mirror: Whether left and right may be exchanged.

    Returns:
        uint8 [N, H, W, C], a copy.
    """
    count, height, width, _ = images.shape
    rows = _moved(count, height, shift, rng)
    columns = _moved(count, width, shift, rng)
    if mirror:
        flip = rng.random((count, 1)) < 0.5
        columns = np.where(flip, width - 1 - columns, columns)
    return images[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]


def _moved(count: int, size: int, shift: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """int64 [count, size]: for each picture, where each of its rows or columns is taken from."""
    furthest = round(size * shift)
    offsets = rng.integers(-furthest, furthest + 1, size=(count, 1))
    moved: NDArray[np.int64] = np.clip(np.arange(size) + offsets, 0, size - 1)
    return moved
