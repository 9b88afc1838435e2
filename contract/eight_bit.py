"""Pixels of any mode -> 8 bits a channel, grey or RGB, without a copy where none is needed.

Large pictures are turned in strips: whole, a transparent one of 64 million pixels would need 1 GB, a deep one 2 GB.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

_STRIP_PIXELS = 1 << 18
_FROM_16_BIT: NDArray[np.uint8] = np.rint(np.arange(65536) * (1 / 257)).astype(np.uint8)


def to_8_bit(picture: Image.Image, mode: str) -> Image.Image:
    """The picture in mode ``L`` or ``RGB``, what is transparent over white; the picture itself if it is so already."""
    if picture.mode.startswith(("I", "F")):
        return _converted(_from_deep(picture), mode)
    if picture.mode == "LAB":
        return _converted(_from_lab(picture), mode)
    if picture.has_transparency_data:
        return _over_white(picture, mode)
    return _converted(picture, mode)


def _converted(picture: Image.Image, mode: str) -> Image.Image:
    # Pillow's `convert` to the mode that a picture has copies it.
    return picture if picture.mode == mode else picture.convert(mode)


def _strips(width: int, height: int) -> Iterator[tuple[int, int]]:
    rows = max(1, _STRIP_PIXELS // width)
    return ((top, min(top + rows, height)) for top in range(0, height, rows))


def _over_white(picture: Image.Image, mode: str) -> Image.Image:
    width, height = picture.size
    if width * height <= _STRIP_PIXELS:
        return _strip_over_white(picture, mode)
    whole = Image.new(mode, picture.size)
    for top, bottom in _strips(width, height):
        whole.paste(_strip_over_white(picture.crop((0, top, width, bottom)), mode), (0, top))
    return whole


def _strip_over_white(picture: Image.Image, mode: str) -> Image.Image:
    layer = _converted(picture, "RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert(mode)


def _from_deep(picture: Image.Image) -> Image.Image:
    """Grey of 16 or 32 bits -> 8 bits. Pillow's own `convert` clips at 255 where it should scale.

    Integers are taken as 16-bit if any of them is above 255; floats as 0..1 if none is above 1.
    """
    values = np.asarray(picture)
    strips = [slice(top, bottom) for top, bottom in _strips(*picture.size)]
    grey = np.empty(values.shape, np.uint8)
    if picture.mode.startswith("I;16"):
        for strip in strips:
            np.take(_FROM_16_BIT, values[strip], out=grey[strip])
        return Image.fromarray(grey)
    top = max(_finite(values[strip]).max(initial=0) for strip in strips)
    scale = (1 / 257 if top > 255 else 1.0) if picture.mode == "I" else (255.0 if top <= 1 else 1.0)
    for strip in strips:
        grey[strip] = np.clip(np.rint(_finite(values[strip]) * scale), 0, 255).astype(np.uint8)
    return Image.fromarray(grey)


def _finite(values: NDArray[Any]) -> NDArray[np.float64]:
    finite: NDArray[np.float64] = np.nan_to_num(values.astype(np.float64))
    return finite


def _from_lab(picture: Image.Image) -> Image.Image:
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    converted = ImageCms.profileToProfile(picture, lab, srgb, outputMode="RGB")
    if converted is None:
        raise OSError("its Lab colours cannot be converted")
    return converted
