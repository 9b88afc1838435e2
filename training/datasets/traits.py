"""What tells pictures apart without their pixels: a hash of each, and a thumbnail to find what looks alike."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SIDE = 16
_AT_ONCE = 512


@dataclass(frozen=True)
class Traits:
    """Of N pictures, in the order of their part.

    Attributes:
        hashes: uint64 [N], of the pixels: equal pictures have equal ones.
        thumbnails: uint8 [N, h, w, C], h and w at most `SIDE`.
        sizes: int32 [N, 2], width and height in the file; or none, if the pictures were no files.
        formats: N names such as ``JPEG``, or none.
    """

    hashes: NDArray[np.uint64]
    thumbnails: NDArray[np.uint8]
    sizes: NDArray[np.int32] | None = None
    formats: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.hashes)


def measure(images: NDArray[np.uint8]) -> Traits:
    """The traits of decoded pictures uint8 [N, H, W, C], a few at a time."""
    chunks = [images[start : start + _AT_ONCE] for start in range(0, len(images), _AT_ONCE)] or [images]
    return Traits(
        np.concatenate([pixel_hashes(chunk) for chunk in chunks]),
        np.concatenate([thumbnails(chunk) for chunk in chunks]),
    )


def pixel_hashes(images: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """uint64 [N], of each picture's pixels. That two of a million differing pictures agree has odds of 1 in 10^7."""
    digests = b"".join(hashlib.blake2b(image.tobytes(), digest_size=8).digest() for image in images)
    return np.frombuffer(digests, np.uint64)


def thumbnails(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 [N, h, w, C]: each pixel the mean of its area, sides at most `SIDE`."""
    _, height, width, _ = images.shape
    rows, columns = _areas(height, min(height, SIDE)), _areas(width, min(width, SIDE))
    means = np.einsum("ah,nhwc,bw->nabc", rows, images.astype(np.float32), columns, optimize=True)
    rounded: NDArray[np.uint8] = np.rint(means).astype(np.uint8)
    return rounded


def _areas(size: int, to: int) -> NDArray[np.float32]:
    """float32 [to, size]: the share that each of `size` pixels has in each of the `to` that they become."""
    edges = np.linspace(0, size, to + 1)
    low, high = edges[:-1, None], edges[1:, None]
    pixel = np.arange(size)[None, :]
    overlap = np.clip(np.minimum(high, pixel + 1) - np.maximum(low, pixel), 0, None)
    shares: NDArray[np.float32] = (overlap / (size / to)).astype(np.float32)
    return shares
