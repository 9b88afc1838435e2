"""The subject as `serving_bytes` shows it against the one decoder."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from contract.card import ImageSpec, SubjectSpec
from contract.images import decode
from tests.contract.pictures import encoded
from tests.drawn import CLASSES_OF_RENDERED, CLOTHES, handwritten, product, rendered
from training.export.pixels_in_graph import decode_batch

CLOTHING = ImageSpec(28, 28, 1, subject=SubjectSpec("dark", 0.08))
DIGIT = ImageSpec(8, 8, 1, subject=SubjectSpec("dark", 0.35))
LIGHT = ImageSpec(20, 30, 1, subject=SubjectSpec("light", 0.08))


@cache
def compiled(background: Any, tolerance: float, height: int, width: int) -> Any:
    """As in a signature: traced once."""
    spec = ImageSpec(height, width, 1, subject=SubjectSpec(background, tolerance))
    return tf.function(lambda data: decode_batch(data, spec), input_signature=[tf.TensorSpec([None], tf.string)])


def differences(data: bytes, spec: ImageSpec) -> NDArray[np.float64]:
    """Of each pixel, absolute, in grey levels."""
    assert spec.subject is not None
    in_graph = compiled(spec.subject.background, spec.subject.tolerance, spec.height, spec.width)
    array = in_graph(tf.constant([data])).numpy()[0]
    found: NDArray[np.float64] = np.abs(array.astype(np.float64) - decode(data, spec))
    return found


@pytest.mark.parametrize("name", CLOTHES)
def test_clothes_in_pictures_that_need_no_scaling_before_differ_by_rounding(name: str) -> None:
    picture = product(name, size=(384, 480), ground=(242, 240, 236), shadow=0.2)

    assert differences(encoded(picture), CLOTHING).max() <= 1
    assert differences(encoded(picture), LIGHT).max() <= 1


@pytest.mark.parametrize("name", list(CLASSES_OF_RENDERED)[::3])
def test_a_transparent_background_is_white_in_the_graph_too(name: str) -> None:
    assert differences(encoded(rendered(name), "WEBP", lossless=True), CLOTHING).max() <= 1


@pytest.mark.parametrize("digit", range(10))
def test_digits_on_paper_differ_little(digit: int) -> None:
    data = encoded(handwritten(digit, seed=digit), "JPEG", quality=85)

    assert differences(data, DIGIT).mean() < 1
    assert differences(data, DIGIT).max() <= 8


@pytest.mark.parametrize("name", CLOTHES)
def test_photos_that_are_scaled_down_first_differ_little(name: str) -> None:
    photo = product(name, size=(768, 960), ground=(242, 240, 236), shadow=0.1)

    assert differences(encoded(photo, "JPEG", quality=85), CLOTHING).mean() < 4


def test_the_training_pictures_own_are_left_as_they_are_or_negated() -> None:
    own = np.zeros((28, 28), np.uint8)
    own[3:25, 8:20] = np.arange(12) * 20 + 10

    for pixels in (own, 255 - own):
        assert not differences(encoded(pixels), CLOTHING).any()


def framed() -> Image.Image:
    picture = product("Dress", size=(320, 400))
    ImageDraw.Draw(picture).rectangle((0, 0, 319, 399), outline=(0, 0, 0), width=5)
    return picture


@pytest.mark.parametrize(
    "picture",
    [
        framed(),
        Image.new("L", (300, 200), 255),
        Image.new("L", (300, 200), 90),
        Image.new("L", (1, 1), 200),
        Image.fromarray(np.linspace(0, 255, 6000).reshape(100, 60).astype(np.uint8)),
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 70), np.uint8)),
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (1, 40), np.uint8)),
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 2), np.uint8)),
    ],
    ids=["frame", "white", "grey", "one pixel", "gradient", "noise", "one row", "two columns"],
)
def test_odd_pictures_are_treated_alike(picture: Image.Image) -> None:
    for spec in (CLOTHING, DIGIT, LIGHT):
        assert differences(encoded(picture), spec).max() <= 1
