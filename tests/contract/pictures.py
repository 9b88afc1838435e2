"""Small synthetic pictures, and their bytes in every format."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from contract.card import ImageSpec
from contract.images import decode

# Red, green / blue, white: no two turns or mirrorings of it look alike.
CORNERS = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], dtype=np.uint8)


def encoded(picture: Image.Image | NDArray[Any], kind: str = "PNG", **options: Any) -> bytes:
    """The bytes of a file of the given format."""
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def decoded(data: bytes, height: int, width: int, channels: int = 3, **options: Any) -> NDArray[np.uint8]:
    """`decode` with the spec in brief."""
    return decode(data, ImageSpec(height, width, channels, options.pop("resize", "stretch")), **options)


def blocks(scale: int) -> NDArray[np.uint8]:
    """CORNERS, every pixel a square of `scale` pixels."""
    return CORNERS.repeat(scale, axis=0).repeat(scale, axis=1)


def smooth(height: int, width: int) -> NDArray[np.uint8]:
    """Soft waves in three colours, as a lossy format keeps well."""
    y, x = np.mgrid[0:height, 0:width] / max(height, width) * 6
    waves = np.stack([np.sin(x + 1), np.cos(y), np.sin(x + y)], axis=-1)
    pixels: NDArray[np.uint8] = np.rint(waves * 100 + 128).astype(np.uint8)
    return pixels
