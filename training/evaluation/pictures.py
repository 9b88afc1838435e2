"""Pictures of a report, as PNG files that a person can see however small the model's input is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FOLDER = "evaluation"
_LEAST_SIDE = 128


def to_picture(pixels: NDArray[np.uint8]) -> Image.Image:
    """uint8 [H, W, 1 or 3] as grey or colour; enlarged by a whole factor, its pixels left square, if it is tiny."""
    picture = Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels)
    factor = -(-_LEAST_SIDE // max(picture.size))
    return picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)


def save_picture(picture: Image.Image, folder: Path, name: str) -> str:
    """Writes ``<folder>/evaluation/<name>.png``; gives its path relative to the run's folder."""
    target = folder / FOLDER / f"{name}.png"
    target.parent.mkdir(parents=True, exist_ok=True)
    picture.save(target)
    return f"{FOLDER}/{target.name}"


def save_pixels(pixels: NDArray[np.uint8], folder: Path, name: str) -> str:
    """The same for uint8 [H, W, C]."""
    return save_picture(to_picture(np.asarray(pixels)), folder, name)
