"""The decoder in the graph against the one decoder."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray
from PIL import Image

from contract.card import ImageSpec, Resize
from contract.images import decode
from training.export.pixels_in_graph import decode_batch


def in_graph(data: bytes, spec: ImageSpec) -> NDArray[np.uint8]:
    array: NDArray[np.uint8] = decode_batch(tf.constant([data]), spec).numpy()[0]
    return array


def smooth(mode: str, size: tuple[int, int] = (37, 23)) -> Image.Image:
    """A picture without sharp edges, of any mode: each band a gradient of its own."""
    width, height = size
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    bands = [x, y, 255 - x, (x + y) / 2]
    picture = Image.merge("RGBA", [Image.fromarray(np.rint(band).astype(np.uint8)) for band in bands])
    return picture if mode == "RGBA" else picture.convert(mode)


def as_file(picture: Image.Image, form: str) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form)
    return buffer.getvalue()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
@pytest.mark.parametrize(
    ("mode", "form"),
    [("RGB", "PNG"), ("L", "PNG"), ("LA", "PNG"), ("RGBA", "PNG"), ("P", "GIF"), ("RGB", "BMP"), ("RGB", "JPEG"),
     ("L", "JPEG"), ("CMYK", "JPEG"), ("RGB", "WEBP"), ("RGBA", "WEBP")],
)  # fmt: skip
def test_the_pixels_are_those_of_the_one_decoder(mode: str, form: str, resize: Resize, channels: int) -> None:
    data = as_file(smooth(mode), form)
    spec = ImageSpec(16, 12, channels, resize)
    difference = np.abs(in_graph(data, spec).astype(int) - decode(data, spec))
    # A level of rounding; where colours are upsampled or a palette dithers, a little more.
    assert difference.max() <= (1 if form in {"PNG", "BMP"} else 3)


@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("size", [(5, 9), (16, 12), (1, 1), (200, 3)])
def test_small_and_narrow_pictures_are_scaled_alike(resize: Resize, size: tuple[int, int]) -> None:
    data = as_file(smooth("RGB", size), "PNG")
    spec = ImageSpec(12, 16, 3, resize)
    assert np.abs(in_graph(data, spec).astype(int) - decode(data, spec)).max() <= 2


def test_real_photos_differ_by_less_than_two_levels_on_average(shared: Path) -> None:
    spec = ImageSpec(96, 96)
    photos = sorted((shared / "data" / "pictures" / "photos").glob("*.jpg"))
    assert photos
    for path in photos:
        data = path.read_bytes()
        assert np.abs(in_graph(data, spec).astype(int) - decode(data, spec)).mean() < 2, path.name


def test_bytes_that_are_no_picture_fail_by_name() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="Unknown image file format"):
        in_graph(b"no picture at all", ImageSpec(8, 8))
