"""The uploads, made from the photo that scikit-learn brings, so that they are the same on every machine."""

from __future__ import annotations

import importlib.util
import io
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

# So much noise as brings a 12-megapixel photo to the 4 MB that a phone's have.
_GRAIN = 5.0


@cache
def small_png() -> bytes:
    """28 x 28, grey, as of a data set."""
    return _encoded(_photo().convert("L").crop((300, 150, 440, 290)).resize((28, 28)), "PNG")


@cache
def vga_jpeg() -> bytes:
    """640 x 480, some 100 kB."""
    return _encoded(_photo().resize((640, 480), Image.Resampling.LANCZOS), "JPEG")


@cache
def phone_jpeg() -> bytes:
    """4000 x 3000, some 4 MB: enlarged, and with the grain that a sensor adds."""
    large = np.asarray(_photo().resize((4000, 3000), Image.Resampling.LANCZOS), np.float32)
    grain = np.random.default_rng(0).normal(0.0, _GRAIN, (3000, 4000, 1)).astype(np.float32)
    return _encoded(Image.fromarray((large + grain).clip(0, 255).astype(np.uint8)), "JPEG")


@cache
def _photo() -> Image.Image:
    # Found without importing it: that takes longer than all the rest.
    spec = importlib.util.find_spec("sklearn")
    assert spec is not None
    assert spec.origin is not None
    photo = Image.open(Path(spec.origin).parent / "datasets" / "images" / "china.jpg")
    # The pixels alone: its colour profile and EXIF would be saved with each picture made from it.
    return Image.fromarray(np.asarray(photo))


def _encoded(picture: Image.Image, kind: str) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **({"quality": 90} if kind == "JPEG" else {}))
    return file.getvalue()
