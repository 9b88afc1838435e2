"""The one decoder on real files: each of the awkward pictures decodes or is refused with its reason."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from contract.card import ImageSpec
from contract.images import FORMATS, CorruptImage, EmptyImage, ImageError, ImageTooLarge, UnsupportedImage, decode
from tests.conftest import find_shared

SQUARE = ImageSpec(96, 96)
REFUSED: dict[str, type[ImageError]] = {
    "broken/broken.png": UnsupportedImage,
    "broken/broken_data_stream.png": CorruptImage,
    "broken/decompression_bomb.gif": ImageTooLarge,
    "broken/png_decompression_dos.png": CorruptImage,
    "broken/truncated_image.png": CorruptImage,
    "broken/truncated_jpeg.jpg": CorruptImage,
    "broken/unknown_compression_method.png": UnsupportedImage,
    "broken/zero_width.gif": UnsupportedImage,
    "formats/hopper.heif": UnsupportedImage,
    "made-here/bomb_30000x30000_1bit.png": ImageTooLarge,
    "made-here/empty.jpg": EmptyImage,
    "made-here/header_only_60000x60000.png": ImageTooLarge,
    "made-here/hot_dog_bitflips.jpg": CorruptImage,
    "made-here/hot_dog_truncated_half.jpg": CorruptImage,
    "made-here/html_named.png": UnsupportedImage,
    "made-here/text_named.jpg": UnsupportedImage,
}
ONE_COLOUR = {"made-here/one_pixel.png", "made-here/4000x2.png", "formats/multipage.tiff"}


def manifest() -> list[str]:
    folder = find_shared()
    if folder is None:
        return []
    with (folder / "data" / "pictures" / "MANIFEST.csv").open() as file:
        return [row["file"] for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def pictures(shared: Path) -> Path:
    return shared / "data" / "pictures"


def read(pictures: Path, name: str, spec: ImageSpec = SQUARE) -> NDArray[np.uint8]:
    return decode((pictures / name).read_bytes(), spec)


def distance(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> float:
    return float(np.abs(left.astype(float) - right).mean())


@pytest.mark.parametrize("name", manifest())
@pytest.mark.parametrize("spec", [SQUARE, ImageSpec(28, 28, 1, "pad"), ImageSpec(64, 80, 3, "crop")], ids=str)
def test_every_file_decodes_or_is_refused_with_its_reason(pictures: Path, name: str, spec: ImageSpec) -> None:
    if name in REFUSED:
        with pytest.raises(REFUSED[name]) as caught:
            read(pictures, name, spec)
        assert type(caught.value) is REFUSED[name]
        assert 20 < len(str(caught.value)) < 300
    elif name.endswith(".avif") and "AVIF" not in FORMATS:
        pytest.skip("this Pillow reads no AVIF")
    else:
        array = read(pictures, name, spec)
        assert (array.dtype.name, array.shape) == ("uint8", spec.shape)
        assert array.min() < array.max() or name in ONE_COLOUR


@pytest.mark.parametrize("name", ["Landscape_3", "Landscape_6", "Landscape_7", "Landscape_8"])
@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
def test_photos_of_every_orientation_agree(pictures: Path, name: str, resize: str) -> None:
    spec = ImageSpec(96, 144, 3, resize)  # type: ignore[arg-type]  # a str of the three
    upright = read(pictures, "orientation/Landscape_1.jpg", spec)

    # The number of its orientation is painted into each of them: a few pixels differ by much.
    assert distance(read(pictures, f"orientation/{name}.jpg", spec), upright) < 1.5
    assert distance(upright[::-1], upright) > 20


@pytest.mark.parametrize("name", ["Portrait_6", "Portrait_8"])
def test_upright_photos_of_every_orientation_agree(pictures: Path, name: str) -> None:
    spec = ImageSpec(144, 96)

    assert (
        distance(read(pictures, f"orientation/{name}.jpg", spec), read(pictures, "orientation/Portrait_1.jpg", spec))
        < 1.5
    )


@pytest.mark.parametrize(
    ("one", "other", "at_most"),
    [
        ("made-here/owl_lossless.png", "made-here/owl.tiff", 0),
        ("made-here/owl_lossless.png", "made-here/owl_png_content.jpg", 0),
        ("made-here/owl_lossless.png", "made-here/owl_16bit_rgb.png", 0),
        ("made-here/owl_lossless.png", "photos/owl.jpg", 1.5),
        ("made-here/owl_lossless.png", "made-here/owl.webp", 3),
        ("made-here/parrot_progressive.jpg", "made-here/parrot_cmyk.jpg", 6),
        ("made-here/parrot_progressive.jpg", "made-here/parrot_palette_transparent.png", 6),
        ("formats/hopper.tif", "formats/hopper.bmp", 0),
        ("formats/hopper.tif", "formats/hopper_rle8.bmp", 4),
        ("formats/hopper.tif", "formats/hopper.Lab.tif", 8),
        ("formats/hopper.tif", "formats/hopper.gif", 6),
        ("formats/hopper.tif", "formats/hopper_jpg.tif", 4),
        ("formats/pil123p.png", "formats/pil123rgba.png", 4),
        ("formats/iss634.apng", "formats/iss634.webp", 3),
    ],
)
def test_the_same_picture_in_two_formats_gives_nearly_the_same_array(
    pictures: Path, one: str, other: str, at_most: float
) -> None:
    assert distance(read(pictures, one), read(pictures, other)) <= at_most
