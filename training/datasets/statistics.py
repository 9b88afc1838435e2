"""Means over pictures that need not fit into memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_AT_ONCE_BYTES = 4 * 1024**2


def channel_statistics(images: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and variance of each channel over all pictures and places, exactly, read a few pictures at a time.

    Args:
        images: uint8 [N, H, W, C], at least one; an array or a memmap.

    Returns:
        float64 [C] twice: the means and the variances, of values 0..255.
    """
    channels = images.shape[-1]
    # A byte has 256 values: how often each occurs says everything, without rounding.
    counts = np.zeros((channels, 256), np.int64)
    step = max(1, _AT_ONCE_BYTES // max(1, images[0].size))
    for start in range(0, len(images), step):
        chunk = images[start : start + step]
        for channel in range(channels):
            counts[channel] += np.bincount(chunk[..., channel].ravel(), minlength=256)
    values = np.arange(256.0)
    total = counts.sum(axis=1)
    mean = counts @ values / total
    return mean, (counts * (values - mean[:, None]) ** 2).sum(axis=1) / total
