"""Large pictures are turned to 8 bits in strips, with the pixels that they have as a whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from contract.eight_bit import to_8_bit

RNG = np.random.default_rng(0)
SHAPE = (700, 900)


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize(("layer", "channels"), [("RGBA", 4), ("LA", 2)])
def test_a_large_transparent_picture_lies_over_white(layer: str, channels: int, mode: str) -> None:
    picture = Image.frombytes(layer, SHAPE[::-1], RNG.bytes(SHAPE[0] * SHAPE[1] * channels))
    rgba = picture.convert("RGBA")
    whole = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert(mode)

    assert to_8_bit(picture, mode).tobytes() == whole.tobytes()


def test_a_large_palette_keeps_its_transparent_colour() -> None:
    picture = Image.fromarray(RNG.integers(0, 4, SHAPE, np.uint8), "L")
    picture = picture.convert("P")
    picture.info["transparency"] = 1

    array = np.asarray(to_8_bit(picture, "RGB"))

    assert (array[np.asarray(picture) == 1] == 255).all()
    assert (array[np.asarray(picture) != 1] < 255).all()


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        (RNG.integers(0, 65536, SHAPE).astype(np.uint16), 1 / 257),
        (RNG.integers(-9, 70_000, SHAPE).astype(np.int32), 1 / 257),
        (RNG.integers(-9, 255, SHAPE).astype(np.int32), 1.0),
        (RNG.normal(0.5, 0.1, SHAPE).astype(np.float32).clip(0, 1), 255.0),
        (RNG.normal(99, 99, SHAPE).astype(np.float32), 1.0),
    ],
)
def test_a_large_deep_picture_has_one_scale(values: NDArray[Any], scale: float) -> None:
    wanted = np.clip(np.rint(values.astype(np.float64) * scale), 0, 255).astype(np.uint8)

    assert to_8_bit(Image.fromarray(values), "L").tobytes() == wanted.tobytes()


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_what_has_the_mode_already_is_not_copied(mode: str) -> None:
    picture = Image.new(mode, (9, 9))

    assert to_8_bit(picture, mode) is picture
