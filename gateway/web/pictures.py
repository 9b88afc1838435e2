"""Thumbnails of what was uploaded, as data: URIs."""

from __future__ import annotations

import base64
import io
import threading

from PIL import ExifTags, Image

from contract import images
from contract.card import ImageSpec, Resize
from gateway.classify.decoding import HEAVY
from gateway.settings.cores import usable

THUMBNAIL_PX = 256
# Below this a picture is shown pixel by pixel: smoothed, eight pixels of a digit are a blur.
TINY_PX = 64
# Orientations 5 to 8 swap width and height.
_FIRST_SIDEWAYS = 5

# A page has many threads. Were a large picture decoded in each at once, there would be gigabytes of them.
_AT_ONCE = threading.BoundedSemaphore(usable())


def thumbnail(data: bytes, *, seen_by: ImageSpec | None = None, max_pixels: int = images.MAX_PIXELS) -> str:
    """A small picture as a data: URI.

    Args:
        data: The bytes of a picture that was decoded before.
        seen_by: As this model gets it, so that a heatmap fits over it: shaped, cut and distorted, or its subject alone
            as the model's card wants it; whole and in its own proportions if None.
        max_pixels: As in `contract.images.decode`.

    Raises:
        ImageError: The bytes are no picture after all.
    """
    spec = _shown(data, seen_by)
    with HEAVY if images.is_heavy(data) else _AT_ONCE:
        pixels = images.decode(data, spec, max_pixels=max_pixels)
    picture = Image.fromarray(pixels if spec.channels == 3 else pixels[..., 0])
    return _data_uri(picture, "PNG" if max(picture.size) < TINY_PX else "JPEG")


def _shown(data: bytes, seen_by: ImageSpec | None) -> ImageSpec:
    """How the thumbnail is decoded."""
    if seen_by is not None and seen_by.subject is not None:
        return seen_by
    width, height = _size(data)
    side = max(width, height) if max(width, height) < TINY_PX else THUMBNAIL_PX
    # A picture itself may be larger than what a model may ask for.
    return _fitting(seen_by.height, seen_by.width, side, seen_by.resize) if seen_by else _fitting(height, width, side)


def _size(data: bytes) -> tuple[int, int]:
    """Width and height as the picture is seen, turned by its EXIF orientation."""
    with Image.open(io.BytesIO(data), formats=images.FORMATS) as header:
        width, height = header.size
        try:
            orientation = header.getexif().get(ExifTags.Base.Orientation, 1)
        except Exception:  # A damaged EXIF block counts as none.
            orientation = 1
    return (height, width) if orientation >= _FIRST_SIDEWAYS else (width, height)


def _fitting(height: int, width: int, side: int, resize: Resize = "stretch") -> ImageSpec:
    """A colour spec of the same proportions whose longer side is `side`."""
    scale = side / max(height, width)
    return ImageSpec(max(1, round(height * scale)), max(1, round(width * scale)), 3, resize=resize)


def _data_uri(picture: Image.Image, file_format: str) -> str:
    file = io.BytesIO()
    picture.save(file, file_format, quality=82)
    return f"data:image/{file_format.lower()};base64,{base64.b64encode(file.getvalue()).decode()}"
